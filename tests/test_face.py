"""The public face: `import xscatter` is quick, its names are documented, and their examples run."""

import ast
import doctest
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

import xscatter

ROOT = Path(__file__).parent.parent


def test_importing_xscatter_loads_nothing_heavy():
    code = """
import sys
before = set(sys.modules)
import xscatter
dir(xscatter)
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "xscatter" in loaded
    assert loaded <= sys.stdlib_module_names | {"xscatter"}
    # The slow modules of the standard library, which NumPy and pydantic would bring in.
    assert not loaded & {"email", "asyncio", "inspect", "json"}


def test_all_names_exist_and_stay():
    for name in xscatter.__all__:
        assert getattr(xscatter, name) is getattr(xscatter, name)
        assert name in dir(xscatter)
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", xscatter.__version__)
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = xscatter.nothing_of_the_kind


def test_type_checkers_see_what_users_get():
    """The imports under TYPE_CHECKING, which mypy reads, name the objects that are loaded."""
    tree = ast.parse(Path(xscatter.__file__).read_text())
    declared = {
        alias.asname or alias.name: f"{line.module.removeprefix('xscatter.')}:{alias.name}"
        for line in ast.walk(tree)
        if isinstance(line, ast.ImportFrom) and (line.module or "").startswith("xscatter")
        for alias in line.names
    }
    assert declared == xscatter._PLACES
    assert xscatter.__all__ == sorted(declared.keys() - {"__version__"})


def test_the_reference_page_documents_every_public_name_and_no_other():
    page = (ROOT / "docs" / "reference" / "api.md").read_text()
    documented = re.findall(r"^\.\. auto\w+:: (\S+)$", page, re.M)
    # The callback has a module of its own, since it needs no more than a dictionary of a document.
    assert "xscatter.bluesky.TagCallback" in documented
    documented.remove("xscatter.bluesky.TagCallback")
    assert sorted(documented) == [f"xscatter.{name}" for name in xscatter.__all__]


PACKAGE = Path(xscatter.__file__).parent
WITH_EXAMPLES = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>>" in path.read_text()]


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_all_examples_of_a_module_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
    module = importlib.import_module(name.removesuffix(".__init__"))
    results = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert results.attempted
    assert results.failed == 0


@pytest.mark.parametrize("name", xscatter.__all__)
def test_every_public_name_has_an_example_that_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    value = getattr(xscatter, name)
    finder = doctest.DocTestFinder(exclude_empty=True)
    examples = [test for test in finder.find(value, name, globs={}) if test.examples]
    assert any(test.name == name for test in examples), f"{name}: its docstring has no example"
    failures, names = [], {}
    for example in sorted(examples, key=lambda test: test.name):
        example.globs = names  # the example of a method continues that of its class
        runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
        runner.run(example, out=failures.append, clear_globs=False)
    assert not failures, "".join(failures)
