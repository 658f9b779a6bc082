"""The table of features: finds the files of the package `features` and checks them."""

import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from xscatter import tags
from xscatter.core.errors import UserError
from xscatter.simulate import features
from xscatter.simulate.components import Component
from xscatter.simulate.parameter import Parameter


class Reference(NamedTuple):
    """A value known from elsewhere: ``function(*arguments)`` must give `value`."""

    function: Any
    arguments: tuple
    value: Any
    source: str


@dataclass(frozen=True)
class PhysicsFile:
    """One file of physics, of a feature or a law: what every such file states, checked."""

    name: str
    module: ModuleType

    @property
    def kind(self) -> str:
        """The kind of thing that it describes, such as a sample."""
        return self.module.KIND

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameter table."""
        return self.module.PARAMETERS

    @property
    def tags(self) -> tuple[str, ...]:
        """Every name that it can give: tags of a feature, processes of a law."""
        return self.module.TAGS

    @property
    def references(self) -> tuple[Reference, ...]:
        """Values known from elsewhere."""
        return tuple(Reference(*entry) for entry in getattr(self.module, "REFERENCES", ()))

    def check(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return `parameters` with defaults filled in.

        Raises:
            UserError: a parameter is unknown or out of its bounds.
        """
        known = {p.name: p for p in self.parameters}
        for key, value in parameters.items():
            if key not in known:
                raise UserError(
                    f"{self.name}.{key} is not a parameter; there are {', '.join(known)}"
                )
            low, high = known[key].bounds
            if not low <= value <= high:
                raise UserError(
                    f"{self.name}.{key} is {value}, outside of its bounds {low} to {high} "
                    f"{known[key].unit}"
                )
        return {name: parameters.get(name, p.default) for name, p in known.items()}


class Feature(PhysicsFile):
    """One feature: the file of that name."""

    def weight(self, experiment: Any) -> float:
        """Return how likely the feature is in `experiment`, relative to others of its kind."""
        if not getattr(self.module, "applies", lambda _: True)(experiment):
            return 0.0
        if experiment.grazing:
            return float(getattr(self.module, "GRAZING", 0.0))
        table = self.module.FAMILIES
        sample, other = experiment.setup.sample, table.get("any", 0.0)
        first, second = table.get(sample.family, other), table.get(sample.second_family, other)
        return 0.7 * first + 0.3 * second

    @property
    def share(self) -> tuple[float, float]:
        """Range of the share of the photons that a sample feature has: its decimal logarithm."""
        return getattr(self.module, "SHARE", (-1.2, 0.0))

    def draw(self, rng: np.random.Generator, experiment: Any) -> dict[str, float | int]:
        """Draw one set of parameters, as plain Python numbers."""
        return self.check(
            {key: np.asarray(v).item() for key, v in self.module.draw(rng, experiment).items()}
        )

    def contribute(self, parameters: dict[str, Any], experiment: Any) -> list[Component]:
        """Return what the feature adds to the expected image."""
        return self.module.contribute(self.check(parameters), experiment)


@cache
def all_features() -> dict[str, Feature]:
    """Return every feature by name, in alphabetical order."""
    known = {}
    for entry in pkgutil.iter_modules(features.__path__):
        feature = Feature(entry.name, importlib.import_module(f"{features.__name__}.{entry.name}"))
        unknown = set(feature.tags) - set(tags.NAMES)
        if unknown:
            raise ValueError(
                f"feature {entry.name} names tags that tags.py does not: {sorted(unknown)}"
            )
        known[entry.name] = feature
    return dict(sorted(known.items()))


def get(name: str) -> Feature:
    """Return the feature called `name`.

    Raises:
        UserError: there is none.
    """
    known = all_features()
    if name not in known:
        raise UserError(f"simulate.features: {name} is not a feature; there are {', '.join(known)}")
    return known[name]


def chosen_features(names: tuple[str, ...] | None) -> dict[str, Feature]:
    """Return the features of a study: all, or those in `names`.

    Raises:
        UserError: a name is unknown.
    """
    return all_features() if names is None else {name: get(name) for name in sorted(names)}
