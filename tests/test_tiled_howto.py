"""The how-to about Tiled, from the start of a server to the tags in its catalog."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tiled.server", reason="the test extra installs tiled")

from tiled_server import free_port

PAGE = Path(__file__).parent.parent / "docs/howto/tiled.md"


def test_the_page_runs_from_start_to_end(tmp_path):
    text = PAGE.read_text().replace("8000", str(free_port()))
    script = ["import subprocess"]
    for language, block in re.findall(r"^```(python|console)\n(.*?)^```", text, re.M | re.S):
        shell = f"subprocess.run({block!r}, shell=True, check=True)"
        script.append(block if language == "python" else shell)
    (tmp_path / "page.txt").write_text("\n".join(script))
    places = [str(Path(sys.executable).parent), os.environ["PATH"]]
    done = subprocess.run(
        [sys.executable, "page.txt"],
        cwd=tmp_path,
        env={**os.environ, "PATH": os.pathsep.join(places)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "5 frames tagged" in done.stderr
    assert re.search(r"^4 +4 .*31\.5$", done.stdout, re.M)
    table = (tmp_path / "frames-tags.csv").read_text()
    assert table.count("/api/v1/metadata/frames,") == 5
    assert "secret" not in table + done.stdout + done.stderr
