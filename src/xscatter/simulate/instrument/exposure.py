"""The exposure: photons, and what the beam line adds to or makes of them."""

from dataclasses import dataclass

from xscatter.simulate.draws import Draws


@dataclass(frozen=True)
class Exposure:
    """Exposure of the images of an experiment.

    Attributes:
        log_photons: log10 of the photons in a typical image.
        air: 0 for little scattering about the beam to 1 for much.
        slits: rank of the slits among experiments; the lowest fifth scatter.
        coherent: whether the beam is coherent enough for speckle.
    """

    log_photons: float
    air: float
    slits: float
    coherent: bool

    @classmethod
    def draw(cls, draws: Draws) -> "Exposure":
        """Choose each, balanced over experiments."""
        return cls(
            # 16 000 to 32 million photons.
            log_photons=4.2 + 3.3 * draws.fraction("exposure"),
            air=draws.fraction("air"),
            slits=draws.fraction("slits"),
            coherent=draws.fraction("coherence") < 0.25,
        )
