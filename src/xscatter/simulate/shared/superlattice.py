"""Lattices of particles: their parameters, how these are drawn, and their components."""

from typing import Any

import numpy as np

from xscatter.simulate.components import Arcs, Component, Pattern, Peak, Radial
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.lattice import (
    HEXAGONAL,
    LAMELLAR,
    first_reflection,
    peak_area,
    strengths,
)
from xscatter.simulate.physics.profiles import debye_waller, peak, wrapped_cauchy
from xscatter.simulate.physics.sizes import Curve, tabulated
from xscatter.simulate.shared.draws import between, log_uniform
from xscatter.simulate.shared.rings import orientation_tags, width_tag

REFLECTIONS = 24  # those beyond are lost in each other's flanks and in the Debye-Waller factor
COUNTED = 10  # reflections that are components of their own; the rest are one
LATTICE_TAGS = (
    "ring", "ring: isotropic", "ring: anisotropic", "ring: textured", "ring: oriented in plane",
    "ring: oriented out of plane", "ring: sharp", "ring: intermediate", "ring: broad",
    "symmetry ring", "2-fold",
    "6-fold", "orientation: broad", "orientation: intermediate", "orientation: sharp",
    "polycrystalline", "structure factor",
)  # fmt: skip
SPACING = Parameter(
    "spacing", "nm", 30.0, (0.05, 1e5), "edge of the cell, or distance of rods or sheets"
)
FILLING = Parameter(
    "filling", "", 0.35, (0.05, 0.5), "radius of particle or rod, or half a sheet, over the spacing"
)
DISORDER = (
    Parameter(
        "polydispersity", "", 0.06, (0.0, 0.3), "standard deviation of the logarithm of the size"
    ),
    Parameter(
        "displacement", "", 0.05, (0.0, 0.3), "root mean square displacement over the spacing"
    ),
    Parameter("width", "", 0.04, (0.002, 0.2), "full width of the first reflection over its q"),
    Parameter("strain", "", 0.0, (0.0, 0.1), "width that grows with q, relative to it"),
    Parameter("lorentzian", "", 0.5, (0.0, 1.0), "fraction of the Lorentzian in the peaks"),
)
ORIENTATION = (
    Parameter("fold", "", 0, (0, 6), "maxima on a turn; 0: isotropic"),
    Parameter("eta", "", 0.0, (0.0, 0.95), "order of the orientation"),
    Parameter("angle", "°", 0.0, (-180.0, 180.0), "azimuth of a maximum"),
)


def draw_lattice(rng: np.random.Generator, experiment: Any, lattice: str) -> dict[str, float]:
    """Draw parameters of a `lattice` whose first reflection and some others are seen.

    Args:
        rng: random stream.
        experiment: it sees q from `q_low` to `q_high`.
        lattice: name of the lattice.
    """
    first = between(rng, experiment, 0.1, 0.6)
    drawn = {
        "spacing": float(np.clip(first_reflection(lattice, 1.0) / first, 0.05, 1e5)),
        "filling": rng.uniform(0.15, 0.45),
        "polydispersity": float(rng.beta(1.5, 5) * 0.2 + 0.01),
        "displacement": float(rng.uniform(0.015, 0.07)),
        "width": log_uniform(rng, 0.01, 0.12),
        "strain": float(rng.beta(1, 4) * 0.05),
        "lorentzian": rng.uniform(0.0, 1.0),
    }
    if lattice in (LAMELLAR, HEXAGONAL) and rng.random() < 0.5:
        drawn["fold"] = 2 if lattice == LAMELLAR else int(rng.choice([2, 6]))
        drawn["eta"] = float(np.clip(rng.beta(2, 1.5), 0.1, 0.95))
        drawn["angle"] = (
            rng.uniform(-180, 180) if rng.random() < 0.3 else rng.choice([0, 90]) + rng.normal(0, 6)
        )
    return drawn


def lattice_components(
    parameters: dict[str, Any], experiment: Any, lattice: str, form_factor: Curve, identified: int
) -> list[Component]:
    """Return reflections, one component each, and the diffuse scattering that disorder leaves.

    Args:
        parameters: of the feature.
        experiment: it is drawn in.
        lattice: its name, which is its tag.
        form_factor: gives P at q (n,).
        identified: number of the reflection that tells the lattice, if it is detectable.
    """
    p, q = parameters, experiment.q
    azimuth, arcs = None, None
    kinds: tuple[str, ...] = ("ring: isotropic", "polycrystalline")
    if p.get("fold") and p["eta"] > 0:
        arcs = Arcs(p["fold"], p["eta"], p["angle"])
        azimuth = wrapped_cauchy(experiment.chi, p["eta"], np.deg2rad(p["angle"]), p["fold"])
        kinds = ("symmetry ring", *orientation_tags(p["fold"], p["eta"], p["angle"]))
        kinds += ("ring: textured",) if p["eta"] >= 0.5 else ()
    particles = tabulated(form_factor, q)
    mean = p["spacing"] * p["filling"]
    coherent = debye_waller(q, p["displacement"] * p["spacing"]) * debye_waller(
        q, p["polydispersity"] * mean
    )
    centres, areas = strengths(lattice, p["spacing"], REFLECTIONS)
    bragg = particles * coherent
    # Disorder turns reflections into diffuse scattering: 1 − β G of that of the particles.
    components: list[Component] = [Radial(profile=particles * (1 - coherent))]
    widths = np.hypot(p["width"] * centres[0], p["strain"] * centres)
    heights = areas / (widths * peak_area(p["lorentzian"]))
    step = q[2] - q[1]
    rest = np.zeros_like(q)
    for order, (centre, width, height) in enumerate(
        zip(centres, widths, heights, strict=True), start=1
    ):
        # A peak is followed to 12 widths: there a Lorentzian is down to 1/600.
        begin, end = np.searchsorted(
            q, (centre - 12 * max(width, 2 * step), centre + 12 * max(width, 2 * step))
        )
        if end - begin < 3 or centre > q[-1]:
            break
        profile = np.zeros_like(q)
        part = slice(max(0, begin - 3), end)
        profile[part] = height * bragg[part] * peak(q[part], centre, width, p["lorentzian"])
        if order > COUNTED:
            rest += profile
            continue
        tags: tuple[str, ...] = (
            "ring",
            *kinds,
            width_tag(width / centre, experiment.wavelength_spread),
        )
        pattern = None
        if order == identified:
            tags += (lattice, "structure factor")
            pattern = Pattern(
                lattice, p["spacing"], p["width"] * centres[0], p["strain"], p["lorentzian"], bragg
            )
        components.append(
            Radial(
                tags=tags,
                order=order,
                profile=profile,
                azimuth=azimuth,
                peak=Peak(centre, width, p["lorentzian"]),
                arcs=arcs,
                pattern=pattern,
            )
        )
    if rest.any():
        components.append(Radial(tags=("ring",), profile=rest, azimuth=azimuth))
    return components
