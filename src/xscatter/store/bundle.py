"""A tagger on disk: the models of several views that were trained on the same records."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xscatter.core.errors import UserError
from xscatter.store.models import FACTS, ModelFolder, find_models
from xscatter.store.paths import StudyPaths


@dataclass(frozen=True)
class Bundle:
    """The models of one tagger, and what they have in common.

    Attributes:
        models: folder of each view.
        tags: names of the tags, T, in the order of the networks' outputs.
        size: side of the image input in pixels.
        transform: keys of the Fourier-Bessel expansion of the coefficient input.
        weights: SHA-256 of the weights of each view.
    """

    models: dict[str, ModelFolder]
    tags: list[str]
    size: int
    transform: dict[str, Any]
    weights: dict[str, str]

    def evaluation(self, view: str) -> Path:
        """Return the path of the scores of `view` on the test batch of its study."""
        return StudyPaths(self.models[view].path.parent.parent).evaluation(view)


def open_bundle(folder: str | Path) -> Bundle:
    """Find the models in `folder`, a study, its ``models``, or the folder of one view.

    Raises:
        UserError: there is none, one is damaged, or they were trained on different records.
    """
    models = find_models(folder)
    facts = {view: model.facts(*FACTS) for view, model in models.items()}
    shared = ("tags", "size", "transform")
    first = next(iter(facts.values()))
    for view, own in facts.items():
        # Their probabilities are compared tag by tag, so all must know the same tags and inputs.
        if any(own[key] != first[key] for key in shared):
            raise UserError(
                f"{models[view].path}: was trained on other records than its neighbours; "
                f"train --view {view}"
            )
    weights = {view: own["weights_sha256"] for view, own in facts.items()}
    return Bundle(models, first["tags"], first["size"], first["transform"], weights)
