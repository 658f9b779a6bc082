"""The vocabulary: published names, implications, and consistency of the labels of a whole study."""

import numpy as np
import pytest

from tolerances import step_tolerance
from xscatter import tags
from xscatter.simulate import Experiment, simulate_image
from xscatter.simulate.registry import all_features
from xscatter.study import parse_study

pytestmark = pytest.mark.floats


def test_every_published_name_is_found():
    assert [
        len(tags.VOCABULARIES[key]) for key in ("wacv-17", "double-view-15", "double-view-10")
    ] == [17, 15, 10]
    for names in tags.VOCABULARIES.values():
        assert len({tags.find(name) for name in names}) == len(names)


def test_names_are_unique_and_implications_exist():
    assert len(set(tags.NAMES)) == len(tags.NAMES)
    for tag in tags.TAGS:
        assert set(tag.implies) <= set(tags.NAMES)
        assert tag.expected in ("usual", "rare", "common")


def test_implied_tags_are_found_through_several_steps():
    assert {"halo: anisotropic", "halo"} < tags.with_implied({"symmetry halo"})


def test_every_tag_has_a_source():
    implied = {
        name for feature in all_features().values() for name in tags.with_implied(set(feature.tags))
    }
    ruled = {
        tag.name
        for tag in tags.TAGS
        if tag.group in ("orders", "exposure", "background", "instrument")
    }
    missing = set(tags.NAMES) - implied - ruled - {"Yoneda", "horizon", "grazing incidence"}
    assert not missing


@pytest.fixture(scope="module")
def labelled():
    study = parse_study(
        {"name": "t", "seed": 11, "simulate": {"experiments": 60, "images": 8, "size": 64}}
    )
    frame = np.empty((64, 64), np.uint32)
    images = []
    for number in range(60):
        experiment = Experiment(study, number)
        images += [(experiment, *simulate_image(experiment, image, frame)) for image in range(8)]
    return images


def test_expected_counts_are_finite_and_not_negative(labelled):
    for experiment, _, done, _, strength in labelled:
        assert np.isfinite(done.expected).all()
        assert done.expected.min() >= 0
        assert (done.expected[experiment.live] > 0).all()
        assert not np.isinf(strength).any()


def test_labels_respect_exclusion_and_implication(labelled):
    for _, _, _, labels, _ in labelled:
        true = {name for name, on in zip(tags.NAMES, labels, strict=True) if on}
        assert tags.with_implied(true) == true
        for row in tags.EXCLUSIVE:
            assert len(true & set(row)) <= 1


def test_a_true_tag_with_a_detectability_reaches_the_threshold(labelled):
    for _, _, _, labels, strength in labelled:
        known = np.isfinite(strength)
        assert (strength[known & (labels == 1)] >= tags.DETECTABLE).all()
        # Implied tags are never less detectable than what implies them.
        for tag in tags.TAGS:
            if labels[tags.INDEX[tag.name]] and np.isfinite(strength[tags.INDEX[tag.name]]):
                for implied in tag.implies:
                    least = strength[tags.INDEX[tag.name]] * (1 - step_tolerance(8))
                    assert strength[tags.INDEX[implied]] >= least


def test_features_name_only_the_tags_that_they_declare(labelled):
    known = all_features()
    for _, scene, done, _, _ in labelled:
        declared = {
            name
            for entry in scene["features"]
            for name in tags.with_implied(set(known[entry["feature"]].tags))
        }
        for part in done.components:
            assert set(part.component.tags) <= declared


def test_blank_images_show_nothing_but_noise(labelled):
    study = parse_study(
        {"name": "t", "seed": 11, "simulate": {"experiments": 4, "images": 2, "size": 64}}
    )
    for number in range(4):  # every kind of detector
        experiment = Experiment(study, number)
        frames = []
        for image in (0, 1):
            frame = np.empty((64, 64), np.uint32)
            dark = {"photons": 0.0, "drift": [0.0, 0.0], "zingers": 0, "features": []}
            labels = simulate_image(experiment, image, frame, dark)[2]
            assert [name for name, on in zip(tags.NAMES, labels, strict=True) if on] == ["blank"]
            frames.append(frame)
        assert frames[0][experiment.live].any()
        assert not np.array_equal(*frames)
