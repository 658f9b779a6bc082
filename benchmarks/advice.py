"""How good the advice "finished" is, on simulated sequences of every kind of process.

    python benchmarks/advice.py [--sequences 100] [--first 0] [--frames 80] [--each]

A process of the sample that is detectable and ends within the record should be called finished not
later than half its time constant (or 5 frames) after its true end. A call is false when more than a
tenth of the change so far is still to come, weighed by detectability. A call after a change of the
instrument alone, such as a sample that moved, is counted apart. Printed by detectability.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from xscatter import Advisor, Study
from xscatter.frames import from_array
from xscatter.processes import CONTRAST, DETECTABLE
from xscatter.simulate.sequence import MOVED, draw_sequence, sequence_experiment

LATE = 5  # frames after the end that are always allowed


def advised(sequence):
    """Return all advice of a stream, frame by frame."""
    experiment, advisor, told = sequence.experiment, Advisor(), []
    counts = np.zeros((experiment.size, experiment.size), np.uint32)
    detector, center = experiment.setup.detector, experiment.setup.geometry(experiment.size).center
    for number in range(len(sequence)):
        sequence.simulate(number, counts)
        mask = counts == np.iinfo(np.uint32).max
        frame = from_array(
            np.where(mask, 0, counts), mask=mask, center=center,
            saturation=detector.saturation,
        )  # fmt: skip
        advisor.tell(frame, float(sequence.times[number]))
        advice = advisor.ask()
        if advice is not None:
            told.append(advice)
    return told


def truths(sequence):
    """Return what happens to the sample: D, progress, what is to come, last frame, time, end."""
    rows = []
    for k, (law, event) in enumerate(zip(sequence.laws, sequence.timeline.events, strict=True)):
        if law.kind != "sample":
            continue
        detected = sequence.detect(k)
        spans = sequence.spans(k, detected.course, DETECTABLE)
        if not spans:
            continue
        x = sequence.progress[k]
        ahead = sequence._clock(k)[-1] + np.arange(1.0, len(x) + 1)
        last = np.concatenate([x, sequence._progress(k, ahead)])
        to_come = np.array([np.abs(last[n:] - last[n]).max() for n in range(len(x))])
        begin, end = spans[0].begin, spans[-1].end
        rows.append({
            "law": law.name, "strength": detected.strength, "x": x, "to_come": to_come,
            "begin": begin, "end": end, "open": any(s.open for s in spans) or len(spans) > 1,
            "time": float(event.parameters.get("time", (end - begin) / 2)),
            "clear": detected.strength >= DETECTABLE and detected.contrast >= CONTRAST,
        })  # fmt: skip
    return rows


def to_come(rows, frame):
    """Return the change to come over that so far, weighed by detectability; inf: none so far."""
    far = [abs(r["x"][frame] - r["x"][0]) * r["strength"] for r in rows]
    more = [
        r["to_come"][frame] * r["strength"] for r in rows if abs(r["x"][frame] - r["x"][0]) >= MOVED
    ]
    size = float(np.linalg.norm(far))
    return float(np.linalg.norm(more)) / size if size and more else np.inf


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sequences", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--frames", type=int, default=80)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--each", action="store_true", help="print every sequence")
    arguments = parser.parse_args()
    study = Study(
        name="advice", seed=arguments.seed, simulate={"size": arguments.size},
        sequence={"frames": arguments.frames},
    )  # fmt: skip
    ended, false, calls, alone = [], [], 0, []
    for number in range(arguments.first, arguments.first + arguments.sequences):
        sequence = draw_sequence(sequence_experiment(study, number))
        rows, told = truths(sequence), advised(sequence)
        stops = [advice.frame for advice in told if advice.action == "stop"]
        left = [to_come(rows, frame) for frame in stops]
        calls += len(stops)
        false.append(max([rest for rest in left if rest < np.inf], default=0.0))
        alone.append(np.inf in left)
        for row in rows:
            limit = row["end"] + max(row["time"] / 2, LATE)
            if not row["clear"] or row["open"] or limit > len(sequence) - 1:
                continue
            good = [f for f, rest in zip(stops, left, strict=True) if rest <= 0.1 and f <= limit]
            exact = [f for f in good if f <= row["end"] + row["time"] / 2]
            ended.append([row["strength"], bool(good), bool(exact)])
        if arguments.each:
            names = [law.name for law in sequence.laws if law.kind != "sample"]
            names += [
                f"{r['law']} D {r['strength']:.0f} {r['begin']}-{r['end']}{'…' * r['open']}"
                for r in rows
            ]
            advice = [f"{a.action} {a.frame}" for a in told]
            print(number, names, advice, [f"{rest:.2f}" for rest in left], flush=True)
    print(f"{arguments.sequences} sequences of {arguments.frames} frames, {calls} calls")
    ended = np.array(ended).reshape(-1, 3)
    for low, high in ((8, np.inf), (8, 64), (64, 256), (256, np.inf)):
        some = ended[(ended[:, 0] >= low) & (ended[:, 0] < high)]
        if len(some):
            print(
                f"D {low:g} to {high:g}: {len(some)} ended, called in time {some[:, 1].mean():.2f},"
                f" within half the time constant alone {some[:, 2].mean():.2f}"
            )
    false = np.array(false)
    for limit in (0.05, 0.1):
        print(
            f"sequences with a call while more than {limit:.0%} was to come: "
            f"{(false > limit).mean():.3f}"
        )
    print(f"sequences with a call before any process of the sample: {np.mean(alone):.3f}")


if __name__ == "__main__":
    main()
