import json
import os
from pathlib import Path

import numpy as np
import pytest

import toy_shards
from toy_shards import TAGS, toy_study, write_coefficients, write_experiment, write_shards
from xscatter import records, tags
from xscatter.cli import main
from xscatter.core.errors import UserError
from xscatter.records import assign, layout, pack
from xscatter.store import marks
from xscatter.store.paths import StudyPaths
from xscatter.study import dump_study, load_study
from xscatter.views import VIEWS


@pytest.fixture
def packed(tmp_path):
    study, paths = toy_study(), StudyPaths(tmp_path / "toy")
    write_shards(study, paths)
    pack.pack(study, paths)
    return study, paths


def content(paths):
    return {path.name: path.read_bytes() for path in paths.batches.glob("*")}


def sources(batch):
    return [tuple(row) for row in batch["source"].tolist()]


def test_every_image_lies_in_one_record_with_its_own_tags_and_coefficients(packed):
    _study, paths = packed
    import h5py

    found = records.open_records(paths.batches, verify=True)
    seen = []
    for batch in found.batches:
        for record in batch:
            experiment, image = record["source"]
            seen.append((int(experiment), int(image)))
            with h5py.File(paths.experiment(experiment)) as file:
                counts = file["entry/data/counts"][image].astype(float)
                mask = file["entry/instrument/detector/mask"][()]
                np.testing.assert_array_equal(record["tags"], file["entry/tags/labels"][image])
            with h5py.File(paths.coefficients(experiment)) as file:
                np.testing.assert_array_equal(
                    record["coefficients"], file["entry/coefficients"][image]
                )
            decoded, hidden = found.decode(record["image"])
            np.testing.assert_array_equal(hidden, mask)
            live = ~mask & (counts < 4_000_000)
            assert (np.abs(decoded - counts)[live] <= 0.64 * np.sqrt(counts[live])).all()
            assert (record["image"] == 65534).sum() == 1
    assert sorted(seen) == [(e, n) for e in range(6) for n in range(5)]


def test_a_batch_is_read_with_numpy_and_the_json_alone(packed):
    paths = packed[1]
    manifest = json.loads(paths.records.read_text())
    field = {f["name"]: f for f in manifest["fields"]}
    raw = np.fromfile(paths.batches / manifest["batches"][0]["file"], np.uint8)
    raw = raw.reshape(manifest["batches"][0]["records"], manifest["record_length"])
    f = field["source"]
    size = np.dtype(f["dtype"]).itemsize * int(np.prod(f["shape"]))
    source = (
        np.ascontiguousarray(raw[:, f["offset"] : f["offset"] + size])
        .view(f["dtype"])
        .reshape(-1, *f["shape"])
    )
    np.testing.assert_array_equal(source, records.open_records(paths.batches).batches[0]["source"])
    assert manifest["tags"] == TAGS
    assert set(field) == {"tags", "image", "coefficients", "source"}
    assert manifest["batches"][0]["experiments"] == sorted({int(e) for e in source[:, 0]})


def test_test_batch_shares_no_experiment_and_training_records_are_spread(packed):
    found = records.open_records(packed[1].batches)
    held = set(found.batches[2]["source"][:, 0])
    assert len(held) == 2
    for batch in (0, 1):
        names = found.batches[batch]["source"][:, 0]
        assert not held & set(names)
        assert len(names) == 10
        assert len(set(names)) >= 3
    assert sources(found.batches[0]) != sorted(sources(found.batches[0]))


def test_the_split_depends_on_seed_and_number_alone():
    few, many = assign.tested(1, list(range(40)), 10), assign.tested(1, list(range(400)), 10)
    assert len(few) == 4
    assert len(many) == 40
    assert few == many[:4]
    assert assign.tested(2, list(range(400)), 10) != many
    assert all(len(assign.tested(seed, [0, 1, 2], 10)) == 1 for seed in range(20))


def test_packing_twice_changes_nothing_and_parts_make_the_same_bytes(packed, tmp_path):
    study, paths = packed
    before = content(paths)
    times = {path: path.stat().st_mtime_ns for path in paths.batches.glob("*")}
    pack.pack(study, paths)
    assert {path: path.stat().st_mtime_ns for path in paths.batches.glob("*")} == times
    file = tmp_path / "study.yaml"
    file.write_text(dump_study(study))
    for path in paths.batches.glob("*"):
        path.unlink()
    for step in (["--assign"], ["--batch", "2"], ["--batch", "0-1"], ["--index"]):
        assert main(["pack", str(file), "-o", str(paths.root), *step]) == 0
    assert content(paths) == before


def test_added_experiments_fill_new_batches_only(packed):
    _study, paths = packed
    before, manifest = content(paths), json.loads(paths.records.read_text())
    more = toy_study(experiments=12)
    write_shards(more, paths, range(6, 12))
    pack.pack(more, paths)
    after = content(paths)
    assert all(after[f"batch-{n}.bin"] == before[f"batch-{n}.bin"] for n in range(3))
    grown = json.loads(paths.records.read_text())
    assert grown["batches"][:3] == manifest["batches"]
    assert grown["test_batch"] == 2
    found = records.open_records(paths.batches, verify=True)
    assert len(found.batches) == 6
    assert sorted(e for batch in found.batches[3:] for e, _ in sources(batch)) == sorted(
        list(range(6, 12)) * 5
    )


def test_what_will_be_packed_is_foreseen(packed):
    study, paths = packed
    foreseen = assign.foresee(study, paths)
    assert foreseen.batches == 3
    assert foreseen.contents == [marks.made_from(paths.batch(n)) for n in range(3)]
    more = toy_study(experiments=12)
    grown = assign.foresee(more, paths)
    assert (grown.batches, grown.contents) == (6, foreseen.contents)
    assert [grown.stays(n) for n in range(6)] == [True] * 3 + [False] * 3
    write_shards(more, paths, range(6, 12))
    assert assign.assign(more, paths).batches == 6
    assert assign.foresee(more, paths).contents[:3] == foreseen.contents
    paths.batch(1).unlink()
    assert [assign.foresee(more, paths).stays(n) for n in range(3)] == [True, False, True]
    other = assign.foresee(toy_study(seed=5), paths)
    assert (other.batches, other.contents) == (3, [])
    assert not other.stays(0)


def test_a_batch_that_was_damaged_before_the_index_is_written_again(packed):
    study, paths = packed
    manifest = json.loads(paths.records.read_text())
    before = paths.batch(1).read_bytes()
    content = bytearray(before)
    content[7] ^= 1
    paths.batch(1).write_bytes(content)
    paths.records.unlink()
    assert pack.index(study, paths) == manifest
    assert paths.batch(1).read_bytes() == before
    records.open_records(paths.batches, verify=True)


@pytest.mark.parametrize("size", [None, 0, 100])
def test_a_batch_that_was_cut_short_or_lost_before_the_index_is_written_again(packed, size):
    study, paths = packed
    before = paths.batch(1).read_bytes()
    paths.records.unlink()
    if size is None:
        paths.batch(1).unlink()
    else:
        os.truncate(paths.batch(1), size)
    pack.index(study, paths)
    assert paths.batch(1).read_bytes() == before


@pytest.mark.parametrize("kind", ["experiment", "coefficients"])
def test_a_shard_that_was_damaged_after_the_assignment_is_never_packed(tmp_path, kind):
    study, paths = toy_study(), StudyPaths(tmp_path)
    write_shards(study, paths)
    assign.assign(study, paths)
    import h5py

    path = getattr(paths, kind)(1)
    with h5py.File(path, "r+") as file:
        name = "entry/tags/labels" if kind == "experiment" else "entry/coefficients"
        file[name][0, 0] = file[name][0, 0] + 1
    with pytest.raises(UserError, match=r"00001\.h5: corrupt"):
        for batch in range(3):
            pack.write_batch(study, paths, batch)


def test_growth_survives_outputs_that_a_workflow_removed(packed):
    _study, paths = packed
    before = content(paths)
    for path in (paths.assignment, paths.records, *(paths.batch(n) for n in range(3))):
        path.unlink()
    more = toy_study(experiments=9)
    write_shards(more, paths, range(6, 9))
    pack.pack(more, paths)
    assert all(content(paths)[f"batch-{n}.bin"] == before[f"batch-{n}.bin"] for n in range(3))


def test_of_two_copies_of_the_assignment_one_may_be_damaged(packed, capsys):
    study, paths = packed
    before = content(paths)
    hidden = paths.batches / ".assignment.json"
    for damaged in (hidden, paths.assignment):
        damaged.write_text("{")
        pack.pack(study, paths)
        assert ("damaged; it is not used" in capsys.readouterr().out) is (
            damaged == hidden
        )  # which is read first
        assert hidden.read_text() == paths.assignment.read_text()
        assert content(paths) == before
    for damaged in (hidden, paths.assignment):
        damaged.write_text("{")
    with pytest.raises(
        UserError, match=r"\.assignment\.json and .*assignment\.json: damaged; delete"
    ):
        pack.pack(study, paths)


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest["fields"][0].pop("offset"),
        lambda manifest: manifest["batches"][1].pop("file"),
        lambda manifest: manifest.update(test_batch=12),
        lambda manifest: manifest.update(batches=3),
    ],
)
def test_a_damaged_index_is_named(packed, change):
    paths = packed[1]
    manifest = json.loads(paths.records.read_text())
    change(manifest)
    paths.records.write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=r"records\.json: is damaged"):
        records.open_records(paths.batches)


def test_another_study_is_packed_anew(packed, capsys):
    _study, paths = packed
    other = toy_study(seed=5)
    write_shards(other, paths)
    pack.pack(other, paths)
    assert "packed again" in capsys.readouterr().out
    assert len(records.open_records(paths.batches, verify=True).batches) == 3


def test_a_damaged_shard_is_named(packed, tmp_path):
    study = toy_study()
    paths = StudyPaths(tmp_path / "other")
    write_shards(study, paths)
    data = bytearray(paths.experiment(4).read_bytes())
    with __import__("h5py").File(paths.experiment(4)) as file:
        offset = file["entry/data/counts"].id.get_chunk_info(2).byte_offset
    data[offset + 7] ^= 1
    paths.experiment(4).write_bytes(data)
    with pytest.raises(UserError, match=r"00004\.h5: corrupt"):
        pack.pack(study, paths)
    paths.experiment(4).unlink()
    with pytest.raises(UserError, match=r"00004\.h5: missing"):
        pack.pack(study, paths)
    assert not paths.records.exists()


def test_coefficients_of_another_simulation_are_refused(tmp_path):
    study, paths = toy_study(), StudyPaths(tmp_path)
    write_shards(study, paths)
    changed = toy_study(images=6)
    write_experiment(changed, paths, 3)
    with pytest.raises(UserError, match=r"00003\.h5: foreign"):
        assign.assign(study, paths)
    write_coefficients(changed, paths, 3)
    write_experiment(study, paths, 3)
    with pytest.raises(UserError, match=r"coefficients/00003\.h5"):
        assign.assign(study, paths)


def test_experiments_with_other_tags_are_refused(tmp_path, monkeypatch):
    study, paths = toy_study(), StudyPaths(tmp_path)
    write_shards(study, paths)
    for names in ([*TAGS[:-1], "another"], [*TAGS, "another"]):
        monkeypatch.setattr(toy_shards, "TAGS", names)
        write_shards(study, paths, [4])
        with pytest.raises(
            UserError, match=r"00004\.h5: has other tags than the first experiment \(another"
        ):
            assign.assign(study, paths)


def test_a_shard_that_changed_after_the_assignment_is_refused(tmp_path):
    study, paths = toy_study(), StudyPaths(tmp_path)
    write_shards(study, paths)
    assign.assign(study, paths)
    import h5py

    with h5py.File(paths.experiment(1), "r+") as file:
        file.attrs["checksum"] = "0" * 64
    with pytest.raises(UserError, match=r"00001\.h5: foreign"):
        for batch in range(3):
            pack.write_batch(study, paths, batch)


def test_a_truncated_or_changed_batch_is_named(packed):
    paths = packed[1]
    path = paths.batch(1)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    records.open_records(paths.batches)
    with pytest.raises(UserError, match=r"batch-1\.bin: does not match its sha256"):
        records.open_records(paths.batches, verify=True)
    os.truncate(path, len(data) - 5)
    with pytest.raises(UserError, match=r"batch-1\.bin: .*truncated"):
        records.open_records(paths.batches)
    path.unlink()
    with pytest.raises(UserError, match=r"batch-1\.bin: missing"):
        records.open_records(paths.batches)
    with pytest.raises(UserError, match=r"records\.json: missing"):
        records.open_records(paths.root)


def test_order_is_a_pure_function_and_resumes_by_skipping(packed):
    found = records.open_records(packed[1].batches)
    steps = list(found.iterate(3, seed=4, epoch=1))
    rest = list(found.iterate(3, seed=4, epoch=1, skip=2))
    assert len(steps) == 7
    for a, b in zip(steps[2:], rest, strict=True):
        assert all(np.array_equal(a[name], b[name]) for name in a)
    seen = np.concatenate([step["source"] for step in steps]).tolist()
    assert sorted(seen) == sorted(s for n in (0, 1) for s in found.batches[n]["source"].tolist())
    other = np.concatenate([step["source"] for step in found.iterate(3, seed=4, epoch=2)]).tolist()
    assert other != seen
    assert steps[0]["counts"].dtype == np.float32
    assert steps[0]["counts"].flags.writeable


def test_what_was_given_away_is_never_written_again(packed):
    found = records.open_records(packed[1].batches)
    # Large enough for memory that is used again.
    found._buffers.empty((2**17,), np.dtype("u1")).fill(1)
    held = [found._buffers.empty((2**17,), np.dtype("u1")) for _ in range(40)]
    for number, array in enumerate(held):
        array.fill(number)
    part = held[7][5:9]
    assert [int(array[0]) for array in held] == list(range(40))
    del held
    taken = [found._buffers.empty((2**17,), np.dtype("u1")) for _ in range(40)]
    for array in taken:
        array.fill(255)
    assert part.tolist() == [7] * 4
    assert len({array.ctypes.data for array in taken}) == 40
    assert all(array.ctypes.data % 64 == 0 for array in taken)
    steps = list(found.iterate(3, seed=1))
    again = list(found.iterate(3, seed=1))
    assert all(np.array_equal(a["counts"], b["counts"]) for a, b in zip(steps, again, strict=True))


def test_files_of_any_layout_are_decoded(packed, tmp_path):
    found = records.open_records(packed[1].batches)
    manifest = json.loads((packed[1].batches / "records.json").read_text())
    names = [
        "tags",
        "image",
        "coefficients",
        "source",
    ]  # 3 bytes of tags: no pixel lies at an even byte
    packed_tight = np.dtype(
        [(name, found.dtype[name].base, found.dtype[name].shape) for name in names]
    )
    manifest["record_length"] = packed_tight.itemsize
    manifest["fields"] = [
        {**f, "offset": packed_tight.fields[f["name"]][1]} for f in manifest["fields"]
    ]
    for number, batch in enumerate(found.batches):
        tight = np.zeros(len(batch), packed_tight)
        for name in names:
            tight[name] = batch[name]
        tight.tofile(tmp_path / f"batch-{number}.bin")
    (tmp_path / "records.json").write_text(json.dumps(manifest))
    other = records.open_records(tmp_path)
    assert packed_tight.fields["image"][1] % 2
    for a, b in zip(found.iterate(4, seed=2), other.iterate(4, seed=2), strict=True):
        assert all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(("name", "most"), [("report-256", 9e9), ("report-1000", 105e9)])
def test_fifty_thousand_images_with_coefficients_fit(name, most):
    study = load_study(Path(__file__).parents[1] / f"config/{name}.yaml")
    side, transform = study.simulate.size, study.transform
    dtype = layout.record_dtype(
        len(tags.NAMES), (side, side), (transform.angular_orders, transform.radial_orders)
    )
    assert study.simulate.experiments * study.simulate.images == 50_000
    assert 50_000 * dtype.itemsize <= most


def test_every_input_of_a_view_is_a_field_of_a_record():
    fields = layout.record_dtype(3, (4, 4), (2, 2)).names
    assert {field for view in VIEWS.values() for field in view.fields} <= set(fields)


def test_opening_records_does_not_import_tensorflow():
    import subprocess
    import sys

    code = "import sys, xscatter.records; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_records_about_estimated_centres_say_how_sure_they_are(tmp_path):
    import h5py

    study = toy_study(transform={"angular_orders": 3, "radial_orders": 4, "centers": "estimated"})
    paths = StudyPaths(tmp_path)
    for number in range(6):
        write_experiment(study, paths, number)
        with h5py.File(paths.experiment(number)) as file:
            checksum = file.attrs["checksum"]
        with toy_shards.shards.new_shard(
            paths.coefficients(number),
            study_hash=study.fingerprint("transform"),
            experiment=number,
            source_checksum=checksum,
        ) as file:
            file["entry/coefficients"] = np.ones((5, 3, 4), np.complex64)
            file["entry/coefficients"].attrs["center_confidence"] = number / 8
    pack.pack(study, paths)
    found = records.open_records(paths.batches, verify=True)
    field = next(f for f in found.manifest["fields"] if f["name"] == "center_confidence")
    assert (field["dtype"], field["shape"]) == ("<f4", [])
    assert "kinds" not in found.manifest
    for batch in range(3):
        step = found.read(found.where([batch]))
        np.testing.assert_array_equal(step["center_confidence"], step["source"][:, 0] / 8)


def test_records_name_the_kinds_of_instrument_of_each_experiment(tmp_path):
    import h5py

    study, paths = toy_study(), StudyPaths(tmp_path)
    write_shards(study, paths)
    for number in (1, 4):
        path = paths.experiment(number)
        with (
            h5py.File(path) as old,
            toy_shards.shards.new_shard(
                path.with_name("new"),
                **{key: old.attrs[key] for key in ("study_hash", "seed", "experiment")},
            ) as file,
        ):
            old.copy("entry", file)
            file["entry/instrument/kinds"] = [b"a square", f"kind {number}".encode()]
        path.with_name("new").replace(path)
        paths.coefficients(number).unlink()
        write_coefficients(study, paths, number)
    pack.pack(study, paths)
    found = records.open_records(paths.batches)
    assert found.kinds[4] == {"a square", "kind 4"}
    assert found.kinds[0] == frozenset()
    assert assign.load(paths.assignment).sources[1].kinds == ("a square", "kind 1")
