"""Bad input is refused before anything is drawn, in one line that names the key."""

import numpy as np
import pytest

from xscatter.cli import main
from xscatter.core.errors import UserError
from xscatter.simulate import Experiment, limits
from xscatter.study import parse_study


def run(tmp_path, capsys, text):
    (tmp_path / "s.yaml").write_text(f"name: s\n{text}\n")
    status = main(["simulate", str(tmp_path / "s.yaml"), "-o", str(tmp_path / "out")])
    error = capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert status == 2
    assert len(error.strip().splitlines()) == 1
    return error


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("simulate: {size: 8}", ["simulate.size", "32"]),
        ("simulate: {images: 0}", ["simulate.images", "1"]),
        ("simulate: {sampling: stretch}", ["simulate.sampling", "resample", "extend"]),
        ("simulate: {features: [ring, sphinx]}", ["simulate.features", "sphinx", "halo"]),
        ("simulate: {features: [background]}", ["simulate.features", "sample"]),
        ("simulate: {detectors: [eyeball]}", ["simulate.detectors", "pilatus"]),
        ("simulate: {mask: nowhere.npy}", ["simulate.mask", "nowhere.npy"]),
        (
            "simulate: {size: 64}\ntransform: {minimum_coverage: 0.9}",
            ["transform.minimum_coverage", "0.9"],
        ),
    ],
)
def test_bad_keys_are_refused(tmp_path, capsys, text, words):
    error = run(tmp_path, capsys, text)
    assert all(word in error for word in words)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (np.zeros((64, 60)), ["64 × 60", "64 × 64"]),
        (np.ones((64, 64)), ["100%"]),
        (None, ["cannot be read"]),
    ],
)
def test_bad_masks_are_refused(tmp_path, capsys, mask, words):
    path = tmp_path / "mask.npy"
    if mask is None:
        path.write_bytes(b"no mask")
    else:
        np.save(path, mask)
    error = run(tmp_path, capsys, f"simulate: {{size: 64, mask: {path}}}")
    assert all(word in error for word in ["simulate.mask", *words])


def test_an_image_larger_than_memory_is_refused(monkeypatch):
    monkeypatch.setattr(limits, "memory_limit", lambda: 1e9)
    with pytest.raises(UserError, match=r"simulate.size: 8000 needs .* at most \d+ fits"):
        limits.check_study(parse_study({"name": "s", "simulate": {"size": 8000}}))


def test_a_mask_hides_what_it_says_and_decides_the_hash(tmp_path):
    mask = np.zeros((64, 64), bool)
    mask[:, 10:13] = True
    np.save(tmp_path / "m.npy", mask)
    content = {"name": "s", "simulate": {"size": 64, "mask": str(tmp_path / "m.npy")}}
    study = parse_study(content)
    assert Experiment(study, 0).mask[mask].all()
    first = study.fingerprint("simulate")
    mask[0] = True
    np.save(tmp_path / "m.npy", mask)
    assert study.fingerprint("simulate") != first
    assert parse_study({"name": "s", "simulate": {"size": 64}}).fingerprint("simulate") != first
