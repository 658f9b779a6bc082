"""The comparison of image sizes: expansion into studies, equal budgets, tables and figures."""

import csv
from pathlib import Path

import numpy as np
import pytest
import yaml

from xscatter.cli import main
from xscatter.core.errors import UserError
from xscatter.resolution.collect import collect
from xscatter.resolution.description import (
    dump_resolution,
    expand,
    load_resolution,
    parse_resolution,
)
from xscatter.resolution.scores import ResolutionScores
from xscatter.resolution.tables import difference_rows, size_rows
from xscatter.scores.evaluation import (
    CalibrationEvaluation,
    Evaluation,
    RecordScores,
    Reliability,
    TagEvaluation,
)
from xscatter.scores.metrics import average_precision
from xscatter.store.paths import ResolutionPaths
from xscatter.study import load_study

SHIPPED = Path(__file__).parent.parent / "config" / "study-resolution.yaml"
SMALL = {
    "name": "small",
    "sizes": [32, 64],
    "modes": ["resample"],
    "seeds": [1, 2, 3],
    "base": {"train": {"steps_per_epoch": 5, "max_epochs": 2}},
}


def test_the_shipped_file_becomes_ordinary_studies(tmp_path):
    comparison = load_resolution(SHIPPED)
    assert parse_resolution(yaml.safe_load(dump_resolution(comparison))) == comparison
    paths = ResolutionPaths(tmp_path)
    expand(comparison, paths)
    files = sorted(tmp_path.glob("*/study.yaml"))
    assert (
        len(files)
        == len(comparison.members())
        == len(comparison.modes) * len(comparison.sizes) * len(comparison.seeds)
    )
    kinds = set()
    for file in files:
        study = load_study(file)
        kinds.add((study.simulate.sampling, study.simulate.size, study.seed))
        # Nothing but size, mode and seed differs between members: the budgets are equal.
        base = comparison.base.simulate.model_copy(
            update={"size": study.simulate.size, "sampling": study.simulate.sampling}
        )
        assert study.simulate == base
        assert (study.transform, study.pack, study.train) == (
            comparison.base.transform,
            comparison.base.pack,
            comparison.base.train,
        )
    assert kinds == {
        (mode, size, seed)
        for mode in comparison.modes
        for size in comparison.sizes
        for seed in comparison.seeds
    }


def test_a_second_expansion_touches_nothing(tmp_path):
    comparison, paths = parse_resolution(SMALL), ResolutionPaths(tmp_path)
    expand(comparison, paths)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/study.yaml")}
    expand(comparison, paths)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/study.yaml")} == times


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"base": {"simulate": {"size": 64}, "train": SMALL["base"]["train"]}},
            "base.simulate.size",
        ),
        (
            {"base": {"transform": {"radius": 20.0}, "train": SMALL["base"]["train"]}},
            "base.transform.radius",
        ),
        ({"base": {}}, "steps_per_epoch and max_epochs"),
        ({"base": {"train": {"steps_per_epoch": 5, "max_epochs": 20}}}, "patience"),
        (
            {"base": {"train": {"steps_per_epoch": 5, "max_epochs": 2, "widht": 1}}},
            "base.train.widht",
        ),
        ({"sizes": [64, 32]}, "sizes must be in increasing order"),
        ({"sizes": [32, 32]}, "sizes has a value twice"),
        ({"sizes": [8, 32]}, "simulate.size"),
        ({"seeds": [-1]}, "seed"),
        ({"sises": [32, 64]}, "sises is not a key"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(change, message, tmp_path, capsys):
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(SMALL | change))
    assert main(["resolution", str(file), "--expand", "-o", str(tmp_path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert "wrong.yaml" in lines[0]


TAGS = ("ring", "halo", "never")


def evaluated(folder, scores_of, experiments=6, images=10):
    """Write the evaluations of all members of SMALL.

    `scores_of(view, size, seed, labels, random)` returns the scores.
    """
    comparison, paths = parse_resolution(SMALL), ResolutionPaths(folder)
    for member in comparison.members():
        source = np.stack(np.divmod(np.arange(experiments * images), images), 1)
        labels = np.random.default_rng(member.seed).random((len(source), len(TAGS))) < (
            0.3,
            0.5,
            0.0,
        )
        own = paths.member(member.name)
        own.evaluation("image").parent.mkdir(parents=True)
        for place, view in enumerate(("image", "coefficient", "joint", "mean")):
            random = np.random.default_rng((member.seed, place))
            scores = scores_of(view, member.size, member.seed, labels, random).astype(np.float32)
            RecordScores(scores, scores, labels, source).write(own.scores(view))
            tag = TagEvaluation(None, None, 0.1, 1, threshold=0.5, precision=None, recall=None)
            bins = Reliability(0.0, probability=[], frequency=[], count=[])
            Evaluation(
                view=view,
                mean_average_precision=0.5,
                mean_average_precision_interval=[0.4, 0.6],
                micro_average_precision=0.5,
                micro_average_precision_interval=[0.4, 0.6],
                mean_prevalence=0.1,
                tags_that_occur=2,
                tags_without_positives=["never"],
                records=len(source),
                experiments=experiments,
                tags=dict.fromkeys(TAGS, tag),
                calibration=CalibrationEvaluation(1.0, bins, bins, bins),
                confusions=[],
                bootstrap={},
            ).write(own.evaluation(view))
        for stage, seconds in (
            ("records", 1),
            ("train-image", 10),
            ("train-coefficient", 20),
            ("train-joint", 30),
        ):
            cost = paths.cost(member.name, stage)
            cost.parent.mkdir(parents=True, exist_ok=True)
            cost.write_text(f"{seconds * member.seed} 0.5\n")
    return comparison, paths


def noisy(view, size, seed, labels, random):
    """The coefficient view knows all, the others little; a larger image changes nothing."""
    return labels + 0.0 if view == "coefficient" else 0.3 * labels + random.random(labels.shape)


def test_means_and_costs_are_those_computed_by_hand(tmp_path):
    comparison, paths = evaluated(tmp_path, noisy)
    scores = ResolutionScores(comparison, paths, draws=200)
    rows = {(row["size"], row["view"]): row for row in size_rows(scores)}
    by_hand = []
    for seed in comparison.seeds:
        with np.load(paths.member(f"resample-64-{seed}").scores("image")) as file:
            precisions = [
                average_precision(file["labels"][:, tag], file["scores"][:, tag]) for tag in (0, 1)
            ]
        by_hand.append(np.mean(precisions))
    row = rows[64, "image"]
    assert row["mean_average_precision"] == pytest.approx(np.mean(by_hand), abs=1e-4)
    assert [float(v) for v in row["mean_average_precision_by_seed"].split()] == pytest.approx(
        by_hand, abs=1e-4
    )
    assert row["mean_average_precision_low"] < np.mean(by_hand) < row["mean_average_precision_high"]
    assert (row["tags"], row["test_experiments"], row["test_images"]) == (2, 18, 180)
    assert row["training_cpu_s"] == pytest.approx(10 * 2 + 0.5)
    assert rows[64, "coefficient"]["mean_average_precision"] == 1


def test_differences_are_paired_by_seed_and_experiment(tmp_path):
    comparison, paths = evaluated(tmp_path, noisy)
    scores = ResolutionScores(comparison, paths, draws=200)
    rows = {(row["better"], row["than"]): row for row in difference_rows(scores)}
    # The same scores at both sizes: no difference, however uncertain the scores are.
    same = rows["image, 64", "image, 32"]
    assert (same["by"], same["by_low"], same["by_high"]) == (0, 0, 0)
    low, high = scores.score("resample", 32, "image").interval
    assert high - low > 0.02
    better = rows["coefficient, 32", "image, 32"]
    assert better["by"] == pytest.approx(1 - scores.score("resample", 32, "image").value, abs=1e-4)
    assert better["by_low"] > 0


def test_an_interval_covers_what_seeds_disagree_about(tmp_path):
    def of_two_minds(view, size, seed, labels, random):
        return labels + 0.0 if seed == 1 else 1.0 - labels

    comparison, paths = evaluated(tmp_path, of_two_minds)
    score = ResolutionScores(comparison, paths, draws=300).score("resample", 32, "image")
    assert score.by_seed[0] == 1
    assert max(score.by_seed[1:]) < 0.5
    low, high = score.interval
    assert low < score.value - 0.15
    assert high > score.value + 0.15


def test_an_interval_holds_its_value_though_draws_are_biased(tmp_path):
    comparison, paths = evaluated(tmp_path, noisy, experiments=3, images=6)
    scores = ResolutionScores(comparison, paths, draws=300)
    for view in ("image", "joint", "mean"):
        score = scores.score("resample", 64, view)
        assert score.interval[0] < score.value < score.interval[1]


def test_tables_and_figures_are_written(tmp_path, capsys):
    _, paths = evaluated(tmp_path / "r", noisy)
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(SMALL))
    assert main(["resolution", str(file), "-o", str(paths.root)]) == 0
    assert "resample" in capsys.readouterr().out
    for table in paths.tables.values():
        with open(table, newline="") as stream:
            assert len(list(csv.DictReader(stream))) >= 8
    for figure in paths.figures.values():
        assert figure.read_bytes().startswith(b"\x89PNG")


def test_members_of_a_seed_must_share_their_test_experiments(tmp_path):
    comparison, paths = evaluated(tmp_path, noisy)
    own = paths.member("resample-64-2")
    with np.load(own.scores("image")) as file:
        arrays = dict(file)
    arrays["source"] = arrays["source"] + [1, 0]
    np.savez(own.scores("image"), **arrays)
    with pytest.raises(UserError, match="resample-64-2 was tested on other experiments"):
        ResolutionScores(comparison, paths)


def test_an_unfinished_member_is_named(tmp_path):
    comparison, paths = evaluated(tmp_path, noisy)
    paths.member("resample-32-3").evaluation("joint").unlink()
    with pytest.raises(UserError, match=r"resample-32-3.*joint\.json: missing"):
        collect(comparison, paths)
