"""Mean average precision of other training keys on the batches of one study, over several seeds.

Every choice is trained and tested from nothing, in processes of their own; the table gives mean and
spread over the seeds on the test batch, and the CPU time of the training. The defaults of `train`
were chosen with it.

    python benchmarks/training_choices.py results/demo --group coefficient_input --seeds 3
    python benchmarks/training_choices.py results/demo --group counts
    python benchmarks/training_choices.py results/demo --group preset
    python benchmarks/training_choices.py results/demo --group network --minutes 15
    python benchmarks/training_choices.py results/tagger-128 --group width --minutes 60

With --minutes every training ends with the epoch in which that CPU time is spent: the scores of all
in equal time, whatever else the machine does.
"""

import argparse
import json
import multiprocessing
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import yaml

GROUPS = {  # group: (view that is compared, choices)
    "coefficient_input": (
        ["coefficient"],
        [
            {"coefficient_input": kind}
            for kind in ("mixed", "invariant", "magnitude", "real-imaginary", "sign-log")
        ],
    ),
    "image_input": (
        ["image"],
        [{"image_input": kind} for kind in ("contrast", "log", "anscombe", "log-uint8")],
    ),
    "augment": (["image", "coefficient"], [{"augment": True}, {"augment": False}]),
    "loss": (
        ["image"],
        [{"loss": "cross-entropy"}, {"loss": "asymmetric"}, {"max_positive_weight": 3.0}],
    ),
    "network": (
        ["image"],
        [
            {"image_network": "compact"},
            {"image_network": "alexnet"},
            {"image_network": "vgg16", "width": 0.25},
        ],
    ),
    "width": (["image"], [{"width": width} for width in (1.0, 1.5, 2.0)]),
    "batch_size": (
        ["image"],
        [{"batch_size": 32}, {"batch_size": 64, "learning_rate": 3e-3}, {"batch_size": 16}],
    ),
    # With the same number of epochs, such as --keys '{"max_epochs": 30}'.
    "schedule": (["image"], [{"schedule": kind} for kind in ("plateau", "cosine")]),
    # On the results of a study with `centers: estimated`.
    "view_dropout": (
        ["image", "coefficient", "joint"],
        [{"view_dropout": fraction} for fraction in (0.0, 0.15, 0.3)],
    ),
    # Keys of the section transform: the coefficients are made anew, from the same images.
    "counts": (
        ["coefficient"],
        [{"transform": {"counts": kind}} for kind in ("none", "log", "anscombe")],
    ),
    "preset": (
        ["image", "coefficient", "joint"],
        [{"preset": "default"}, {"preset": "report-2017"}],
    ),
}


def spent_by_children() -> float:
    """CPU seconds of the processes that have ended."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime


def run(study: Path, folder: Path, verb: str, *options: str) -> float:
    """CPU seconds of one command."""
    before = spent_by_children()
    command = [sys.executable, "-m", "xscatter", verb, str(study), *options, "-o", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return spent_by_children() - before


def run_for(minutes: float, study: Path, folder: Path, view: str) -> float:
    """Train `view` until the epoch in which `minutes` of CPU time are over; return CPU seconds."""
    before = spent_by_children()
    process = multiprocessing.get_context("spawn").Process(
        target=_limited, args=(minutes, study, folder, view)
    )
    process.start()
    process.join()
    if process.exitcode:
        sys.exit(f"the training of {view} for {study} failed")
    return spent_by_children() - before


def _limited(minutes: float, study: Path, folder: Path, view: str) -> None:
    from xscatter import cli
    from xscatter.learn.convergence import Convergence

    see = Convergence.see

    def see_time(self, *values):
        decision = see(self, *values)
        if self.converged or time.process_time() < 60 * minutes:
            return decision
        return self._stop("the time is over")

    Convergence.see = see_time  # type: ignore[method-assign]
    sys.stdout = open(folder / f"{view}.log", "a", buffering=1)  # noqa: SIM115 - as long as the process
    sys.exit(cli.main(["train", str(study), "--view", view, "-o", str(folder)]))


def batches(results: Path, base: dict, transform: dict, folder: Path) -> Path:
    """Return the folder of the study's batches; with keys of `transform`, make them in `folder`."""
    if not transform:
        return (results / "batches").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "experiments").exists():
        (folder / "experiments").symlink_to((results / "experiments").resolve())
    study = folder / "input.yaml"
    study.write_text(yaml.safe_dump({**base, "transform": {**base["transform"], **transform}}))
    run(study, folder, "transform")
    run(study, folder, "pack")
    return (folder / "batches").resolve()


def label(choice: dict) -> str:
    """The keys and values, for a name and for the table."""
    return "-".join(
        label(value) if isinstance(value, dict) else f"{key}={value}"
        for key, value in choice.items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, help="folder of a packed study")
    parser.add_argument("--group", choices=GROUPS, required=True)
    parser.add_argument(
        "--only", default="", help="only choices whose label has this text (two at once: run twice)"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--work", type=Path, default=Path("results/choices"), help="where the trainings go"
    )
    parser.add_argument(
        "--keys",
        type=json.loads,
        default={},
        help="further train keys, such as '{\"max_epochs\": 20}'",
    )
    parser.add_argument(
        "--minutes", type=float, help="CPU time of each training (default: until it converges)"
    )
    args = parser.parse_args()
    base = yaml.safe_load((args.results / "study.yaml").read_text())
    views, choices = GROUPS[args.group]
    print(f"{'choice':45}{'view':>13}{'mean average precision':>26}{'CPU-s':>9}")
    for choice in choices:
        if args.only not in label(choice):
            continue
        scores: dict[str, list[float]] = {view: [] for view in views}
        spent: dict[str, list[float]] = {view: [] for view in views}
        train = {key: value for key, value in choice.items() if key != "transform"}
        transform = {**base["transform"], **choice.get("transform", {})}
        packed = batches(
            args.results, base, choice.get("transform", {}), args.work / f"{label(choice)}-batches"
        )
        for seed in range(args.seeds):
            folder = args.work / f"{label(choice)}-{seed}"
            folder.mkdir(parents=True, exist_ok=True)
            link = folder / "batches"
            if not link.exists():
                link.symlink_to(packed)
            # A preset fills the keys that are not given, so those of the resolved study stay out.
            content = {
                **base,
                "seed": seed,
                "transform": transform,
                "train": {**args.keys, **train},
            }
            study = folder / "input.yaml"
            study.write_text(yaml.safe_dump(content))
            for view in views:
                if args.minutes:
                    seconds = run_for(args.minutes, study, folder, view)
                else:
                    seconds = run(study, folder, "train", "--view", view)
                spent[view].append(seconds)
                run(study, folder, "test", "--view", view)
                found = json.loads((folder / "evaluation" / f"{view}.json").read_text())
                scores[view].append(found["mean_average_precision"])
        for view in views:
            said = f"{np.mean(scores[view]):.4f} +- {np.std(scores[view]):.4f}"
            print(f"{label(choice):45}{view:>13}{said:>26}{np.mean(spent[view]):9.0f}", flush=True)


if __name__ == "__main__":
    main()
