"""The names of files and datasets are known in one room."""

import ast
from pathlib import Path

import xscatter

ROOT = Path(xscatter.__file__).parent
# Files of other programs are NeXus, too: what reads them may name their datasets.
MAY_NAME_DATASETS = ("store/", "frames/")


def test_datasets_are_named_in_store_only():
    named = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and text.startswith(("entry/", "/entry/")):
                named.add(path.relative_to(ROOT).as_posix())
    assert named
    assert {name for name in named if not name.startswith(MAY_NAME_DATASETS)} == set()
