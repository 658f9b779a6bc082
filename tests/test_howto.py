"""The how-tos about trends: their examples run, and their tables list what there is."""

import ast
import os
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from toy_sequences import CENTER, growing_ring
from xscatter.cli import main
from xscatter.sequences.quantities import all_quantities
from xscatter.sequences.trends.registry import all_laws

DOCS = Path(__file__).parent.parent / "docs"


def examples(name):
    """The blocks of Python on a page."""
    return re.findall(r"^```python\n(.*?)^```", (DOCS / name).read_text(), re.M | re.S)


def test_the_examples_of_trends_run(capsys):
    names = {}
    for block in examples("howto/trends.md"):
        exec(block, names)
    printed = capsys.readouterr().out
    assert "half_time" in printed


@pytest.fixture(scope="module")
def crystallisation(tmp_path_factory):
    """A folder with a folder of simulated frames, one a second."""
    folder = tmp_path_factory.mktemp("visit")
    (folder / "frames").mkdir()
    random = np.random.default_rng(0)
    expected = growing_ring(frames=36, photons=1e6, amount=0.4, onset=12, time=6.0)
    for number, image in enumerate(expected):
        path = folder / "frames" / f"f{number}.npy"
        np.save(path, random.poisson(image).astype(np.int32))
        os.utime(path, (1.7e9 + number, 1.7e9 + number))
    return folder


def test_the_commands_of_a_crystallisation_run(crystallisation, monkeypatch, capsys):
    """In the order of the page; the command that also closes a shutter is left out."""
    monkeypatch.chdir(crystallisation)
    page = (DOCS / "howto/follow-crystallisation.md").read_text()
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.M | re.S)
    commands = [line.split()[1:] for block in blocks for line in block.splitlines()]
    watch, trend = (c for c in commands if "&&" not in c)
    # Without --once: it is the end of the process that ends the watch.
    assert main([*watch, "--center", *map(str, CENTER), "--settle", "0"]) == 0
    printed = capsys.readouterr()
    assert "advice: stop" in printed.err
    assert "watch: finished" in printed.err
    # Once more: it is over, and ends at once.
    assert main([*watch, "--center", *map(str, CENTER), "--settle", "0"]) == 0
    assert "f12.npy" not in capsys.readouterr().out
    assert main(trend) == 0
    assert "half_time" in capsys.readouterr().out


def test_the_advisor_of_the_page_says_when_it_is_over(crystallisation, monkeypatch, capsys):
    monkeypatch.chdir(crystallisation)
    (block,) = examples("howto/follow-crystallisation.md")
    exec(block, {})
    # Less than a twentieth is to come 8.7 frames after the onset.
    assert int(re.search(r"over at frame (\d+)", capsys.readouterr().out)[1]) in range(20, 30)


def test_the_example_of_next_points_finds_the_transition(capsys):
    exec(examples("howto/next-point.md")[0], {})
    words = capsys.readouterr().out.split()
    assert abs(float(words[2]) - 71.3) < 1


def test_the_agent_is_valid_python_with_the_calls_of_the_protocol():
    tree = ast.parse(examples("howto/next-point.md")[1])
    agent = next(node for node in tree.body if isinstance(node, ast.ClassDef))
    methods = {node.name for node in agent.body if isinstance(node, ast.FunctionDef)}
    assert {"tell", "tell_many", "ask"} <= methods


def test_the_agent_measures_near_the_transition(monkeypatch):
    """With a stand-in for the package, of which it needs an exception alone."""
    module = types.ModuleType("recommendations")
    module.NoRecommendation = type("NoRecommendation", (Exception,), {})
    monkeypatch.setitem(sys.modules, "bluesky_adaptive", types.ModuleType("bluesky_adaptive"))
    monkeypatch.setitem(sys.modules, "bluesky_adaptive.recommendations", module)
    names = {}
    exec(examples("howto/next-point.md")[1], names)
    agent = names["TransitionAgent"]([[float(t)] for t in range(20, 121)], 16)
    told = []
    with pytest.raises(module.NoRecommendation):
        while True:
            place = agent.ask(1)
            told.append(place[0])
            agent.tell(place, float(place[0] > 71.3))
    assert len(told) == 16
    assert sum(abs(place - 71.3) < 5 for place in told) >= 4


@pytest.mark.parametrize("names", [all_quantities(), all_laws()], ids=["quantities", "laws"])
def test_the_reference_lists_what_there_is(names):
    listed = re.findall(r"^\| `(\w+)` \|", (DOCS / "reference/quantities.md").read_text(), re.M)
    assert set(names) <= set(listed)
    assert set(listed) <= set(all_quantities()) | set(all_laws())
