"""The scan without a network: sums, residuals, change points, families, streams and their state."""

import json

import numpy as np
import pytest
from scipy import stats

from toy_sequences import (
    ANGLE,
    CENTER,
    HALO,
    RADIUS,
    RING,
    detectability,
    frames_of,
    growing_ring,
    ring,
    sums_of,
)
from xscatter import SequenceTagger, Tagger
from xscatter.frames import Unreadable, from_array
from xscatter.sequences.polar import PolarGrid
from xscatter.sequences.profiles import Profile
from xscatter.sequences.residuals import RADIAL, residuals
from xscatter.sequences.scan import Scan
from xscatter.sequences.segments import cuts, vector
from xscatter.sequences.state import load_state, save_state
from xscatter.sequences.stream import FrameStream
from xscatter.store.bundle import Bundle, BundledNetwork


def scanned(sums):
    scan = Scan()
    return [scan.push(number, one) for number, one in enumerate(sums)]


def changes(sums):
    return [verdict.change for verdict in scanned(sums) if verdict.change]


def test_cells_hold_all_counts_and_each_where_it_belongs():
    random = np.random.default_rng(0)
    counts = random.poisson(5, (40, 50))
    mask = random.random((40, 50)) < 0.1
    grid = PolarGrid((18.2, 30.7), mask)
    sums = grid.sums(from_array(counts, mask=mask))
    assert sums.total == counts[~mask].sum()
    rows, cols = np.nonzero(~mask)
    radius = np.hypot(rows - 18.2, cols - 30.7)
    low, high = np.quantile(radius, [0.3, 0.6])
    step = grid.radii[1] - grid.radii[0]
    inside = (grid.radii > low) & (grid.radii < high)
    expected = counts[~mask][(radius > low) & (radius < high)].sum()
    ragged = counts[~mask][np.abs(radius - low) < step].sum()
    ragged += counts[~mask][np.abs(radius - high) < step].sum()
    assert abs(sums.counts[inside].sum() - expected) <= ragged


def test_residuals_are_the_chi_square_test_of_two_rows():
    random = np.random.default_rng(1)
    a, b = random.poisson(300, (64, 1)).astype(float), random.poisson(900, (64, 1)).astype(float)
    values = residuals(a, b, np.ones((64, 1), bool))[RADIAL]
    table = stats.chi2_contingency(np.hstack([a, b]).T, correction=False)
    # E is taken from b alone, not from both rows: equal to first order.
    assert (values**2).sum() == pytest.approx(table.statistic, rel=0.1)
    # At any flux: a pattern twice as bright is no residual at all.
    doubled = residuals(2 * b, b, np.ones((64, 1), bool))[RADIAL]
    assert np.abs(doubled).max() < 1e-9


def test_a_constant_scene_raises_no_more_alarms_than_stated():
    alarms, frames, least = 0, 0, []
    for seed in range(6):
        expected = growing_ring(frames=200, amount=0, flux=0.05, seed=seed)
        verdicts = scanned(sums_of(expected, seed))
        alarms += sum(verdict.change is not None for verdict in verdicts)
        frames += len(verdicts)
        least += [verdict.probability for verdict in verdicts]
    # One in 10⁴ frames is stated; more than two in 1200 have a probability below 0.001.
    assert alarms <= 2
    assert np.mean(np.array(least) < 1e-3) < 0.01
    assert frames == 1200


@pytest.mark.parametrize("seed", range(3))
def test_a_growing_ring_is_found_and_dated(seed):
    expected = growing_ring(seed=seed, onset=25)
    assert detectability(expected.reshape(60, -1)) > 200
    first = changes(sums_of(expected, seed))[0]
    assert 26 <= first.detected <= 33
    assert first.low <= first.begin <= first.high
    assert 25 <= first.begin <= 31


def test_a_finished_record_shows_what_a_stream_cannot_yet():
    weak = growing_ring(amount=0.006, onset=25)
    assert 11 < detectability(weak.reshape(60, -1)) < 15
    shown = 0
    for seed in range(5):
        sums = sums_of(weak, seed)
        places = cuts(np.array([vector(one) for one in sums]), 1e5)
        shown += any(20 < cut.place < 40 for cut in places)
    assert shown >= 4
    none = sums_of(growing_ring(amount=0), 3)
    assert cuts(np.array([vector(one) for one in none]), 1e5) == []


def test_bursts_are_passed_over_and_named():
    sums = sums_of(growing_ring(frames=60, amount=0))
    burst = np.zeros_like(sums[0].counts)
    burst[40:44, 3] = 3000
    for number in (2, 20, 33):
        sums[number] = type(sums[number])(sums[number].counts + burst, sums[number].usable)
    verdicts = scanned(sums)
    assert all(verdict.change is None for verdict in verdicts)
    assert sorted(number for v in verdicts for number in v.bursts) == [2, 20, 33]


def test_a_saturated_pixel_is_left_out_of_comparisons():
    frames = list(frames_of(growing_ring(frames=30, amount=0)))
    tagger = SequenceTagger()
    for number, frame in enumerate(frames):
        counts = frame.counts.astype(np.uint32)
        if number >= 15:
            counts[30, 50] = 60_000  # a spot that rises beyond what the detector can count
        assert not tagger.push(from_array(counts, saturation=50_000, center=CENTER))


PATTERNS = {
    "position": (ring(18.0), ring(18.6)),
    "width": (ring(width=2.0), ring(width=3.0)),
    "intensity": (ring(), 0.95 * ring() + 0.05 * ring(26.0)),
    "order": (ring(), ring(fold=0.4)),
    "instrument": (HALO, np.roll(HALO, 1, axis=1)),
}


@pytest.mark.parametrize("family", PATTERNS)
def test_the_family_follows_from_what_changed(family):
    before, after = PATTERNS[family]
    expected = [1e6 * before] * 12 + [1e6 * after] * 12
    tagger = SequenceTagger()
    events = [event for frame in frames_of(expected) for event in tagger.push(frame)]
    assert [event.kind for event in events][:1] == ["onset"]
    processes = [span for _, span in tagger.finish().processes]
    assert [(span.begin, span.family) for span in processes] == [(12, family)]


def test_flux_alone_is_no_process_and_a_lost_beam_is_named():
    light = np.concatenate([np.full(20, 1e5), np.full(4, 200.0), np.full(16, 1.6e5)])
    tagger = SequenceTagger()
    events = []
    for frame in frames_of(light[:, None, None] * HALO):
        events += tagger.push(frame)
    assert [(e.kind, e.process, e.frame, e.advice) for e in events] == [
        ("onset", "beam lost", 21, "pause"),
        ("end", "beam lost", 24, None),
    ]
    result = tagger.finish()
    assert [(s.process, s.begin, s.end, s.family) for _, s in result.processes] == [
        ("beam lost", 20, 24, "instrument")
    ]
    assert [row.frame for row in result.frames if row.note == "no beam"] == [20, 21, 22, 23]


def test_profiles_need_no_counts_and_no_scale():
    random = np.random.default_rng(0)
    x = np.linspace(10, 40, 700)
    tagger = SequenceTagger()
    for number in range(40):
        peak = 20.0 if number < 22 else 20.3
        level = 0.1 + np.exp(-(((x - peak) / 0.5) ** 2))
        values = 1e-3 * level * (1 + 0.02 * random.normal(size=len(x)))
        tagger.push(Profile(values, x, f"{number}.xy"))
    (_, span), *others = tagger.finish().processes
    assert not others
    assert (span.begin, span.family) == (22, "position")
    assert "outwards" in span.evidence


def test_one_by_one_is_all_at_once_and_a_state_is_complete(tmp_path):
    frames = list(frames_of(growing_ring(frames=50, onset=20)))
    once = SequenceTagger().tag(frames, times=list(range(50)))
    stream, events = FrameStream(record=False), []
    for number, frame in enumerate(frames):
        events += stream.take(stream.reduce(frame), number)
        if number in (2, 9, 21, 24, 30):  # before, in and after the process
            save_state(tmp_path / "state", stream.state())
            stream = FrameStream.from_state(load_state(tmp_path / "state"))
    assert [e.record() for _, e in events] == [e.record() for _, e in once.events]
    assert {e.kind for _, e in events} == {"onset", "end"}


def test_the_state_does_not_grow_with_the_stream(tmp_path):
    sizes = []
    stream = FrameStream(record=False)
    for number, frame in enumerate(frames_of(growing_ring(frames=120, amount=0))):
        stream.take(stream.reduce(frame), number)
        if number in (60, 119):
            save_state(tmp_path / "state", stream.state())
            sizes.append((tmp_path / "state").stat().st_size)
    assert sizes[1] < 1.02 * sizes[0]


def test_an_unreadable_frame_is_named_and_the_sequence_goes_on():
    items = list(frames_of(growing_ring(frames=40, onset=20)))
    items[10] = Unreadable("0010.npy", 0, "0010.npy: is truncated")
    result = SequenceTagger().tag(items)
    assert result.messages == ["0010.npy: is truncated"]
    assert [row.frame for row in result.frames] == list(range(40))
    assert result.frames[10].note == "0010.npy: is truncated"
    assert len(result.processes) == 1


def test_another_size_or_a_long_pause_begins_a_new_sequence():
    frames = list(frames_of(growing_ring(frames=18, amount=0)))
    small = [from_array(f.counts[:60, :60], source="small.npy") for f in frames[:6]]
    times = [*range(6), *range(100, 106), *range(106, 112), *range(112, 118)]
    result = SequenceTagger().tag([*frames, *small], times)
    assert [row.sequence for row in result.frames] == [0] * 6 + [1] * 12 + [2] * 6
    assert len(result.messages) == 2
    assert "95 s after" in result.messages[0]
    assert "60x60 pixels, those before it 64x64" in result.messages[1]


def test_times_that_run_backwards_are_named():
    frames = list(frames_of(growing_ring(frames=8, amount=0)))
    result = SequenceTagger().tag(frames, [0, 1, 2, 3, 2.5, 5, 6, 7])
    assert len(result.messages) == 1
    assert "0004.npy: its time is 0.5 s before" in result.messages[0]


def test_one_frame_and_blanks_get_one_line():
    frame = next(frames_of(growing_ring(frames=1)))
    assert SequenceTagger().tag([frame]).messages == [
        "0000.npy: 1 frame alone cannot show a change; give 4 or more of one sequence"
    ]
    blanks = [from_array(np.zeros((64, 64), int), source=f"{n}.npy") for n in range(6)]
    result = SequenceTagger().tag(blanks)
    assert result.messages == [
        "0.npy: none of the 6 frames has any scattering; check shutter and mask"
    ]
    assert result.processes == []


def test_a_long_record_stays_small():
    values = ring()[:, 32:].sum(axis=0)
    random = np.random.default_rng(0)
    tagger = SequenceTagger()
    for number in range(700):
        level = values if number < 400 else np.roll(values, 2)
        tagger.push(Profile(random.poisson(1e4 * level).astype(float), None, f"{number}"))
    assert len(tagger.stream._tracker._history.blocks) <= 256
    (_, span), *others = tagger.finish().processes
    assert not others
    assert abs(span.begin - 400) <= 3


def test_events_are_plain_json():
    events = []
    tagger = SequenceTagger(at_rest=True)
    for frame in frames_of(growing_ring(frames=40)):
        events += tagger.push(frame, time=1.0)
    record = json.loads(json.dumps(events[0].record()))
    assert " ".join(record) == ("kind process frame file time probability begin advice why model")
    assert record["advice"] == "move"
    assert "beam damage" in record["why"]


def test_angles_and_radii_of_the_toys_agree():
    assert RADIUS[31, 60] == pytest.approx(28.5, abs=0.01)
    assert ANGLE[60, 31] > 1.5


def test_a_state_that_comes_and_goes_needs_two_change_points():
    amount = np.where((np.arange(60) >= 20) & (np.arange(60) < 35), 0.02, 0)[:, None, None]
    sums = sums_of(1e5 * ((1 - amount) * HALO + amount * RING))
    places = [cut.place for cut in cuts(np.array([vector(one) for one in sums]), 1e5)]
    assert len(places) == 2
    assert abs(places[0] - 20) <= 1
    assert abs(places[1] - 35) <= 1


def test_a_stream_that_wanders_is_not_one_that_changes():
    """Ornstein-Uhlenbeck wandering of the profile: the scan learns it from the stream itself."""
    random, alarms, frames = np.random.default_rng(4), 0, 0
    shapes = [np.cos(k * np.pi * RADIUS / 45) for k in (1, 2, 3)]
    for _ in range(4):
        state, expected = random.normal(size=3), []
        for _ in range(150):
            state = np.exp(-1 / 5) * state + np.sqrt(1 - np.exp(-2 / 5)) * random.normal(size=3)
            wave = sum(a * shape for a, shape in zip(state, shapes, strict=True))
            expected.append(1e5 * HALO * (1 + 0.04 * wave))
        sums = sums_of(expected)
        chi = np.mean(
            [
                (residuals(a.counts, b.counts, a.usable)[RADIAL] ** 2).mean()
                for a, b in zip(sums, sums[20:], strict=False)
            ]
        )
        assert chi > 1.5  # photons alone would give 1
        alarms += len(changes(sums))
        frames += len(sums)
    assert frames == 600
    assert alarms <= 2


def test_a_zinger_in_one_frame_is_no_segment():
    sums = sums_of(growing_ring(amount=0))
    vectors = np.array([vector(one) for one in sums])
    struck = vectors.copy()
    struck[25, 30] += 0.05  # fifteen times the noise of this ring, in one frame
    assert cuts(struck, 1e5) == []
    struck[26:40, 30] += 0.05
    assert [cut.place for cut in cuts(struck, 1e5)] == [25, 40]


def test_networks_tag_the_frames_of_a_sequence():
    class Constant:
        inputs = ("image",)

        def logits(self, inputs):
            return np.full((len(inputs["image"]), 1), 3.0)

    known = {"slope": 1, "offset": 0, "threshold": 0.5, "precision": None, "prevalence": 0.5}
    entry = BundledNetwork("image.onnx", "0" * 64, ["image"], {"ring": known})
    bundle = Bundle("constant", {"ring": "A ring."}, 64, {}, {"image": entry})
    tagger = SequenceTagger(Tagger(bundle, {"image": Constant()}))
    result = tagger.tag(frames_of(growing_ring(frames=6)))
    assert [row.tags for row in result.frames] == [("ring",)] * 6
