"""Time of every stage for 1 and for 5 experiments of 200 images, at 256 and at 1000 pixels.

The same quantities as a published report of 2017 gives for making the images: 85 s and 224 s at
256x256, 435 s and 2040 s at 1000x1000, for 1 and 5 experiments of 200 images, one job. Every stage
runs as a user would type it, start-up included, one process on one core. Training is timed over
some steps, in the second epoch, when everything is compiled. One experiment cannot be split into
training and test, so the stages after the transform are timed for five.

    python benchmarks/figure_time.py -o results/figure-time
"""

import argparse
import csv
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml

PUBLISHED = {(256, 1): 85, (256, 5): 224, (1000, 1): 435, (1000, 5): 2040}
ONE_CORE = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}
STEPS, BATCH = (
    {256: (20, 32), 1000: (5, 8)},
    (5, 8),
)  # timed steps and images in a step, by image size
FEW = 24  # images in the experiments that the networks are trained on: a step costs the same
VIEWS = ("image", "coefficient", "joint")
IMAGES = 200


def timed(*arguments: str) -> float:
    """Seconds of one `xscatter` command."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "xscatter", *arguments], env=ONE_CORE, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(f"xscatter {' '.join(arguments)} failed:\n{done.stderr}")
    return time.perf_counter() - began


def measure(folder: Path, size: int, experiments: int, images: int) -> list[tuple[str, float, str]]:
    """(stage, seconds, what was timed) for one study, made from nothing in `folder`."""
    study, root = new_study(folder / f"{size}-{experiments}", size, experiments, images)
    rows = [
        (stage, timed(stage, study, "-o", root), "whole command")
        for stage in ("simulate", "transform")
    ]
    if experiments > 1:
        rows.append(("pack", timed("pack", study, "-o", root), "whole command"))
        little, trained = new_study(folder / f"{size}-few", size, experiments, min(images, FEW))
        for stage in ("simulate", "transform", "pack"):
            timed(stage, little, "-o", trained)
        steps, batch = STEPS.get(size, BATCH)
        for view in VIEWS:
            timed("train", little, "--view", view, "-o", trained)
            with open(Path(trained) / "models" / view / "timings.csv") as stream:
                seconds = float(list(csv.DictReader(stream))[-1]["seconds"])
            rows.append((f"train {view}", seconds, f"{steps} steps of {batch} images"))
        shutil.copytree(Path(trained) / "models", Path(root) / "models")
        rows.append(
            ("test joint", timed("test", study, "--view", "joint", "-o", root), "whole command")
        )
        shutil.rmtree(trained)
    shutil.rmtree(root)
    return rows


def new_study(root: Path, size: int, experiments: int, images: int) -> tuple[str, str]:
    """Study file and folder of a study with nothing made yet."""
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    steps, batch = STEPS.get(size, BATCH)
    train = {"steps_per_epoch": steps, "batch_size": batch, "max_epochs": 2, "threads": 1}
    simulate = {"experiments": experiments, "images": images, "size": size}
    file = root / "input.yaml"
    file.write_text(yaml.safe_dump({"name": "figure-time", "simulate": simulate, "train": train}))
    return str(file), str(root)


def draw(rows: list[dict], path: Path) -> None:
    """Draw a panel for each case: bars of our stages, and the published time of the images."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    left = min(0.3, *(0.5 * float(row["seconds"]) for row in rows))
    sizes, counts = (
        [int(v) for v in dict.fromkeys(row[key] for row in rows)] for key in ("size", "experiments")
    )
    axes = figure.subplots(
        len(counts),
        len(sizes),
        squeeze=False,
        sharex=True,
        height_ratios=[_bars(rows, n) for n in counts],
    )
    for across, size in enumerate(sizes):
        for down, experiments in enumerate(counts):
            axis = axes[down, across]
            ours = [
                row
                for row in rows
                if (int(row["size"]), int(row["experiments"])) == (size, experiments)
            ]
            bars = [(_label(row), float(row["seconds"]), "#0072b2") for row in ours]
            published = PUBLISHED.get((size, experiments))
            if published:
                bars.insert(0, ("images, published 2017", published, "0.6"))
            axis.barh(
                range(len(bars)),
                [seconds for _, seconds, _ in bars],
                color=[colour for *_, colour in bars],
            )
            for place, (_, seconds, _) in enumerate(bars):
                axis.text(
                    seconds,
                    place,
                    f" {seconds:.{0 if seconds >= 100 else 1}f} s",
                    va="center",
                    fontsize=8,
                )
            axis.set_yticks(range(len(bars)), [name for name, *_ in bars], fontsize=8)
            axis.set_ylim(len(bars) - 0.4, -0.6)
            axis.set(xscale="log", xlim=(left, 1e4))
            axis.set_title(f"{experiments} × {IMAGES} images of {size}×{size}", fontsize=10)
            for side in ("top", "right"):
                axis.spines[side].set_visible(False)
    for axis in axes[-1]:
        axis.set_xlabel("seconds, one core")
    figure.savefig(path, dpi=150)


def _bars(rows: list[dict], experiments: int) -> int:
    return len({row["stage"] for row in rows if int(row["experiments"]) == experiments}) + 2


def _label(row: dict) -> str:
    steps = str(row["timed"]).replace(" steps of ", "×").removesuffix(" images")
    return f"{row['stage']}, {steps} images" if "×" in steps else str(row["stage"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("results/figure-time"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[256, 1000])
    parser.add_argument("--images", type=int, default=IMAGES, help="images in an experiment")
    args = parser.parse_args()
    rows: list[dict] = []
    for size in args.sizes:
        for experiments in (1, 5):
            for stage, seconds, what in measure(args.output, size, experiments, args.images):
                rows.append(
                    {
                        "size": size,
                        "experiments": experiments,
                        "stage": stage,
                        "seconds": round(seconds, 2),
                    }
                )
                rows[-1]["timed"] = what
                rows[-1]["published_s"] = (
                    PUBLISHED.get((size, experiments), "") if stage == "simulate" else ""
                )
                print(
                    f"{experiments} x {args.images} images, {size}x{size}: {stage}: "
                    f"{seconds:.1f} s",
                    flush=True,
                )
            print(
                f"    the images, published in 2017: {PUBLISHED.get((size, experiments), 'not')} s",
                flush=True,
            )
    with open(args.output / "times.csv", "w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    draw(rows, args.output / "times.png")
    print(f"{args.output / 'times.csv'}\n{args.output / 'times.png'}")


if __name__ == "__main__":
    main()
