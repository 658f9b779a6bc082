"""From components to expected counts, and to the sums that say what is detectable.

All radial components of one azimuthal dependence form a family: one table over q and one over χ.
A single pass over the pixels adds all families, weighs them with the detector, and collects for
every family Σ (g A)²/λ and Σ g A by radius, from which d' of each of its components follows
without looking at pixels again (`visibility.py`).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xscatter.core.compiled import compiled
from xscatter.simulate.components import Component, Map, Modulation, Plane, Radial, Spots
from xscatter.simulate.experiment import ANGLES, Experiment
from xscatter.simulate.features.registry import get
from xscatter.simulate.profiles import FULL_WIDTH
from xscatter.simulate.smearing import mix_wavelengths, mixed_halves, smear


@dataclass
class Part:
    """A component as rendered: `scale` turns its intensity into counts."""

    feature: str
    kind: str  # sample, background or standard
    component: Any  # one of `components`
    scale: float
    profile: Any = None  # (radii,) intensity after point spread, for Radial
    image: Any = None  # (rows, cols) float32 intensity, for shapes other than Radial
    family: int = -1


@dataclass
class Rendering:
    """Expected counts of an image, and what `visibility` needs."""

    expected: (
        np.ndarray
    )  # (rows, cols) float32, after beamstop and point spread, dark counts included
    parts: list[Part] = field(default_factory=list)
    information: Any = None  # (radii, families) Σ (g A)²/λ
    flux: Any = None  # (radii, families) Σ g A
    modulation: tuple[float, float] = (0.0, 0.0)  # Σ s²/λ and Σ |s| of what a Modulation changes


@compiled
def _compose(
    expected,
    q_index,
    chi_index,
    gain,
    radial,
    azimuth,
    stretch,
    plain,
    drift,
    extra,
    has_extra,
    dark,
    information,
    flux,
):
    """One pass over the pixels. Families before `plain` have no stretch; family 0 has no azimuth.

    `azimuth` and `stretch` (angles + 1, families), `drift` (angles + 1,): shift of q_index.
    """
    rows, cols = expected.shape
    radii, families = radial.shape
    weight = np.empty(families, np.float32)
    at = np.empty(families, np.int64)
    last = np.float32(radii - 1.001)
    zero = np.float32(0)
    for r in range(rows):
        for c in range(cols):
            g = gain[r, c]
            if g < zero:
                expected[r, c] = zero
                continue
            t = chi_index[r, c]
            j = np.int64(t)
            v = t - np.float32(j)
            q = q_index[r, c] + drift[j]
            x = min(max(q, zero), last)
            i = np.int64(x)
            u = x - np.float32(i)
            total = radial[i, 0] + u * (radial[i + 1, 0] - radial[i, 0])
            nearest = np.int64(x + np.float32(0.5))
            for f in range(1, families):
                if f < plain:
                    k, w = i, u
                    at[f] = nearest
                else:
                    y = min(
                        max(q * (stretch[j, f] + v * (stretch[j + 1, f] - stretch[j, f])), zero),
                        last,
                    )
                    k = np.int64(y)
                    w = y - np.float32(k)
                    at[f] = np.int64(y + np.float32(0.5))
                a = azimuth[j, f] + v * (azimuth[j + 1, f] - azimuth[j, f])
                weight[f] = a
                total += a * (radial[k, f] + w * (radial[k + 1, f] - radial[k, f]))
            if has_extra:
                total += extra[r, c]
            counts = g * total + dark
            expected[r, c] = counts
            power = g * g / counts
            information[nearest, 0] += power
            flux[nearest, 0] += g
            for f in range(1, families):
                information[at[f], f] += power * weight[f] * weight[f]
                flux[at[f], f] += g * weight[f]


@compiled
def _sum_of_products(along, across, x, y):
    """Σ_l along_l(x) across_l(y), linear between the points of tables (points, terms)."""
    i, k = np.int64(x), np.int64(y)
    u, w = x - np.float32(i), y - np.float32(k)
    total = np.float32(0)
    for f in range(along.shape[1]):
        first = along[i, f] + u * (along[i + 1, f] - along[i, f])
        total += first * (across[k, f] + w * (across[k + 1, f] - across[k, f]))
    return total


@compiled
def _plane(image, q_index, chi_index, cosine, sine, along, across, scale):
    """Add Σ_l along_l(x) across_l(y) to `image`; tables have q = 0 in their middle."""
    rows, cols = image.shape
    points = len(along)
    middle = np.float32((points - 1) // 2)
    last = np.float32(points - 1.001)
    for r in range(rows):
        for c in range(cols):
            j = np.int64(chi_index[r, c])
            x = min(max(q_index[r, c] * cosine[j] + middle, np.float32(0)), last)
            y = min(max(q_index[r, c] * sine[j] + middle, np.float32(0)), last)
            image[r, c] += _sum_of_products(along, across, x, y) * scale


@compiled
def _fibre(image, q_index, chi_index, cosine, sphere, tilt, along, across):
    """As `_plane`, x and y those along and across a fibre: `sphere` is sin θ over q_index, `tilt` β in radians."""
    rows, cols = image.shape
    points = len(along)
    middle = np.float32((points - 1) // 2)
    last = np.float32(points - 1.001)
    zero, one = np.float32(0), np.float32(1)
    upright, leaning = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
    for r in range(rows):
        for c in range(cols):
            q = q_index[r, c]
            sine = min(q * sphere, one)
            x = q * (
                np.sqrt(one - sine * sine) * upright * cosine[np.int64(chi_index[r, c])]
                - sine * leaning
            )
            y = min(middle + np.sqrt(max(q * q - x * x, zero)), last)
            x = min(max(x + middle, zero), last)
            image[r, c] += _sum_of_products(along, across, x, y)


@compiled
def _spots(image, rows, cols, intensity, radial_width, tangential_width, center_row, center_col):
    """Add Gaussian spots to `image`, each in a window of four standard deviations."""
    height, width = image.shape
    for n in range(len(rows)):
        wide = max(radial_width[n], tangential_width[n])
        reach = 4.0 * wide
        first, last = max(0, int(rows[n] - reach)), min(height - 1, int(rows[n] + reach + 1))
        left, right = max(0, int(cols[n] - reach)), min(width - 1, int(cols[n] + reach + 1))
        drow, dcol = rows[n] - center_row, cols[n] - center_col
        length = max(np.sqrt(drow * drow + dcol * dcol), 1e-9)
        sine, cosine = drow / length, dcol / length
        peak = intensity[n] / (2 * np.pi * radial_width[n] * tangential_width[n])
        a, b = 0.5 / radial_width[n] ** 2, 0.5 / tangential_width[n] ** 2
        for r in range(first, last + 1):
            for c in range(left, right + 1):
                y, x = r - rows[n], c - cols[n]
                out, side = x * cosine + y * sine, y * cosine - x * sine
                image[r, c] += peak * np.exp(-(a * out * out + b * side * side))


@compiled
def _modulate(expected, live, factor, dark):
    """Multiply what is above `dark` by `factor`; return Σ s²/λ and Σ |s| of the change s."""
    information, flux = 0.0, 0.0
    rows, cols = expected.shape
    for r in range(rows):
        for c in range(cols):
            if live[r, c]:
                before = np.float64(expected[r, c])
                s = (before - dark) * (factor[r, c] - 1.0)
                after = max(before + s, 0.0)
                expected[r, c] = after
                if after > 0:
                    information += s * s / after
                    flux += abs(s)
    return information, flux


def as_image(component: Component, experiment: Experiment) -> np.ndarray:
    """The intensity (rows, cols) float32 of a component that is not Radial."""
    if isinstance(component, Map):
        return np.ascontiguousarray(component.image, dtype=np.float32)
    image = np.zeros((experiment.size, experiment.size), np.float32)
    if isinstance(component, Spots):
        seen = np.isfinite(component.rows) & np.isfinite(component.cols)
        chosen = [
            np.ascontiguousarray(np.asarray(getattr(component, name), float)[seen])
            for name in _SPOT_FIELDS
        ]
        if experiment.wavelength_spread:  # a spot runs out along its radius
            center = experiment.geometry.center
            radius = np.hypot(chosen[0] - center[0], chosen[1] - center[1])
            chosen[3] = np.hypot(chosen[3], radius * experiment.wavelength_spread / FULL_WIDTH)
        _spots(image, *chosen, *experiment.geometry.center)
    elif isinstance(component, Plane):
        tables = [
            mixed_halves(np.atleast_2d(t), experiment.wavelength_spread) for t in _tables(component)
        ]
        smeared = [smear(t, experiment.resolution / experiment.q_step).T for t in tables]
        turned = experiment.chi - component.angle
        cosine, sine = np.cos(turned).astype(np.float32), np.sin(turned).astype(np.float32)
        tables = [np.ascontiguousarray(t, dtype=np.float32) for t in smeared]
        places = (image, experiment.q_index, experiment.chi_index, cosine)
        if component.tilt is None:
            _plane(*places, sine, *tables, np.float32(1))
        else:
            sphere = experiment.q_step * 1e9 * experiment.geometry.wavelength / (4 * np.pi)
            _fibre(*places, np.float32(sphere), component.tilt, *tables)
    return image


_SPOT_FIELDS = ("rows", "cols", "intensity", "radial_width", "tangential_width")


def _tables(component: Plane) -> tuple[np.ndarray, np.ndarray]:
    return component.along, component.across


@compiled
def _weighed_sum(image, gain):
    total = 0.0
    rows, cols = image.shape
    for r in range(rows):
        for c in range(cols):
            if gain[r, c] > 0:
                total += np.float64(image[r, c]) * gain[r, c]
    return total


def _least_sum(component: Component, experiment: Experiment, weight: np.ndarray) -> float:
    """What a component counts for at least, however little of it meets live pixels.

    Without it, the tail of what lies beside the image, or behind the beamstop, would be blown up to
    all the photons of the feature. `weight` (radii,) is that of the radial tables outside of the beamstop; the azimuth
    of a radial component is left to the caller.
    """
    if isinstance(component, Radial):
        # The steepest power law between beamstop and rim, and beside an unstopped beam, is above both bounds.
        edge = float(experiment.weight @ component.profile)
        return max(1e-3 * edge, 1e-11 * float(weight.sum() * component.profile.max()))
    if isinstance(component, Spots):
        return 0.02 * float(np.nansum(component.intensity)) * experiment.scale**2
    if isinstance(component, Plane):
        highest = float(np.abs(component.along).max() * np.abs(component.across).max())
    else:
        highest = float(component.image.max()) if isinstance(component, Map) else 0.0
    return 1e-5 * highest * (experiment.size * experiment.scale) ** 2


def _parts(scene: dict[str, Any], experiment: Experiment) -> list[Part]:
    """The components of all features of `scene`, scaled to their shares of the photons."""
    parts: list[Part] = []
    outside = experiment.q > 1.2 * experiment.stop_radius * experiment.q_per_pixel
    weight = np.where(outside, experiment.weight, 0.0)
    for entry in scene["features"]:
        feature = get(entry["feature"])
        own = [
            Part(feature.name, feature.kind, component, 1.0)
            for component in feature.contribute(entry["parameters"], experiment)
        ]
        radial = [part for part in own if isinstance(part.component, Radial)]
        if radial:
            width = experiment.resolution / experiment.q_step
            profiles = np.array([part.component.profile for part in radial], float)
            if experiment.wavelength_spread:
                profiles = mix_wavelengths(profiles, experiment.wavelength_spread)
            smeared = smear(profiles, width)
            for part, profile in zip(radial, smeared, strict=True):
                part.profile = profile
        total = 0.0
        for part in own:
            component = part.component
            if isinstance(component, Radial):
                azimuth = 1.0 if component.azimuth is None else float(np.mean(component.azimuth))
                total += azimuth * max(
                    float(weight @ component.profile), _least_sum(component, experiment, weight)
                )
            elif not isinstance(component, Modulation):
                part.image = as_image(component, experiment)
                total += max(
                    _weighed_sum(part.image, experiment.gain),
                    _least_sum(component, experiment, weight),
                )
        for part in own:
            part.scale = scene["photons"] * entry["share"] / total if total > 0 else 0.0
        parts += own
    return parts


def render(scene: dict[str, Any], experiment: Experiment, only: int | None = None) -> Rendering:
    """Expected counts of `scene` in `experiment`, with the sums over pixels that `visibility` needs.

    With `only`, the number of a part, the others are left out, after all were scaled.
    """
    shape = (experiment.size, experiment.size)
    parts = _parts(scene, experiment) if scene["photons"] > 0 else []
    parts = parts if only is None else [parts[only]]
    families: dict[tuple[int, int], list[Part]] = {(0, 0): []}
    for stretched in (False, True):
        for part in parts:
            c = part.component
            if isinstance(c, Radial) and (c.stretch is not None) == stretched:
                key = (
                    0 if c.azimuth is None else id(c.azimuth),
                    0 if c.stretch is None else id(c.stretch),
                )
                families.setdefault(key, []).append(part)
        if not stretched:
            plain = len(families)
    points = len(experiment.q)
    radial = np.zeros((points, len(families)), np.float32)
    azimuth = np.ones((ANGLES + 1, len(families)), np.float32)
    stretch = np.ones((ANGLES + 1, len(families)), np.float32)
    for f, members in enumerate(families.values()):
        if not members:
            continue
        for part in members:
            part.family = f
        radial[:, f] = sum(part.scale * part.profile for part in members)
        first = members[0].component
        for table, values in ((azimuth, first.azimuth), (stretch, first.stretch)):
            if values is not None:
                table[:-1, f], table[-1, f] = values, values[0]
    extra = np.zeros((1, 1), np.float32)
    images = [part for part in parts if part.image is not None]
    if images:
        extra = images[0].image * np.float32(images[0].scale)
        for part in images[1:]:
            extra += part.image * np.float32(part.scale)
    drow, dcol = (x / experiment.scale for x in scene["drift"])
    turn = np.append(experiment.chi, np.pi)
    shift = -(drow * np.sin(turn) + dcol * np.cos(turn)) * (
        experiment.q_per_pixel / experiment.q_step
    )
    done = Rendering(
        np.empty(shape, np.float32), parts, np.zeros(radial.shape), np.zeros(radial.shape)
    )
    _compose(
        done.expected, experiment.q_index, experiment.chi_index, experiment.gain, radial, azimuth, stretch, plain,
        shift.astype(np.float32), extra, bool(images), np.float32(experiment.dark), done.information, done.flux,
    )  # fmt: skip
    for part in parts:
        if isinstance(part.component, Modulation):
            done.modulation = _modulate(
                done.expected, experiment.live, part.component.factor, experiment.dark
            )
    return done
