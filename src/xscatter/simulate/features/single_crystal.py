"""Bragg spots of one crystal, where its reciprocal lattice meets the Ewald sphere.

form 0: a molecular crystal in any orientation, |F|² exponentially distributed (Wilson 1949)
form 1: a cubic superlattice of spheres, its [001] axis near the beam
form 2: rods packed hexagonally, their axis near the beam

Excitation errors, mosaic and grain size: `physics/crystal.py` (Warren, X-ray Diffraction, 1969);
all intensities fall with the Debye-Waller factor exp(−q²u²), those of superlattices with the form
factor of their particles. Source of form 0: Wilson, Acta Cryst. 2 (1949) 318.
"""

import numpy as np

from xscatter.simulate.components import Spots
from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.crystal import (
    LARGEST_INDEX,
    cubic_reflections,
    ewald_spots,
    hexagonal_reflections,
    near_sphere,
    rotation,
    tilt,
)
from xscatter.simulate.physics.particles import sphere_amplitude
from xscatter.simulate.physics.profiles import debye_waller
from xscatter.simulate.shared.draws import log_uniform

KIND = "sample"
FAMILIES = {"crystal": 3.5, "superlattice": 1.0, "any": 0.15}
GRAZING = 0.3
TAGS = ("single crystal", "4-fold", "6-fold")
PARAMETERS = (
    Parameter("form", "", 0, (0, 2), "0 molecular, 1 cubic superlattice, 2 hexagonal superlattice"),
    Parameter("cell", "nm", 5.0, (0.05, 1e5), "edge of the cell, or distance of rods"),
    Parameter("centring", "", 0, (0, 2), "0 primitive, 1 body-centred, 2 face-centred"),
    Parameter("cells", "", 30.0, (3.0, 1e4), "size of the crystal in cells"),
    Parameter(
        "mosaic", "°", 0.2, (0.0, 5.0), "standard deviation of the orientations in the crystal"
    ),
    Parameter(
        "swing", "°", 0.0, (0.0, 5.0), "angle that the crystal is turned by while it is exposed"
    ),
    Parameter(
        "displacement", "", 0.04, (0.0, 0.3), "root mean square displacement u over the cell's edge"
    ),
    Parameter("tilt", "°", 0.0, (0.0, 30.0), "angle of the axis of forms 1 and 2 to the beam"),
    Parameter(
        "turn", "°", 0.0, (-180.0, 180.0), "turn of the crystal about the beam, forms 1 and 2"
    ),
    Parameter("seed", "", 0, (0, 2**31), "of the orientation and of |F|²"),
)
MOST = 2500  # the brightest spots; fainter ones are lost below them
ALIGNED = 1.0  # degrees; beyond, the symmetry of the zone is no longer seen


def spots(p, wavelength: float, largest: float):
    """Return q in nm⁻¹, azimuth and intensity (n,) of the spots of a crystal.

    Args:
        p: parameters of the feature.
        wavelength: in nm.
        largest: q in nm⁻¹.
    """
    rng = np.random.default_rng(p["seed"])
    turned = None
    if p["form"] == 0 and largest * p["cell"] / (2 * np.pi) > LARGEST_INDEX:
        # A large cell, as of a protein; its centring changes only how dense the spots are.
        turned = near_sphere(2 * np.pi / p["cell"] * rotation(rng).T, wavelength, largest)
    elif p["form"] == 2:
        vectors = hexagonal_reflections(p["cell"], largest)
    else:
        vectors = cubic_reflections(p["cell"], largest, "PIF"[p["centring"]])
    if turned is None and p["form"] == 0:
        turned = vectors @ rotation(rng).T
    elif turned is None:
        turned = (
            vectors
            @ tilt(np.deg2rad(p["tilt"]), rng.uniform(-np.pi, np.pi), np.deg2rad(p["turn"])).T
        )
    seen = ewald_spots(
        turned, wavelength, p["cells"] * p["cell"], np.deg2rad(p["mosaic"]), np.deg2rad(p["swing"])
    )
    intensity = seen.intensity * debye_waller(seen.q, p["displacement"] * p["cell"])
    if p["form"] == 0:
        intensity = intensity * rng.exponential(size=len(intensity))
    else:
        intensity = intensity * (sphere_amplitude(seen.q * 0.3 * p["cell"]) ** 2 + 1e-3)
    return seen.q, seen.chi, intensity


def count_nearest(form: int, largest: float) -> int:
    """Return how many spots a cell of 100 nm shows, whose axis lies along a beam of 0.1 nm."""
    still = dict.fromkeys(("swing", "displacement", "tilt", "turn", "centring", "seed"), 0)
    return len(
        spots({**still, "form": form, "cell": 100.0, "cells": 20.0, "mosaic": 0.2}, 0.1, largest)[0]
    )


REFERENCES = (
    (count_nearest, (1, 1.2 * 2 * np.pi / 100), 4, "square lattice: four nearest reflections"),
    (
        count_nearest,
        (2, 1.2 * 4 * np.pi / 3**0.5 / 100),
        6,
        "hexagonal lattice: six nearest reflections",
    ),
)


def applies(experiment):
    """Nobody measures crystals with wavelengths as mixed as those of a velocity selector."""
    return not experiment.wavelength_spread


def draw(rng, experiment):
    family = experiment.family
    form = 0 if family == "crystal" and rng.random() < 0.75 else int(rng.integers(1, 3))
    across = log_uniform(rng, 2.5, 9)
    dense = form == 0 and rng.random() < 0.45
    if form == 0:
        across = log_uniform(rng, 15, 50) if dense else log_uniform(rng, 6, 17)
    drawn = {
        "form": form,
        "cell": float(np.clip(across * 2 * np.pi / experiment.q_high, 0.05, 1e5)),
        "centring": int(rng.integers(3)) if form == 0 else 0,
        "cells": log_uniform(rng, 30, 400) if form == 0 else log_uniform(rng, 8, 80),
        "mosaic": log_uniform(rng, 0.03, 0.3 if dense else 0.8),
        "swing": log_uniform(rng, 0.1, 1.0)
        if dense
        else log_uniform(rng, 0.3, 3.0)
        if form == 0
        else 0.0,
        "displacement": rng.uniform(0.01, 0.05) * (5 / across if form == 0 else 1),
        "tilt": 0.0 if rng.random() < 0.5 else float(rng.exponential(2.0)) % 30,
        "turn": rng.uniform(-180, 180),
        "seed": int(rng.integers(2**31)),
    }
    # A crystal in an unlucky orientation shows nothing: sway it, as one does at the beamline.
    for _ in range(6):
        q, _, intensity = spots(drawn, experiment.geometry.wavelength * 1e9, experiment.q_high)
        if np.sum((q > experiment.q_low) & (intensity > 0.01 * intensity.max(initial=0))) >= (
            8 if form == 0 else 4
        ):
            break
        drawn["seed"] = int(rng.integers(2**31))
        drawn["swing"] = min(drawn["swing"] * 2 + 0.3, 5.0)
        drawn["tilt"] *= 0.5
    return drawn


def contribute(parameters, experiment):
    p = parameters
    q, chi, intensity = spots(p, experiment.geometry.wavelength * 1e9, 1.3 * experiment.q_high)
    chosen = np.argsort(intensity)[::-1][:MOST]
    q, chi, intensity = q[chosen], chi[chosen], intensity[chosen]
    if len(q) == 0:
        return []
    rows, cols = experiment.geometry.pixels(q, chi)
    grain = 2.0 / (p["cells"] * p["cell"])  # standard deviation of q by Scherrer's equation
    radial = np.hypot(grain / experiment.q_per_pixel, experiment.spread_pixels)
    across = np.hypot(np.deg2rad(p["mosaic"]) * q / experiment.q_per_pixel, radial)
    tags = ("single crystal",)
    if p["form"] > 0 and p["tilt"] < ALIGNED:
        tags += ("4-fold",) if p["form"] == 1 else ("6-fold",)
    return [
        Spots(
            tags=tags,
            rows=rows,
            cols=cols,
            intensity=intensity,
            radial_width=np.full(len(q), radial),
            tangential_width=across,
        )
    ]
