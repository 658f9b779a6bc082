"""Draw an experiment as PNG in the current folder.

Draws a contact sheet of the experiment; with --image, one large image with its tags,
detectabilities (d') and parameters. For a coefficient file, draws the image, its reconstruction,
the residual and the coefficients of --image (default: the first).
"""

import argparse
from pathlib import Path
from textwrap import shorten, wrap
from typing import Any

import h5py
import numpy as np

from xscatter import pictures
from xscatter.core.errors import UserError
from xscatter.simulate.registry import all_features
from xscatter.store.coefficients import is_coefficient_file
from xscatter.store.experiments import ExperimentFile, open_experiment

EXAMPLE = """examples:
  xscatter view results/demo/experiments/00000.h5
  xscatter view results/demo/experiments/00000.h5 --image 3 -o third.png
  xscatter view results/demo/coefficients/00000.h5 --image 3"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "shard",
        type=Path,
        metavar="SHARD",
        help="file such as experiments/00000.h5 or coefficients/00000.h5",
    )
    parser.add_argument("--image", type=int, help="draw this image (default: a contact sheet)")
    parser.add_argument(
        "--first", type=int, default=0, help="first image of the contact sheet (default: 0)"
    )
    parser.add_argument(
        "--number", type=int, default=24, help="number of images on the contact sheet (default: 24)"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        help="PNG or SVG file (default: named after SHARD, in the current folder)",
    )


def run(args: argparse.Namespace) -> None:
    _check_file(args.shard)
    if is_coefficient_file(args.shard):
        from xscatter.transform.expansion import show_expansion

        image = args.first if args.image is None else args.image
        output = args.output or Path(f"{args.shard.stem}-{image}-expansion.png")
        pictures.save_figure(show_expansion(args.shard, image), output)
        print(output)
        return
    with open_experiment(args.shard) as file:
        total = len(file)
        first = args.first if args.image is None else args.image
        if not 0 <= first < total:
            raise UserError(f"{args.shard}: has no image {first}; its images are 0 to {total - 1}")
        if args.number < 1:
            raise UserError(f"--number: is {args.number}; give at least 1")
        if args.image is None:
            figure = sheet(file, range(args.first, min(args.first + args.number, total)))
            name = f"{args.shard.stem}.png"
        else:
            figure = large(file, args.image)
            name = f"{args.shard.stem}-{args.image}.png"
    output = args.output or Path(name)
    pictures.save_figure(figure, output)
    print(output)


def _check_file(path: Path) -> None:
    """Raise an error for files of other programs, which open_shard would call corrupt."""
    if path.is_dir():
        raise UserError(
            f"{path}: is a folder; name a file, such as {path / 'experiments' / '00000.h5'}"
        )
    if not path.exists():
        return
    try:
        with h5py.File(path, "r", locking=False) as file:
            ours = "xscatter_version" in file.attrs
    except OSError:
        ours = h5py.is_hdf5(path)
    if not ours:
        raise UserError(
            f"{path}: not a file of xscatter; give one of results/<study>/experiments/ or "
            "coefficients/"
        )


def _tags(file: ExperimentFile, image: int) -> list[tuple[str, float]]:
    """Return the true tags of an image with their detectability."""
    columns = zip(file.tags(), file.labels[image], file.detectability[image], strict=True)
    return [(name, float(d)) for name, on, d in columns if on]


def sheet(file: ExperimentFile, images: range) -> Any:
    """Return a contact sheet of `images`, each with its tags."""
    frames = []
    for image in images:
        text = f"{image}: " + ", ".join(_briefly([name for name, _ in _tags(file, image)]))
        title = "\n".join(wrap(shorten(text, 190, placeholder=" …"), 38))
        frames.append(file.picture(image, title))
    return pictures.contact_sheet(frames, columns=min(6, len(frames)))


def _briefly(names: list[str]) -> list[str]:
    """Leave out names that a more specific one repeats."""
    return [name for name in names if not any(other.startswith(f"{name}:") for other in names)]


def large(file: ExperimentFile, image: int) -> Any:
    """Return a figure of one image with its tags, their d' and its parameters."""
    frame = file.picture(image)
    figure = pictures.new_figure(13, 8)
    left, right = figure.subplots(1, 2, width_ratios=(2.2, 1))
    experiment = file.number
    pictures.show_frame(
        left, frame.counts, frame.mask, geometry=frame.geometry, saturation=frame.saturation,
        title=f"experiment {experiment}, image {image}",
    )  # fmt: skip
    right.set_axis_off()
    lines = ["tags and detectability d'", ""]
    lines += [
        f"  {name:<32}" + (f"{d:10.4g}" if np.isfinite(d) else "") for name, d in _tags(file, image)
    ]
    scene = file.parameters(image)
    # Files of other versions may have other parameters.
    units = {
        (name, p.name): p.unit
        for name, feature in all_features().items()
        for p in feature.parameters
    }
    lines += ["", f"photons  {scene['photons']:.3g}"]
    for entry in scene["features"]:
        lines += ["", f"{entry['feature'].replace('_', ' ')}  (share {entry['share']:.3g})"]
        values = ", ".join(
            f"{key} {value:.4g} {units.get((entry['feature'], key), '')}".strip()
            for key, value in entry["parameters"].items()
        )
        lines += [f"  {line}" for line in wrap(values, 52)]
    size = min(8.0, 460 / len(lines))  # points: 8 inches hold about 460 / size lines
    right.text(
        0,
        1,
        "\n".join(lines),
        va="top",
        family="monospace",
        fontsize=size,
        transform=right.transAxes,
    )
    return figure
