"""The commands and programs of the tutorial of a melting series run, one after the other."""

import re
import shlex
from pathlib import Path

from xscatter.cli import main

PAGE = Path(__file__).parents[1] / "docs" / "tutorial" / "melting-series.md"


def test_the_tutorial_runs_and_finds_the_melting(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert [kind for kind, _ in blocks] == ["yaml", "sh", "python", "sh", "text", "python"]
    for kind, text in blocks:
        if kind == "yaml":
            Path("melt.yaml").write_text(text)
        elif kind == "sh":
            program, *arguments = shlex.split(text)
            assert program == "xscatter"
            assert main(arguments) == 0
        elif kind == "python":
            exec(compile(text, str(PAGE), "exec"), {})
        else:
            # The shown output, up to where it is cut off.
            shown = capsys.readouterr().out
            for line in text.splitlines():
                assert line.rstrip("…").rstrip() in shown
    told = capsys.readouterr().out.splitlines()
    first, last = (float(value) for value in re.findall(r"[\d.]+", told[-2]))
    assert first < last
    assert told[-1] == "melting began at frame 21"
    assert "data:image/png" in Path("found/sequence.html").read_text()
