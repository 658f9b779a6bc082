"""Beam centres of expansions as they are known in use."""

import h5py
import numpy as np
import pytest

from toy_shards import toy_study
from xscatter.core import shards
from xscatter.fourier_bessel import Plan
from xscatter.frames import find_center
from xscatter.store.coefficients import open_coefficients
from xscatter.store.experiments import open_experiment
from xscatter.store.paths import StudyPaths
from xscatter.transform.centers import planned
from xscatter.transform.parallel import transform_files

SIDE, CENTER = 64, (30.0, 34.0)
STUDY = toy_study(
    experiments=12,
    images=3,
    simulate={"experiments": 12, "images": 3, "size": SIDE},
    transform={"angular_orders": 3, "radial_orders": 4, "centers": "estimated"},
)


def write(path, number, expected):
    """Three images of `expected` counts, with a gap."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[20:22] = True
    counts = np.random.default_rng(number).poisson(expected, (3, SIDE, SIDE)).astype(np.uint32)
    counts[:, mask] = np.iinfo(np.uint32).max
    attributes = {"study_hash": STUDY.fingerprint("simulate"), "experiment": number}
    with shards.new_shard(path, **attributes) as file:
        data = file.create_dataset("entry/data/counts", data=counts, chunks=(1, SIDE, SIDE))
        data.attrs["saturation_value"] = 10**6
        file["entry/instrument/detector/mask"] = mask
        file["entry/instrument/beam_center"] = np.array(CENTER)


@pytest.fixture
def paths(tmp_path):
    """Rings, but blank images in experiments 8 to 11."""
    paths = StudyPaths(tmp_path)
    y, x = np.indices((SIDE, SIDE))
    r = np.hypot(y - CENTER[0], x - CENTER[1])
    ring = 2 + 90 * np.exp(-(((r - 18) / 2) ** 2)) + 200 * np.exp(-r / 6)
    for number in range(12):
        write(paths.experiment(number), number, ring if number < 8 else np.zeros_like(ring))
    return paths


def test_half_are_from_a_header_and_half_are_estimates_with_their_confidence(paths):
    headers = estimates = failures = 0
    for number in range(12):
        with open_experiment(paths.experiment(number)) as shard:
            plan, used = planned(STUDY, shard)
            assert planned(STUDY, shard)[1] == used
            found = []
            for image in range(3):
                counts, mask, _ = shard.counts(image)
                found.append(find_center(np.where(mask, 0, counts), mask))
        assert plan.center == used.center
        off = np.abs(np.subtract(used.center, CENTER)).max()
        if used.confidence == 1.0:
            headers += 1
            assert 0 < off <= 1
        else:
            assert (used.center, used.confidence) in [(e.center, e.confidence) for e in found]
            estimates += number < 8
            failures += number >= 8
            assert (used.confidence < 0.1) == (number >= 8)
    assert headers >= 3
    assert estimates >= 2
    assert failures >= 1


def test_an_estimate_out_of_reach_gives_way_to_the_middle_of_the_image(paths, monkeypatch):
    from xscatter.frames import CenterEstimate
    from xscatter.transform import centers

    monkeypatch.setattr(centers, "find_center", lambda *_: CenterEstimate((900.0, 0.0), 0.8))
    middle = []
    for number in range(12):
        with open_experiment(paths.experiment(number)) as shard:
            used = planned(STUDY, shard)[1]
        if used.confidence != 1.0:
            middle.append((used.center, used.confidence))
    assert set(middle) == {((31.5, 31.5), 0.0)}


@pytest.mark.floats
def test_the_file_holds_the_centre_that_was_used(paths):
    pairs = [(paths.experiment(n), paths.coefficients(n)) for n in range(12)]
    assert transform_files(STUDY, pairs) == []
    for source, target in pairs:
        with open_coefficients(target) as file, open_experiment(source) as shard:
            used = planned(STUDY, shard)[1]
            assert tuple(file.facts["beam_center"]) == used.center
            assert file.center_confidence == used.confidence
            counts, mask, _ = shard.counts(1)
            values = 2 * np.sqrt(np.where(mask, 0, counts) + 0.375)
            plan = Plan((SIDE, SIDE), used.center, SIDE, 3, 4, minimum_coverage=0.01)
            expected = plan.forward(values[None], mask)[0]
            scale = np.abs(expected).max()
            np.testing.assert_allclose(file.dataset[1], expected, rtol=0, atol=1e-3 * scale)
    first = [target.read_bytes() for _, target in pairs]
    for _, target in pairs:
        target.unlink()
    transform_files(STUDY, pairs)
    assert first == [target.read_bytes() for _, target in pairs]
    with h5py.File(paths.coefficients(0)) as file:
        assert "center_confidence" in file["entry/coefficients"].attrs
