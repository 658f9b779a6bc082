"""Families of samples: which features are likely together."""

from dataclasses import dataclass

from xscatter.simulate.draws import Draws

FAMILIES = {
    "powder": 0.16, "solution": 0.14, "block copolymer": 0.14, "superlattice": 0.16,
    "polymer": 0.14, "fibre": 0.12, "crystal": 0.14,
}  # fmt: skip
SOFT = {"solution", "block copolymer", "polymer"}  # measured with a spread of wavelengths, too


@dataclass(frozen=True)
class Sample:
    """The samples of an experiment: a family, with some features of a second one."""

    family: str
    second_family: str

    @classmethod
    def draw(cls, draws: Draws) -> "Sample":
        """Choose both families, each balanced over experiments."""
        return cls(draws.choose("family", FAMILIES), draws.choose("second family", FAMILIES))

    @property
    def soft(self) -> bool:
        """Whether neutrons may have measured it."""
        return {self.family, self.second_family} <= SOFT
