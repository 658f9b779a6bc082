"""Directives that generate reference pages from the code, so that they are always up to date."""

import contextlib
import csv
import importlib.util
import io
import os
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from xscatter import cli, tags
from xscatter.simulate.instrument.kinds import all_kinds
from xscatter.study import Study


class Generated(SphinxDirective):
    """Replace the directive by the Markdown that :meth:`text` returns."""

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()  # the code may have changed although the page has not
        return self.parse_text_to_nodes(self.text(), allow_section_headings=True)

    def text(self) -> str:
        raise NotImplementedError


class StudyKeys(Generated):
    """Every key of the study file with its values, its default and its meaning."""

    def text(self) -> str:
        schema = Study.model_json_schema()
        sections = {"": schema}
        for name, key in schema["properties"].items():
            if "$ref" in key or "allOf" in key:
                sections[name] = schema["$defs"][key.get("$ref", "").rsplit("/", 1)[-1]]
        lines: list[str] = []
        for name, section in sections.items():
            lines += [
                f"## `{name}`" if name else "## Top level",
                "",
                section.get("description", ""),
                "",
            ]
            lines += ["| key | values | default | meaning |", "|---|---|---|---|"]
            for key, entry in section["properties"].items():
                if not name and key in sections:
                    meaning = cell(sections[key].get("description", ""))
                    lines.append(f"| [`{key}`](#{key}) | section | | {meaning} |")
                    continue
                required = key in section.get("required", ())
                default = "(must be given)" if required else f"`{_yaml(entry.get('default'))}`"
                meaning = cell(entry.get("description", ""))
                lines.append(f"| `{key}` | {_values(entry)} | {default} | {meaning} |")
            lines.append("")
        return "\n".join(lines)


def _yaml(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def cell(text: str) -> str:
    """Return text for a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")


_BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _values(entry: dict[str, Any]) -> str:
    """Return type and bounds of a key in words."""
    if "anyOf" in entry:
        return " or ".join(_values(option) for option in entry["anyOf"])
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    if "const" in entry:
        return f"`{entry['const']}`"
    words = {
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
        "string": "text",
    }
    kind = words.get(entry.get("type", ""), entry.get("type", "any"))
    if kind == "null":
        return "null"
    if kind == "array":
        return f"list of {_values(entry.get('items', {}))}"
    bounds = [f"{sign} {_bound(entry[key])}" for key, sign in _BOUNDS.items() if key in entry]
    return ", ".join([kind, *bounds])


def _bound(value: float) -> str:
    power = round(value).bit_length() - 1
    return f"2^{power}" if value == 2**power and power > 13 else f"{value:,}".replace(",", " ")


class CommandLine(Generated):
    """The help of every verb of the `xscatter` command."""

    def text(self) -> str:
        lines: list[str] = []
        os.environ["COLUMNS"] = "100"
        for verb, summary in cli.VERBS.items():
            if importlib.util.find_spec(f"xscatter.commands.{verb}") is None:
                continue
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
                cli.main([verb, "--help"])
            lines += [f"## {verb}", "", f"{summary[0].upper()}{summary[1:]}.", ""]
            lines += [
                "```{code-block} text",
                ":class: verb",
                "",
                printed.getvalue().rstrip(),
                "```",
                "",
            ]
        return "\n".join(lines)


class InstrumentKinds(Generated):
    """Names of all kinds of instrument, by what they are about."""

    def text(self) -> str:
        groups: dict[str, list[str]] = {}
        for kind in all_kinds():
            subject, _, name = kind.partition(": ")
            groups.setdefault(subject, []).append(f"`{subject}: {name}`")
        lines = ["| about | kinds |", "|---|---|"]
        lines += [f"| {subject} | {', '.join(names)} |" for subject, names in groups.items()]
        return "\n".join(lines)


class ResultTable(Generated):
    """Table of results from a CSV file.

    The columns `x`, `x_low` and `x_high` become one column with value and interval. Further
    arguments name columns to leave out.
    """

    required_arguments = 1
    optional_arguments = 20
    has_content = False

    def text(self) -> str:
        path = Path(self.env.srcdir) / self.arguments[0]
        self.env.note_dependency(str(path))
        with open(path, newline="") as stream:
            rows = list(csv.DictReader(stream))
        parts = ("_low", "_high", "_by_seed")
        names = [
            name for name in rows[0] if not name.endswith(parts) and name not in self.arguments[1:]
        ]
        lines = [
            "| " + " | ".join(name.replace("_", " ") for name in names) + " |",
            "|---" * len(names) + "|",
        ]
        lines += ["| " + " | ".join(_result(row, name) for name in names) + " |" for row in rows]
        return "\n".join(lines)


def _result(row: dict[str, str], name: str) -> str:
    if f"{name}_low" not in row:
        return cell(row[name])
    value, low, high = (float(row[key]) for key in (name, f"{name}_low", f"{name}_high"))
    sign = "+" if name == "by" else ""
    return f"{value:{sign}.3f}\u00a0[{low:.3f},\u00a0{high:.3f}]"


def threshold(name: str, rawtext: str, text: str, *_: Any) -> tuple[list[nodes.Node], list]:
    """Insert one of the thresholds that decide whether a tag is true."""
    value = {"detectable": tags.DETECTABLE, "contrast": tags.CONTRAST}[text]
    return [nodes.Text(f"{value:g}")], []


def setup(app: Sphinx) -> dict[str, Any]:
    """Register directives and roles with Sphinx."""
    app.add_directive("study-keys", StudyKeys)
    app.add_directive("command-line", CommandLine)
    app.add_directive("instrument-kinds", InstrumentKinds)
    app.add_directive("result-table", ResultTable)
    app.add_role("threshold", threshold)
    return {"version": "1", "parallel_read_safe": True}
