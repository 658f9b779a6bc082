"""Pictures and tables of every law: ``python -m xscatter.simulate.law_gallery [LAW ...]``.

One PNG a law: frames from the beginning of a process to its end, as expected without noise; and
`processes.md`, with the table of processes and the parameters of laws. The documentation is made of
the same.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from xscatter import pictures
from xscatter.core.errors import UserError
from xscatter.core.files import write_text
from xscatter.processes import PROCESSES
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.gallery import described
from xscatter.simulate.law_registry import ProcessLaw, all_laws
from xscatter.simulate.registry import get
from xscatter.simulate.render import render
from xscatter.simulate.sequence import Sequence, sequence_experiment
from xscatter.simulate.shadows import shaded
from xscatter.simulate.timeline import LawEvent, Timeline, draw_event
from xscatter.study import parse_study

FRAMES, SHOWN = 40, 5  # of a record; in a picture
DRAWS = 8  # of which the one that shows most is taken
PHOTONS = 3e6
KINDS = {"sample": "Laws of samples", "instrument": "Events of instruments"}
CAPTION = "Expected frames of one draw, from the beginning to the end of the change."


def _experiments(law: ProcessLaw, size: int) -> list[Experiment]:
    """Return experiments that show a law well: a wide detector with the beam on it."""
    content = {"name": "gallery", "simulate": {"size": size}, "sequence": {"frames": FRAMES}}
    study, chosen = parse_study(content), []
    for number in range(1000):
        experiment = sequence_experiment(study, number)
        wide = min(experiment.setup.detector.outline.extent) > 0.9
        clear = experiment.setup.placement.on_image and wide and not experiment.grazing
        if clear and experiment.setup.window is None and law.features(experiment):
            chosen.append(experiment)
        if len(chosen) == DRAWS:
            break
    return chosen


def _example(experiment: Experiment, law: ProcessLaw) -> Sequence | None:
    """Draw a sequence in which nothing but `law` is at work."""
    rng = np.random.default_rng(experiment.number)
    air = get("background").draw(rng, experiment)
    still = [{"feature": "background", "share": 0.1, "parameters": air}]
    if law.kind == "sample":
        event = draw_event(law, experiment, rng, FRAMES)
    else:
        parameters = law.draw(rng, experiment, FRAMES, [])
        event = LawEvent(law.name, law.process(parameters), parameters, [])
        halo = get("halo").draw(rng, experiment) | {"position": 0.5 * experiment.q_high}
        still.append({"feature": "halo", "share": 0.5, "parameters": halo})
    if event is None:
        return None
    flux, zingers = (0.0, 1.0, 0), (0.0, 0)
    places = tuple(range(FRAMES))
    return Sequence(experiment, Timeline(PHOTONS, 1.0, places, still, (event,), flux, zingers))


def _between(x: np.ndarray) -> int:
    """Return the number of frames in which a change is under way."""
    return int(np.count_nonzero((x > 0.1) & (x < 0.9)))


def law_figure(law: ProcessLaw, size: int = 192) -> Any:
    """Return a figure of a law: frames at X from 0 to its largest value.

    Raises:
        UserError: no experiment can show it.
    """
    drawn = [_example(experiment, law) for experiment in _experiments(law, size)]
    examples = [sequence for sequence in drawn if sequence and np.ptp(sequence.progress[0]) > 0.9]
    examples = examples or [sequence for sequence in drawn if sequence]
    if not examples:
        raise UserError(f"{law.name}: no experiment shows it")
    # Of a change within one frame there is nothing to see between its first and last state.
    examples = [s for s in examples if _between(s.progress[0]) >= SHOWN - 2] or examples
    # The clearest change, of those that begin and end in the record.
    best = max(examples, key=lambda sequence: np.nan_to_num(sequence.detect(0).strength))
    x, panels = best.progress[0], []
    for level in np.linspace(x[0], x[np.argmax(np.abs(x - x[0]))], SHOWN):
        frame = int(np.argmin(np.abs(x - level)))
        scene = best.scene(frame)
        experiment = shaded(best.experiment, scene.get("shadows", []))
        expected = render(scene, experiment).expected
        title = f"frame {frame}, X = {x[frame]:.2f}"
        panels.append(pictures.Panel(expected, experiment.mask, experiment.geometry, title=title))
    figure = pictures.contact_sheet(panels, columns=SHOWN)
    figure.suptitle(best.timeline.events[0].process)
    return figure


def process_page(pictures_in: str = "") -> str:
    """Return Markdown about every process and every law.

    Args:
        pictures_in: folder of the pictures, with a slash at its end.
    """
    lines = ["## Processes", "", "| process | family | what the frames show | backwards |"]
    lines.append("|---|---|---|---|")
    for process in PROCESSES:
        back = process.reverse or ""
        lines.append(f"| {process.name} | {process.family} | {process.definition} | {back} |")
    sections = ["\n".join(lines)]
    for kind, title in KINDS.items():
        sections.append(f"## {title}")
        for law in all_laws().values():
            if law.kind == kind:
                sections.append(described(law, f"{pictures_in}law-{law.name}.png", CAPTION))
    return "\n\n".join(sections) + "\n"


def write_law_pictures(
    folder: str | Path, names: list[str] | None = None, size: int = 192, dpi: int = 60
) -> list[Path]:
    """Write the picture of every law, or of those in `names`, and return their paths.

    Args:
        folder: where they go.
        names: of laws; None for all.
        size: pixels on a side of a frame.
        dpi: resolution of the pictures.

    Raises:
        UserError: a name is not that of a law, or the folder cannot be written.
    """
    known, written = all_laws(), []
    for name in names or known:
        if name not in known:
            raise UserError(f"{name} is not a law; there are {', '.join(known)}")
        path = Path(folder) / f"law-{name}.png"
        pictures.save_figure(law_figure(known[name], size), path, dpi=dpi)
        written.append(path)
    return written


def main() -> None:
    """Entry point of ``python -m xscatter.simulate.law_gallery``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="LAW", help="default: all")
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("gallery"), help="folder (default: gallery)"
    )
    args = parser.parse_args()
    for path in write_law_pictures(args.output, args.names):
        print(path)
    if not args.names:
        write_text(args.output / "processes.md", "# Processes\n\n" + process_page())
        print(args.output / "processes.md")


if __name__ == "__main__":
    main()
