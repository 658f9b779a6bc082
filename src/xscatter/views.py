"""The views: the inputs of each network, the networks it is built on, and the keys that shape it.

To add a view of frames, add an entry to the table: records, training, test, report, workflow rules
and taggers read it. The view `sequence` is of frames in time, and stands alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """One kind of network.

    Attributes:
        name: Name, as in ``models/<name>/`` and ``xscatter train --view <name>``.
        fields: Fields of a record that the network takes: "image", "coefficients", or both;
            "features" of every frame of a sequence.
        network: Function that builds the network, as "module:function".
        seed_key: Number that separates its random streams from those of other views. A number
            stays with its view, or old studies would train other weights.
        parents: Views whose trained networks are its branches, or made its features.
        keys: Keys of the study's section `train` that this view depends on and some others do not.
            Every view depends on the keys that no view lists.
        learning_rate: Key of the first learning rate.
        epochs: Key of the number of epochs; where it is null, `max_epochs` holds.
        optional: Fields that the network takes, too, where records have them.
    """

    name: str
    fields: tuple[str, ...]
    network: str
    seed_key: int
    parents: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()
    learning_rate: str = "learning_rate"
    epochs: str = "max_epochs"
    optional: tuple[str, ...] = ()

    @property
    def needs_center(self) -> bool:
        """Whether its inputs need the beam centre."""
        return "coefficients" in self.fields


_ALL = (
    View(
        "image",
        ("image",),
        "xscatter.networks.models:image_network",
        seed_key=0,
        keys=frozenset({"image_network", "head", "image_input", "max_shift", "learning_rate"}),
    ),
    View(
        "coefficient",
        ("coefficients",),
        "xscatter.networks.models:coefficient_network",
        seed_key=1,
        keys=frozenset({"coefficient_network", "coefficient_input", "learning_rate"}),
    ),
    View(
        "joint",
        ("image", "coefficients"),
        "xscatter.networks.models:joint_network",
        seed_key=2,
        parents=("image", "coefficient"),
        keys=frozenset(
            {
                "joint_network",
                "joint_learning_rate",
                "joint_max_epochs",
                "max_shift",
                "view_dropout",
            }
        ),
        learning_rate="joint_learning_rate",
        epochs="joint_max_epochs",
        optional=("center_confidence",),
    ),
)
VIEWS: dict[str, View] = {view.name: view for view in _ALL}
"""The views of one frame."""

SEQUENCE = View(
    "sequence",
    ("features",),
    "xscatter.networks.sequence:sequence_network",
    seed_key=3,
    parents=("joint",),
    keys=frozenset({"learning_rate"}),
)
"""The view of frames in time; its keys are in the study's section `sequence`."""

MEAN = "mean"
"""Name of the baseline of a view with parents: the mean of the logits of its parents."""


def evaluated() -> tuple[str, ...]:
    """Return the names of all that is scored on the test set: the views and the baseline."""
    return (*VIEWS, MEAN)


def averaged() -> tuple[str, ...]:
    """Return the names of the views whose logits the baseline averages.

    They are the parents of the first view that has parents.
    """
    return next(view.parents for view in VIEWS.values() if view.parents)


def by_inputs() -> tuple[View, ...]:
    """Return all views, those with most inputs first: the order in which a tagger prefers them."""
    return tuple(sorted(VIEWS.values(), key=lambda view: -len(view.fields)))


def answering(names: Iterable[str]) -> tuple[str, ...]:
    """Return which of these networks a tagger asks if nobody chooses, in its order.

    They are the one with most inputs, and the first that needs no beam centre.

    Args:
        names: of views that are trained.
    """
    some = [view for view in by_inputs() if view.name in set(names)]
    without = next((n for n, view in enumerate(some) if not view.needs_center), 0)
    return tuple(view.name for n, view in enumerate(some) if n in (0, without))


def title(name: str) -> str:
    """Return the name of a view, or of the baseline, as figures and tables show it."""
    return "mean of logits" if name == MEAN else name


def trained(sequences: bool = True) -> dict[str, View]:
    """Return the views that are trained, with `sequence` where a study has sequences."""
    return {**VIEWS, SEQUENCE.name: SEQUENCE} if sequences else dict(VIEWS)


def keys_of_others(view: str) -> set[str]:
    """Return the keys of the study's section `train` that only other views depend on."""
    listed = set[str]().union(*(other.keys for other in VIEWS.values()))
    return listed - trained()[view].keys
