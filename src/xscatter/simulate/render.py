"""From components to expected counts, and to the sums that tell what is detectable.

All radial components of one azimuthal dependence form a family: one table over q and one over χ.
A single pass over the pixels adds all families, weighs them with the detector, and collects for
every family Σ (g A)²/λ and Σ g A by radius, from which d' of each of its components follows
without looking at pixels again (`visibility.py`), and Σ (g R)²/λ and Σ g R by azimuth, from which
follows what tells its orientation from others (`kinds`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xscatter.simulate import loops
from xscatter.simulate.components import Component, Map, Modulation, Plane, Radial, Spots
from xscatter.simulate.experiment import ANGLES, Experiment
from xscatter.simulate.instrument.smearing import (
    mix_wavelengths,
    mixed_halves,
    smear,
    spread_far,
)
from xscatter.simulate.physics.profiles import FULL_WIDTH
from xscatter.simulate.registry import get

SECTORS = 128  # of a turn: ten to each maximum of a symmetry of twelve


@dataclass
class RenderedComponent:
    """A component as rendered: `scale` turns its intensity into counts."""

    feature: str
    kind: str  # sample, background or standard
    component: Any  # one of the shapes of `components`
    scale: float = 1.0
    profile: Any = None  # (radii,) intensity after point spread, for Radial
    image: Any = None  # (rows, cols) float32 intensity, for shapes other than Radial
    family: int = -1


@dataclass
class Rendering:
    """Expected counts of an image, and what `visibility` needs.

    Attributes:
        expected: (rows, cols) float32, after obstacles and point spread, dark counts included.
        components: of all features of the scene.
        information: (radii, families) Σ (g A)²/λ.
        flux: (radii, families) Σ g A.
        sector_information: (SECTORS, families) Σ (g R)²/λ of the whole family.
        sector_flux: (SECTORS, families) Σ g R.
        modulation: Σ s²/λ and Σ |s| of the change s that a Modulation makes.
    """

    expected: np.ndarray
    components: list[RenderedComponent]
    information: np.ndarray
    flux: np.ndarray
    sector_information: np.ndarray
    sector_flux: np.ndarray
    modulation: tuple[float, float] = (0.0, 0.0)


def as_image(component: Component, experiment: Experiment) -> np.ndarray:
    """Return the intensity (rows, cols) float32 of a component that is not Radial."""
    if isinstance(component, Map):
        return np.ascontiguousarray(component.image, dtype=np.float32)
    image = np.zeros((experiment.size, experiment.size), np.float32)
    if isinstance(component, Spots):
        _add_spots(image, component, experiment)
    elif isinstance(component, Plane):
        _add_plane(image, component, experiment)
    return image


def _add_spots(image: np.ndarray, spots: Spots, experiment: Experiment) -> None:
    # Spots that never reach the detector have no place on it.
    seen = np.isfinite(spots.rows) & np.isfinite(spots.cols)
    fields = (spots.rows, spots.cols, spots.intensity, spots.radial_width, spots.tangential_width)
    chosen = [np.ascontiguousarray(np.asarray(values, float)[seen]) for values in fields]
    center = experiment.geometry.center
    if experiment.wavelength_spread:  # a spot runs out along its radius
        radius = np.hypot(chosen[0] - center[0], chosen[1] - center[1])
        chosen[3] = np.hypot(chosen[3], radius * experiment.wavelength_spread / FULL_WIDTH)
    loops.spots(image, *chosen, *center)


def _add_plane(image: np.ndarray, plane: Plane, experiment: Experiment) -> None:
    tables = []
    for table in (plane.along, plane.across):
        mixed = mixed_halves(np.atleast_2d(table), experiment.wavelength_spread)
        smeared = smear(mixed, experiment.resolution / experiment.q_step)
        tables.append(np.ascontiguousarray(smeared.T, dtype=np.float32))
    # The tables are in the axes of the plane, so the azimuth is turned instead.
    turned = experiment.chi - plane.angle
    cosine, sine = np.cos(turned).astype(np.float32), np.sin(turned).astype(np.float32)
    places = (image, experiment.q_index, experiment.chi_index, cosine)
    if plane.tilt is None:
        loops.plane(*places, sine, *tables, np.float32(1))
    else:
        sphere = experiment.q_step * 1e9 * experiment.geometry.wavelength / (4 * np.pi)
        loops.fibre(*places, np.float32(sphere), plane.tilt, *tables)


def _least_sum(component: Component, experiment: Experiment, weight: np.ndarray) -> float:
    """Return what a component counts for at least, however little of it meets live pixels.

    Without it, the tail of what lies beside the image, or behind the beamstop, would be blown up to
    all the photons of the feature. `weight` (radii,) is that of the radial tables outside of the
    beamstop; the azimuth of a radial component is left to the caller.
    """
    if isinstance(component, Radial):
        # Above both bounds: the steepest power law between beamstop and rim, or beside a bare beam.
        edge = float(experiment.weight @ component.profile)
        return max(1e-3 * edge, 1e-11 * float(weight.sum() * component.profile.max()))
    if isinstance(component, Spots):
        return 0.02 * float(np.nansum(component.intensity)) * experiment.scale**2
    if isinstance(component, Plane):
        highest = float(np.abs(component.along).max() * np.abs(component.across).max())
    else:
        highest = float(component.image.max()) if isinstance(component, Map) else 0.0
    return 1e-5 * highest * (experiment.size * experiment.scale) ** 2


def _smear_profiles(rendered: Sequence[RenderedComponent], experiment: Experiment) -> None:
    """Fill `profile` of the radial components of one feature."""
    radial = [one for one in rendered if isinstance(one.component, Radial)]
    if not radial:
        return
    # All orders of a feature in one call.
    profiles = np.array([one.component.profile for one in radial], float)
    if experiment.wavelength_spread:
        profiles = mix_wavelengths(profiles, experiment.wavelength_spread)
    smeared = smear(profiles, experiment.resolution / experiment.q_step)
    for one, profile in zip(radial, smeared, strict=True):
        one.profile = profile


def _scaled_components(scene: dict[str, Any], experiment: Experiment) -> list[RenderedComponent]:
    """Return the components of all features of `scene`, scaled to their shares of the photons."""
    rendered: list[RenderedComponent] = []
    # The pattern lacks the light that a phosphor spreads far.
    photons = scene["photons"] * (1 - experiment.setup.detector.tail)
    # Photons are counted beside the beamstop: what it hides would take them all at low q.
    outside = experiment.q > 1.2 * experiment.stop_radius * experiment.q_per_pixel
    weight = np.where(outside, experiment.weight, 0.0)
    for entry in scene["features"]:
        feature = get(entry["feature"])
        own = [
            RenderedComponent(feature.name, feature.kind, component)
            for component in feature.contribute(entry["parameters"], experiment)
        ]
        _smear_profiles(own, experiment)
        # The share of a feature is for all of its components together.
        total = 0.0
        for one in own:
            shape = one.component
            if isinstance(shape, Radial):
                azimuth = 1.0 if shape.azimuth is None else float(np.mean(shape.azimuth))
                seen = float(weight @ shape.profile)
                total += azimuth * max(seen, _least_sum(shape, experiment, weight))
            elif not isinstance(shape, Modulation):
                one.image = as_image(shape, experiment)
                seen = loops.weighed_sum(one.image, experiment.gain)
                total += max(seen, _least_sum(shape, experiment, weight))
        for one in own:
            one.scale = photons * entry["share"] / total if total > 0 else 0.0
        rendered += own
    return rendered


def _families(rendered: Sequence[RenderedComponent]) -> tuple[list[list[RenderedComponent]], int]:
    """Return the families of radial components, and the number of those without a stretch.

    Components of one family hold the same `azimuth` and `stretch` arrays. The first family has
    neither, and may be empty; those with a stretch come last, for their pixels cost more.
    """
    # Arrays are told apart by identity, not by content: comparing them would take longer.
    families: dict[tuple[int, int], list[RenderedComponent]] = {(0, 0): []}
    plain = 0
    for stretched in (False, True):
        for one in rendered:
            c = one.component
            if isinstance(c, Radial) and (c.stretch is not None) == stretched:
                key = (
                    0 if c.azimuth is None else id(c.azimuth),
                    0 if c.stretch is None else id(c.stretch),
                )
                families.setdefault(key, []).append(one)
        if not stretched:
            plain = len(families)
    for number, members in enumerate(families.values()):
        for one in members:
            one.family = number
    return list(families.values()), plain


def _family_tables(
    families: Sequence[Sequence[RenderedComponent]], points: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return counts over q (points, families), azimuth and stretch (angles + 1, families)."""
    radial = np.zeros((points, len(families)), np.float32)
    azimuth = np.ones((ANGLES + 1, len(families)), np.float32)
    stretch = np.ones((ANGLES + 1, len(families)), np.float32)
    for f, members in enumerate(families):
        if not members:
            continue
        radial[:, f] = sum(one.scale * one.profile for one in members)
        first = members[0].component
        for table, values in ((azimuth, first.azimuth), (stretch, first.stretch)):
            if values is not None:
                # The last point repeats the first, so that the loop can interpolate across π.
                table[:-1, f], table[-1, f] = values, values[0]
    return radial, azimuth, stretch


def _far_light(expected: np.ndarray, experiment: Experiment) -> np.ndarray:
    """Return what a phosphor spreads far (rows, cols) float32, before it is weighed with gains."""
    detector = experiment.setup.detector
    far = np.maximum(expected - np.float32(detector.dark_counts), 0)
    spread_far(far, detector.tail_length / detector.scale)
    far *= np.float32(detector.tail / (1 - detector.tail))
    # It meets no obstacle; the loop multiplies it with the gain again.
    return np.divide(far, experiment.gain, out=np.zeros_like(far), where=experiment.gain > 0)


def render(scene: dict[str, Any], experiment: Experiment, only: int | None = None) -> Rendering:
    """Return the expected counts of a scene, with the sums over pixels that `visibility` needs.

    Args:
        scene: as drawn by `scene.draw_scene`.
        experiment: in which it is shown.
        only: number of the one component to render; the others are left out after all are scaled.
    """
    rendered = _scaled_components(scene, experiment) if scene["photons"] > 0 else []
    # After scaling, so that a component alone is as strong as among the others.
    rendered = rendered if only is None else [rendered[only]]
    families, plain = _families(rendered)
    radial, azimuth, stretch = _family_tables(families, len(experiment.q))
    extra = np.zeros((1, 1), np.float32)  # compiled code takes an array even where there is none
    images = [one for one in rendered if one.image is not None]
    if images:
        # A new array: the image of the component is needed again for its d'.
        extra = images[0].image * np.float32(images[0].scale)
        for one in images[1:]:
            extra += one.image * np.float32(one.scale)
    # A beam that drifts by a part of a pixel moves q along each azimuth by its component there.
    drow, dcol = (x / experiment.scale for x in scene["drift"])
    turn = np.append(experiment.chi, np.pi)
    steps = experiment.q_per_pixel / experiment.q_step
    shift = -(drow * np.sin(turn) + dcol * np.cos(turn)) * steps
    # Added after obstacles and response: the dark needs no light.
    dark = experiment.setup.detector.dark_counts
    rendering = Rendering(
        experiment.empty_map(),
        rendered,
        np.zeros(radial.shape),
        np.zeros(radial.shape),
        np.zeros((SECTORS, len(families))),
        np.zeros((SECTORS, len(families))),
    )
    tables = (radial, azimuth, stretch, plain, shift.astype(np.float32))
    maps = (rendering.expected, experiment.q_index, experiment.chi_index, experiment.gain)
    sums = (
        rendering.information, rendering.flux, rendering.sector_information, rendering.sector_flux,
    )  # fmt: skip
    loops.compose(*maps, *tables, extra, bool(images), np.float32(dark), *sums)
    if experiment.setup.detector.tail and rendered:
        # Far light depends on the whole image, and adds to λ of every sum: a second pass.
        far = _far_light(rendering.expected, experiment)
        for one_sum in sums:
            one_sum[:] = 0
        loops.compose(*maps, *tables, far + extra, True, np.float32(dark), *sums)
    for one in rendered:
        if isinstance(one.component, Modulation):
            rendering.modulation = loops.modulate(
                rendering.expected, experiment.live, one.component.factor, dark
            )
    return rendering
