"""Compiled code is kept between processes, and found a place where the package cannot be written."""

import os
import subprocess
import sys

from xscatter import compiled

CODE = """
from pathlib import Path
import os
import xscatter.compiled as c
real = os.access
os.access = lambda path, mode: False if Path(path) == Path(c.__file__).parent else real(path, mode)
import xscatter.simulate.poisson
print(os.environ["NUMBA_CACHE_DIR"])
"""


def test_a_read_only_package_keeps_its_cache_elsewhere(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"} | {"TMPDIR": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip().startswith(str(tmp_path))


def test_the_users_own_choice_of_a_cache_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    compiled._use_writable_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path)
