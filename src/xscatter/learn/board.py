"""What TensorBoard shows: the rows of the history, rates, and examples with their tags."""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.learn.data import Part
from xscatter.pictures import show_frame
from xscatter.scores.calibrate import sigmoid

_EXAMPLES = 8
_PAUSE = 60.0  # seconds between two sets of pictures


class Board:
    """Event files in `folder`, made anew from `history` and `timings`, so that they never hold a step twice.

    Tags: `loss/...`, `mean_average_precision/...`, `average_precision/<tag>`, `learning_rate`,
    `images_per_second`, and the pictures `examples`, against the step of the optimizer.
    """

    def __init__(self, folder: Path, history: list[dict[str, Any]], timings: list[dict[str, Any]]):
        import tensorflow as tf

        shutil.rmtree(folder, ignore_errors=True)
        self._summary, self._drawn = tf.summary, -np.inf
        self._writer = tf.summary.create_file_writer(str(folder))
        for row, timing in zip(history, timings, strict=True):
            self.add(row, timing)

    def add(self, row: dict[str, Any], timing: dict[str, Any]) -> None:
        """One round."""
        names = {
            "training_loss": "loss/training",
            "validation_loss": "loss/validation",
            "validation_mean_average_precision": "mean_average_precision/macro",
            "validation_micro_average_precision": "mean_average_precision/micro",
        }
        figures = {
            names.get(key, key): value for key, value in row.items() if isinstance(value, float)
        }
        figures["images_per_second"] = timing["images_per_second"]
        with self._writer.as_default(step=row["step"]):
            for name, value in figures.items():
                if np.isfinite(value):
                    self._summary.scalar(name, value)
        self._writer.flush()

    def examples(
        self, step: int, part: Part, tags: list[str], logits: np.ndarray, last: bool = False
    ) -> None:
        """Pictures of some records of `part` with true and predicted tags; at most one set a minute."""
        if not last and time.monotonic() - self._drawn < _PAUSE:
            return
        self._drawn = time.monotonic()
        index = np.linspace(0, len(part) - 1, min(_EXAMPLES, len(part))).astype(int)
        picture = draw(part, index, tags, sigmoid(logits[index]))
        with self._writer.as_default(step=step):
            self._summary.image("examples", picture[None])
        self._writer.flush()

    def close(self) -> None:
        """Write out what is left."""
        self._writer.close()


def draw(part: Part, index: np.ndarray, tags: list[str], probability: np.ndarray) -> np.ndarray:
    """Picture (height, width, 3) uint8 of the records at `index`: frame, true tags, tags said (above one half)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    counts = part.inputs("image", index)["image"]
    labels = part.labels(index)
    rows = -(-len(index) // 4)
    figure = Figure(figsize=(14, 4.2 * rows), dpi=80, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for n, axes in enumerate(figure.subplots(rows, 4, squeeze=False).ravel()):
        if n >= len(index):
            axes.axis("off")
            continue
        show_frame(axes, np.maximum(counts[n], 0), counts[n] < 0, colorbar=False)
        axes.axis("off")
        true = {tag for tag, value in zip(tags, labels[n], strict=True) if value}
        said = {tag for tag, value in zip(tags, probability[n], strict=True) if value >= 0.5}
        missed, wrong = (
            ", ".join(sorted(true - said)) or "none",
            ", ".join(sorted(said - true)) or "none",
        )
        text = (
            f"right: {', '.join(sorted(true & said)) or 'none'}\nmissed: {missed}\nwrong: {wrong}"
        )
        axes.set_title(text, fontsize=7, loc="left", wrap=True)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
