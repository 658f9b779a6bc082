"""One test for every feature: it walks the registry, so a new file is tested by being there."""

import json

import numpy as np
import pytest

from xscatter import tags
from xscatter.core.errors import UserError
from xscatter.simulate import Experiment
from xscatter.simulate.components import Map, Modulation, Plane, Radial, Spots
from xscatter.simulate.features import powder_rings, speckle
from xscatter.simulate.physics.particles import sphere
from xscatter.simulate.registry import all_features, get
from xscatter.simulate.sample import FAMILIES
from xscatter.study import Study

pytestmark = pytest.mark.floats

FEATURES = all_features()


def experiments(size, numbers=range(24)):
    return [Experiment(Study(name="t", simulate={"size": size}), number) for number in numbers]


@pytest.fixture(scope="module")
def small():
    return experiments(64)


@pytest.mark.parametrize("name", FEATURES)
def test_reference_values(name):
    assert FEATURES[name].references, (
        "a feature has at least one value that is known from elsewhere"
    )
    for reference in FEATURES[name].references:
        value = reference.function(*reference.arguments)
        if isinstance(reference.value, str):
            assert value == reference.value, reference.source
        else:
            np.testing.assert_allclose(
                value, reference.value, rtol=2e-3, atol=1e-6, err_msg=reference.source
            )


@pytest.mark.parametrize("name", FEATURES)
def test_table_of_parameters(name):
    feature = FEATURES[name]
    assert feature.kind in ("sample", "background", "standard")
    assert feature.module.__doc__
    assert set(feature.module.FAMILIES) <= {*FAMILIES, "any"}
    for parameter in feature.parameters:
        low, high = parameter.bounds
        assert low <= parameter.default <= high
        assert parameter.meaning
    with pytest.raises(UserError, match="not a parameter"):
        feature.check({"no such parameter": 1.0})
    outside = feature.parameters[0]
    with pytest.raises(UserError, match="outside of its bounds"):
        feature.check({outside.name: outside.bounds[1] * 2 + 1})


class Tails(np.random.Generator):
    """Numbers at the ends of their distributions, or far out in the tails of those without."""

    def uniform(self, low=0.0, high=1.0, size=None):
        return self.choice([low, high], size)

    def beta(self, a, b, size=None):
        return self.choice([0.0, 1.0], size)

    def normal(self, loc=0.0, scale=1.0, size=None):
        return loc + 5.5 * scale * self.choice([-1, 1], size)

    def exponential(self, scale=1.0, size=None):
        return 17.0 * scale * np.ones(size or ())


@pytest.mark.parametrize("name", FEATURES)
def test_a_rare_draw_stays_within_the_bounds(name, small):
    """Draws of one in 10 million, as many as a study has: one out of bounds would end its shard."""
    for experiment in small:
        for seed in range(20):
            assert FEATURES[name].draw(Tails(np.random.PCG64(seed)), experiment)


@pytest.mark.parametrize("name", FEATURES)
def test_drawn_components(name, small):
    """Draws regenerate from JSON, are finite and not negative, and name declared tags only."""
    feature = FEATURES[name]
    for experiment in small:
        drawn = feature.draw(np.random.default_rng(experiment.number), experiment)
        again = json.loads(json.dumps(drawn))
        components = feature.contribute(drawn, experiment)
        for one, two in zip(components, feature.contribute(again, experiment), strict=True):
            assert type(one) is type(two)
            assert set(one.tags) <= set(feature.tags) <= set(tags.NAMES)
            for key, expected_shape in FIELDS[type(one)](experiment).items():
                value = getattr(one, key)
                if value is not None:
                    np.testing.assert_array_equal(value, getattr(two, key))
                    assert expected_shape is None or value.shape[-1:] == expected_shape[-1:]
                    positions = key in ("rows", "cols")
                    assert positions or (np.isfinite(value).all() and (value >= 0).all()), key


FIELDS = {
    Radial: lambda e: {"profile": e.q.shape, "azimuth": e.chi.shape, "stretch": e.chi.shape},
    Spots: lambda e: dict.fromkeys(
        ("rows", "cols", "intensity", "radial_width", "tangential_width")
    ),
    Plane: lambda e: {"along": e.axis.shape, "across": e.axis.shape},
    Map: lambda e: {"image": (e.size, e.size)},
    Modulation: lambda e: {"factor": (e.size, e.size)},
}


@pytest.mark.parametrize("name", FEATURES)
def test_a_profile_does_not_depend_on_the_image_size(name):
    """At 256 and 512 pixels parameters give the same curves over q, up to the blur of a pixel."""
    feature = FEATURES[name]
    compared = 0
    for coarse, fine in zip(experiments(256, range(6)), experiments(512, range(6)), strict=True):
        drawn = feature.draw(np.random.default_rng(3), coarse)
        assert drawn == feature.draw(np.random.default_rng(3), fine)
        parts = [
            [c for c in feature.contribute(drawn, e) if isinstance(c, Radial)]
            for e in (coarse, fine)
        ]
        if parts[0]:
            # Blurred: peaks narrower than a step are drawn wider, at the same area.
            curves = zip((coarse, fine), parts, strict=True)
            seen = [
                _blurred(e.q, np.sum([c.profile for c in part], axis=0), coarse)
                for e, part in curves
            ]
            np.testing.assert_allclose(*seen, rtol=0.03, atol=0.03 * seen[1].max())
            compared += 1
    assert compared or name in WITHOUT_PROFILE


WITHOUT_PROFILE = {
    "bragg_rods", "direct_beam", "equatorial_streak", "layer_lines", "parasitic_slits",
    "single_crystal", "speckle", "specular_rod", "spotted_rings", "cerium_dioxide",
    "lanthanum_hexaboride",
}  # fmt: skip


def _blurred(q, profile, coarse):
    """`profile` at 40 values of q, blurred over 8 steps of the coarser table."""
    at = np.linspace(coarse.q_low + 40 * coarse.q_step, coarse.q_high, 40)
    weight = np.exp(-0.5 * ((q - at[:, None]) / (8 * coarse.q_step)) ** 2)
    return weight @ profile * (q[2] - q[1])


def test_speckle_keeps_the_mean_and_loses_contrast_where_pixels_hold_many_grains():
    parameters = {"size": 6.0, "contrast": 0.9, "seed": 5}
    contrasts = []
    for size in (64, 256):
        factor = get("speckle").contribute(parameters, experiments(size, [0])[0])[0].factor
        assert factor.mean() == pytest.approx(1, abs=0.05)
        assert factor.min() >= 0
        contrasts.append(factor.std())
    assert contrasts[0] < contrasts[1] < 0.9


def test_fully_developed_speckle_is_exponentially_distributed():
    """P(I > x) = exp(−x) (Goodman)."""
    intensity = speckle.pattern(3)
    for level in (0.5, 1.0, 2.0, 3.0):
        assert np.mean(intensity > level) == pytest.approx(np.exp(-level), rel=0.1)


@pytest.mark.parametrize(
    ("name", "squares", "multiplicities"),
    [
        ("simple_cubic", [1, 2, 3, 4, 5, 6], [6, 12, 8, 6, 24, 24]),
        ("body_centred_cubic", [2, 4, 6, 8, 10, 12], [12, 6, 24, 12, 24, 8]),
        ("face_centred_cubic", [3, 4, 8, 11, 12, 16], [8, 6, 12, 24, 8, 6]),
    ],
)
def test_reflections_of_a_lattice_have_the_areas_of_z0(name, squares, multiplicities):
    """Area over q of reflection k: P(q) m exp(−q²u²)/q², q = 2π √(h² + k² + l²)/a (Yager 2014)."""
    experiment = experiments(512, [3])[0]
    edge = 2 * np.pi * 3**0.5 / (0.15 * experiment.q_high)
    displacement = 0.03
    parameters = {
        "spacing": edge, "filling": 0.2, "polydispersity": 0.0, "displacement": displacement,
        "width": 0.02, "lorentzian": 0.0,
    }  # fmt: skip
    reflections = [c for c in get(name).contribute(parameters, experiment) if c.order]
    positions, areas = [], []
    for component in reflections[:6]:
        areas.append(component.profile.sum())
        positions.append((experiment.q * component.profile).sum() / areas[-1])
    expected = 2 * np.pi / edge * np.sqrt(squares)
    np.testing.assert_allclose(positions, expected, rtol=0.005)
    strength = (
        np.array(multiplicities)
        / expected**2
        * sphere(expected, 0.2 * edge, 0.0)
        * np.exp(-((displacement * edge * expected) ** 2))
    )
    np.testing.assert_allclose(
        np.array(areas) / areas[0], strength / strength[0], rtol=0.05, atol=2e-3
    )


def test_a_fibre_shows_its_lines_and_its_equator_at_right_angles():
    for experiment in experiments(64, range(12)):
        angles = [
            get(name).draw(np.random.default_rng(1), experiment)["angle"]
            for name in ("layer_lines", "equatorial_streak")
        ]
        assert abs(np.cos(np.deg2rad(angles[0] - angles[1]))) < 0.1


def test_grains_of_a_powder_average_to_a_smooth_ring():
    """The relative deviation falls as the root of the number of grains."""
    rng = np.random.default_rng(0)
    few, many = (powder_rings.grainy(n, 1.0, 4096, rng) for n in (1000, 16_000))
    assert few.mean() == pytest.approx(1, abs=0.1)
    assert many.mean() == pytest.approx(1, abs=0.03)
    assert few.std() / many.std() == pytest.approx(4, rel=0.3)
