"""Masked beamstops: what the mask covers, and that its outline makes the tag."""

from dataclasses import replace

import numpy as np
import pytest

from xscatter import tags
from xscatter.simulate import Experiment, simulate_image
from xscatter.simulate.instrument.obstacles.beamstop import Beamstop
from xscatter.study import parse_study

GRID = np.arange(-200.0, 201.0)
ROWS, COLS = GRID[:, None], GRID[None, :]
STOP = Beamstop(
    kind="circular", radius=20.0, blur=2.0, holder=9.0, holder_opacity=0.8, elbow=90.0, bend=0.04,
    mount=0.0, angle=0.7, opening=0.1, leak=1e-4, head=1.5, square_head=False, taper=0.0,
    both_sides=False, rod_opacity=0.7, hole=0.2, hole_opacity=0.5, margin=3.0, holder_masked=True,
    masked=True,
)  # fmt: skip


@pytest.mark.parametrize("kind", ["circular", "linear", "wedge"])
def test_the_mask_covers_the_shadow_and_is_not_much_larger(kind):
    stop = replace(STOP, kind=kind)
    mask = stop.covering(ROWS, COLS)
    dark = stop.shadow(ROWS, COLS) > 0.4
    assert mask[dark].all()
    larger = replace(stop, margin=6.0).covering(ROWS, COLS)
    assert np.count_nonzero(mask) < np.count_nonzero(larger)
    light = replace(stop, margin=0.0).shadow(ROWS, COLS) < 1e-4
    assert mask[light].mean() < 0.02  # all of it within the margin


def test_a_disk_whose_holder_is_not_masked_is_a_disk():
    mask = replace(STOP, holder_masked=False).covering(ROWS, COLS)
    assert mask.sum() == pytest.approx(np.pi * 23**2, rel=0.02)
    assert np.array_equal(mask, np.hypot(ROWS, COLS) < 23)


def experiments(size, number=160, part=0.28):
    simulate = {"experiments": number, "images": 1, "size": size, "masked_beamstop_fraction": part}
    study = parse_study({"name": "m", "seed": 8, "simulate": simulate})
    return [Experiment(study, n) for n in range(number)]


@pytest.fixture(scope="module")
def masked():
    return [e for e in experiments(96) if e.setup.beamstop.masked]


def test_the_part_of_the_beamstops_that_the_study_says_is_masked_and_all_kinds_of_them(masked):
    stopped = sum(e.setup.beamstop.kind != "none" for e in experiments(32))
    assert 0.18 < len(masked) / stopped < 0.36
    assert not any(e.setup.beamstop.masked for e in experiments(32, part=0.0))
    assert {e.setup.beamstop.kind for e in masked} == {"circular", "linear", "wedge", "square"}


def test_no_mask_takes_so_much_that_the_expansion_is_not_covered():
    simulate = {"experiments": 600, "images": 1, "size": 64, "masked_beamstop_fraction": 0.28}
    content = {"name": "c", "seed": 3, "simulate": simulate}
    study = parse_study(content | {"transform": {"minimum_coverage": 0.25}})
    rows, cols = np.indices((64, 64))
    found = []
    for experiment in (Experiment(study, n) for n in range(600)):
        if experiment.setup.beamstop.masked:
            center = experiment.geometry.center
            inside = np.hypot(rows - center[0], cols - center[1]) <= study.radius
            found.append(np.count_nonzero(inside & experiment.live) / (np.pi * study.radius**2))
    assert len(found) > 50
    assert min(found) >= 0.25


def test_a_masked_beamstop_is_tagged_however_few_photons_there_are(masked):
    """Its outline does not depend on the exposure; a shadow of no counts has no tag."""
    scene = {
        "photons": 3.0, "drift": [0.0, 0.0], "zingers": 0,
        "features": [{"feature": "background", "share": 1.0, "parameters": {}}],
    }  # fmt: skip
    frame = np.empty((96, 96), np.uint32)
    for experiment in masked:
        labels, seen = simulate_image(experiment, 0, frame, scene)[2:]
        if experiment.setup.beamstop.kind == "square":  # the vocabulary has no word for it
            assert not experiment.masked_tags
            continue
        own = tags.INDEX[experiment.setup.beamstop.tag]
        assert labels[own] == bool(experiment.masked_tags)
        if labels[own]:
            assert np.isnan(seen[own])
        row, col = (round(x) for x in experiment.geometry.center)
        if 0 <= row < 96 and 0 <= col < 96:
            assert frame[row, col] == 2**32 - 1
    for experiment in experiments(96, 40):
        if not experiment.setup.beamstop.masked:
            labels = simulate_image(experiment, 0, frame, scene).labels
            kinds = ("circular", "linear", "wedge")
            assert not any(labels[tags.INDEX[f"{kind} beamstop"]] for kind in kinds)


def test_the_tag_and_the_part_that_is_masked_do_not_depend_on_the_size():
    for small, large in zip(experiments(192, 60), experiments(384, 60), strict=True):
        assert small.masked_tags == large.masked_tags
        if small.masked_tags:
            covered = [e.setup.beamstop.mask(e).mean() for e in (small, large)]
            assert covered[0] == pytest.approx(covered[1], rel=0.15, abs=2e-3)


@pytest.mark.parametrize("width", [0.2, 1.0, 4.0])
def test_a_wire_takes_as_much_as_it_is_wide(width):
    """However thin it is, and however blurred its edges are."""
    stop = replace(STOP, holder=width, holder_opacity=1.0, angle=0.0, bend=0.0, blur=1.5, hole=0.0)
    across = stop.shadow(ROWS, COLS)[:, 330]  # 130 pixels from the beam
    assert across.sum() == pytest.approx(width, rel=0.02)


def test_a_holder_on_both_sides_and_a_tapered_rod():
    both = replace(STOP, both_sides=True, holder_opacity=1.0, angle=0.0, bend=0.0)
    shadow = both.shadow(ROWS, COLS)
    assert shadow[200, 20] > 0.9
    assert replace(both, both_sides=False).shadow(ROWS, COLS)[200, 20] < 1e-3
    rod = replace(STOP, kind="linear", head=0.0, rod_opacity=1.0, angle=0.0, taper=0.2)
    widths = (rod.shadow(ROWS, COLS) > 0.5).sum(axis=0)
    assert widths[380] - widths[280] == pytest.approx(20, abs=2)  # a fifth of 100 pixels
    assert "beamstop: tapered" in rod.kinds


def test_heads_and_plates_have_the_area_of_their_shape():
    plain = {"holder": 0.0, "hole": 0.0, "blur": 0.2}
    plate = replace(STOP, kind="square", **plain)
    assert plate.shadow(ROWS, COLS).sum() == pytest.approx(40**2, rel=0.05)
    assert plate.tag is None
    assert plate.kinds == ("beamstop: square plate", "beamstop: masked")
    head = replace(STOP, kind="linear", rod_opacity=0.0, head=4.0, square_head=True, blur=0.2)
    # Its rod begins dark: 20 by 10 pixels of it beyond the head.
    assert (head.shadow(ROWS, COLS) > 0.5).sum() == pytest.approx(40**2 + 20 * 10, rel=0.02)
    assert "beamstop: rod with a square head" in head.kinds
