"""Cost of finding processes beside tagging, and its power beside simpler methods.

    python benchmarks/sequences.py speed [--model results/demo/models] [--frames 60]
    python benchmarks/sequences.py power [--sequences 25]
    python benchmarks/sequences.py quiet [--sequences 25] [--seed 202]

`speed` measures the CPU time of features and scan of a frame of 256×256 against that of `predict`,
in turns: they may add 20 %. The beam centre is known, and without --model predict is the reading of
the frame and its expansion alone: both are less than it really takes. `power` prints the part of
the sequences in which a ring that grows out of a halo is found, by its detectability D, at 5 %
false alarms a sequence. `quiet` prints the part of simulated sequences without a process of the
sample in which a change is found; a sample that leaves the beam and an obstruction change the
pattern, and are counted apart. PCA with kernel change points needs the package ruptures.
"""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from toy_sequences import detectability, growing_ring, sums_of
from xscatter.frames import from_array
from xscatter.sequences.features import Embedder
from xscatter.sequences.scan import Scan
from xscatter.sequences.segments import cuts, vector
from xscatter.sequences.stream import FrameStream


def scene(random):
    """Counts (256, 256) int32: two rings on a cone, about a centre beside the middle."""
    y, x = np.mgrid[:256, :256]
    r = np.hypot(y - 128, x - 120)
    expected = 0.3 + 30 * np.exp(-r / 20)
    for radius in (50, 87):
        expected += 8 * np.exp(-(((r - radius) / 2) ** 2))
    return random.poisson(expected).astype(np.int32)


def tagging(model):
    """Return a function that does what predict does with a frame, without writing tables."""
    from xscatter.tagging import Tagger

    if model:
        tagger = Tagger.load(model)
        return lambda frame: tagger.tag([tagger.ready(frame)])
    from xscatter.store.bundle import Bundle, BundledNetwork

    class Nothing:
        inputs = ("image", "coefficients")

        def logits(self, inputs):
            return np.zeros((len(inputs["image"]), 1))

    transform = {
        "angular_orders": 24, "radial_orders": 96, "radius": 256.0, "boundary": "dirichlet",
        "fill": "ring-mean", "counts": "anscombe", "tolerance": 5e-5, "minimum_coverage": 0.1,
    }  # fmt: skip
    known = {"slope": 1, "offset": 0, "threshold": 0.5, "precision": None, "prevalence": 0.5}
    entry = BundledNetwork("joint.onnx", "0" * 64, list(Nothing.inputs), {"ring": known})
    bundle = Bundle("none", {"ring": "A ring."}, 256, transform, {"joint": entry})
    tagger = Tagger(bundle, {"joint": Nothing()})
    return lambda frame: tagger.tag([tagger.ready(frame)])


def speed(model, frames):
    random = np.random.default_rng(0)
    counts = [scene(random) for _ in range(frames)]
    predict, stream, embedder = tagging(model), FrameStream(record=False), None
    spent = {"predict": 0.0, "features and scan": 0.0}
    for number, one in enumerate(counts):
        begin = time.process_time()
        frame = from_array(one, center=(128, 120))  # known: the cheapest predict
        predict(frame)
        middle = time.process_time()
        reduced = stream.reduce(frame)
        stream.take(reduced, number)
        embedder = embedder or Embedder(reduced.reduction.grid.live)
        embedder.push(reduced.sums, stream.z, (0.5, 0.5, 1.0), number, np.zeros(72))
        end = time.process_time()
        if number >= 5:  # the first ones compile and make tables
            spent["predict"] += middle - begin
            spent["features and scan"] += end - middle
    each = {name: 1e3 * value / (frames - 5) for name, value in spent.items()}
    for name, value in each.items():
        print(f"{name}: {value:.2f} ms of CPU time a frame")
    print(f"added: {each['features and scan'] / each['predict']:.1%} (wanted: at most 20 %)")


def total_sum(vectors, totals):
    """Largest departure of the summed totals from a straight line (CUSUM)."""
    steps = np.cumsum(totals - totals.mean()) / (totals.std() or 1)
    return np.abs(steps).max() / np.sqrt(len(totals))


def largest_difference(vectors, totals):
    """Largest difference of two neighbouring frames."""
    return ((vectors[1:] - vectors[:-1]) ** 2).sum(axis=1).max()


def best_split(vectors, totals, components=5):
    """Gain of the best split of the first principal components."""
    centred = vectors - vectors.mean(axis=0)
    scores = centred @ np.linalg.svd(centred, full_matrices=False)[2][:components].T
    n, above = len(scores), np.cumsum(scores, axis=0)[:-1]
    k = np.arange(1, n)
    return ((above**2).sum(axis=1) * n / (k * (n - k))).max() / (scores**2).sum()


def kernel_change(vectors, totals, components=5):
    """Gain of one change point by KernelCPD of ruptures on principal components."""
    import ruptures

    centred = vectors - vectors.mean(axis=0)
    scores = centred @ np.linalg.svd(centred, full_matrices=False)[2][:components].T
    model = ruptures.KernelCPD(kernel="rbf", min_size=2).fit(scores)
    place = model.predict(n_bkps=1)
    return model.cost.error(0, len(scores)) - model.cost.sum_of_costs(place)


def scan_alone(sums):
    """Least probability of the scan, as its negative logarithm."""
    scan = Scan()
    return -np.log10(min(scan.push(n, one).probability for n, one in enumerate(sums)) + 1e-99)


def power(sequences):
    baselines = [total_sum, largest_difference, best_split]
    try:
        import ruptures  # noqa: F401

        baselines.append(kernel_change)
    except ImportError:
        print("ruptures is not installed: no kernel change points")

    def measured(amount, seed):
        expected = growing_ring(amount=amount, onset=10 + seed % 30, seed=seed)
        sums = sums_of(expected, seed)
        vectors = np.array([vector(one) for one in sums])
        totals = np.array([one.total for one in sums])
        row = {one.__name__: one(vectors, totals) for one in baselines}
        row["scan"] = scan_alone(sums)
        points = cuts(vectors, totals.mean(), false_alarms=0.05)
        row["change points"] = float(bool(points))
        return row, detectability(expected.reshape(len(expected), -1))

    null = [measured(0, 1000 + seed)[0] for seed in range(4 * sequences)]
    limits = {name: np.quantile([row[name] for row in null], 0.95) for name in null[0]}
    limits["change points"] = 0.5
    false = np.mean([row["change points"] for row in null])
    print(f"change points: {false:.1%} false alarms a sequence")
    for amount in (0.0035, 0.0068, 0.0125, 0.024, 0.2):
        rows, d = zip(*[measured(amount, seed) for seed in range(sequences)], strict=True)
        shares = {k: np.mean([row[k] > limits[k] for row in rows]) for k in limits}
        cells = ", ".join(f"{name} {share:.2f}" for name, share in shares.items())
        print(f"D {np.mean(d):.1f}: {cells}", flush=True)


CHANGING = {"sample_moved", "obstruction"}  # what they do to the pattern is no false change


def quiet(sequences, seed):
    from xscatter import Study
    from xscatter.sequences.events import BEAM_LOST
    from xscatter.simulate.sequence import draw_sequence, sequence_experiment

    study = Study(name="quiet", seed=seed, simulate={"size": 64}, sequence={"frames": 60})
    counts, number, alarms = {}, -1, 0
    while sum(total for total, _ in counts.values()) < sequences:
        number += 1
        experiment = sequence_experiment(study, number)
        sequence = draw_sequence(experiment)
        if any(law.kind == "sample" for law in sequence.laws):
            continue
        names = sorted(law.name for law in sequence.laws)
        kind = "changing" if CHANGING & set(names) else "disturbed" if names else "undisturbed"
        stream = FrameStream()
        for n in range(len(sequence)):
            image = np.zeros((64, 64), np.uint32)
            sequence.simulate(n, image)
            saturation = experiment.setup.detector.saturation
            frame = from_array(image, saturation=saturation, center=experiment.geometry.center)
            events = stream.take(stream.reduce(frame), float(n))
            alarms += sum(
                event.kind == "onset" and event.process != BEAM_LOST for _, event in events
            ) * (kind != "changing")
        stream.close()
        false = [span for _, span in stream.processes if span.family != "instrument"]
        total, some = counts.get(kind, (0, 0))
        counts[kind] = (total + 1, some + bool(false))
        if false:
            print(f"{number} {', '.join(names)}: {false[0].begin} {false[0].evidence}", flush=True)
    for kind, (total, some) in counts.items():
        print(f"{kind}: a change in {some} of {total} = {some / total:.2f}")
    frames = 60 * sum(total for kind, (total, _) in counts.items() if kind != "changing")
    print(f"live: {alarms} reports in {frames} frames")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("speed", "power", "quiet"))
    parser.add_argument("--model", type=Path)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--sequences", type=int, default=25)
    parser.add_argument("--seed", type=int, default=202, help="of the simulated sequences")
    arguments = parser.parse_args()
    if arguments.what == "quiet":
        quiet(arguments.sequences, arguments.seed)
    elif arguments.what == "speed":
        speed(arguments.model, arguments.frames)
    else:
        power(arguments.sequences)


if __name__ == "__main__":
    main()
