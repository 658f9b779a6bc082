"""The how-tos about trends: their examples run, and their tables list what there is."""

import ast
import re
import sys
import types
from pathlib import Path

import pytest

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
    assert "over at frame" in printed


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
