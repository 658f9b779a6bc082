"""`xscatter sequence` and `xscatter embed`: tables, order, covariates, and what bad input gets."""

import csv
import json

import h5py
import numpy as np
import pytest

from toy_sequences import CENTER, SIDE, growing_ring, ring
from xscatter import SequenceTagger
from xscatter.cli import main
from xscatter.frames import from_array
from xscatter.sequences.header_time import header_time
from xscatter.store.features import open_features

CENTRED = ["--center", *map(str, CENTER)]


def write(folder, frames=40, onset=22, names="f{}.npy"):
    """Frames in files whose names have no leading zeros."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    for number, image in enumerate(growing_ring(frames=frames, onset=onset)):
        np.save(folder / names.format(number), random.poisson(image).astype(np.int32))
    return folder


def table(path):
    with open(path, newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return write(tmp_path_factory.mktemp("series") / "frames")


def test_frames_with_covariates_become_tables_and_a_page(frames, tmp_path, capsys):
    covariates = tmp_path / "ramp.csv"
    lines = [f"f{n}.npy,{300 + n},{2 * n}" for n in range(39, -1, -1)]
    covariates.write_text("\n".join(["file,temperature,time", *lines]) + "\n")
    out = tmp_path / "out"
    command = ["sequence", str(frames), "-o", str(out), "--covariates", str(covariates), "--html"]
    assert main([*command, *CENTRED]) == 0
    assert "1 process in 40 frames" in capsys.readouterr().out
    (process,) = table(out / "processes.csv")
    first = "process,probability,begin,begin_low,begin_high,end,frames,detected_at,evidence"
    assert ",".join(process).startswith(first)
    assert process["process"] == "change of unknown kind"
    assert 22 <= int(process["begin"]) <= 27
    assert int(process["begin_low"]) <= int(process["begin"]) <= int(process["begin_high"])
    rows = table(out / "frames.csv")
    assert [row["file"].rpartition("/")[2] for row in rows] == [f"f{n}.npy" for n in range(40)]
    assert [float(row["temperature"]) for row in rows] == [300 + n for n in range(40)]
    assert [float(row["time"]) for row in rows] == [2 * n for n in range(40)]
    significance = [float(row["change_z"]) for row in rows]
    assert max(significance[:22]) < 3.8 < max(significance[22:32])
    record = json.loads((out / "sequence.json").read_text())
    assert record["models"] == {}
    assert [event["kind"] for event in record["events"]] == ["onset"]
    assert "data:image/png" in (out / "sequence.html").read_text()
    assert main([*command, *CENTRED]) == 2
    assert "exists already" in capsys.readouterr().err


def test_quantities_of_frames_become_a_trend(tmp_path, capsys):
    """A ring that moves outwards: its place in frames.csv, and the law that it follows."""
    random = np.random.default_rng(0)
    images = np.array([random.poisson(1e5 * ring(16 + 0.1 * n)) for n in range(30)])
    np.save(tmp_path / "s.npy", images.astype(np.int32))
    (tmp_path / "t.csv").write_text("time\n" + "".join(f"{2 * n}\n" for n in range(30)))
    out = tmp_path / "out"
    command = ["sequence", str(tmp_path / "s.npy"), "-o", str(out), "--time"]
    assert main([*command, str(tmp_path / "t.csv"), *CENTRED]) == 0
    rows = table(out / "frames.csv")
    value = np.array([float(row["peak_position"]) for row in rows])
    assert np.abs(value - (16 + 0.1 * np.arange(30))).max() < 0.2
    assert all(0 < float(row["peak_position_sd"]) < 0.1 for row in rows)
    # Without wavelength and distance there is no spacing, and q is in pixels.
    assert {row["spacing"] for row in rows} == {""}
    units = json.loads((out / "sequence.json").read_text())["units"]
    assert (units["peak_position"], units["time"]) == ("pixels", "s")
    arguments = ["--quantity", "peak_position", "--against", "time", "--law", "linear"]
    assert main(["trend", str(out / "frames.csv"), *arguments]) == 0
    assert "pixels/s" in capsys.readouterr().out
    (law,) = json.loads((out / "trend.json").read_text())["laws"]
    low, high = law["numbers"]["slope"]["interval_90"]
    assert low < law["numbers"]["slope"]["value"] < high
    assert low == pytest.approx(0.05, rel=0.1)


def test_errors_have_the_noise_of_the_stream():
    """Frames that scatter twice as much as photons; also the first, measured too early to know."""
    random = np.random.default_rng(0)
    errors = {}
    for grain in (1, 4):
        tagger = SequenceTagger()
        for _ in range(24):
            counts = grain * random.poisson(4e5 / grain * ring())
            tagger.push(from_array(counts, center=CENTER))
        rows = tagger.finish().frames
        errors[grain] = np.array([row.quantities["peak_position"].sd for row in rows])
    assert np.median(errors[4]) / np.median(errors[1]) == pytest.approx(2, rel=0.15)
    assert errors[4].max() / errors[4].min() < 1.3


def test_missing_and_unreadable_frames_are_named(tmp_path, capsys):
    folder = write(tmp_path / "frames")
    (folder / "f7.npy").unlink()
    (folder / "f8.npy").unlink()
    (folder / "f30.npy").write_bytes(b"nothing")
    assert main(["sequence", str(folder), "-o", str(tmp_path / "out"), *CENTRED]) == 1
    printed = capsys.readouterr()
    assert "missing frames: f#.npy 7 to 8" in printed.err
    assert "f30.npy: " in printed.err
    assert "1 process in 37 frames, 1 could not be read" in printed.out
    assert "f30.npy" in table(tmp_path / "out" / "frames.csv")[28]["note"]


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("temperature\n300\n", ["--time", "CSV"], "has no column 'time'"),
        ("file,T\nf0.npy,warm\n", ["--covariates", "CSV"], "'warm' is not a number"),
        ("file,T\nf0.npy\n", ["--covariates", "CSV"], "line 2 has 1 columns, the header 2"),
        ("file,T\n", ["--covariates", "CSV"], "holds no rows"),
        ("", ["--time", "header"], "only HDF5 files tell their times"),
        ("", ["--covariates", "nowhere.csv"], "nowhere.csv: cannot be read"),
    ],
)
def test_a_wrong_table_is_named_before_anything_is_written(
    frames, tmp_path, capsys, content, arguments, message
):
    path = tmp_path / "table.csv"
    path.write_text(content)
    arguments = [str(path) if word == "CSV" else word for word in arguments]
    out = tmp_path / "out"
    assert main(["sequence", str(frames), "-o", str(out), *arguments, *CENTRED]) == 2
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 1
    assert message in printed[0]
    assert not out.exists()


def test_nothing_readable_writes_nothing(tmp_path, capsys):
    (tmp_path / "a1.npy").write_bytes(b"nothing")
    assert main(["sequence", str(tmp_path / "a1.npy"), "-o", str(tmp_path / "out")]) == 2
    assert "none of the 1 files can be read" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["xy", "column", "rows", "hdf5", "csv"])
def test_profiles_in_any_form(tmp_path, kind):
    """One file a profile, or all profiles in one file."""
    random = np.random.default_rng(0)
    x = np.linspace(0.1, 4, 500)
    peaks = np.where(np.arange(36) < 18, 2, 2.4)[:, None]
    level = np.exp(-x) + np.exp(-(((x - peaks) / 0.1) ** 2))
    values = random.poisson(2000 * level)
    files = []
    if kind == "rows":
        np.save(tmp_path / "all.npy", values[:30].astype(np.float64))
        files = ["all.npy"]
    elif kind == "hdf5":
        with h5py.File(tmp_path / "all.h5", "w") as file:
            file["reduced/I"] = values[:30].astype(np.float32)
        files = ["all.h5::/reduced/I"]
    elif kind == "csv":
        head = ",".join(["q", *(f"frame {n}" for n in range(36))])
        np.savetxt(tmp_path / "all.csv", np.vstack([x, values]).T, "%.6g", ",", header=head)
        files = ["all.csv"]
    else:
        for n, one in enumerate(values):
            if kind == "xy":
                np.savetxt(tmp_path / f"p{n}.xy", np.column_stack([x, one]), header="q I")
                files.append(f"p{n}.xy")
            else:
                np.save(tmp_path / f"p{n}.npy", one[:, None].astype(float))
                files.append(f"p{n}.npy")
    names = [str(tmp_path / name) for name in files]
    assert main(["sequence", *names, "-o", str(tmp_path / "out")]) == 0
    (process,) = table(tmp_path / "out" / "processes.csv")
    assert int(process["begin"]) == 18
    if kind in ("xy", "csv"):
        assert "x 2" in process["evidence"]


def test_a_record_in_one_file_and_its_times(tmp_path, capsys):
    random = np.random.default_rng(0)
    with h5py.File(tmp_path / "scan.h5", "w") as file:
        images = [ring(18) if n < 12 else ring(19) for n in range(24)]
        file["entry/data/counts"] = random.poisson(1e5 * np.array(images)).astype(np.uint32)
        file["entry/data/time"] = 3.0 * np.arange(24)
    assert header_time(f"{tmp_path / 'scan.h5'}", 5) == 15.0
    name = f"{tmp_path / 'scan.h5'}::/entry/data/counts"
    command = ["sequence", name, "-o", str(tmp_path / "out"), "--time", "header", *CENTRED]
    assert main(command) == 0
    assert [float(r["time"]) for r in table(tmp_path / "out" / "frames.csv")][:3] == [0, 3, 6]
    (process,) = table(tmp_path / "out" / "processes.csv")
    assert (process["begin"], process["family"]) == ("12", "position")


def test_features_of_every_frame(tmp_path, capsys):
    random = np.random.default_rng(0)
    images = [ring(18, fold=0.6) if n < 6 else ring(24) for n in range(12)]
    np.save(tmp_path / "s.npy", random.poisson(3e5 * np.array(images)).astype(np.int32))
    assert main(["embed", str(tmp_path / "s.npy"), *CENTRED]) == 0
    with open_features(tmp_path / "s.features.h5") as file:
        columns, features = file.columns, file.features
        assert file.profile.shape == (12, 64)
        assert np.array_equal(file.profile, features[:, :64])
        assert np.isnan(file.times).all()
    assert features.shape == (12, sum(columns.values()))
    assert features.nbytes / 12 < 1000
    radii = (np.arange(64) + 0.5) / 64 * np.hypot(SIDE / 2, SIDE / 2)
    peaks = radii[features[:, :64].argmax(axis=1)]
    assert peaks == pytest.approx([18] * 6 + [24] * 6, abs=1.0)
    start = columns["profile"]
    second = features[:, start : start + columns["order 2"]]
    # |f_2| / f_0 of a part of 1 + 0.6 cos 2θ over a halo, and of none.
    assert 0.15 < second[:6].max(axis=1).min() < 0.3
    assert second[6:, 10:20].max() < 0.1
    before = (tmp_path / "s.features.h5").stat().st_mtime_ns
    assert main(["embed", str(tmp_path / "s.npy"), *CENTRED]) == 0
    assert "0 sequences made, 1 were complete" in capsys.readouterr().out
    assert (tmp_path / "s.features.h5").stat().st_mtime_ns == before
    np.save(tmp_path / "s.npy", random.poisson(3e5 * np.array(images)).astype(np.int32))
    assert main(["embed", str(tmp_path / "s.npy"), *CENTRED]) == 0
    assert "1 sequences made" in capsys.readouterr().out
