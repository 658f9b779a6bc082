"""The beam: wavelength and its spread, polarisation, size."""

from dataclasses import dataclass, replace

import numpy as np

KINDS = ("beam: synchrotron", "beam: laboratory source", "beam: neutrons")


@dataclass(frozen=True)
class Beam:
    """The beam of an experiment.

    Attributes:
        wavelength: in metres.
        polarisation: factor, 1 for a beam that is polarised along the columns.
        beam_size: standard deviation at the detector in pixels of the layout.
        wavelength_spread: full width at half maximum over the mean.
    """

    wavelength: float
    polarisation: float
    beam_size: float
    wavelength_spread: float = 0.0

    @property
    def kinds(self) -> tuple[str, ...]:
        """Its source."""
        source = 2 if self.wavelength_spread else 0 if self.polarisation else 1
        return (KINDS[source],)

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Beam":
        """Draw a beam of x-rays of 7 to 18 keV: of a synchrotron, now and then of a laboratory."""
        return cls(
            # λ = hc/E, 1.23984 nm keV.
            wavelength=1.23984e-9 / rng.uniform(7.0, 18.0),
            # A synchrotron is polarised nearly completely; a laboratory source is not.
            polarisation=float(np.clip(rng.normal(0.95, 0.04), 0, 1))
            if rng.random() < 0.85
            else 0.0,
            beam_size=float(rng.uniform(0.5, 3.0)),
        )

    def of_neutrons(self, rng: np.random.Generator) -> "Beam":
        """Return cold neutrons behind a velocity selector, in a beam as wide as the flux asks."""
        return replace(
            self,
            wavelength_spread=float(rng.uniform(0.06, 0.19)),
            wavelength=float(rng.uniform(0.45e-9, 1.2e-9)),
            beam_size=float(rng.uniform(2.0, 8.0)),
            polarisation=0.0,
        )
