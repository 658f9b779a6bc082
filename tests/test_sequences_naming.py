"""Processes are named by the temporal network of a tagger, where it has one."""

import csv
import io

import numpy as np
import pytest

from toy_naming import tagger_and_namer
from toy_sequences import frames_of, growing_ring
from xscatter.core.errors import UserError
from xscatter.sequences.events import UNKNOWN
from xscatter.sequences.state import load_state, save_state
from xscatter.sequences.stream import FrameStream
from xscatter.sequences.tables import frames_csv
from xscatter.tagging.sequence import SequenceTagger
from xscatter.tagging.temporal import TemporalNamer


def frames(onset=20, amount=0.15, number=50):
    return list(frames_of(growing_ring(frames=number, onset=onset, amount=amount)))


def named(plan, alarm=0.9, record=True):
    tagger, namer = tagger_and_namer(plan, alarm)
    sequence = SequenceTagger(None, record=record)
    sequence.tagger, sequence.stream = tagger, FrameStream(record=record, namer=namer)
    return sequence


def told(events):
    return [(event.kind, event.process) for event in events]


def test_a_change_is_named_as_soon_as_the_network_can():
    sequence, events = named({"crystallisation": (32, 40)}), []
    for number, frame in enumerate(frames()):
        events += sequence.push(frame, time=float(number))
    first, second, *_ = events
    assert (first.kind, first.process, first.model) == ("onset", UNKNOWN, None)
    assert (second.kind, second.process, second.frame) == ("onset", "crystallisation", 32)
    assert second.begin == first.begin
    assert f"reported as {UNKNOWN} at frame {first.frame}" in second.why
    assert told(events)[-1] == ("end", "crystallisation")
    ((_, span),) = sequence.finish().processes
    assert (span.process, span.family, span.model) == ("crystallisation", "order", "a" * 64)
    # The scan tells when it began, the network how long it goes on.
    assert 20 <= span.begin <= 24
    assert abs(span.end - 40) <= 2
    assert span.detected == first.frame


def test_what_the_network_cannot_name_is_of_unknown_kind():
    sequence = named({})
    result = sequence.tag(frames())
    assert {event.process for _, event in result.events} == {UNKNOWN}
    ((_, span),) = result.processes
    assert (span.process, span.model) == (UNKNOWN, None)


def test_the_family_comes_before_the_name():
    sequence = named({"crystallisation": (18, 40)})
    sequence.stream.namer._naming.threshold[:] = 0.99  # no name is sure, the family is
    ((_, span),) = sequence.tag(frames()).processes
    assert (span.process, span.family) == (UNKNOWN, "order")


def test_the_network_alone_reports_what_it_is_sure_of():
    quiet = frames(amount=0.0)
    events = named({"strain": (20, 30)}).tag(quiet).events
    assert told(event for _, event in events) == [("onset", "strain"), ("end", "strain")]
    onset = events[0][1]
    assert onset.begin[0] <= 20 <= onset.begin[1]
    ((_, span),) = named({"strain": (20, 30)}).tag(quiet).processes
    assert (span.process, span.family, span.begin, span.end) == ("strain", "position", 20, 30)
    # Below its threshold of alarms it keeps silent while frames arrive.
    assert named({"strain": (20, 30)}, alarm=0.999).tag(quiet).events == []


def test_two_processes_at_once_are_two():
    plan = {"crystallisation": (20, 40), "expansion": (30, 45)}
    processes = [span.process for _, span in named(plan).tag(frames()).processes]
    assert processes == ["crystallisation", "expansion"]


def test_the_table_of_frames_has_a_column_for_each_named_process():
    result = named({"crystallisation": (22, 36)}).tag(frames())
    rows = list(csv.DictReader(io.StringIO(frames_csv(result.frames))))
    chance = [float(row["p(crystallisation)"]) for row in rows]
    assert max(chance[:22]) < 0.01 < 0.9 < min(chance[22:36])
    chances = {name for name in rows[0] if name.startswith("p(")}
    assert chances == {"p(change)", "p(ring)", "p(crystallisation)"}


def test_frames_one_by_one_give_what_all_at_once_give():
    plan = {"crystallisation": (22, 36), "strain": (5, 12)}
    whole, one = named(plan).tag(frames()), named(plan)
    events = [event for frame in frames() for event in one.push(frame)]
    assert events == [event for _, event in whole.events]
    assert one.finish().processes == whole.processes


def test_a_stream_resumes_from_its_state_at_any_frame(tmp_path):
    plan = {"crystallisation": (22, 36), "strain": (5, 12)}
    whole = [event for _, event in named(plan).tag(frames()).events]
    sequence, events = named(plan, record=False), []
    for frame in frames():
        events += sequence.push(frame)
        save_state(tmp_path / "state", sequence.stream.state())
        namer = tagger_and_namer(plan)[1]
        sequence.stream = FrameStream.from_state(load_state(tmp_path / "state"), namer)
    assert events == whole


def test_the_state_of_another_network_is_refused():
    namer = tagger_and_namer({})[1]
    state = FrameStream(record=False, namer=namer).state()
    with pytest.raises(UserError, match="another tagger"):
        FrameStream.from_state(state)
    state["namer"]["model"] = "b" * 64
    with pytest.raises(UserError, match="another network"):
        FrameStream.from_state(state, namer)


def test_a_tagger_without_a_temporal_network_has_no_namer():
    tagger, _ = tagger_and_namer({})
    object.__setattr__(tagger.bundle, "sequence", None)
    assert TemporalNamer.of(tagger) is None
    assert TemporalNamer.of(None) is None


def test_profiles_go_without_names():
    from xscatter.sequences.profiles import Profile

    random = np.random.default_rng(0)
    result = named({"strain": (0, 30)}).tag(
        Profile(random.poisson(100, 128).astype(float)) for _ in range(20)
    )
    assert result.processes == []
