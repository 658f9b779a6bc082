"""Write for TensorBoard: the rows of the history, rates, and examples with their tags."""

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from xscatter.learn.data import RecordSubset
from xscatter.pictures import show_frame
from xscatter.scores.calibration import sigmoid

_EXAMPLES = 8
_PAUSE = 60.0  # seconds between two sets of pictures


class Board:
    """Event files in `folder`.

    They are written again from `history` and `timings`, so that they never hold a step twice.

    Tags: `loss/...`, `mean_average_precision/...`, `average_precision/<tag>`, `learning_rate`,
    `images_per_second`, and the pictures `examples`, against the step of the optimizer.
    """

    def __init__(self, folder: Path, history: list[dict[str, Any]], timings: list[dict[str, Any]]):
        """Start the event files, with the epochs that are already done.

        Args:
            folder: of the event files; what it holds is replaced.
            history: rows of history.csv so far, one for each epoch.
            timings: rows of timings.csv of the same epochs.
        """
        import tensorflow as tf

        shutil.rmtree(folder, ignore_errors=True)
        self._summary, self._drawn = tf.summary, -np.inf
        self._writer = tf.summary.create_file_writer(str(folder))
        for row, timing in zip(history, timings, strict=True):
            self.add(row, timing)

    def add(self, row: dict[str, Any], timing: dict[str, Any]) -> None:
        """Add the figures of one epoch."""
        # Grouped, so that curves to be compared share a page.
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
                # TensorBoard draws no line through NaN.
                if np.isfinite(value):
                    self._summary.scalar(name, value)
        self._writer.flush()

    def examples(
        self,
        step: int,
        subset: RecordSubset,
        tags: list[str],
        logits: np.ndarray,
        last: bool = False,
    ) -> None:
        """Add pictures of some records with true and predicted tags, at most once a minute.

        Args:
            step: of the optimizer.
            subset: records to choose from.
            tags: names, T.
            logits: (n, T) of all of them.
            last: add them whenever the last set was.
        """
        if not last and time.monotonic() - self._drawn < _PAUSE:
            return
        self._drawn = time.monotonic()
        # The same records each time, so that progress on them can be followed.
        index = np.linspace(0, len(subset) - 1, min(_EXAMPLES, len(subset))).astype(int)
        picture = draw(subset, index, tags, sigmoid(logits[index]))
        with self._writer.as_default(step=step):
            self._summary.image("examples", picture[None])
        self._writer.flush()

    def close(self) -> None:
        """Write out what is left."""
        self._writer.close()


def draw(
    subset: RecordSubset, index: np.ndarray, tags: list[str], probability: np.ndarray
) -> np.ndarray:
    """Draw records with the tags that are right, missed and wrong.

    Args:
        subset: records to choose from.
        index: which of them.
        tags: names, T.
        probability: (n, T) of these records; a tag is given from one half on.

    Returns:
        Picture (height, width, 3) uint8.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    counts = subset.counts(index)
    labels = subset.labels(index)
    rows = -(-len(index) // 4)
    figure = Figure(figsize=(14, 4.2 * rows), dpi=80, layout="constrained")
    # Without pyplot, which keeps every figure in memory.
    canvas = FigureCanvasAgg(figure)
    for n, axes in enumerate(figure.subplots(rows, 4, squeeze=False).ravel()):
        if n >= len(index):
            axes.axis("off")
            continue
        show_frame(axes, np.maximum(counts[n], 0), counts[n] < 0, colorbar=False)
        axes.axis("off")
        true = {tag for tag, value in zip(tags, labels[n], strict=True) if value}
        given = {tag for tag, value in zip(tags, probability[n], strict=True) if value >= 0.5}
        groups = {"right": true & given, "missed": true - given, "wrong": given - true}
        text = "\n".join(
            f"{group}: {', '.join(sorted(names)) or 'none'}" for group, names in groups.items()
        )
        axes.set_title(text, fontsize=7, loc="left", wrap=True)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
