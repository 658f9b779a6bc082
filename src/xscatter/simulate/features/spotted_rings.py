"""Rings of few large grains: each grain that meets the Bragg condition makes a spot.

A ring at q_k holds Poisson(n m_k) spots at random azimuths; how well a grain meets the condition
varies, so spots have exponentially distributed intensities. A spot is as wide across as the mosaic
of its grain, Δχ, and along q as the strain in it. Part of the sample may be fine powder, a smooth
ring below the spots.

Source: He, Two-dimensional X-ray Diffraction (2009), section 2.3 and chapter 13.
"""

import numpy as np

from xscatter.simulate.components import Radial, Spots
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.crystal import TO_SIGMA
from xscatter.simulate.physics.profiles import peak
from xscatter.simulate.shared.draws import between, log_uniform
from xscatter.simulate.shared.rings import width_tag

KIND = "sample"
FAMILIES = {"powder": 1.2, "crystal": 2.0, "superlattice": 1.0, "any": 0.2}
GRAZING = 0.4
TAGS = (
    "ring", "large grains", "ring: spotted", "ring: sharp", "ring: intermediate", "ring: broad",
    "ring: isotropic",
)  # fmt: skip
PARAMETERS = (
    Parameter("position", "nm⁻¹", 1.0, (1e-3, 300.0), "q of the first ring"),
    Parameter("rings", "", 2, (1, 4), "number of rings"),
    Parameter(
        "lattice", "", 0, (0, 2), "ratios of q: 0 √1 √2 √3 √4, 1 √3 √4 √8 √11, 2 √1 √3 √4 √7"
    ),
    Parameter("spots", "", 60.0, (5.0, 400.0), "mean number of spots on the first ring"),
    Parameter("width", "", 0.01, (0.001, 0.1), "full width of spots along q, over q"),
    Parameter("mosaic", "°", 0.5, (0.02, 10.0), "full width of spots across, in azimuth"),
    Parameter(
        "powder", "", 0.0, (0.0, 10.0), "scattering of the smooth ring over that of all spots"
    ),
    Parameter("seed", "", 0, (0, 2**31), "of the positions of grains"),
)
LATTICES = (
    ([1, 2, 3, 4], [6, 12, 8, 6]),
    ([3, 4, 8, 11], [8, 6, 12, 24]),
    ([1, 3, 4, 7], [6, 6, 6, 12]),
)


def ring_positions(lattice: int, rings: int) -> tuple[np.ndarray, np.ndarray]:
    """Return q (rings,) and multiplicity (rings,) relative to the first."""
    squares, multiplicity = (np.array(row[:rings], float) for row in LATTICES[lattice])
    return np.sqrt(squares / squares[0]), multiplicity / multiplicity[0]


REFERENCES = ((lambda: ring_positions(2, 2)[0].tolist(), (), [1.0, 3.0**0.5], "hexagonal: 1 : √3"),)


def applies(experiment):
    """Nobody measures crystals with wavelengths as mixed as those of a velocity selector."""
    return not experiment.wavelength_spread


def draw(rng, experiment):
    return {
        "position": between(rng, experiment, 0.2, 0.85),
        "rings": int(rng.integers(1, 5)),
        "lattice": int(rng.integers(3)),
        "spots": log_uniform(rng, 8, 200),
        "width": log_uniform(rng, 0.003, 0.04),
        "mosaic": log_uniform(rng, 0.1, 4.0),
        "powder": 0.0 if rng.random() < 0.5 else log_uniform(rng, 0.05, 2.0),
        "seed": int(rng.integers(2**31)),
    }


def contribute(parameters, experiment):
    p = parameters
    rng = np.random.default_rng(p["seed"])
    components = []
    for order, (ratio, multiplicity) in enumerate(
        zip(*ring_positions(p["lattice"], p["rings"]), strict=True), start=1
    ):
        count = int(min(rng.poisson(p["spots"] * multiplicity), 800))
        chi = rng.uniform(-np.pi, np.pi, count)
        intensity = rng.exponential(size=count)
        strain = rng.normal(size=count)
        q = p["position"] * ratio
        if q > experiment.q[-1] or count == 0:
            continue
        width = TO_SIGMA * p["width"] * q
        rows, cols = experiment.geometry.pixels(q + 0.3 * width * strain, chi)
        tags = (
            "ring",
            "large grains",
            "ring: spotted",
            width_tag(p["width"], experiment.wavelength_spread),
        )
        # Rings differ by multiplicity and 1/q² alone; the spots of one ring share its strength.
        strength = experiment.scale**-2 * multiplicity / ratio**2 / max(count, 1)
        components.append(
            Spots(
                tags=tags,
                order=order,
                rows=rows,
                cols=cols,
                intensity=strength * intensity,
                radial_width=np.full(
                    count, np.hypot(width / experiment.q_per_pixel, experiment.spread_pixels)
                ),
                tangential_width=np.full(
                    count,
                    np.hypot(
                        TO_SIGMA * np.deg2rad(p["mosaic"]) * q / experiment.q_per_pixel,
                        experiment.spread_pixels,
                    ),
                ),
            )
        )
        if p["powder"] > 0:
            # The same number of photons, spread over the ring's area in pixels.
            area = 2 * np.pi * q * width * np.sqrt(2 * np.pi) / experiment.q_per_pixel**2
            profile = p["powder"] * strength * count / area * peak(experiment.q, q, p["width"] * q)
            components.append(Radial(tags=("ring", "ring: isotropic"), profile=profile))
    return components
