"""The tags of a component that name a kind, and the difference of each to its alternatives."""

from collections.abc import Iterator

import numpy as np

from xscatter.simulate.components import Radial
from xscatter.simulate.experiment import Experiment
from xscatter.simulate.kinds.arcs import TAGS as OF_ARCS
from xscatter.simulate.kinds.arcs import ArcFits
from xscatter.simulate.kinds.fits import Difference
from xscatter.simulate.kinds.lattices import lattice_difference
from xscatter.simulate.kinds.ovals import oval_fraction
from xscatter.simulate.kinds.particles import particle_difference
from xscatter.simulate.kinds.widths import BORDERS, width_difference
from xscatter.simulate.render import RenderedComponent, Rendering

OF_STRETCH = frozenset({"oval ring", "diffuse low-q: anisotropic"})
TRIES = 2  # components of one feature that are asked for one tag, the strongest first


class Kinds:
    """The tags of kinds of one image.

    Args:
        rendering: of the image.
        experiment: of the image.
        strengths: d' of every component of `rendering`, in its order.
    """

    def __init__(self, rendering: Rendering, experiment: Experiment, strengths: list[float]):
        self.rendering, self.experiment, self.strengths = rendering, experiment, strengths
        self._tried: dict[tuple[str, str], int] = {}

    @staticmethod
    def asked(component: object, names: set[str]) -> set[str]:
        """Return those of `names` that ask for more than a visible component.

        Args:
            component: one of the shapes of `components`.
            names: of its tags, with those implied.
        """
        if not isinstance(component, Radial):
            return set()
        asked = set()
        if component.peak:
            asked |= names & BORDERS.keys()
        if component.arcs:
            asked |= names & OF_ARCS
        if component.stretch is not None:
            asked |= names & OF_STRETCH
        if component.particle:
            asked.add(component.particle.tag)
        if component.pattern:
            asked.add(component.pattern.lattice)
        return asked

    def differences(
        self, rendered: RenderedComponent, names: set[str], seen: tuple[float, float]
    ) -> Iterator[tuple[str, Difference]]:
        """Yield each of `names` with the difference to its best alternative.

        Args:
            rendered: a visible component.
            names: of its tags that are asked.
            seen: its d' and its contrast.
        """
        component, arcs = rendered.component, None
        for name in sorted(names):
            key = (rendered.feature, name)
            self._tried[key] = self._tried.get(key, 0) + 1
            # Of many rings of one kind, the faint ones do not tell what the strongest do not.
            if self._tried[key] > TRIES:
                continue
            if name in BORDERS:
                yield (
                    name,
                    width_difference(
                        component.peak, name, self._radial(rendered), self.experiment, seen
                    ),
                )
            elif component.arcs and name in OF_ARCS:
                arcs = arcs or ArcFits(component.arcs, self._sectors(rendered))
                yield name, arcs.difference(name, seen)
            elif name in OF_STRETCH:
                sums = self._radial(rendered), self._sectors(rendered)
                yield name, oval_fraction(rendered.profile, component.stretch, *sums).of(*seen)
            elif component.particle:
                yield name, self._particle(rendered)
            else:
                yield name, self._lattice(rendered)

    def _radial(self, rendered: RenderedComponent) -> tuple[np.ndarray, np.ndarray]:
        f = rendered.family
        return (
            np.ascontiguousarray(self.rendering.information[:, f]),
            np.ascontiguousarray(self.rendering.flux[:, f]),
        )

    def _sectors(self, rendered: RenderedComponent) -> tuple[np.ndarray, np.ndarray]:
        f = rendered.family
        return (
            np.ascontiguousarray(self.rendering.sector_information[:, f]),
            np.ascontiguousarray(self.rendering.sector_flux[:, f]),
        )

    def _particle(self, rendered: RenderedComponent) -> Difference:
        # The shape is that of the whole curve, of which the component is one end.
        profile = sum(
            one.scale * one.profile
            for one in self.rendering.components
            if one.feature == rendered.feature
        )
        return particle_difference(
            rendered.component.particle,
            profile,
            self._radial(rendered),
            self.experiment.q,
            self.experiment.resolution,
        )

    def _lattice(self, rendered: RenderedComponent) -> Difference:
        orders = [
            (self.strengths[n], one.component.peak.center)
            for n, one in enumerate(self.rendering.components)
            if one.feature == rendered.feature and one.component.order
        ]
        shown = np.array([center for _, center in sorted(orders, reverse=True)[:2]])
        return lattice_difference(
            rendered.component.pattern, rendered.scale, shown, self._radial(rendered),
            self.experiment,
        )  # fmt: skip
