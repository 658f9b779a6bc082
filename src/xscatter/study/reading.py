"""Read and write study files; errors are one line each."""

import json
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from xscatter.core.errors import UserError
from xscatter.study.renamed import present_name, with_present_names
from xscatter.study.study import Study


def load_study(path: str | Path) -> Study:
    """Read a study file.

    Raises:
        UserError: The file cannot be read or describes several studies, or a key is unknown, of the
            wrong type or out of bounds.

    Example:
        >>> from pathlib import Path
        >>> from xscatter import load_study
        >>> _ = Path("small.yaml").write_text("name: small\\nsimulate: {size: 128}\\n")
        >>> study = load_study("small.yaml")
        >>> study.name, study.simulate.size
        ('small', 128)
    """
    content = read_yaml(path)
    if "sizes" in content:
        raise UserError(
            f"{path}: describes a study at several image sizes, which `snakemake --configfile` "
            "runs; give the study.yaml of one of its members, in "
            f"results/{content.get('name')}/<mode>-<size>-<seed>/"
        )
    return parse_study(content, str(path))


def load_recorded_study(path: str | Path) -> Study:
    """Read the ``study.yaml`` that a run wrote beside its results, also one of an earlier version.

    Every key is recorded there, so that former names of keys are no mistake of the user's.

    Raises:
        UserError: as for :func:`load_study`.
    """
    return parse_study(with_present_names(read_yaml(path)), str(path))


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Return the keys of a YAML file.

    Raises:
        UserError: The file cannot be read or has no keys.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"
        ) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" (line {mark.line + 1}: {getattr(error, 'problem', '')})" if mark else ""
        raise UserError(f"{path}: is not YAML{place}") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: is not a study: expected keys such as `name:` and `simulate:`")
    return content


def parse_study(content: dict[str, Any], origin: str = "study") -> Study:
    """Return the study that `content`, as read from YAML, describes; errors name `origin`.

    Raises:
        UserError: A key is unknown, of the wrong type or out of bounds.
    """
    try:
        return Study.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{origin}: " + "; ".join(map(describe_problem, error.errors()))) from error


def describe_problem(problem: Any) -> str:
    """Return one validation error in words: where, what, how to fix it."""
    key = ".".join(str(part) for part in problem["loc"]) or "study"
    if problem["type"] == "extra_forbidden":
        if present := present_name(problem["loc"]):
            return f"{key} is called {present} now; rename it"
        return f"{key} is not a key of a study; remove it or correct its spelling"
    if problem["type"] == "missing":
        return f"{key} is missing; add it"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "value_error":  # our own messages name the values
        return message if key == "study" else f"{key}: {message}"
    return (
        f"{key}: {message[0].lower()}{message[1:]} (it is {problem['input']!r})"
        if key != "study"
        else message
    )


def schema() -> str:
    """Return the JSON schema of a study file."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(dialect | Study.model_json_schema(), indent=2) + "\n"


def dump_study(study: Study) -> str:
    """Return the study as YAML, with every key."""
    return yaml.safe_dump(study.model_dump(), sort_keys=False)
