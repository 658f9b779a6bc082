"""Next points: those that matter, in any order of telling, the same every time; bad input."""

import json

import numpy as np
import pytest

from xscatter import NextPoint, UserError
from xscatter.cli import main


def told(by="variance", number=9, noise=1e-3):
    """A step at 0.43 of one coordinate, measured on a grid."""
    x = np.linspace(0, 1, number)[:, None]
    advisor = NextPoint(by)
    advisor.tell(x, 1 / (1 + np.exp(-(x[:, 0] - 0.43) / 0.02)), np.full(number, noise**2))
    return advisor


FINE = np.linspace(0, 1, 201)[:, None]


def test_a_gap_is_measured_first():
    advisor = NextPoint()
    x = np.array([0.0, 0.1, 0.2, 0.3, 0.8, 0.9, 1.0])
    advisor.tell(x[:, None], np.sin(3 * x), np.full(7, 1e-4))
    assert advisor.ask(FINE)[0, 0] == pytest.approx(0.55, abs=0.06)


def test_a_transition_is_measured_by_gradient():
    chosen = told("gradient").ask(FINE, n=3)[:, 0]
    assert np.abs(chosen - 0.43).max() < 0.13


def test_a_noisy_point_is_measured_again_and_a_sure_one_is_not():
    advisor = NextPoint()
    x = np.linspace(0, 1, 11)[:, None]
    variance = np.full(11, 1e-6)
    variance[7] = 1.0
    advisor.tell(x, np.sin(3 * x[:, 0]), variance)
    assert advisor.choose(x) == [7]


def test_points_of_one_proposal_are_apart():
    chosen = told("variance", 5).ask(FINE, n=4)[:, 0]
    assert np.diff(np.sort(chosen)).min() > 0.05


def test_the_first_points_cover_the_candidates():
    candidates = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), -1).reshape(-1, 2)
    first = NextPoint().ask(candidates, n=5)
    assert first[0].tolist() == [2, 2]
    assert sorted(map(tuple, first[1:])) == [(0, 0), (0, 4), (4, 0), (4, 4)]


def test_the_nearest_of_equals_comes_first():
    advisor = NextPoint()
    x = np.array([0.0, 0.25, 0.5, 0.75, 1.0])[:, None]
    advisor.tell(x, [0.0, 1.0, 0.0, 1.0, 0.0], 1e-6)
    candidates = np.array([[0.125], [0.875]])
    assert advisor.ask(candidates, position=[1.0])[0, 0] == 0.875
    assert advisor.ask(candidates, position=[0.0])[0, 0] == 0.125


def test_telling_one_by_one_is_telling_all():
    x = np.linspace(0, 1, 9)[:, None]
    y = 1 / (1 + np.exp(-(x[:, 0] - 0.43) / 0.02))
    one_by_one = NextPoint("gradient")
    for place, value in zip(x, y, strict=True):
        one_by_one.tell(place, value, 1e-6)
    assert one_by_one.choose(FINE, n=4) == told("gradient").choose(FINE, n=4)


def test_missing_values_are_left_out():
    advisor = told()
    advisor.tell([0.4], np.nan)
    assert len(advisor) == 9


def test_a_transition_needs_half_the_points_of_a_grid():
    """The place of a step of one coordinate within 0.5 % of the range: 12 to 16 points, not 40."""
    random = np.random.default_rng(5)

    def value(x):
        return 1 / (1 + np.exp(-(x[:, 0] - 0.637) / 0.01)) + 0.02 * random.standard_normal(len(x))

    def error(advisor):
        return abs(FINE[np.argmax(advisor.process().slope(FINE)), 0] - 0.637)

    proposed, grid = NextPoint("gradient"), NextPoint()
    for _ in range(9):
        x = proposed.ask(FINE, n=2)
        proposed.tell(x, value(x), 4e-4)
    x = (np.arange(18)[:, None] + 0.5) / 18
    grid.tell(x, value(x), 4e-4)
    assert error(proposed) <= 0.006 < error(grid)


def test_wrong_shapes_are_refused():
    with pytest.raises(UserError, match="2 coordinates, points have 1"):
        told().ask(np.zeros((3, 2)))
    with pytest.raises(UserError, match="2 coordinates, not 1"):
        told().tell([[1.0, 2.0]], [1.0])
    with pytest.raises(UserError, match="no candidates"):
        told().ask(np.zeros((0, 1)))
    with pytest.raises(UserError, match="no such criterion"):
        NextPoint("entropy")


@pytest.fixture
def tables(tmp_path):
    """A table of a ramp, and a function that writes candidates."""
    x = np.linspace(20, 100, 17)
    y = 1 / (1 + np.exp(-(x - 62) / 2))
    rows = [f"f{n},{t:g},{v:.5f},0.01" for n, (t, v) in enumerate(zip(x, y, strict=True))]
    header = "file,temperature (C),melted,melted_sd"
    (tmp_path / "frames.csv").write_text("\n".join([header, *rows]) + "\n")

    def candidates(text):
        (tmp_path / "candidates.csv").write_text(text)
        return [
            "next", str(tmp_path / "frames.csv"), "--quantity", "melted",
            "--among", str(tmp_path / "candidates.csv"),
        ]  # fmt: skip

    return candidates


def test_the_command_proposes(tables, tmp_path, capsys):
    arguments = tables("temperature (C)\n" + "\n".join(f"{t}" for t in range(20, 101)) + "\n")
    output = tmp_path / "next.json"
    options = ["--by", "gradient", "-n", "2", "-o", str(output)]
    assert main([*arguments, *options]) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert lines[0] == "candidate,temperature,melted,melted_sd"
    assert abs(float(lines[1].split(",")[1]) - 62) < 6
    assert [row["temperature"] for row in json.loads(output.read_text())["next"]] == [
        float(line.split(",")[1]) for line in lines[1:]
    ]
    assert main([*arguments, *options]) == 0
    assert capsys.readouterr().out == printed


def test_candidates_outside_are_reported(tables, capsys):
    assert main(tables("temperature (C)\n50\n150\n")) == 0
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "1 of 2 candidates are outside the measured range of temperature, 20 to 100" in errors


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("temperature (K)\n300\n", "use one unit"),
        ("strain\n0.1\n", "has no column strain"),
        ("temperature (C)\nhot\n", "is text"),
        ("temperature (C),time\n", "has no rows"),
        ("temperature\n9000\n", "far outside"),
    ],
)
def test_wrong_candidates_get_one_line(tables, text, words, capsys):
    assert main(tables(text)) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert words in lines[0]
