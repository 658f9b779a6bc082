"""Sequences: pure functions of seed, number and frame; their rule, their files, their restart."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest

from test_homogeneity import whole_table
from toy_shards import toy_study, write_shards
from xscatter import processes, tags
from xscatter.cli import main
from xscatter.core.errors import UserError
from xscatter.core.files import file_sha256
from xscatter.core.shards import problem
from xscatter.records import pack
from xscatter.simulate import Experiment, simulate_sequence
from xscatter.simulate.law_registry import all_laws
from xscatter.simulate.registry import get
from xscatter.simulate.render import render
from xscatter.simulate.sequence import (
    Sequence,
    draw_sequence,
    sequence_experiment,
    simulate_frame,
)
from xscatter.simulate.sequence_shard import judge
from xscatter.simulate.shadows import shaded
from xscatter.simulate.timeline import LawEvent, Timeline
from xscatter.store.paths import StudyPaths
from xscatter.store.sequences import open_sequence
from xscatter.store.verify import verify
from xscatter.study import FIRST_SEQUENCE, STAGES, parse_study

pytestmark = pytest.mark.floats
FRAMES = 24


def make_study(simulate=None, **sequence):
    return parse_study(
        {
            "name": "s",
            "seed": 5,
            "simulate": {"experiments": 2, "images": 2, "size": 48, **(simulate or {})},
            "sequence": {"sequences": 4, "frames": FRAMES, **sequence},
        }
    )


@pytest.fixture(scope="module")
def experiment():
    """An instrument with the beam on a wide detector, whichever number has one."""
    for number in range(100):
        one = sequence_experiment(make_study(), number)
        outline, setup = one.setup.detector.outline, one.setup
        wide = min(outline.extent) > 0.9 and one.live.mean() > 0.8
        if wide and setup.placement.on_image and not one.grazing and setup.window is None:
            return one
    raise AssertionError("no such instrument")


def entry(feature, share=1.0, **parameters):
    return {"feature": feature, "share": share, "parameters": get(feature).check(parameters)}


def middle(experiment):
    """A q in the middle of the detector."""
    return float(np.sqrt(experiment.q_low * experiment.q_high))


def event(law, process, entries=(), **parameters):
    return LawEvent(law, process, all_laws()[law].check(parameters), list(entries))


def crystallising(experiment, onset=6.0, time=4.0, **law):
    q = middle(experiment)
    entries = [entry("halo", position=q, width=0.4), entry("ring", position=q, width=0.05)]
    settings = {"onset": onset, "time": time, "exponent": 3.0, "crystallinity": 0.4, **law}
    return event("crystallisation", "crystallisation", entries, **settings)


def make_sequence(experiment, *events, photons=1e5, flux=0.0, positions=None):
    positions = tuple(range(FRAMES)) if positions is None else positions
    still = [entry("background", 0.2, decay=experiment.q_high)]
    timeline = Timeline(photons, 2.0, positions, still, events, (flux, 5.0, 3), (0.0, 0))
    return Sequence(experiment, timeline)


# ---- pure functions -------------------------------------------------------------------------


def test_a_scene_depends_on_seed_number_and_frame_alone():
    study, more = make_study(), make_study(sequences=400)
    for number in range(6):
        one = draw_sequence(sequence_experiment(study, number))
        two = draw_sequence(sequence_experiment(more, number))
        frames = np.random.default_rng(number).permutation(FRAMES)
        scenes = {int(frame): two.scene(int(frame)) for frame in frames}
        assert [one.scene(frame) for frame in range(FRAMES)] == [scenes[f] for f in range(FRAMES)]
        assert one.scene(3) == json.loads(json.dumps(one.scene(3)))
    other = draw_sequence(sequence_experiment(make_study(), 7)).timeline
    assert other != draw_sequence(sequence_experiment(make_study(), 8)).timeline


def test_same_seed_gives_the_same_bytes_in_any_order(tmp_path):
    study, more = make_study(), make_study(sequences=90)
    for number in (0, 1):
        simulate_sequence(study, number, tmp_path / f"a{number}.h5")
    for number in (1, 0):
        simulate_sequence(more, number, tmp_path / f"b{number}.h5")
    for number in (0, 1):
        assert file_sha256(tmp_path / f"a{number}.h5") == file_sha256(tmp_path / f"b{number}.h5")
    assert file_sha256(tmp_path / "a0.h5") != file_sha256(tmp_path / "a1.h5")


def test_no_instrument_of_the_experiments_is_used_again():
    with pytest.raises(UserError, match="experiments"):
        make_study({"experiments": FIRST_SEQUENCE + 1})
    study = make_study()
    trained = [json.dumps(Experiment(study, n).setup.settings(), default=str) for n in range(4)]
    own = [
        json.dumps(sequence_experiment(study, n).setup.settings(), default=str) for n in range(4)
    ]
    assert not set(trained) & set(own)


def test_sequences_change_no_other_stage():
    without, having = make_study(sequences=0), make_study(sequences=9, frames=50)
    for stage in STAGES:
        same = without.fingerprint(stage) == having.fingerprint(stage)
        assert same == (stage != "sequence")
    more = make_study(sequences=500)
    assert more.fingerprint("sequence") == make_study().fingerprint("sequence")


def test_a_size_of_their_own_keeps_instrument_and_timeline():
    small, large = make_study(), make_study(size=96)
    one, two = (sequence_experiment(study, 2) for study in (small, large))
    assert (one.size, two.size) == (48, 96)
    assert one.setup.placement.center == two.setup.placement.center
    assert draw_sequence(one).timeline.events == draw_sequence(two).timeline.events


def test_a_fifth_is_quiet_and_half_of_these_are_disturbed():
    study = make_study()
    kinds = [draw_sequence(sequence_experiment(study, n)).laws for n in range(120)]
    counts = [[law.kind for law in laws] for laws in kinds]
    quiet = [kinds for kinds in counts if "sample" not in kinds]
    assert 0.15 < len(quiet) / len(counts) < 0.25
    assert 0.3 < np.mean([bool(kinds) for kinds in quiet]) < 0.7
    assert 0.08 < np.mean([kinds.count("sample") == 2 for kinds in counts]) < 0.3
    names = {law.name for laws in kinds for law in laws}
    assert len(names) > 22
    one = [draw_sequence(sequence_experiment(make_study(at_most=1), n)).laws for n in range(40)]
    assert max(sum(law.kind == "sample" for law in laws) for laws in one) == 1
    melting = make_study(laws=["melting"])
    names = [draw_sequence(sequence_experiment(melting, n)).laws for n in range(20)]
    assert {law.name for laws in names for law in laws if law.kind == "sample"} == {"melting"}


# ---- the rule -------------------------------------------------------------------------------


def rendered(sequence, event=None):
    """The table of expected light by the definition: every frame rendered, flux and all."""
    experiment = sequence.experiment
    rows = []
    for frame in range(len(sequence)):
        scene = sequence.scene(frame, only=event)
        shown = shaded(experiment, scene.get("shadows", []))
        rows.append(render(scene, shown).expected[experiment.live].astype(float))
    return np.array(rows)


def test_detectability_is_that_of_the_whole_table(experiment):
    sequence = make_sequence(experiment, crystallising(experiment))
    detected = sequence.detect(0)
    strength, contrast = whole_table(rendered(sequence, 0))
    assert detected.strength == pytest.approx(strength, rel=1e-3)
    assert detected.contrast == pytest.approx(contrast, rel=1e-3)
    assert strength > 50


def test_flux_and_a_lost_beam_do_not_make_a_process(experiment):
    growing = crystallising(experiment)
    still = make_sequence(experiment, growing).detect(0).strength
    noisy = make_sequence(experiment, growing, flux=0.05).detect(0).strength
    assert noisy == pytest.approx(still, rel=0.03)  # a twentieth more or less light
    static = crystallising(experiment, onset=1e5)
    lost = event("beam_lost", "beam lost", onset=8.0, time=6.0)
    disturbed = make_sequence(experiment, static, lost, flux=0.3, photons=1e6)
    assert disturbed.detect(0).strength < 0.5
    assert disturbed.detect(1).strength > 100


def test_a_sample_shows_nothing_while_it_is_out_of_the_beam(experiment):
    moved = event("sample_moved", "sample moved", onset=1.0, time=2.0)
    out = make_sequence(experiment, crystallising(experiment, onset=8.0), moved)
    assert out.detect(0).strength < 1
    assert out.detect(1).strength > 100


def test_other_processes_are_frozen(experiment):
    growing = crystallising(experiment)
    q = middle(experiment) / 2
    moving = event(
        "expansion", "expansion", [entry("ring", 0.5, position=q)], onset=18.0, amount=0.14
    )
    both = make_sequence(experiment, growing, moving)
    # In the middle frame the second has not begun.
    rest = replace(moving, parameters={**moving.parameters, "onset": 1e5})
    alone = make_sequence(experiment, growing, rest)
    assert both.detect(0).strength == alone.detect(0).strength
    assert both.scene(20, only=0)["features"] == alone.scene(20)["features"]
    assert both.detect(1).strength > processes.DETECTABLE


def test_begin_end_and_seen_of_a_process(experiment):
    growing = crystallising(experiment)
    sequence = make_sequence(experiment, growing)
    detected = sequence.detect(0)
    (span,) = sequence.spans(0, detected.course, 8.0)
    x = sequence.progress[0]
    assert x[span.begin] >= x[0] + 0.02 > x[span.begin - 1]
    assert (np.abs(x[span.end :] - x[-1]) <= 0.02).all()
    assert abs(x[span.end - 1] - x[-1]) > 0.02
    assert not span.open
    tables = [whole_table(rendered(sequence, 0)[: frame + 1])[0] for frame in range(FRAMES)]
    assert span.seen == int(np.flatnonzero(np.array(tables) >= 8)[0])
    assert span.begin <= span.seen <= span.end
    slow = make_sequence(experiment, crystallising(experiment, time=60.0))
    (span,) = slow.spans(0, slow.detect(0).course, 8.0)
    assert (span.open, span.end) == (True, FRAMES - 1)
    never = make_sequence(experiment, crystallising(experiment, onset=100.0))
    assert never.spans(0, never.detect(0).course, 8.0) == []
    dim = make_sequence(experiment, growing, photons=100.0)
    assert dim.spans(0, dim.detect(0).course, 8.0)[0].seen == -1


def test_what_comes_and_goes_has_a_span_for_each_time(experiment):
    shutter = event("shutter", "shutter", rate=0.2, seed=1)
    sequence = make_sequence(experiment, shutter)
    dark = [frame for frame in range(FRAMES) if sequence.scene(frame)["photons"] == 0]
    spans = sequence.spans(0, sequence.detect(0).course, 8.0)
    covered = [frame for span in spans for frame in range(span.begin, span.end + 1)]
    assert covered == dark
    assert len(spans) > 1


def test_a_faint_process_is_not_labelled(experiment):
    for photons, expected in ((1e6, 1), (50.0, 0)):
        judged, _ = judge(make_sequence(experiment, crystallising(experiment), photons=photons))
        assert judged["labels"][processes.INDEX["crystallisation"]] == expected
        assert judged["labels"].sum() == expected
    low = crystallising(experiment, crystallinity=0.01)
    judged, _ = judge(make_sequence(experiment, low, photons=1e8))
    index = processes.INDEX["crystallisation"]
    # A hundredth of the light under very many photons: detectable, but of no contrast.
    assert judged["detectability"][index] > processes.DETECTABLE
    assert judged["contrast"][index] < processes.CONTRAST
    assert judged["labels"][index] == 0


# ---- the instrument -------------------------------------------------------------------------


def counts_of(sequence, frame):
    out = np.empty((sequence.experiment.size,) * 2, np.uint32)
    return out, sequence.simulate(frame, out)


def test_a_copied_frame_equals_the_one_before(experiment):
    fault = event("detector_fault", "detector fault", form=2, rate=0.5, seed=4)
    sequence = make_sequence(experiment, fault)
    copies = [frame for frame in range(FRAMES) if "repeats" in sequence.scene(frame)]
    assert any(frame + 1 in copies for frame in copies), "a copy of a copy"
    for frame in copies:
        assert np.array_equal(counts_of(sequence, frame)[0], counts_of(sequence, frame - 1)[0])
    judged, spans = judge(sequence)
    index = processes.INDEX["detector fault"]
    assert judged["labels"][index] == 1
    assert np.isnan(judged["detectability"][index])
    assert len(spans)
    assert (spans["seen"] == spans["begin"]).all()


def test_frames_without_beam_are_blank(experiment):
    sequence = make_sequence(experiment, event("beam_lost", "beam lost", onset=8.0, time=6.0))
    for frame in (0, 10, 20):
        blank = counts_of(sequence, frame)[1].labels[tags.INDEX["blank"]]
        assert blank == (frame == 10)


def test_a_shadow_darkens_what_it_covers_and_nothing_else(experiment):
    block = {"kind": "block", "left": 0.0, "first": [0.25, 0.25], "last": [0.75, 0.75]}
    scene = make_sequence(experiment).scene(0)
    before = render(scene, experiment).expected
    after = render(scene, shaded(experiment, [block])).expected
    inside = np.zeros_like(experiment.live)
    inside[12:36, 12:36] = True
    dark = np.float32(experiment.setup.detector.dark_counts)
    np.testing.assert_array_equal(after[~inside], before[~inside])
    np.testing.assert_allclose(after[inside & experiment.live], dark, atol=1e-6)
    assert shaded(experiment, []) is experiment
    for shadow in (
        {"kind": "disk", "left": 0.5, "row": 0.5, "col": 0.5, "radius": 0.2, "blur": 2.0},
        {"kind": "edge", "left": 0.5, "row": 0.5, "col": 0.5, "angle": 30.0, "blur": 2.0},
    ):
        gain = shaded(experiment, [shadow]).gain
        assert (gain[experiment.live] <= experiment.gain[experiment.live] * 1.0001).all()
        assert np.array_equal(gain < 0, experiment.gain < 0)


def test_without_beam_nothing_is_damaged(experiment):
    ring = entry("ring", position=middle(experiment))
    damage = event("beam_damage", "beam damage", [ring], time=10.0, loss=0.5)
    lost = event("beam_lost", "beam lost", onset=6.0, time=10.0)
    x = make_sequence(experiment, damage, lost).progress[0]
    free = make_sequence(experiment, damage).progress[0]
    assert x[14] == pytest.approx(x[7])
    assert x[-1] < free[-1]
    assert free[0] == 0


def test_the_sample_moves_out_and_the_background_stays(experiment):
    moved = event("sample_moved", "sample moved", onset=8.0, time=2.0)
    scene = make_sequence(experiment, crystallising(experiment), moved).scene(20)
    shares = {entry["feature"]: entry["share"] for entry in scene["features"]}
    assert shares["background"] == 0.2
    assert shares["halo"] < 1e-6
    assert "sample" not in scene


# ---- files ----------------------------------------------------------------------------------


def test_a_file_is_laid_out_as_documented(tmp_path):
    study, path = make_study(), tmp_path / "00001.h5"
    simulate_sequence(study, 1, path)
    assert problem(path, study_hash=study.fingerprint("sequence"), sequence=1) is None
    with h5py.File(path) as file:
        count = len(processes.NAMES)
        assert file.attrs["experiment"] == FIRST_SEQUENCE + 1
        assert file["entry/data/counts"].shape == (FRAMES, 48, 48)
        assert file["entry/data/time"].shape == (FRAMES,)
        assert file["entry/data/time"].attrs["units"] == "s"
        names = tuple(name.decode() for name in file["entry/processes/names"][()])
        assert names == processes.NAMES
        for name, dtype in (("labels", "u1"), ("detectability", "f4"), ("contrast", "f4")):
            assert file[f"entry/processes/{name}"].shape == (count,)
            assert file[f"entry/processes/{name}"].dtype == dtype
        assert file["entry/processes/progress"].shape == (FRAMES, count)
        assert file["entry/processes/progress"].dtype == "f4"
        spans = file["entry/processes/spans"]
        assert spans.dtype.names == ("process", "begin", "end", "seen", "open")
        values = file["entry/quantities/values"]
        assert values.shape == (FRAMES, len(file["entry/quantities/names"]))
        assert file["entry/quantities/least_errors"].shape == values.shape
        assert json.loads(file["entry/law"][()])["photons"] > 0
        assert file["entry/tags/labels"].shape == (FRAMES, len(tags.NAMES))
    with open_sequence(path) as sequence:
        assert (sequence.sequence, len(sequence)) == (1, FRAMES)
        assert (np.diff(sequence.times) > 0).all()
        present = np.isfinite(sequence.progress).any(axis=0)
        assert set(np.flatnonzero(sequence.process_labels)) <= set(np.flatnonzero(present))
        assert set(sequence.spans["process"]) <= set(np.flatnonzero(present))
        assert (sequence.quantities["photons"][1] >= 0).all()
        assert all((errors > 0).all() for errors in sequence.least_errors.values())
        assert set(sequence.covariates) <= {"temperature", "strain"}


def test_stored_scenes_regenerate_the_frames(tmp_path):
    study = make_study()
    simulate_sequence(study, 2, tmp_path / "x.h5")
    experiment, out = sequence_experiment(study, 2), np.empty((48, 48), np.uint32)
    with open_sequence(tmp_path / "x.h5") as sequence:
        for frame in range(0, FRAMES, 5):
            simulate_frame(experiment, frame, out, sequence.parameters(frame))
            assert np.array_equal(out, sequence.dataset[frame])


SMALL = """name: s
simulate: {experiments: 1, images: 1, size: 48}
sequence: {sequences: %d, frames: 12}
"""


def test_the_command_skips_complete_files_and_refuses_wrong_numbers(tmp_path, capsys):
    path = tmp_path / "s.yaml"
    path.write_text(SMALL % 2)
    command = ["simulate", str(path), "-o", str(tmp_path / "out")]
    assert main([*command, "--sequences", "0-1"]) == 0
    names = StudyPaths(tmp_path / "out")
    assert not names.experiment(0).exists()
    before = [names.sequence(n).stat().st_mtime_ns for n in range(2)]
    assert main(command) == 0
    assert [names.sequence(n).stat().st_mtime_ns for n in range(2)] == before
    assert names.experiment(0).exists()
    capsys.readouterr()
    assert main(command) == 0
    assert "1 experiments and 2 sequences are complete" in capsys.readouterr().out
    assert main([*command, "--sequences", "2"]) == 2
    assert "there is no sequence 2" in capsys.readouterr().err
    path.write_text(SMALL.replace("frames: 12", "frames: 13") % 2)
    assert main([*command, "--sequences", "0"]) == 2
    assert "foreign" in capsys.readouterr().err
    path.write_text(SMALL.replace("frames", "laws: [meltin], frames") % 2)
    assert main([*command, "--sequences", "0"]) == 2
    assert "meltin is not a law" in capsys.readouterr().err
    path.write_text("name: s\nsimulate: {images: 1, size: 48}\n")
    assert main([*command, "--sequences", "0"]) == 2
    assert "raise sequence.sequences" in capsys.readouterr().err


def test_frames_never_enter_batches(tmp_path):
    """A study with sequences has the same assignment, records and batches as one without."""
    files = []
    for folder, sequence in (("without", {}), ("having", {"sequences": 1, "frames": 8})):
        study, names = toy_study(sequence=sequence), StudyPaths(tmp_path / folder)
        write_shards(study, names)
        if sequence:
            simulate_sequence(study, 0, names.sequence(0))
        pack.pack(study, names)
        files.append({path.name: path.read_bytes() for path in names.batches.iterdir()})
    assert files[0] == files[1]
    assert any(name.endswith(".bin") for name in files[0])


def test_verify_knows_sequences(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(SMALL % 2)
    root = tmp_path / "out"
    assert main(["simulate", str(path), "-o", str(root), "--sequences", "0-1"]) == 0
    names = StudyPaths(root)

    def problems():
        findings = verify(root, processes=1)
        return {f.path.name: f.kind for f in findings if f.path.parent.name == "sequences"}

    unmade = {"00000.features.h5": "missing", "00001.features.h5": "missing"}
    assert problems() == unmade
    names.sequence(0).write_bytes(names.sequence(1).read_bytes())
    names.sequence(1).unlink()
    (names.sequence(0).parent / "00007.h5").write_bytes(b"x")
    wrong = {"00000.h5": "foreign", "00001.h5": "missing", "00007.h5": "stranger"}
    assert problems() == unmade | wrong


def test_killed_at_any_moment_it_resumes_with_the_same_bytes(tmp_path):
    path = tmp_path / "s.yaml"
    path.write_text(SMALL % 6)
    whole, cut = StudyPaths(tmp_path / "whole"), StudyPaths(tmp_path / "cut")
    assert main(["simulate", str(path), "-o", str(whole.root), "--sequences", "0-5"]) == 0
    command = [sys.executable, "-m", "xscatter", "simulate", str(path), "-o", str(cut.root)]
    command += ["--sequences", "0-5"]
    for made in (1, 3, 4):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # As soon as so many files are complete, wherever it is in the next one.
        while process.poll() is None and len(list(cut.sequence(0).parent.glob("0*.h5"))) < made:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert main(["simulate", str(path), "-o", str(cut.root), "--sequences", "0-5"]) == 0
    for number in range(6):
        assert file_sha256(cut.sequence(number)) == file_sha256(whole.sequence(number))
