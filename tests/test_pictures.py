import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from xscatter import pictures
from xscatter.core.errors import UserError
from xscatter.geometry import Geometry
from xscatter.pictures import Panel

GEOMETRY = Geometry(wavelength=1.4e-10, distance=0.3, pixel_size=172e-6, center=(20.25, 70.5))


def draw(counts, mask=None, **options):
    figure = pictures.new_figure(4, 3)
    axes = figure.add_subplot()
    return axes, pictures.show_frame(axes, counts, mask, **options)


def colours_of(image):
    return image.to_rgba(image.get_array())


def exact_q(pixels):
    """4π/λ sin θ on a flat detector across the beam."""
    return 4 * np.pi / 0.14 * np.sin(np.arctan(pixels * 172e-6 / 0.3) / 2)


def test_q_is_exact_at_wide_angles_and_grows_to_the_right_and_upwards():
    for axis, sign in ((0, -1), (1, 1)):
        places, q = pictures.signed_q(GEOMETRY, 3000, axis)
        np.testing.assert_allclose(sign * q, exact_q(places - GEOMETRY.center[axis]), rtol=1e-9)


def test_a_larger_q_y_is_drawn_higher():
    axes, _ = draw(np.ones((400, 90)), geometry=GEOMETRY)
    rows = np.array(axes.yaxis.get_major_locator()())
    labels = [
        label.replace("−", "-") for label in axes.yaxis.get_major_formatter().format_ticks(rows)
    ]
    q = np.array([float(label) for label in labels])
    np.testing.assert_allclose(q, -exact_q(rows - 20.25), rtol=1e-5, atol=1e-6)
    heights = axes.transData.transform(np.stack([np.zeros(len(rows)), rows], 1))[:, 1]
    assert (np.diff(heights[np.argsort(q)]) > 0).all()
    assert q.min() < 0


def test_a_tilted_detector_is_followed():
    tilted = Geometry(1.4e-10, 0.3, 172e-6, (20.25, 70.5), rot1=0.4)
    places, q = pictures.signed_q(tilted, 900, 1)
    flat = exact_q(places - 70.5)
    assert np.abs(q - flat).max() > 0.5
    # Whichever way it is tilted, q near the beam falls with the longer way to the pixel.
    assert q[72] / flat[72] == pytest.approx(np.cos(0.4) ** 2, rel=1e-2)


def test_ticks_lie_where_q_has_their_values_and_zero_at_the_beam():
    axes, _ = draw(np.ones((40, 90)), geometry=GEOMETRY)
    columns = axes.xaxis.get_major_locator()()
    labels = [
        label.replace("−", "-") for label in axes.xaxis.get_major_formatter().format_ticks(columns)
    ]
    expected = exact_q(np.array(columns) - 70.5)
    np.testing.assert_allclose([float(label) for label in labels], expected, rtol=1e-5, atol=1e-6)
    assert dict(zip(labels, columns, strict=True))["0"] == pytest.approx(70.5)
    assert "nm" in axes.get_xlabel()
    assert "nm" in axes.get_ylabel()


def test_masked_empty_and_saturated_pixels_have_colours_of_their_own():
    counts = np.full((8, 8), 50, np.uint16)
    counts[0], counts[1, 0], counts[2, 0] = 0, 65535, 65534
    mask = np.zeros((8, 8), bool)
    mask[3] = True
    axes, image = draw(counts, mask, saturation=65534)
    colours = colours_of(image)
    assert tuple(colours[1, 0]) == tuple(colours[3, 3]) == to_rgba(pictures.MASKED_COLOUR)
    assert tuple(colours[0, 0]) != to_rgba(pictures.MASKED_COLOUR)
    marks = colours_of(axes.images[1])
    assert tuple(marks[2, 0]) == to_rgba(pictures.SATURATED_COLOUR)
    assert marks[..., 3].sum() == 1
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["masked", "saturated"]


def test_a_few_hot_pixels_do_not_set_the_scale():
    counts = np.random.default_rng(1).poisson(20, (100, 100))
    calm = pictures.count_limits(counts)
    counts[0, :5] = 10**9
    assert pictures.count_limits(counts)[1] < 2 * calm[1]


@pytest.mark.parametrize(
    "counts", [np.zeros((5, 7)), np.full((5, 7), 65535, np.uint16), np.full((5, 7), np.nan)]
)
def test_frames_without_signal_are_drawn(counts):
    axes, _ = draw(counts)
    assert len(pictures.to_bytes(axes.figure)) > 1000


def test_blocks_are_means_of_live_pixels():
    counts = np.array([[4.0, 8, 9], [100, 6, 9], [1, 1, 5]])
    mask = np.zeros((3, 3), bool)
    mask[1, 0] = mask[2, :2] = True
    _, image = draw(counts, mask, most=2, limits=(1, 10))
    np.testing.assert_allclose(image.get_array()[0], [6, 9])
    assert image.get_array().mask.tolist() == [[False, False], [True, False]]


def test_the_same_picture_is_the_same_bytes_and_a_sheet_holds_all(tmp_path):
    frames = [
        Panel(np.full((30, 20), 1.0 + i), geometry=GEOMETRY, title=f"frame {i}") for i in range(5)
    ]
    sheets = [pictures.contact_sheet(frames, columns=2) for _ in range(2)]
    assert [axes.get_title() for axes in sheets[0].axes][:5] == [frame.title for frame in frames]
    assert pictures.to_bytes(sheets[0]) == pictures.to_bytes(sheets[1])
    pictures.save_figure(sheets[0], tmp_path / "sheet.svg")
    assert (tmp_path / "sheet.svg").read_text().startswith("<?xml")


def test_an_unknown_kind_of_picture_is_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"sheet\.doc.*\.png"):
        pictures.save_figure(pictures.new_figure(1, 1), tmp_path / "sheet.doc")
    assert not list(tmp_path.iterdir())


def test_importing_draws_in_nothing_heavy():
    code = "import sys, xscatter.pictures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_saved_picture_is_not_cut_at_its_edges(tmp_path):
    from PIL import Image

    figure = pictures.new_figure(2, 2, layout="none")
    figure.text(-0.3, 1.2, "beyond every edge " * 3)
    pictures.save_figure(figure, tmp_path / "wide.png")
    pixels = np.asarray(Image.open(tmp_path / "wide.png").convert("L"))
    assert (pixels < 128).any()
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert (edge == 255).all()
