"""Frames from a Tiled server: each tagged once, whatever stops, restarts, grows and is replaced."""

import subprocess
import sys
import threading
import time
from contextlib import closing

import h5py
import numpy as np
import pytest

pytest.importorskip("tiled.server", reason="the test extra installs tiled")

from tiled_server import TiledServer
from toy_tiled import constant_tagger, current, follow_once, patch, rows, stack
from xscatter.cli import main
from xscatter.core.errors import UserError
from xscatter.sources.registry import open_source
from xscatter.sources.source import SourceOptions
from xscatter.sources.tiled import client
from xscatter.tagging.follow import FollowOptions, follow
from xscatter.tagging.journal import Journal

# Of the package websockets, about how the package tiled uses it.
pytestmark = pytest.mark.filterwarnings("ignore:connect.. must be used:DeprecationWarning")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    one = TiledServer(tmp_path_factory.mktemp("tiled"))
    yield one
    one.stop()


@pytest.fixture(scope="module")
def catalog(server):
    one = server.client()
    yield one
    one.context.http_client.close()


@pytest.fixture(autouse=True)
def key(server, monkeypatch):
    monkeypatch.setenv("TILED_API_KEY", server.key)


def numbers(table):
    return [int(row["frame"]) for row in rows(table)]


def test_an_array_that_grows_gives_each_frame_once_over_restarts(server, catalog, tmp_path):
    table, array = tmp_path / "tags.csv", catalog.write_array(stack(70), key="grows")
    follow_once(f"{server.url}/grows", table)
    assert numbers(table) == list(range(70))
    assert {row["file"] for row in rows(table)} == {f"{server.url}/metadata/grows"}
    patch(array, stack(3, seed=1))
    # Every address of a node that people copy.
    follow_once(f"{server.url}/array/full/grows", table)
    follow_once(f"http://127.0.0.1:{server.port}/ui/browse/grows", table)
    assert numbers(table) == list(range(73))
    assert len({row["hash"] for row in rows(table)}) == 73


def test_frames_that_are_overwritten_or_replaced_get_a_new_row(server, catalog, tmp_path):
    table, frames = tmp_path / "tags.csv", stack(70)
    array = catalog.write_array(frames, key="changes")
    follow_once(f"{server.url}/changes", table)
    first = current(table)
    # Overwritten in place while nobody watches.
    frames = stack(70, seed=5)
    array.write(frames)
    follow_once(f"{server.url}/changes", table)
    second = current(table)
    assert len(second) == 70
    assert all(second[frame] != first[frame] for frame in first)
    # Deleted, and written again with fewer frames, some of which are the same.
    catalog.delete_contents("changes", external_only=False)
    catalog.write_array(np.concatenate([frames[:2], stack(8, seed=7)]), key="changes")
    follow_once(f"{server.url}/changes", table)
    third = current(table)
    assert [third["changes", n] == second["changes", n] for n in range(4)] == [
        True,
        True,
        False,
        False,
    ]
    gone = [row for row in rows(table) if "no longer" in row["note"]]
    assert sorted(int(row["frame"]) for row in gone) == list(range(10, 70))
    count = len(rows(table))
    follow_once(f"{server.url}/changes", table)
    assert len(rows(table)) == count


def test_a_replacement_that_was_interrupted_goes_on(server, catalog, tmp_path):
    table = tmp_path / "tags.csv"
    catalog.write_array(stack(140), key="halves")
    follow_once(f"{server.url}/halves", table)
    before = len(table.read_bytes())
    catalog.delete_contents("halves", external_only=False)
    catalog.write_array(stack(140, seed=3), key="halves")
    follow_once(f"{server.url}/halves", table)
    whole, content = current(table), table.read_bytes()
    # The table as a watch leaves it that is killed after its first rows of the new array.
    middle = content.index(b"\n", before + (len(content) - before) // 3) + 1
    table.write_bytes(content[:middle])
    follow_once(f"{server.url}/halves", table)
    assert current(table) == whole
    assert len(rows(table)) == 280


class Following:
    """A watch in a thread, that can be stopped."""

    def __init__(self, url, table, **options):
        self.lines, self.table, self._stop = [], table, threading.Event()
        self._url, self._options = url, options
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        tagger = constant_tagger()
        options = SourceOptions(report=self.lines.append, **self._options)
        with (
            closing(open_source(self._url, options)) as source,
            closing(Journal(self.table, tagger.tags)) as journal,
        ):
            for _ in follow(tagger, source, journal, FollowOptions(), self.lines.append):
                if self._stop.is_set():
                    return

    def until(self, condition, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            assert self._thread.is_alive()
            assert time.monotonic() < end, self.lines
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


@pytest.mark.parametrize("rings", [True, False], ids=["subscription", "polling"])
def test_frames_are_followed_live_and_over_a_restart_of_the_server(
    server, catalog, tmp_path, monkeypatch, rings
):
    if not rings:
        monkeypatch.setattr("xscatter.sources.tiled.bell.Bell.listen", lambda *_: None)
    name, table = f"live-{rings}", tmp_path / "tags.csv"
    array = catalog.write_array(stack(2), key=name)
    with Following(f"{server.url}/{name}", table, settle=0.1) as watch:
        watch.until(lambda: table.exists() and len(rows(table)) == 2)
        for number in range(3):
            patch(array, stack(1, seed=10 + number))
        watch.until(lambda: len(rows(table)) == 5)
        if rings:
            before = current(table)
            array.patch(stack(1, seed=99), offset=(1,))
            watch.until(lambda: len(rows(table)) == 6)
            after = current(table)
            assert [key for key in after if after[key] != before[key]] == [(name, 1)]
            server.kill()
            watch.until(lambda: any("next attempt in 1 s" in line for line in watch.lines))
            server.start()
            patch(array, stack(1, seed=50))
            watch.until(lambda: len(rows(table)) == 7)
            assert any("the source is back" in line for line in watch.lines)
    assert sorted(current(table)) == [(name, n) for n in range(5 + rings)]


def test_a_watch_that_is_killed_resumes(server, catalog, tmp_path):
    table = tmp_path / "tags.csv"
    catalog.write_array(stack(200), key="killed")
    code = "import sys; from pathlib import Path; from toy_tiled import follow_once; "
    code += "follow_once(sys.argv[1], Path(sys.argv[2]))"
    command = [sys.executable, "-c", code, f"{server.url}/killed", str(table)]
    running = subprocess.Popen(command, cwd=__file__.rpartition("/")[0])
    while not table.exists() or table.stat().st_size < 200:
        assert running.poll() is None
        time.sleep(0.02)
    running.kill()
    running.wait()
    assert len(rows(table)) < 200
    follow_once(f"{server.url}/killed", table)
    assert numbers(table) == list(range(200))


def run_with(catalog, name, fields, parent=None):
    """A Bluesky run as its writer lays it out."""
    run = (catalog if parent is None else parent).create_container(
        key=name, metadata={"start": {"uid": name, "wavelength": 1.2}}, specs=["BlueskyRun"]
    )
    stream = run.create_container(key="primary", specs=["BlueskyEventStream"])
    return {field: stream.write_array(frames, key=field) for field, frames in fields.items()}


def test_the_only_image_of_a_run_is_found_and_others_are_listed(server, catalog, tmp_path):
    run_with(catalog, "one", {"image": stack(3), "image_mask": stack(1), "curve": np.ones((3, 9))})
    follow_once(f"{server.url}/one", tmp_path / "one.csv")
    assert {name for name, _ in current(tmp_path / "one.csv")} == {"image"}
    run_with(catalog, "two", {"saxs": stack(3), "waxs": stack(2)})
    with pytest.raises(UserError, match="frames: primary/saxs, primary/waxs; choose with --stream"):
        follow_once(f"{server.url}/two", tmp_path / "two.csv")
    catalog["two"].update_metadata({**catalog["two"].metadata, "stop": {"exit_status": "success"}})
    with pytest.raises(UserError, match="there are primary/saxs, primary/waxs"):
        follow_once(f"{server.url}/two", tmp_path / "two.csv", field="maxs")
    follow_once(f"{server.url}/two", tmp_path / "two.csv", stream="primary", field="waxs")
    assert sorted(current(tmp_path / "two.csv")) == [("waxs", 0), ("waxs", 1)]


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning:tiled", "ignore:The order of arg:DeprecationWarning"
)
def test_a_run_of_blueskys_own_writer_keeps_its_columns(server, catalog, tmp_path):
    """Frames in a file, numbers in a table whose columns are those of the stream."""
    TiledWriter = pytest.importorskip("bluesky.callbacks.tiled_writer").TiledWriter
    compose_run = pytest.importorskip("event_model").compose_run
    path, write = server.folder / "data" / "frames.h5", TiledWriter(catalog)
    with h5py.File(path, "w") as file:
        file["entry/data"] = stack(6)
    run = compose_run(metadata={"sample": "polymer"})
    write("start", run.start_doc)
    saxs = {"dtype": "array", "shape": [1, 40, 48], "dtype_numpy": "<u2", "source": "a"}
    heat = {"dtype": "number", "shape": [], "dtype_numpy": "<f8", "source": "b"}
    keys = {"saxs": {**saxs, "external": "STREAM:"}, "heat": heat}
    described = run.compose_descriptor(name="primary", data_keys=keys)
    write("descriptor", described.descriptor_doc)
    resource = run.compose_stream_resource(
        mimetype="application/x-hdf5",
        uri=f"file://localhost{path}",
        data_key="saxs",
        parameters={"dataset": "/entry/data", "chunk_shape": (1, 40, 48)},
    )
    write("stream_resource", resource.stream_resource_doc)
    spans = {"indices": {"start": 0, "stop": 6}, "seq_nums": {"start": 1, "stop": 7}}
    datum = resource.compose_stream_datum(**spans, descriptor=described.descriptor_doc)
    write("stream_datum", datum)
    for n in range(6):
        event = described.compose_event(
            data={"heat": 20.0}, timestamps={"heat": 0.0}, seq_num=n + 1
        )
        write("event", {**event, "time": 1000.0 + 5 * n})
    write("stop", run.compose_stop())
    uid, out = run.start_doc["uid"], tmp_path / "out"
    columns = set(catalog[uid]["primary"])
    assert main(["sequence", f"{server.url}/{uid}", "-o", str(out), "--write-back"]) == 0
    assert [float(row["time"]) for row in rows(out / "frames.csv")] == [
        1000.0 + 5 * n for n in range(6)
    ]
    assert list(catalog[uid, "primary_saxs_quantities"].read()["frame"]) == list(range(6))
    assert set(catalog[uid]["primary"]) == columns
    assert list(catalog[uid]["primary"]["time"].read()) == [1000.0 + 5 * n for n in range(6)]


def test_each_new_run_of_a_container_is_followed(server, catalog, tmp_path):
    visit, table = catalog.create_container(key="visit"), tmp_path / "tags.csv"
    run_with(catalog, "a", {"saxs": stack(2)}, visit)
    run_with(catalog, "unclear", {"saxs": stack(2), "waxs": stack(2)}, visit)
    visit.write_array(stack(2), key="alone")
    with Following(f"{server.url}/visit", table) as watch:
        watch.until(lambda: table.exists() and len(rows(table)) == 4)
        arrays = run_with(catalog, "b", {"saxs": stack(1)}, visit)
        watch.until(lambda: len(rows(table)) == 5)
        patch(arrays["saxs"], stack(2, seed=4))
        watch.until(lambda: len(rows(table)) == 7)
    assert len(set(numbers(table))) == 3
    assert sum("unclear" in line and "left out" in line for line in watch.lines) == 1


def test_predict_reads_an_array_of_scans_in_its_order(server, catalog, tmp_path, capsys):
    frames = stack(6).reshape(2, 3, 40, 48)
    catalog.write_array(frames, key="scans")
    address = f"{server.url}/scans"
    assert main(["predict", address, "-o", str(tmp_path / "out"), "--center", "20", "24"]) == 0
    table = rows(tmp_path / "out" / "tags.csv")
    assert [int(row["frame"]) for row in table] == list(range(6))
    assert {row["center_from"] for row in table} == {"user"}
    with closing(open_source(address)) as source:
        (item,) = source.wait().items
        for number, frame in enumerate(source.frames(item)):
            assert np.array_equal(frame.counts, frames.reshape(-1, 40, 48)[number])
    assert "6 frames tagged" in capsys.readouterr().out


PONI = """# pyFAI
poni_version: 2.1
Detector: Detector
Detector_config: {"pixel1": 1e-4, "pixel2": 1e-4, "max_shape": [40, 48], "orientation": 3}
Distance: 0.5
Poni1: 0.00205
Poni2: 0.00155
Rot1: 0
Rot2: 0
Rot3: 0
Wavelength: 1e-10
"""


def test_geometry_comes_from_the_metadata(server, catalog):
    def frame_of(name, metadata, read=None):
        if name not in catalog:
            catalog.write_array(stack(2), key=name, metadata=metadata)
        options = SourceOptions(read=read or {})
        with closing(open_source(f"{server.url}/{name}", options)) as source:
            (item,) = source.wait().items
            return next(iter(list(source.frames(item))))

    detector = {"beam_center_x": 22.5, "beam_center_y": [19.0, 20.0]}
    detector |= {"detector_distance": {"value": 800, "units": "mm"}, "x_pixel_size": 75e-6}
    beam = {"incident_wavelength": 1.5, "incident_wavelength_units": "angstrom"}
    frame = frame_of("nexus", {"instrument": {"detector": detector, "beam": beam}})
    assert frame.center == (19.0, 22.5)
    assert frame.center_from == "header"
    assert frame.geometry.distance == pytest.approx(0.8)
    assert frame.geometry.wavelength == pytest.approx(1.5e-10)
    assert frame.geometry.pixel_size == pytest.approx(75e-6)
    frame = frame_of("poni", {"calibration": {"text": PONI}})
    assert frame.center_from == "poni"
    assert frame.center == pytest.approx((20.0, 15.0))
    assert frame_of("poni", {}, {"center": (3.0, 4.0)}).center == (3.0, 4.0)
    assert frame_of("nowhere", {"beam_center_x": 1e9, "beam_center_y": 0}).center is None
    assert "PONI text" in frame_of("wrong", {"p": PONI.replace("[40, 48]", "[50, 48]")}).reason


def test_the_address_says_which_node(server):
    for words, parts in {
        "/api/v1": (),
        "/api/v1/metadata/a/b%20c": ("a", "b c"),
        "/api/v1/a/b": ("a", "b"),
        "/prefix/api/v1/array/full/a": ("a",),
        "/ui/browse/a/b/": ("a", "b"),
        "/api/v1/table": ("table",),
        "/api/v1/search": (),
        "/api/v1/metadata/metadata": ("metadata",),
    }.items():
        api, path = client._divided(words)
        assert path == parts
        assert api.endswith("/api/v1")
