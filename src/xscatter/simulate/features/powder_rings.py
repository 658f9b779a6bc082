"""Powder rings of a crystal: very many grains of all orientations, many rings.

q_hkl = 2π √(h²/a² + k²/b² + l²/c²); per solid angle I ∝ m |F|² exp(−2 q²u²)/q², m the multiplicity.
The structure factors |F|² are drawn: those of a crystal of many atoms are exponentially distributed
(Wilson's statistics). Grains that prefer a direction make arcs, A(χ) the wrapped Cauchy
distribution; a number of grains that is not endless leaves rings grainy: each contributes over its
mosaic, with exponentially distributed intensity.

Source: Warren, X-ray Diffraction (1969), chapters 4 and 5; Wilson, Acta Cryst. 2 (1949) 318.
"""

import numpy as np

from xscatter.simulate.components import Arcs, Peak, Radial
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.profiles import debye_waller, peak, wrapped_cauchy
from xscatter.simulate.shared.draws import between, log_uniform
from xscatter.simulate.shared.rings import orientation_tags, width_tag

KIND = "sample"
FAMILIES = {"powder": 3.0, "crystal": 0.5, "superlattice": 0.3, "any": 0.15}
GRAZING = 0.4
TAGS = (
    "ring", "ring: isotropic", "ring: anisotropic", "ring: textured", "ring: oriented in plane",
    "ring: oriented out of plane", "ring: sharp", "ring: intermediate", "ring: broad",
    "symmetry ring", "2-fold",
    "orientation: broad", "orientation: intermediate", "orientation: sharp", "polycrystalline",
)  # fmt: skip
PARAMETERS = (
    Parameter("cell", "nm", 0.5, (0.01, 1e4), "edge a of the orthogonal cell"),
    Parameter("second", "", 1.0, (0.3, 3.0), "edge b over a"),
    Parameter("third", "", 1.0, (0.3, 3.0), "edge c over a"),
    Parameter(
        "width",
        "",
        0.02,
        (0.001, 0.2),
        "full width of the first ring over its q; the same for all rings",
    ),
    Parameter("strain", "", 0.0, (0.0, 0.1), "width that grows with q, relative to it"),
    Parameter("displacement", "", 0.03, (0.0, 0.3), "root mean square displacement u over a"),
    Parameter(
        "present", "", 0.7, (0.1, 1.0), "fraction of the reflections that the symmetry allows"
    ),
    Parameter(
        "eta", "", 0.0, (0.0, 0.9), "order of preferred directions, two opposite maxima; 0: none"
    ),
    Parameter("angle", "°", 90.0, (-180.0, 180.0), "azimuth of a maximum"),
    Parameter("grains", "", 0, (0, 100_000), "grains on a ring; 0: endless"),
    Parameter("mosaic", "°", 0.5, (0.05, 5.0), "standard deviation of the directions in a grain"),
    Parameter("seed", "", 0, (0, 2**31), "of the structure factors"),
)
COUNTED, MOST = 12, 100  # rings that are components of their own; rings at all


def lines(
    cell: float, second: float, third: float, largest: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return q (n,) in nm⁻¹ of the rings of an orthogonal cell, and their multiplicities (n,).

    Args:
        cell: edge a in nm.
        second: edge b over a.
        third: edge c over a.
        largest: q in nm⁻¹.
    """
    index = np.arange(-7, 8)
    h, k, m = np.meshgrid(index, index, index)
    squares = (h**2 + (k / second) ** 2 + (m / third) ** 2).ravel()
    values, count = np.unique(np.round(squares[squares > 0], 9), return_counts=True)
    q = 2 * np.pi / cell * np.sqrt(values)
    seen = (q <= largest) & (values <= (7 * min(1, 1 / second, 1 / third)) ** 2)
    return q[seen], count[seen]


REFERENCES = (
    (lambda: [round(float(q), 9) for q in lines(2 * np.pi, 1.0, 1.0, 2.01)[0]],
     (), [1.0, 1.414213562, 1.732050808, 2.0], "simple cubic: √1, √2, √3, √4"),
    (lambda: lines(2 * np.pi, 1.0, 2.0, 1.2)[1].tolist(),
     (), [2, 6, 8], "tetragonal: 001; 100 and 002; 101"),
)  # fmt: skip


def applies(experiment):
    """Nobody measures crystals with wavelengths as mixed as those of a velocity selector."""
    return not experiment.wavelength_spread


def draw(rng, experiment):
    kind = rng.integers(3)  # cubic, tetragonal, orthorhombic
    first = between(rng, experiment, 0.15, 0.65)
    second = 1.0 if kind < 2 else rng.uniform(0.6, 1.6)
    third = 1.0 if kind == 0 else rng.uniform(0.5, 2.0)
    return {
        "cell": float(np.clip(2 * np.pi / first, 0.01, 1e4)),
        "second": second,
        "third": third,
        "width": log_uniform(rng, 0.004, 0.06),
        "strain": float(rng.beta(1, 5) * 0.03),
        "displacement": rng.uniform(0.03, 0.09),
        "present": rng.uniform(0.35, 1.0),
        "eta": float(rng.beta(2, 1.5) * 0.9) if rng.random() < 0.35 else 0.0,
        "angle": rng.choice([0, 90]) + rng.normal(0, 6),
        "grains": int(log_uniform(rng, 1500, 15_000)) if rng.random() < 0.35 else 0,
        "mosaic": log_uniform(rng, 0.2, 1.5),
        "seed": int(rng.integers(2**31)),
    }


def grainy(grains: int, mosaic: float, points: int, rng: np.random.Generator) -> np.ndarray:
    """Return the intensity (points,) over a turn of a ring of few grains; 1 on average.

    Args:
        grains: how many make the ring.
        mosaic: standard deviation of the directions in a grain in degrees.
        points: of the table over the azimuth.
        rng: stream of the positions and strengths of grains.
    """
    where = rng.integers(points, size=grains)
    intensity = np.bincount(where, rng.exponential(points / grains, grains), points)
    wave = np.arange(points // 2 + 1)
    return np.maximum(
        np.fft.irfft(
            np.fft.rfft(intensity) * np.exp(-0.5 * (wave * np.deg2rad(mosaic)) ** 2), points
        ),
        0,
    )


def contribute(parameters, experiment):
    p, q = parameters, experiment.q
    centres, multiplicity = lines(p["cell"], p["second"], p["third"], q[-1])
    rng = np.random.default_rng(p["seed"])
    # As many numbers whatever the detector sees, so that a ring has one strength at every size.
    chance, factor = (
        rng.random(800)[: len(centres)],
        rng.exponential(size=800)[: len(centres)] + 0.05,
    )
    chosen = np.flatnonzero(chance < p["present"])
    strength = (
        multiplicity
        * factor
        * debye_waller(centres, p["displacement"] * p["cell"]) ** 2
        / centres**2
    )
    components, rest = [], np.zeros_like(q)
    tags: tuple[str, ...] = ("ring", "ring: isotropic", "polycrystalline")
    azimuths, arcs = [None], None
    if p["eta"] > 0:
        tags = (
            "ring",
            "symmetry ring",
            "polycrystalline",
            *orientation_tags(2, p["eta"], p["angle"]),
        )
        tags += ("ring: textured",) if p["eta"] >= 0.5 else ()
        arcs = Arcs(2, p["eta"], p["angle"])
        azimuths = [wrapped_cauchy(experiment.chi, p["eta"], np.deg2rad(p["angle"]), 2)]
    if p["grains"]:
        # Three patterns of grains serve all rings: neighbours differ, as in a real powder.
        size = len(experiment.chi)
        preferred = 1.0 if azimuths[0] is None else azimuths[0]
        azimuths = [preferred * grainy(p["grains"], p["mosaic"], size, rng) for _ in range(3)]
    for order, index in enumerate(chosen[:MOST], start=1):
        centre = centres[index]
        width = np.hypot(p["width"] * 2 * np.pi / p["cell"], p["strain"] * centre)
        reach = 12 * max(width, 2 * (q[2] - q[1]))
        begin, end = np.searchsorted(q, (centre - reach, centre + reach))
        if end - begin < 3:
            continue
        profile = np.zeros_like(q) if order <= COUNTED else rest
        profile[begin:end] += strength[index] / width * peak(q[begin:end], centre, width, 0.5)
        if order <= COUNTED:
            components.append(
                Radial(
                    tags=(*tags, width_tag(width / centre, experiment.wavelength_spread)),
                    order=order,
                    profile=profile,
                    azimuth=azimuths[order % len(azimuths)],
                    peak=Peak(centre, width, 0.5),
                    arcs=arcs,
                )
            )
    if rest.any():
        components.append(Radial(tags=tags, profile=rest, azimuth=azimuths[0], arcs=arcs))
    return components
