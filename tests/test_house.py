"""Rules that hold everywhere in the package: names, docstrings, sizes, imports."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "xscatter"
MODULES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}
NAMES = {path: str(path.relative_to(PACKAGE)) for path in MODULES}

LINES = 400  # of a module
COLUMNS = 100

# Slow to import, or installed only where they are used: these may be imported inside a function,
# and so may modules of ours that import TensorFlow. Everything else is imported at the top, so that
# a room shows what it depends on.
LAZY = {
    "tensorflow", "keras", "tensorboard", "sklearn", "matplotlib", "tqdm", "mpi4py", "onnx",
    "onnxruntime", "tf2onnx", "fabio", "tifffile", "pyFAI", "psutil", "ruptures", "tiled", "httpx",
    "pyarrow", "stamina",
}  # fmt: skip
EXCEPTIONS = {
    "__init__.py": {"importlib"},  # the public face loads names when they are used
    "core/compiled.py": {"numba"},  # after the folder of its cache is set
    "records/code.py": {
        "xscatter"
    },  # the compiled loop: numba is slow, and packing decodes nothing
}


def module_name(path):
    """The name under which a file is imported."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(node):
    """Yield the names of all modules that an import statement may load."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or "."
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def import_tensorflow():
    """Names of our modules that import TensorFlow at the top, themselves or through others."""
    top = {
        module_name(path): {name for node in tree.body for name in imported(node)}
        for path, tree in TREES.items()
    }
    heavy = {"tensorflow", "keras"}
    while more := {name for name in top.keys() - heavy if top[name] & heavy}:
        heavy |= more
    return heavy


TENSORFLOW = import_tensorflow()

each_module = pytest.mark.parametrize("path", MODULES, ids=NAMES.get)


def public_definitions(tree):
    """Yield functions, classes and methods whose names have no leading underscore."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public_definitions(node)


def documented(tree):
    """Yield every node that may have a docstring."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_class_names_are_unique():
    places = defaultdict(list)
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(NAMES[path])
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


# Every feature has the same two functions, every command add_arguments and run, and Keras calls
# build, call and get_config: their contract is documented once, in the package.
CONTRACTS = {
    "simulate/features": {"draw", "contribute"},
    "simulate/laws": {
        "draw",
        "progress",
        "values",
        "disturb",
        "process",
        "table",
        "covariate",
    },
    "commands": {"add_arguments", "run"},
    "networks": {"build", "call", "get_config", "compute_output_shape"},
    "fourier_bessel/tensorflow.py": {"build", "call", "get_config", "compute_output_shape"},
}

# Every obstacle and every law has the same two functions; their arguments are explained once.
SIGNATURES = CONTRACTS | {
    "simulate/instrument/obstacles": {"draw", "contribute"},
    "sequences/trends/laws": {"columns", "report"},
}


def contract(path, contracts):
    """Names of the functions of a module that `contracts` lists for its folder."""
    return set[str]().union(*(contracts[p] for p in contracts if NAMES[path].startswith(p)))


@each_module
def test_public_names_have_docstrings(path):
    known = contract(path, CONTRACTS)
    missing = [
        node.name
        for node in public_definitions(TREES[path])
        if node.name not in known and not ast.get_docstring(node)
    ]
    assert missing == []


def parameters(function):
    """Names of the parameters of a function but for self and cls."""
    given = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    return [one.arg for one in given if one.arg not in ("self", "cls")]


@each_module
def test_three_parameters_are_explained(path):
    """A public function of three or more parameters has a section Args.

    Functions of compiled loops are exempt, and those whose contract the package documents.
    """
    known = contract(path, SIGNATURES)
    unexplained = []
    for owner in (TREES[path], *public_definitions(TREES[path])):
        for node in owner.body if not isinstance(owner, ast.FunctionDef) else ():
            if not isinstance(node, ast.FunctionDef) or node.name in known:
                continue
            if node.name.startswith("_") and node.name != "__init__":
                continue
            if any("compiled" in ast.unparse(one) for one in node.decorator_list):
                continue
            text = ast.get_docstring(node) or ""
            if node.name == "__init__":  # a class may explain them itself
                text += ast.get_docstring(owner) or ""
            if len(parameters(node)) >= 3 and "Args:" not in text:
                unexplained.append(node.name)
    assert unexplained == []


RIDDLES = ("What ", "That which ")
QUESTIONS = ("Where ", "How ", "Which ", "When ")  # a function may answer one, a thing is none


@each_module
def test_docstrings_state_what_a_thing_does(path):
    """No riddles such as "What lies where": the first word is a verb or a noun."""
    riddles = []
    for node in documented(TREES[path]):
        refused = RIDDLES + (QUESTIONS if isinstance(node, ast.Module | ast.ClassDef) else ())
        docstring = ast.get_docstring(node) or ""
        riddles += [docstring.splitlines()[0]] if docstring.startswith(refused) else []
    assert riddles == []


@each_module
def test_modules_are_short_and_narrow(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= LINES
    wide = [number for number, line in enumerate(lines, 1) if len(line) > COLUMNS]
    assert wide == []


@each_module
def test_imports_are_at_the_top(path):
    if NAMES[path].startswith("commands/"):
        return
    allowed = LAZY | EXCEPTIONS.get(NAMES[path], set())
    hidden = []
    for function in ast.walk(TREES[path]):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                names = list(imported(node))
                if names and names[0].partition(".")[0] not in allowed:
                    hidden += [f"{node.lineno}: {names[0]}"] if not TENSORFLOW & {*names} else []
    assert hidden == []


@each_module
def test_values_have_names_of_their_own(path):
    """`found` was the name of 91 different values."""
    vague = [
        getattr(node, "lineno", 0)
        for node in ast.walk(TREES[path])
        if (isinstance(node, ast.Name) and node.id == "found")
        or (isinstance(node, ast.arg) and node.arg == "found")
    ]
    assert vague == []
