"""Keys of the study file that had another name once.

A study with a former name is refused with the new one. Fingerprints are computed with the former
names, so that the shards, batches and checkpoints of a study stay valid when one of its keys is
renamed.
"""

from collections.abc import Iterable
from typing import Any

# Section, then present name: former name.
RENAMED: dict[str, dict[str, str]] = {
    "simulate": {"masked_beamstop_fraction": "masked_beamstops"},
    "train": {
        "average_decay": "average",
        "checkpoints_kept": "keep",
        "learning_rate_drop_factor": "drop_factor",
        "learning_rate_drops": "drops",
        "max_epochs": "most_rounds",
        "max_positive_weight": "positive_weight",
        "max_shift": "shift",
        "min_loss_decrease": "minimum_fall",
        "min_precision_gain": "minimum_gain",
        "steps_per_epoch": "round_steps",
        "validation_fraction": "validation",
    },
}


def with_former_names(section: str, keys: dict[str, Any]) -> dict[str, Any]:
    """Return `keys` of a section, in their order, under the names that fingerprints know."""
    former = RENAMED.get(section, {})
    return {former.get(key, key): value for key, value in keys.items()}


def with_present_names(study: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a study file, former names replaced by the present ones."""
    renamed = {}
    for section, keys in study.items():
        present = {former: name for name, former in RENAMED.get(section, {}).items()}
        if isinstance(keys, dict):
            keys = {present.get(key, key): value for key, value in keys.items()}
        renamed[section] = keys
    return renamed


def present_name(place: Iterable[object]) -> str | None:
    """Return the present name of the key once called `place`; None if there is none.

    Example:
        >>> present_name(("train", "most_rounds"))
        'max_epochs'
    """
    *sections, key = place
    for present, former in RENAMED.get(str(sections[-1]) if sections else "", {}).items():
        if former == key:
            return present
    return None
