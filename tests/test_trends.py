"""Laws of trends: against independent formulas and fits, intervals that hold, bad input."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from scipy import optimize, stats

from tolerances import step_tolerance
from xscatter import UserError, fit_trend
from xscatter.cli import main
from xscatter.sequences.trends.columns import read_columns
from xscatter.sequences.trends.data import trend_points
from xscatter.sequences.trends.fit import corrected_aic, fit_law
from xscatter.sequences.trends.gaussian import GaussianProcess, matern
from xscatter.sequences.trends.likelihood import TrendModel
from xscatter.sequences.trends.posterior import prior_points, sample_posterior
from xscatter.sequences.trends.profile import LikelihoodProfile
from xscatter.sequences.trends.registry import all_laws

TIME = np.arange(60.0)


def crystallisation(seed=0, noise=0.01, onset=12.0, tau=15.0, exponent=3.0):
    """Values of an Avrami law with noise."""
    progress = -np.expm1(-((np.maximum(TIME - onset, 0) / tau) ** exponent))
    return 0.2 + progress + noise * np.random.default_rng(seed).standard_normal(len(TIME))


@pytest.mark.parametrize("law", all_laws().values(), ids=lambda law: law.name)
def test_a_law_finds_its_own_parameters(law):
    """Of a curve without noise: reported numbers of the drawn and of the fitted parameters agree.

    The fit may end in another description of the same curve, so the curves are compared as well.
    """
    x = np.linspace(300.0, 360.0, 50)
    points = trend_points(x, np.linspace(0, 1, 50) + 1.0)
    model = TrendModel(law, points)
    for unit in prior_points(len(law.parameters))[:200:65]:
        unit = 0.25 + 0.5 * unit  # away from the bounds, where a curve may be flat
        linear = np.array([1.0, 2.0, 0.7])[: law.module.LINEAR]
        y = law.columns(x, unit[None], model.domain)[0] @ linear
        if np.ptp(y) < 1e-6:
            continue
        fit = fit_law(TrendModel(law, trend_points(x, y, np.full(50, 1e-3 * np.ptp(y)))))
        assert np.abs(fit.curve(x) - y).max() < 2e-3 * np.ptp(y)


@pytest.mark.parametrize("law", all_laws().values(), ids=lambda law: law.name)
def test_reported_numbers_are_those_of_the_law(law):
    values = prior_points(len(law.parameters))[-1]
    domain = trend_points(np.linspace(300, 360, 50), np.arange(50.0)).domain
    numbers = law.report(values, np.array([1.0, 2.0, 0.7])[: law.module.LINEAR], domain)
    assert set(numbers) == {reported.name for reported in law.reported}
    assert all(np.isfinite(number) for number in numbers.values())
    assert set(law.joint) <= set(numbers)


def test_the_equation_of_avrami_holds():
    trend = fit_trend(TIME, crystallisation(noise=1e-6), law="avrami")
    numbers = trend.best.numbers
    assert numbers["onset"] == pytest.approx(12, abs=0.01)
    assert numbers["tau"] == pytest.approx(15, abs=0.01)
    assert numbers["exponent"] == pytest.approx(3, abs=0.01)
    assert numbers["half_time"] == pytest.approx(12 + 15 * np.log(2) ** (1 / 3), abs=0.01)
    assert (numbers["before"], numbers["change"]) == pytest.approx((0.2, 1.0), abs=1e-4)


@pytest.mark.floats
def test_a_line_is_that_of_least_squares():
    """Value, interval and AICc of a straight line against the textbook."""
    random = np.random.default_rng(3)
    x, sigma = np.sort(random.uniform(0, 50, 25)), random.uniform(0.5, 2, 25)
    y = 3 + 0.4 * x + sigma * random.standard_normal(25)
    trend = fit_trend(x, y, sigma, law="linear")
    slope = trend.intervals()["slope"]
    weights, covariance = np.polyfit(x, y, 1, w=1 / sigma, cov="unscaled")
    assert slope.value == pytest.approx(weights[0], rel=step_tolerance(25, "float64") * 1e3)
    reach = stats.norm.ppf(0.95) * np.sqrt(covariance[0, 0]) * trend.scale
    assert slope.ninety == pytest.approx((weights[0] - reach, weights[0] + reach), rel=1e-3)
    squares = (((y - np.polyval(weights, x)) / sigma) ** 2).sum()
    expected = squares / trend.scale**2 + 4 + 12 / (25 - 3)
    assert corrected_aic(trend.best, trend.scale) == pytest.approx(expected)


def test_a_profile_interval_is_that_of_a_scan():
    """The interval of the exponent against one by refitting on a grid with another optimiser."""
    y = crystallisation(seed=4, noise=0.02)
    sigma = np.full(60, 0.02)
    trend = fit_trend(TIME, y, sigma, law="avrami")
    interval = trend.intervals()["exponent"]

    def squares(exponent):
        def rest(p):
            progress = -np.expm1(-((np.maximum(TIME - p[2], 0) / p[3]) ** exponent))
            return (y - p[0] - p[1] * progress) / 0.02

        return 2 * optimize.least_squares(rest, (0.2, 1, 27 - 15 * 0.95, 15)).cost

    least = trend.best.squares
    for end in interval.ninety:
        assert (squares(end) - least) / trend.scale**2 == pytest.approx(2.706, abs=0.1)


def test_intervals_hold_the_truth_as_often_as_they_say():
    truth = {"exponent": 3.0, "half_time": 12 + 15 * np.log(2) ** (1 / 3)}
    held = {name: [] for name in truth}
    for seed in range(24):
        fit = fit_trend(TIME, crystallisation(seed, 0.02), law="avrami").best
        for name, value in truth.items():
            one = LikelihoodProfile(fit, 1.0).interval(name, "position")
            held[name].append([low <= value <= high for low, high in (one.half, one.ninety)])
    for table in held.values():
        half, ninety = np.sum(table, 0)
        # Outside of these an interval of the stated level is once in a thousand.
        assert stats.binom.ppf(5e-4, 24, 0.5) <= half <= stats.binom.ppf(1 - 5e-4, 24, 0.5)
        assert ninety >= stats.binom.ppf(5e-4, 24, 0.9)


def test_an_exponent_that_the_points_do_not_determine_is_refused():
    """As computed from the Cramér-Rao bound: 1 % of noise determines the exponent, 5 % does not."""
    clear = fit_trend(TIME, crystallisation(1, 0.01), law="avrami").intervals()
    noisy = fit_trend(TIME, crystallisation(1, 0.06), law="avrami").intervals()
    assert clear["exponent"].determined
    assert not noisy["exponent"].determined
    assert "interval" in noisy["exponent"].why
    assert noisy["half_time"].determined


def test_an_exponent_from_less_than_a_decade_is_refused():
    x = np.linspace(10.0, 40.0, 40)
    y = x ** (-1 / 3) * (1 + 0.0005 * np.random.default_rng(0).standard_normal(40))
    short = fit_trend(x, y, law="power").intervals()["exponent"]
    assert not short.determined
    x = np.geomspace(1.0, 100.0, 40)
    y = x ** (-1 / 3) * (1 + 0.0005 * np.random.default_rng(0).standard_normal(40))
    long = fit_trend(x, y, law="power").intervals()["exponent"]
    assert long.determined
    assert long.ninety[0] < -1 / 3 < long.ninety[1]


def test_laws_that_fit_equally_are_all_named():
    clear = fit_trend(TIME, crystallisation(2, 0.01))
    assert clear.named == ["avrami"]
    noisy = fit_trend(TIME, crystallisation(2, 0.1))
    assert len(noisy.named) > 1
    flat = fit_trend(TIME, np.random.default_rng(1).standard_normal(60), law=["constant", "linear"])
    assert flat.named[0] == "constant"


def test_temperature_laws_need_a_temperature():
    x = np.linspace(300, 400, 40)
    y = 5e6 * np.exp(-50.0 / (8.314462618e-3 * x))
    y = y * (1 + 1e-3 * np.random.default_rng(0).standard_normal(40))
    trend = fit_trend(x, y, temperature=True)
    assert "arrhenius" in trend.named
    assert trend.intervals("arrhenius")["energy"].value == pytest.approx(50, abs=0.5)
    assert "arrhenius" not in [result.name for result in fit_trend(x, y).laws]
    with pytest.raises(UserError, match="absolute temperature"):
        fit_trend(x, y, law="vogel")


def test_errors_that_are_too_small_widen_the_intervals():
    y = crystallisation(3, 0.03)
    honest = fit_trend(TIME, y, np.full(60, 0.03), law="avrami").intervals()["half_time"]
    bold = fit_trend(TIME, y, np.full(60, 0.003), law="avrami")
    assert bold.scale == pytest.approx(10, rel=0.3)
    widths = [np.ptp(one.ninety) for one in (honest, bold.intervals()["half_time"])]
    assert widths[0] == pytest.approx(widths[1], rel=0.3)


@pytest.mark.floats
def test_the_evidence_of_a_law_is_the_integral_over_its_prior():
    """Sequential sampling against a sum over a dense grid of the one parameter."""
    y = np.exp(-TIME / 20) + 0.02 * np.random.default_rng(1).standard_normal(60)
    model = TrendModel(all_laws()["exponential"], trend_points(TIME, y))
    grid = (np.arange(20000)[:, None] + 0.5) / 20000
    logs = model.posterior(grid).evidence
    expected = np.log(np.mean(np.exp(logs - logs.max()))) + logs.max()
    assert sample_posterior(model).evidence == pytest.approx(expected, abs=0.15)


def test_the_weights_are_integrated_out():
    """The closed form of the evidence against Monte Carlo over weights and noise."""
    random = np.random.default_rng(2)
    x, sigma = np.arange(8.0), np.full(8, 0.5)
    y = 1 + 0.2 * x + 0.5 * random.standard_normal(8)
    model = TrendModel(all_laws()["linear"], trend_points(x, y, sigma))
    spreads = np.array([1.5, 5.0]) * np.ptp(y)
    number = 400_000
    scale = np.sqrt(5.0 / random.gamma(5.0, size=number))
    spread = np.where(random.random(number) < 0.8, *spreads)
    level = y.mean() + 3 * y.std() * scale * random.standard_normal(number)
    change = spread * scale * random.standard_normal(number)
    curve = level[:, None] + change[:, None] * x / 7
    logs = stats.norm.logpdf(y, curve, scale[:, None] * 0.5).sum(1)
    expected = np.log(np.mean(np.exp(logs - logs.max()))) + logs.max()
    assert model.posterior(np.zeros((1, 0))).evidence[0] == pytest.approx(expected, abs=0.05)


def test_predictions_hold_and_beat_persistence():
    """Half-way through, 20 frames ahead."""
    errors, still, held = [], [], []
    for seed in range(10):
        random = np.random.default_rng(seed)
        exponent, tau = random.uniform(1.5, 4), random.uniform(8, 20)
        y = crystallisation(seed, 0.03, 12, tau, exponent)
        now = int(12 + tau * np.log(2) ** (1 / exponent)) + 1
        ahead = fit_trend(TIME[:now], y[:now]).predict(np.array([now + 19.0]))
        truth = 1.2 - np.exp(-(((now + 7) / tau) ** exponent))
        errors.append(abs(ahead.value[0] - truth))
        still.append(abs(y[now - 1] - truth))
        held.append(ahead.low[0.9][0] <= truth <= ahead.high[0.9][0])
    assert np.median(errors) < 0.25 < np.median(still)
    assert np.sum(held) > 6


def test_a_prediction_is_the_same_every_time():
    y = crystallisation()
    first, second = (fit_trend(TIME[:30], y[:30]).ahead(3) for _ in range(2))
    assert np.array_equal(first.values, second.values)
    order = np.random.default_rng(0).permutation(30)
    shuffled = fit_trend(TIME[:30][order], y[:30][order]).ahead(3)
    assert np.array_equal(first.values, shuffled.values)


@pytest.mark.floats
def test_the_gaussian_process_is_that_of_the_formula():
    """Mean and variance by inverting the whole matrix, with the constant mean as a wide prior."""
    random = np.random.default_rng(1)
    x, noise = random.uniform(0, 10, (12, 2)), np.full(12, 0.1)
    y = np.sin(x[:, 0]) + 0.3 * x[:, 1]
    process = GaussianProcess(x, y, noise, True)
    settings, ranges = process.settings, np.ptp(x, 0)

    def kernel(a, b):
        distance = np.sqrt((((a[:, None] - b[None]) / ranges / settings.lengths) ** 2).sum(-1))
        return (matern(distance) * settings.amplitude**2 + 10) * y.var()

    places = random.uniform(0, 10, (5, 2))
    inverse = np.linalg.inv(kernel(x, x) + np.diag((noise * settings.scale) ** 2 + 1e-9 * y.var()))
    cross = kernel(places, x)
    mean, deviation = process.predict(places)
    assert mean == pytest.approx(y.mean() + cross @ inverse @ (y - y.mean()), abs=1e-6)
    variance = np.diag(kernel(places, places) - cross @ inverse @ cross.T)
    assert deviation**2 == pytest.approx(variance, rel=1e-3, abs=1e-6)


@pytest.mark.parametrize(
    ("x", "y", "words"),
    [
        (TIME[:4], TIME[:4], "at least 5"),
        (TIME, np.ones(60), "values are equal"),
        (np.ones(60), TIME, "places are equal"),
        (TIME, np.where(TIME > 3, np.nan, TIME), "4 usable points of 60"),
    ],
)
def test_points_without_a_trend_are_refused(x, y, words):
    with pytest.raises(UserError, match=words):
        fit_trend(x, y)


def write_table(path, header, rows):
    lines = [",".join(header), *(",".join(str(cell) for cell in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def table(tmp_path):
    y = crystallisation()
    header = [
        "file",
        "time (s)",
        "temperature (C)",
        "spacing (nm)",
        "spacing_sd (nm)",
        "gap",
    ]
    rows = [
        (f"{n}.cbf", t, 20 + n, v, 0.01, "" if 10 < n < 20 else v)
        for n, (t, v) in enumerate(zip(TIME, y, strict=True))
    ]
    return write_table(tmp_path / "frames.csv", header, rows)


def test_columns_have_units(table):
    columns = read_columns(table)
    assert columns.units["spacing"] == "nm"
    assert columns.units["gap"] == ""
    assert columns.kelvin("temperature")[0] == pytest.approx(293.15)
    assert columns.kelvin("time") is None


def test_brackets_without_a_space_belong_to_the_name(tmp_path):
    path = write_table(tmp_path / "t.csv", ["time [s]", "p(melting)"], [(0, 0.1), (1, 0.2)])
    columns = read_columns(path)
    assert columns.numbers("p(melting)").tolist() == [0.1, 0.2]
    assert columns.units == {"time": "s", "p(melting)": ""}


def test_one_of_several_sequences_is_chosen(tmp_path, capsys):
    rows = [(t, 2 * t + s * 50, s) for s in (0, 1) for t in range(12)]
    path = write_table(tmp_path / "t.csv", ["time", "total", "sequence"], rows)
    arguments = ["trend", str(path), "--quantity", "total", "--law", "linear"]
    assert main(arguments) == 2
    assert "holds 2 sequences; choose one with --sequence" in capsys.readouterr().err
    assert main([*arguments, "--sequence", "1"]) == 0
    assert "12 points" in capsys.readouterr().out
    assert main([*arguments, "--sequence", "7"]) == 2
    assert "no row has 7" in capsys.readouterr().err


def test_a_cooling_ramp_is_predicted_downwards():
    x = np.linspace(90, 60, 31)
    y = 0.01 * x + 1e-4 * np.random.default_rng(0).standard_normal(31)
    ahead = fit_trend(x, y, law="linear").ahead(3)
    assert ahead.x.tolist() == [59, 58, 57]
    assert ahead.value == pytest.approx(0.01 * ahead.x, abs=1e-3)


def test_large_places_keep_their_digits(tmp_path, capsys):
    rows = [(1_700_000_000 + 10 * t, v) for t, v in zip(TIME, crystallisation(), strict=True)]
    path = write_table(tmp_path / "t.csv", ["time (s)", "peak_position"], rows)
    assert main(["trend", str(path), "--quantity", "peak_position", "--law", "avrami"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"half_time +170000025\d", printed)
    assert "1700000600" in printed


def test_the_fewest_points_are_enough_for_simple_laws_alone():
    trend = fit_trend(TIME[:5], [0, 1.1, 1.9, 3.1, 4])
    assert trend.named == ["linear"]
    with pytest.raises(UserError, match="too few for avrami"):
        fit_trend(TIME[:5], [0, 1.1, 1.9, 3.1, 4], law="avrami")
    with pytest.raises(UserError, match="too few for avrami"):
        fit_trend(TIME[:5], [0, 1.1, 1.9, 3.1, 4], np.full(5, 0.1), law="avrami")


def test_the_command_writes_what_it_prints(table, tmp_path, capsys):
    assert main(["trend", str(table), "--quantity", "spacing", "--ahead", "3"]) == 0
    printed = capsys.readouterr().out
    assert "half_time" in printed
    assert "errors from column spacing_sd" in printed
    content = json.loads((tmp_path / "trend.json").read_text())
    assert content["named"] == ["avrami"]
    assert [row["x"] for row in content["predictions"]["mixed"]] == [60, 61, 62]
    number = content["laws"][0]["numbers"]["onset"]
    assert number["unit"] == "s"
    assert number["interval_90"][0] < 12 < number["interval_90"][1]
    assert len(content["laws"][0]["joint"]["region_90"]) == 16
    assert (tmp_path / "trend.png").read_bytes()[:4] == b"\x89PNG"


def test_gaps_are_left_out_and_reported(table, capsys):
    assert main(["trend", str(table), "--quantity", "gap", "--law", "avrami"]) == 0
    assert "51 points; 9 without a value left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--quantity", "file"], "column file is text"),
        (["--quantity", "spacin"], "did you mean spacing?"),
        (["--quantity", "spacing", "--law", "cubic"], "no such law"),
        (["--quantity", "spacing", "--law", "vogel"], "absolute temperature"),
        (["--quantity", "spacing", "--error", "time"], "use one unit"),
        (["--quantity", "spacing", "--against", "strain"], "has no column strain"),
    ],
)
def test_wrong_input_gets_one_line(table, arguments, words, capsys):
    assert main(["trend", str(table), *arguments]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert words in lines[0]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (["1", "2", "3", "", "nan"], "3 usable points of 5; a trend needs at least 5"),
        (["2", "2", "2", "2", "2", "2"], "all 6 values are equal to 2; there is no trend"),
        (["", "", "", "", "", ""], "has no number"),
    ],
)
def test_too_little_to_fit_gets_one_line(tmp_path, capsys, values, words):
    rows = [f"{n},{value}" for n, value in enumerate(values)]
    (tmp_path / "t.csv").write_text("\n".join(["time,spacing", *rows]) + "\n")
    assert main(["trend", str(tmp_path / "t.csv"), "--quantity", "spacing"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_a_missing_table_gets_one_line(tmp_path, capsys):
    assert main(["trend", str(tmp_path / "none.csv"), "--quantity", "spacing"]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_neither_tensorflow_nor_scikit_learn_is_needed():
    code = """
import sys, numpy as np
from xscatter import fit_trend
fit_trend(np.arange(20.), np.arange(20.) ** 2).ahead(2)
print(*sorted({"tensorflow", "sklearn", "keras"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
