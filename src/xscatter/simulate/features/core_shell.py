"""Form factor of polydisperse spheres with a shell.

P(q) = [(ρ A(q R_c) V_c + A(q R_s) V_s) / (ρ V_c + V_s)]², A the amplitude of a sphere, V volumes;
R_c is the radius of the core and R_s that of the whole. ρ is the contrast of core to shell, in
units of that of shell to solvent. Core and shell scale together in the log-normal distribution of
sizes.

Source: Guinier & Fournet, Small-Angle Scattering of X-Rays (1955), section 2.1; Pedersen,
Adv. Colloid Interface Sci. 70 (1997) 171.
"""

import numpy as np

from xscatter.simulate.parameter import Parameter
from xscatter.simulate.physics.particles import ratio, sphere_amplitude
from xscatter.simulate.physics.sizes import tabulated_average
from xscatter.simulate.shared.particles import (
    PARTICLE_SHARE,
    POLYDISPERSITY,
    RADIUS,
    draw_polydispersity,
    draw_size,
    particle_components,
)

KIND = "sample"
FAMILIES = {"solution": 2.0, "superlattice": 0.8, "polymer": 0.5, "any": 0.25}
GRAZING = 0.15
SHARE = PARTICLE_SHARE
TAGS = ("form factor: core-shell", "diffuse low-q: isotropic")
PARAMETERS = (
    Parameter("radius", "nm", 10.0, RADIUS, "median radius of the whole"),
    Parameter("core", "", 0.6, (0.1, 0.98), "radius of the core, relative to the whole"),
    Parameter(
        "contrast",
        "",
        2.0,
        (-20.0, 20.0),
        "contrast of core to shell, relative to that of shell to solvent",
    ),
    POLYDISPERSITY,
)


def form_factor(
    q: np.ndarray, radius: float, core: float, contrast: float, polydispersity: float
) -> np.ndarray:
    """Return P (n,) of polydisperse spheres with a shell.

    Args:
        q: scattering vectors (n,) in nm⁻¹.
        radius: median radius of the whole in nm.
        core: radius of the core as a fraction of the whole.
        contrast: ρ, of core to shell over shell to solvent.
        polydispersity: standard deviation of the logarithm of the size.
    """
    inner = contrast * core**3
    total = max(abs(inner + 1), 1e-3)  # a matched particle: P is then not 1 at q = 0, but finite

    def shape(k: np.ndarray) -> np.ndarray:
        return (
            (inner * sphere_amplitude(k * (radius * core)) + sphere_amplitude(k * radius)) / total
        ) ** 2

    return tabulated_average(shape, q, polydispersity)


def _without_core(q: float, radius: float) -> float:
    """A core without contrast leaves a sphere."""
    return float(form_factor(np.array([q]), radius, 0.5, 0.0, 0.0)[0])


# Shapes that other form factors have to be told from, at one size. Those that are left out, small
# cores and thin shells that scatter as the core does, look like spheres.
SHAPES = tuple(
    {"radius": 1.0, "core": core, "contrast": contrast}
    for core in (0.4, 0.55, 0.7, 0.85)
    for contrast in (-8.0, -4.0, -2.0, -1.0, 1.0, 2.0, 4.0, 8.0)
    if 0.3 < abs(contrast) * core**3 < 3 and (core < 0.8 or contrast < 0)
)

REFERENCES = (
    (_without_core, (1.0, 4.493409457909064), 0.0, "first zero of the sphere"),
    (
        ratio,
        (form_factor, 0.5, 1.0, 10.0, 0.6, 2.0, 0.0),
        0.0189485118,
        "sasmodels 1.1, core_shell_sphere",
    ),
)


def draw(rng, experiment):
    return {
        "radius": draw_size(rng, experiment, 5.5),
        "core": rng.uniform(0.3, 0.92),
        "contrast": rng.choice([-1, 1], p=[0.35, 0.65])
        * np.exp(rng.uniform(np.log(0.7), np.log(12))),
        "polydispersity": draw_polydispersity(rng),
    }


def contribute(parameters, experiment):
    p = parameters

    def curve(q: np.ndarray) -> np.ndarray:
        return form_factor(q, **p)

    # The first minimum moves with the contrast: find it.
    probe = np.linspace(1.0, 12.0, 200) / p["radius"]
    values = curve(probe)
    falls = np.flatnonzero((values[1:-1] < values[:-2]) & (values[1:-1] <= values[2:]))
    split = probe[falls[0] + 1] if len(falls) else 5.0 / p["radius"]
    return particle_components(curve, experiment.q, split, "form factor: core-shell")
