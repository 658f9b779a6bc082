"""People before a Tiled server: wrong addresses and keys, secrets, and tags that go back."""

import contextlib
import http.server
import json
import re
import socket
import ssl
import subprocess
import threading
import time

import numpy as np
import pytest

pytest.importorskip("tiled.server", reason="the test extra installs tiled")

import httpx

from tiled_server import TiledServer, free_port
from toy_tiled import constant_tagger, follow_once, patch, rows, stack
from xscatter.cli import main
from xscatter.sources.registry import open_source
from xscatter.sources.tiled import client
from xscatter.tagging.local_tables import column
from xscatter.tagging.write_back import WriteBack

# Of the package websockets, about how the package tiled uses it.
pytestmark = pytest.mark.filterwarnings("ignore:connect.. must be used:DeprecationWarning")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    one = TiledServer(tmp_path_factory.mktemp("tiled"), "public")
    yield one
    one.stop()


@pytest.fixture(scope="module")
def catalog(server):
    one = server.client()
    one.write_array(stack(3), key="frames")
    one.write_array(np.ones((5, 7)), key="small")
    yield one
    one.context.http_client.close()


@pytest.fixture
def key(server, monkeypatch):
    monkeypatch.setenv("TILED_API_KEY", server.key)


def refused(capsys, *words):
    """The line with which a command ends with status 2."""
    assert main([*words]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    return lines[-1]


@contextlib.contextmanager
def served(handler, context=None):
    """A server that is no Tiled."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as one:
        if context:
            one.socket = context.wrap_socket(one.socket, server_side=True)
        threading.Thread(target=one.serve_forever, daemon=True).start()
        yield one.server_address[1]
        one.shutdown()


class Nonsense(http.server.BaseHTTPRequestHandler):
    """Answers with a page."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>")

    def log_message(self, *_):
        pass


class Half(Nonsense):
    """Says that it is a Tiled, and fails to answer anything else."""

    root = b""

    def do_GET(self):
        self.send_response(200 if self.path.rstrip("/").endswith("/v1") else 500)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(self.root)


def test_bad_addresses_get_one_clear_line(server, catalog, tmp_path, capsys, monkeypatch):
    table = ["-o", str(tmp_path / "tags.csv"), "--once"]

    def line(address, *more):
        return refused(capsys, "watch", address, *table, *more)

    assert "no server can be reached there" in line(f"http://127.0.0.1:{free_port()}/api/v1/a")
    assert "there is no such node" in line(f"{server.url}/nowhere")
    for address in ("http://", "https:a", "http:///a", "http://host:port/a", "http://[::1/api/v1"):
        assert "is no address such as https://server/api/v1/path" in line(address)
    assert "is an array of float64, 5x7, no image" in line(f"{server.url}/small")
    assert "no such profile" in line("tiled:nobody/frames")
    with served(Nonsense) as port:
        assert "not as a Tiled server does" in line(f"http://127.0.0.1:{port}/api/v1/a")
    Half.root = httpx.get(f"{server.url}/").content
    with served(Half) as port:
        Half.root = Half.root.replace(str(server.port).encode(), str(port).encode())
        address = f"http://127.0.0.1:{port}/api/v1/a"
        assert main(["watch", address, *table]) == 2
        said = capsys.readouterr().err.splitlines()
        assert len(said) == 1
        assert "status 500; wait, or ask who runs it" in said[0]
    monkeypatch.setattr(client, "_CONNECT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "does not answer" in line(f"http://127.0.0.1:{silent.getsockname()[1]}/api/v1/a")
    assert "no node of a Tiled server" in line(str(tmp_path), "--write-back")
    for verb in ("predict", "sequence"):
        bad = refused(capsys, verb, f"{server.url}/small", "-o", str(tmp_path / "out"))
        assert bad.startswith(f"xscatter {verb}: ")
        assert "no image" in bad
    monkeypatch.setenv("TILED_API_KEY", "not-the-key")
    assert "refuses the key, or asks for one (status 401)" in line(f"{server.url}/frames")
    assert not (tmp_path / "out").exists()


def test_a_certificate_that_nobody_trusts(tmp_path, capsys):
    files = [str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")]
    made = subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=127.0.0.1",
            "-keyout",
            files[0],
            "-out",
            files[1],
        ],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("needs openssl")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files[1], files[0])
    with served(Nonsense, context) as port:
        address = f"https://127.0.0.1:{port}/api/v1/a"
        line = refused(capsys, "watch", address, "-o", str(tmp_path / "t.csv"), "--once")
    assert "its certificate is not trusted" in line


def test_without_the_package_one_line_says_what_to_install(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(__import__("sys").modules, "tiled.client.constructors", None)
    line = refused(capsys, "predict", "https://server/api/v1/a", "-o", str(tmp_path))
    assert "pip install 'xscatter[tiled]'" in line


def test_the_key_is_never_written(server, catalog, key, tmp_path, capsys):
    address = f"{server.url}/frames"
    table = ["-o", str(tmp_path / "tags.csv"), "--once", "-v", "--processes"]
    words = [*table, str(tmp_path / "events.jsonl"), "--frames", str(tmp_path / "frames.csv")]
    words += ["--html", str(tmp_path / "live.html")]
    assert main(["watch", address, *words, "--write-back"]) == 0
    for verb in ("predict", "sequence"):
        out = ["-o", str(tmp_path / verb), "--html"]
        assert main([verb, address, *out, "--write-back"]) == 0
    for bad in (f"{address}?api_key={server.key}", address.replace("//", f"//me:{server.key}@")):
        assert main(["watch", bad, *words]) == 2
        for verb in ("predict", "sequence"):
            assert main([verb, bad, "-o", str(tmp_path / "other")]) == 2
    assert main(["watch", f"{server.url}/nowhere", *words]) == 2
    printed = capsys.readouterr()
    assert "do not put a key into the address" in printed.err
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 12
    for text in (printed.out.encode(), printed.err.encode(), *written):
        assert server.key.encode() not in text
        assert server.key[:11].encode() not in text
    for ending in ("tags", "quantities", "processes"):
        table = catalog[f"frames_{ending}"]
        assert server.key not in json.dumps(table.item, default=str) + table.read().to_csv()


def test_tags_are_written_beside_the_frames_once(server, catalog, key, tmp_path):
    table, tagger, lines = tmp_path / "tags.csv", constant_tagger(), []
    array = catalog.write_array(stack(5), key="kept")
    address = f"{server.url}/kept"
    follow_once(address, table)
    with contextlib.closing(open_source(address)) as source:

        def written_back():
            back = WriteBack(source, table, tagger, report=lines.append)
            assert back.update()
            return back

        written_back()
        kept = catalog["kept_tags"]
        assert kept.metadata["networks"] == {"image": "0" * 64}
        assert kept.metadata["columns"] == {"p_4_fold_ring": "4-fold ring"}
        stored = kept.read()
        assert sorted(stored["frame"]) == [0, 1, 2, 3, 4]
        assert set(stored["tags"]) == {"4-fold ring"}
        assert set(stored["p_4_fold_ring"]) == {0.5}
        assert abs(stored["time"].max() - time.time()) < 600
        assert {str(row["hash"]) for row in rows(table)} == set(stored["hash"])
        # Nothing new; then new rows whose answer is lost; then a crash before it was noted.
        written_back()
        patch(array, stack(2, seed=2))
        follow_once(address, table)
        state = tmp_path / ".tags.csv.written-back"
        before = state.read_text()
        request = source.server.request
        failed = []

        def lossy(method, *words, **more):
            answer = request(method, *words, **more)
            if method == "PATCH" and not failed:
                failed.append(True)
                raise client.AwayError("the answer is lost")
            return answer

        source.server.request = lossy
        back = WriteBack(source, table, tagger, report=lines.append)
        assert not back.update()
        assert lines[-1] == "the answer is lost; rows are written back later"
        while not back.update():
            time.sleep(0.05)
        state.write_text(before)
        written_back()
        # A table that was begun anew, beside the note about the one before it.
        array = catalog.write_array(stack(2, seed=3), key="anew")
        follow_once(f"{server.url}/anew", tmp_path / "new.csv")
        (tmp_path / "new.csv").replace(table)
        written_back()
        assert list(catalog["anew_tags"].read()["frame"]) == [0, 1]
        assert sorted(catalog["kept_tags"].read()["frame"]) == [0, 1, 2, 3, 4, 5, 6]


@pytest.fixture(scope="module")
def melting(catalog):
    """A ring that appears at frame 15, with times and a geometry in the metadata."""
    y, x = np.mgrid[:64, :64] - 31.5
    halo = 20 * np.exp(-(((np.hypot(y, x) - 18) / 6) ** 2))
    new = 60 * np.exp(-(((np.hypot(y, x) - 25) / 2) ** 2))
    random = np.random.default_rng(0)
    frames = [random.poisson(1 + halo + (new if n >= 15 else 0)) for n in range(30)]
    metadata = {"beam_center_x": 31.5, "beam_center_y": 31.5, "time": [3.0 * n for n in range(30)]}
    metadata |= {"incident_wavelength": 1e-10, "incident_wavelength_units": "m"}
    metadata |= {"detector_distance": 1.0, "x_pixel_size": 1e-4}
    stacked = np.stack(frames).astype(np.int32)
    return catalog.write_array(stacked, key="melts", metadata=metadata)


def same(stored, local, name, of=None):
    """Whether a column holds what a local table does."""
    here = [row[of or name] for row in local]
    there = ["" if value != value else f"{value:.6g}" for value in stored[name]]
    return there == [f"{float(value):.6g}" if value else "" for value in here]


def test_processes_and_quantities_of_a_watch_are_written_back(
    server, catalog, melting, key, tmp_path
):
    events, frames = tmp_path / "events.jsonl", tmp_path / "frames.csv"
    words = ["-o", str(tmp_path / "tags.csv"), "--once", "--processes", str(events)]
    command = ["watch", f"{server.url}/melts", *words, "--frames", str(frames), "--write-back"]
    for _ in range(2):
        assert main(command) == 0
    local = [json.loads(line) for line in events.read_text().splitlines()]
    stored = catalog["melts_processes"].read()
    assert list(stored["kind"]) == [event["kind"] for event in local]
    assert list(stored["begin_low"]) == [event["begin"][0] for event in local]
    assert "onset" in set(stored["kind"])
    local, stored = rows(frames), catalog["melts_quantities"].read()
    assert list(stored["frame"]) == list(stored["frame_in_sequence"]) == list(range(30))
    for name in ("time", "peak_position", "peak_position_sd", "peak_width", "spacing_sd"):
        assert same(stored, local, name)
    assert list(stored["time"]) == [3.0 * n for n in range(30)]
    assert set(stored["q_unit"]) == {"nm⁻¹"}
    units = catalog["melts_quantities"].metadata["units"]
    assert (units["peak_width"], units["spacing"]) == ("nm⁻¹", "nm")
    # The state is lost: the server knows which rows it has.
    (tmp_path / ".frames.csv.written-back").unlink()
    (tmp_path / ".events.jsonl.written-back").write_text("0")
    assert main(command) == 0
    assert len(catalog["melts_quantities"].read()) == 30
    assert len(catalog["melts_processes"].read()) == len(set(events.read_text().splitlines()))


def test_a_sequence_on_a_server_is_written_back(server, catalog, melting, key, tmp_path):
    catalog.write_array(melting.read(), key="again", metadata=dict(melting.metadata))
    command = ["sequence", f"{server.url}/again", "-o", str(tmp_path), "--write-back"]
    assert main(command) == 0
    assert main([*command, "--force", "--time", "header"]) == 0
    local, stored = rows(tmp_path / "frames.csv"), catalog["again_quantities"].read()
    assert list(stored["frame"]) == list(range(30))
    assert same(stored, local, "peak_position")
    assert [float(row["time"]) for row in local] == [3.0 * n for n in range(30)]
    (process,) = rows(tmp_path / "processes.csv")
    assert abs(int(process["begin"]) - 15) <= 1
    assert "onset" in set(catalog["again_processes"].read()["kind"])


def test_predict_writes_tags_back(server, catalog, key, tmp_path, capsys):
    array = catalog.write_array(stack(5), key="predicted")
    command = ["predict", f"{server.url}/predicted", "-o", str(tmp_path), "--force", "--write-back"]
    for _ in range(2):
        assert main(command) == 0
    stored = catalog["predicted_tags"].read()
    assert list(stored["frame"]) == [0, 1, 2, 3, 4]
    assert list(stored["tags"]) == [row["tags"] for row in rows(tmp_path / "tags.csv")]
    first = list(stored["hash"])
    # Frames that were overwritten have a row of the next version, also when they come back.
    for number, seed in enumerate((9, 0), 2):
        array.write(np.concatenate([stack(5)[:4], stack(5, seed=seed)[4:]]))
        assert main(command) == 0
        stored = catalog["predicted_tags"].read()
        assert list(stored["frame"])[5:] == [4] * (number - 1)
        assert stored["version"].iloc[-1] == number
    assert stored["hash"].iloc[-1] == first[4]
    # A watch with a table of its own has nothing to add to what is there.
    tags = ["-o", str(tmp_path / "watched.csv"), "--once", "--write-back"]
    assert main(["watch", f"{server.url}/predicted", *tags]) == 0
    assert len(catalog["predicted_tags"].read()) in (7, 8)
    np.save(tmp_path / "a.npy", stack(1)[0])
    words = ["-o", str(tmp_path / "other"), "--write-back"]
    assert "is no node" in refused(capsys, "predict", str(tmp_path / "a.npy"), *words)
    assert "one node at a time" in refused(capsys, "predict", *[command[1]] * 2, *words)


def test_who_may_not_write_is_told_so(server, catalog, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("TILED_API_KEY", raising=False)
    address, table = f"{server.url}/frames", str(tmp_path / "tags.csv")
    # A table of another test may be there; a new array has none.
    catalog.write_array(stack(1), key="readable")
    line = refused(capsys, "watch", f"{server.url}/readable", "-o", table, "--once", "--write-back")
    pattern = r"readable_{}: cannot be written \(.*\); leave out --write-back"
    assert re.search(pattern.format("tags"), line)
    for verb, ending in (("predict", "tags"), ("sequence", "processes")):
        out = str(tmp_path / verb)
        line = refused(capsys, verb, f"{server.url}/readable", "-o", out, "--write-back")
        assert re.search(pattern.format(ending), line)
        assert not list(tmp_path.glob(f"{verb}/*"))
    assert main(["watch", address, "-o", table, "--once"]) == 0
    assert len(rows(tmp_path / "tags.csv")) == 3


def test_columns_have_names_that_databases_allow():
    assert column("halo: isotropic") == "p_halo_isotropic"
    with contextlib.suppress(UnicodeError):
        assert column("4-fold ring").isidentifier()
