"""Peak memory and time of trainings of the image networks at large sizes, one process each.

Each process does what a training does at its start (measure the scale of the inputs), in a step
(forward, backward, optimizer and weight average) and after an epoch (score the validation set). The
promises: VGG-16 with global pooling, in bfloat16, below 6 GB at 2000x2000 with batch 1, and below
8 GB at 1000x1000 with batch 4.

    python benchmarks/training_memory.py
    python benchmarks/training_memory.py --only 2000
"""

import argparse
import multiprocessing
import resource
import time

CASES = [  # network, side, batch, precision, limit in GB
    ("compact", 1000, 4, "float32", None),
    ("compact", 2000, 1, "float32", None),
    ("vgg16", 1000, 4, "mixed_bfloat16", 8.0),
    ("vgg16", 2000, 1, "mixed_bfloat16", 6.0),
]


class Noise:
    """Records of one image over and over."""

    def __init__(self, side: int):
        import numpy as np

        self.dtype = np.dtype([("image", "<u2", (side, side)), ("source", "<i4", (2,))])
        self.one = np.random.default_rng(0).poisson(5.0, (1, side, side)).astype("float32")

    def counts(self, where, masked):
        """As of `xscatter.records.Records`."""
        return self.one.repeat(len(where), axis=0)

    def field(self, name, where):
        """As of `xscatter.records.Records`."""
        return where.astype("<i4")


def measure(network: str, side: int, batch: int, precision: str, steps: int, pipe) -> None:
    import numpy as np

    from xscatter.networks.quiet import import_tensorflow

    import_tensorflow()  # with the kernels that a training has
    from xscatter.learn import learner
    from xscatter.learn.data import RecordSubset
    from xscatter.study import Train
    from xscatter.views import VIEWS

    train = Train(image_network=network, precision=precision, batch_size=batch)
    learner.prepare(1, 0, 0, precision)
    records = Noise(side)
    model = learner.build(
        VIEWS["image"], RecordSubset(records, np.zeros((10_000, 2), int)), 17, train
    )
    one = learner.Learner(
        model, train, learner.loss_of(train, np.full(17, 0.2)), learner.strategy(1)
    )
    counts = {"image": records.counts(range(batch), 0)}
    labels = (np.random.default_rng(0).random((batch, 17)) < 0.2).astype("float32")
    one.step(0, 1e-3, counts, labels)
    began = time.process_time()
    for step in range(1, steps + 1):
        one.step(step, 1e-3, counts, labels).numpy()
    seconds = (time.process_time() - began) / steps
    one.logits(RecordSubset(records, np.zeros((2 * batch, 2), int)), VIEWS["image"])
    pipe.send(
        (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
            seconds,
            model.count_params(),
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=int, help="only this image side")
    parser.add_argument("--steps", type=int, default=2, help="steps that are timed (default 2)")
    args = parser.parse_args()
    start = multiprocessing.get_context("spawn")
    print(
        f"{'network':10}{'side':>6}{'batch':>6}  {'precision':15}{'weights':>12}{'peak GB':>9}"
        f"{'CPU-s a step':>14}"
    )
    failed = []
    for network, side, batch, precision, limit in CASES:
        if args.only not in (None, side):
            continue
        ours, theirs = start.Pipe()
        process = start.Process(
            target=measure, args=(network, side, batch, precision, args.steps, theirs)
        )
        process.start()
        theirs.close()
        peak, seconds, weights = ours.recv()
        process.join()
        said = (
            f"{network:10}{side:6}{batch:6}  {precision:15}{weights:12,}{peak:9.2f}{seconds:14.2f}"
        )
        print(said + (f"   (limit {limit:g} GB)" if limit else ""), flush=True)
        if limit and peak > limit:
            failed.append(f"{network} at {side}: {peak:.2f} GB, more than {limit:g} GB")
    raise SystemExit("; ".join(failed) or 0)


if __name__ == "__main__":
    main()
