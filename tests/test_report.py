"""The report of a small study with made-up evaluations, read back and checked."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from toy_report import STUDY, write_results
from xscatter.cli import main
from xscatter.core.files import write_text
from xscatter.report import results, samples, summary, times
from xscatter.store.paths import StudyPaths
from xscatter.study import dump_study
from xscatter.tags import NAMES


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The results of a whole study, and its study file."""
    base = tmp_path_factory.mktemp("report")
    (base / "small.yaml").write_text(dump_study(STUDY))
    paths = StudyPaths(base / "small")
    write_results(paths)
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    for number in range(4):
        for stage, seconds in (("simulate", 3.0), ("transform", 6.0)):
            row = f"{seconds}\t0:00:03\t{200.5 + number}\t1\t1\t1\t0\t0\t90\t2.5\n"
            write_text(paths.benchmark(stage, number), header + row)
    write_text(
        paths.benchmark("train", "image"), header + "100\t0:01:40\tNA\tNA\tNA\tNA\tNA\tNA\tNA\tNA\n"
    )
    return base


class Page(HTMLParser):
    """What stands in the page."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.sources, self.pictures, self.open = [], [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes["href"]] if tag == "a" else []
        self.sources += [
            attributes[key] for key in ("src", "href", "xlink:href") if key in attributes
        ]
        if tag == "svg":
            self.pictures.append(attributes)
        if tag not in ("meta", "link", "br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()


@pytest.fixture(scope="module")
def page(folder):
    assert main(["report", str(folder / "small.yaml"), "-o", str(folder / "small")]) == 0
    return (folder / "small" / "report.html").read_text()


def test_the_page_is_whole_and_stands_alone(page):
    parsed = Page(page)
    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))
    assert all(link[1:] in parsed.ids for link in parsed.links)
    assert all(source.startswith(("#", "data:")) for source in parsed.sources)
    assert not re.search(r"<script|@import|url\((?!#)", page)
    assert len(page) < 15e6


def test_every_picture_is_described(page):
    pictures = Page(page).pictures
    # Samples of many tags, 4 charts, 2 images with coefficients, and the mistakes.
    assert len(pictures) >= 30
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in pictures)


def test_references_inside_pictures_lead_somewhere(page):
    ids = set(Page(page).ids)
    assert set(re.findall(r'url\(#([^)]+)\)|xlink:href="#([^"]+)"', page)) != set()
    for pair in re.findall(r'url\(#([^)]+)\)|xlink:href="#([^"]+)"', page):
        assert "".join(pair) in ids


def test_numbers_of_the_evaluation_are_on_the_page(page):
    assert "0.800" in page
    assert "0.750 to 0.850" in page
    assert all(name in page for name in NAMES)
    assert "12 345" in page
    assert "24 s" in page
    assert "0.032" in page
    assert "2040 s" in page
    assert "100 s" in page
    assert "wedge beamstop" in page
    assert all(number in page for number in ("0.712", "0.834", "0.043", "0.021"))
    assert "simulate: " in page or "name: small" in page


def test_look_alikes_are_held_against_chance(page):
    row = re.search(r'<th scope="row">ring</th><td>halo</td>(.*?)</tr>', page, re.S)
    assert re.findall(r">([\d.]+)<", row[1]) == ["5", "1.2", "7"]


def test_one_test_experiment_has_no_interval(folder, page):
    """Intervals that are null in the file are reported as unknown."""
    views = [
        replace(view, interval=(np.nan, np.nan), source=np.zeros_like(view.source))
        for view in results.read_views(StudyPaths(folder / "small"))
    ]
    intervals = results.paired_intervals(views, [("joint", "mean")], 1)
    assert intervals == {("joint", "mean"): pytest.approx((np.nan, np.nan), nan_ok=True)}
    assert results.score_table(views).count("0.800   unknown") == 4
    content = summary.summarise(STUDY, views)
    assert "95 % interval unknown" in content["verdict"]
    assert [row["left"] for row in content["means"]] == [None] * 4
    assert "nan" not in json.dumps([content["verdict"], content["means"]])


def test_the_table_goes_to_the_terminal(folder, page, capsys):
    assert main(["report", str(folder / "small.yaml"), "-o", str(folder / "small"), "--table"]) == 0
    text = capsys.readouterr().out
    for words in (
        "image ",
        "coefficient ",
        "joint ",
        "mean of logits ",
        "0.800   0.750 to 0.850",
        "report.html",
    ):
        assert words in text


@pytest.mark.parametrize(
    "missing", ["evaluation/joint.json", "evaluation/mean-scores.npz", "models/image/training.json"]
)
def test_a_missing_result_is_named(folder, missing, capsys):
    path = folder / "small" / missing
    kept = path.read_bytes()
    path.unlink()
    try:
        assert main(["report", str(folder / "small.yaml"), "-o", str(folder / "small")]) == 2
    finally:
        path.write_bytes(kept)
    error = capsys.readouterr().err
    assert missing.removesuffix("/training.json") in error
    assert len(error.splitlines()) == 1


def test_a_damaged_evaluation_is_named(folder, capsys):
    path = folder / "small" / "evaluation" / "image.json"
    kept = path.read_text()
    content = json.loads(kept)
    content["tags"].pop("ring")
    path.write_text(json.dumps(content))
    try:
        assert (
            main(["report", str(folder / "small.yaml"), "-o", str(folder / "small"), "--table"])
            == 2
        )
    finally:
        path.write_text(kept)
    assert "image.json" in capsys.readouterr().err


def test_precision_and_recall_by_hand():
    labels = np.array([True, False, True, False, False])
    recall, precision = results.precision_recall(labels, np.array([0.9, 0.8, 0.8, 0.3, 0.1]))
    np.testing.assert_allclose(recall, [0.5, 1, 1, 1])
    np.testing.assert_allclose(precision, [1, 2 / 3, 1 / 2, 2 / 5])


def test_samples_are_clear_typical_and_faint_and_of_different_experiments():
    values = np.linspace(5, 100, 40, dtype=np.float32)[:, None]
    source = np.stack([np.arange(40) // 10, np.arange(40) % 10], axis=1)
    labels = samples.Labels(["ring"], source, np.ones((40, 1), bool), values)
    picked = samples.pick_samples(labels, 0)
    assert [word for word, _ in picked] == ["clear", "typical", "faint"]
    strengths = [values[row, 0] for _, row in picked]
    assert strengths == sorted(strengths, reverse=True)
    assert len({source[row, 0] for _, row in picked}) == 3
    assert (
        samples.pick_samples(samples.Labels(["ring"], source, np.zeros((40, 1), bool), values), 0)
        == []
    )


def test_mistakes_are_wrong_confident_first_and_not_all_of_one_tag():
    random = np.random.default_rng(5)
    labels = random.random((200, 3)) < 0.5
    scores = random.random((200, 3))
    view = results.ViewScores(
        "joint", 0, (0, 0), {}, scores, labels, np.zeros((200, 2)), {}, [], None, {}
    )
    for missed in (True, False):
        picked = samples.pick_mistakes(view, missed, count=6)
        assert len(picked) == 6
        assert all(labels[place] == missed for place in picked)
        assert all((view.scores[place] < 0.5) == missed for place in picked)
        assert max(np.bincount([column for _, column in picked])) == 2
        given = [view.scores[place] if missed else -view.scores[place] for place in picked]
        assert given == sorted(given)


def test_times_are_summed_per_stage_and_unmeasured_ones_stay_empty(folder):
    rows = {row.stage: row for row in times.read_times(STUDY, StudyPaths(folder / "small"))}
    assert rows["simulate"].seconds == 12
    assert rows["simulate"].memory == 203.5
    assert rows["simulate"].per_image == 0.5
    assert rows["train"].unit == "image"
    assert rows["train"].memory is None
    compared = times.comparison(STUDY, list(rows.values()))
    assert compared[1]["here"]["transform"] == pytest.approx(1000.0)
    assert compared[1]["published"] == {256: 224.0, 1000: 2040.0}


def test_a_difference_is_judged_on_the_same_drawn_experiments():
    random = np.random.default_rng(11)
    source = np.stack([np.arange(600) // 30, np.arange(600) % 30], axis=1)
    labels = random.random((600, 4)) < 0.4
    # Hard and easy experiments, and a second view that is a little worse on all of them.
    noise = random.normal(0, 1, labels.shape) * random.uniform(0.3, 2, 20)[source[:, 0], None]
    good = labels + noise
    worse = good + random.normal(0, 0.5, labels.shape)
    views = [
        results.ViewScores(name, 0, (0, 0), {}, scores, labels, source, {}, [], None, {})
        for name, scores in {"joint": good, "mean": worse, "image": good}.items()
    ]
    pairs = [("joint", "mean"), ("joint", "image")]
    intervals = results.paired_intervals(views, pairs, 1)
    low, high = intervals["joint", "mean"]
    assert 0 < low < high
    assert intervals["joint", "image"] == (0, 0)
