"""The views: which inputs a network has, which networks it is built on, and which keys shape it.

This table is the only place that knows them. To add a view, add an entry: records, training, test,
report, workflow rules and taggers follow from it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """One kind of network.

    Attributes:
        name: as in ``models/<name>/`` and ``xscatter train --view <name>``.
        fields: fields of a record that are inputs of the network: "image", "coefficients", or both.
        network: the function that builds it, as "module:function"; see `networks.build`.
        seed_key: number that keeps its random streams apart from those of other views; never reused.
        parents: views whose trained networks are its branches.
        keys: keys of the study's section `train` that only some views depend on, this one among
            them. Keys that no view claims are keys of every view.
        learning_rate: the key of its first learning rate.
    """

    name: str
    fields: tuple[str, ...]
    network: str
    seed_key: int
    parents: tuple[str, ...] = ()
    keys: frozenset[str] = frozenset()
    learning_rate: str = "learning_rate"

    @property
    def needs_center(self) -> bool:
        """Whether its inputs can only be made where the beam centre is known."""
        return "coefficients" in self.fields


_ALL = (
    View(
        "image",
        ("image",),
        "xscatter.networks.models:image_network",
        seed_key=0,
        keys=frozenset({"image_network", "head", "image_input", "shift", "learning_rate"}),
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
        keys=frozenset({"joint_network", "joint_learning_rate", "shift"}),
        learning_rate="joint_learning_rate",
    ),
)
VIEWS: dict[str, View] = {view.name: view for view in _ALL}

MEAN = "mean"
"""Name of the baseline that a view with parents must beat: the mean of its parents' logits."""


def evaluated() -> tuple[str, ...]:
    """Names of everything that the test scores: all views, and the baseline."""
    return (*VIEWS, MEAN)


def averaged() -> tuple[str, ...]:
    """Names of the views whose logits the baseline averages: the parents of the first view that has any."""
    return next(view.parents for view in VIEWS.values() if view.parents)


def by_inputs() -> tuple[View, ...]:
    """All views, those with most inputs first: the order in which a tagger prefers them."""
    return tuple(sorted(VIEWS.values(), key=lambda view: -len(view.fields)))


def keys_of_others(view: str) -> set[str]:
    """Keys of the study's section `train` that do not matter for `view`, because only others claim them."""
    claimed = set[str]().union(*(other.keys for other in VIEWS.values()))
    return claimed - VIEWS[view].keys
