"""The folder of one trained network: its files, the facts of its training, whether they fit."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xscatter.core.errors import UserError

FACTS = ("tags", "size", "transform", "weights_sha256", "split")
"""Entries of ``training.json`` that later stages read."""

SEQUENCE_FACTS = ("tags", "columns", "networks", "weights_sha256", "split")
"""The same of a temporal network."""


@dataclass(frozen=True)
class ModelFolder:
    """The files of a finished training in ``models/<view>/``.

    Attributes:
        path: the folder.

    ::

        model = ModelFolder(Path("results/demo/models/image"))
        model.facts("tags", "size")["size"]
    """

    path: Path

    @property
    def view(self) -> str:
        """Name of the view, as the folder is called."""
        return self.path.name

    @property
    def network(self) -> Path:
        """The network with its best weights."""
        return self.path / "model.keras"

    @property
    def training(self) -> Path:
        """Facts of the training; written last, so that without them the folder is incomplete."""
        return self.path / "training.json"

    @property
    def calibration(self) -> Path:
        """From logits to probabilities and decisions."""
        return self.path / "calibration.json"

    @property
    def history(self) -> Path:
        """Training curves, the same bit for bit in every run."""
        return self.path / "history.csv"

    @property
    def timings(self) -> Path:
        """How long everything took."""
        return self.path / "timings.csv"

    @property
    def tensorboard(self) -> Path:
        """Folder of event files for TensorBoard."""
        return self.path / "tensorboard"

    def complete(self) -> bool:
        """Whether every file is there; TensorBoard's are not needed."""
        files = (self.network, self.training, self.calibration, self.history, self.timings)
        return all(file.exists() for file in files)

    def facts(self, *entries: str, fix: str | None = None) -> dict[str, Any]:
        """Return the content of ``training.json``, which must have `entries`.

        Args:
            entries: names that must be there.
            fix: what the user should do if they are not; default: train this view again.

        Raises:
            UserError: the file is missing or damaged, or lacks an entry.
        """
        fix = fix or f"train --view {self.view} again"
        try:
            facts = with_epochs(json.loads(self.training.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"{self.training}: missing or damaged ({error}); {fix}") from error
        absent = [entry for entry in entries if entry not in facts]
        if absent:
            raise UserError(f"{self.training}: has no entry {', '.join(absent)}; {fix}")
        return facts

    def fitting_facts(
        self, tags: list[str], tested: list[int], fix: str | None = None
    ) -> dict[str, Any]:
        """Return the facts of a training that may be scored on a test batch.

        Args:
            tags: the tags of the records.
            tested: experiments of the test batch.
            fix: see :meth:`facts`.

        Raises:
            UserError: it has other tags, or was trained on experiments of the test batch.
        """
        facts = self.facts(*FACTS, fix=fix)
        if facts["tags"] != tags:
            raise UserError(
                f"{self.path}: was trained on other tags than the records have; "
                f"train --view {self.view} again"
            )
        # A score on images of a training experiment would be too good.
        seen = set(tested) & {*facts["split"]["training"], *facts["split"]["validation"]}
        if seen:
            raise UserError(
                f"{self.path}: was trained on experiment {min(seen)}, which is in the test batch "
                f"now: the study was packed again; train --view {self.view} again"
            )
        return facts


def with_epochs(facts: dict[str, Any]) -> dict[str, Any]:
    """Return `facts` of a training with the present names: earlier versions said "round"."""
    former = {"round": "epoch", "rounds": "epochs", "best_round": "best_epoch"}
    return {former.get(key, key): value for key, value in dict(facts).items()}
