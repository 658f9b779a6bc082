"""What reading costs a training: a step with records as they are read against one batch held.

Both are measured in turn in one process, block by block, with the loop that `xscatter train` runs:
records are read, decoded, turned and mirrored ahead in a thread. The promise: at most 5 % more, as
the median over pairs of blocks.

    python benchmarks/training_input.py
    python benchmarks/training_input.py --cores 1        # nothing may be read beside the step
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3")

import numpy as np
from records import write

from xscatter import records
from xscatter.learn import data
from xscatter.learn import train as training
from xscatter.learn.identity import identify
from xscatter.learn.start import start
from xscatter.store.paths import StudyPaths
from xscatter.study import parse_study
from xscatter.views import VIEWS

LIMIT = 1.05
CASES = [  # view, image side, orders, keys, steps in a block
    ("image", 64, 16, {}, 30),
    ("coefficient", 64, 16, {}, 30),
    ("image", 256, 32, {}, 6),
    ("image", 256, 32, {"image_network": "alexnet", "head": "dense"}, 2),
]


def prepare(root: Path, view: str, size: int, orders: int, keys: dict):
    """A training of `view` on records below `root`, ready for its first step."""
    study = {
        "name": "steps",
        "simulate": {"experiments": 16, "images": 20, "size": size},
        "train": keys,
    }
    study |= {
        "transform": {"angular_orders": orders, "radial_orders": orders},
        "pack": {"batches": 2, "test_batch": 1},
    }
    parsed, source = parse_study(study), data.RecordSource(records.open_records(root / "batches"))
    identity = identify(parsed, source, VIEWS[view])
    paths = StudyPaths(root)
    started = start(parsed, paths, VIEWS[view], source, identity, say=lambda _: None)
    return training.Loop(started)


def seconds(run, first: int, batches) -> float:
    """Wall time of a step over `batches`, each awaited as the training does: some steps later."""
    began, flying = time.perf_counter(), []
    for step, (inputs, labels, _) in enumerate(batches, first):
        flying.append(run.learner.step(step, 1e-4, inputs, labels))
        if len(flying) > training._LAG:
            float(flying.pop(0))
    for loss in flying:
        float(loss)
    return (time.perf_counter() - began) / (step - first + 1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("--cores", type=int, help="run on so many cores only")
    args = parser.parse_args()
    if args.cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.cores])
    worst = 0.0
    for view, size, orders, keys, block in CASES:
        with tempfile.TemporaryDirectory() as name:
            root = Path(name)
            (root / "batches").mkdir()
            write(root / "batches", size, 160, orders)
            run = prepare(root, view, size, orders, keys)
            held = run.batch(0)
            seconds(run, 0, [held] * 2)
            times = []
            for step in range(2, 2 + args.blocks * block, block):
                steps = range(step, step + block)
                times.append(
                    (
                        seconds(run, step, data.ahead(run.batch, steps)),
                        seconds(run, step, [held] * block),
                    )
                )
        real, kept = np.array(times).T
        ratio = float(np.median(real / kept))
        worst = max(worst, ratio)
        network = keys.get("image_network", "compact")
        print(
            f"{view:12}{network:9}{size:5} px  step {1e3 * np.median(real):8.1f} ms with records, "
            f"{1e3 * np.median(kept):8.1f} ms with one batch held: ratio {ratio:.3f}",
            flush=True,
        )
    raise SystemExit(f"more than {LIMIT}" if worst > LIMIT else 0)


if __name__ == "__main__":
    main()
