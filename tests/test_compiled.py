"""Compiled code is cached between processes, also where the package cannot be written."""

import os
import subprocess
import sys

from xscatter.core import compiled

CODE = """
from pathlib import Path
import os
import xscatter.core.compiled as c
real = os.access
os.access = lambda path, mode: False if Path(path) == Path(c.__file__).parent else real(path, mode)
import xscatter.simulate.instrument.poisson
print(os.environ.get("NUMBA_CACHE_DIR"))
"""


def cache_of(home, temporary):
    """Return the cache folder of a process that cannot write to the package."""
    environment = {
        k: v for k, v in os.environ.items() if k not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")
    }
    environment |= {"TMPDIR": str(temporary), "HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_everything_compiles_with_an_empty_cache(tmp_path):
    """Other tests may run code that an earlier version compiled and cached."""
    code = """
import numpy as np
from xscatter.fourier_bessel import Plan
from xscatter.records.loops import decode
from xscatter.simulate import Experiment
from xscatter.simulate.image import simulate_image
from xscatter.study import Study
experiment = Experiment(Study(name="t", simulate={"size": 64}), 0)
counts = np.empty((64, 64), np.uint32)
simulate_image(experiment, 0, counts)
assert np.isfinite(Plan((64, 64), (3.0, 5.0), 64, 4, 4).forward(counts, experiment.mask)).all()
decoded, masks = np.zeros((1, 4), np.float32), np.zeros((0, 4), bool)
decode(np.arange(4, dtype=np.uint16), np.array([0]), np.array([0]), decoded, masks, 0.0)
assert (decoded == np.arange(4)).all()
"""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert any(tmp_path.iterdir())


def test_a_read_only_package_keeps_its_cache_in_a_folder_of_the_user(tmp_path):
    assert cache_of(tmp_path, tmp_path) == str(tmp_path / ".cache" / "xscatter" / "numba")
    (tmp_path / "file").write_text("no folder")
    place = tmp_path / f"xscatter-numba-{os.getuid()}"
    assert cache_of(tmp_path / "file", tmp_path) == str(place)
    assert place.stat().st_mode & 0o777 == 0o700


def test_a_cache_that_others_can_write_is_not_used(tmp_path):
    (tmp_path / "file").write_text("no folder")
    place = tmp_path / f"xscatter-numba-{os.getuid()}"
    place.mkdir()
    place.chmod(0o777)
    assert cache_of(tmp_path / "file", tmp_path) == "None"
    place.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    place.symlink_to(tmp_path / "elsewhere")
    assert cache_of(tmp_path / "file", tmp_path) == "None"


def test_the_users_own_choice_of_a_cache_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    compiled._use_writable_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path)
