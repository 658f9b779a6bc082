"""Keys of the study file that had another name once, or did not exist.

A study with a former name is refused with the new one. Fingerprints are computed with the former
names, and without keys that were added later as long as they have their defaults, so that the
shards, batches and checkpoints of a study stay valid when the keys of a section change.
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


# Section, then key: the default, with which everything is as it was before there was the key.
ADDED: dict[str, dict[str, Any]] = {
    "transform": {"centers": "exact"},
    "train": {
        "joint_max_epochs": None,
        "schedule": "plateau",
        "validation_set": "random",
        "view_dropout": 0.0,
    },
}


def as_fingerprinted(section: str, keys: dict[str, Any]) -> dict[str, Any]:
    """Return `keys` of a section, in their order, as fingerprints know them.

    They have their former names, and those that were added later are left out at their defaults.
    """
    former, added = RENAMED.get(section, {}), ADDED.get(section, {})
    return {
        former.get(key, key): value
        for key, value in keys.items()
        if key not in added or value != added[key]
    }


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
