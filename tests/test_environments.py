"""What each kind of node needs: files are whole and fit together; environment modules are run where they exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
MODULES = Path("/usr/share/modules/init/bash")
KINDS = ("cpu", "mpi", "gpu")


def test_every_rule_names_environments_that_exist():
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    named = {
        kind: set(re.findall(rf'{kind}:\n\s+"([^"]+)"', rules)) for kind in ("conda", "envmodules")
    }
    assert named["conda"] == {f"../../envs/{kind}.yaml" for kind in KINDS}
    assert named["envmodules"] == {f"xscatter/{kind}" for kind in KINDS}
    assert all((ROOT / "envs/modules/xscatter" / kind).exists() for kind in KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_conda_environment_gets_xscatter_by_its_script(kind):
    content = yaml.safe_load((ROOT / f"envs/{kind}.yaml").read_text())
    assert content.keys() == {"channels", "dependencies"}
    assert content["channels"] == ["conda-forge", "nodefaults"]
    assert {"python=3.12", "pip"} <= set(content["dependencies"])
    script = ROOT / f"envs/{kind}.post-deploy.sh"
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert "--constraint envs/lock.txt" in script.read_text()


def test_the_image_is_made_of_files_that_exist():
    recipe = (ROOT / "envs/apptainer.def").read_text()
    files = re.search(r"%files\n(.*?)\n\n", recipe, re.S)[1].split()[::2]
    assert files
    assert all((ROOT / name).exists() for name in files)
    script = re.search(r"%post\n(.*?)\n\n", recipe, re.S)[1]
    subprocess.run(["sh", "-n"], input=script, text=True, check=True)
    extras = re.search(r"/opt/xscatter\[([\w,]+)\]", script)[1].split(",")
    project = (ROOT / "pyproject.toml").read_text()
    assert all(re.search(rf"^{extra} = ", project, re.M) for extra in extras)


@pytest.mark.skipif(
    not MODULES.exists(),
    reason="environment modules not installed (apt install environment-modules)",
)
@pytest.mark.skipif(
    not (ROOT / ".venv/bin/xscatter").exists(),
    reason="the modules load the .venv of the repository",
)
def test_jobs_run_in_environment_modules(tmp_path):
    study = tmp_path / "study.yaml"
    study.write_text("name: a\nsimulate: {experiments: 2, images: 2, size: 64}\n")
    target = "results/a/coefficients/00001.h5"
    command = f". {MODULES}; module use {ROOT}/envs/modules; {sys.executable} -m snakemake {target} --cores 1"
    command += f" --sdm env-modules -s {ROOT}/Snakefile -d {tmp_path} --configfile {study}"
    environment = os.environ | {"MODULEPATH": ""}
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / target).exists()
    text = done.stdout + done.stderr
    assert re.search(r"Activating environment modules?: xscatter/cpu", text)
    assert re.search(r"Activating environment modules?: xscatter/mpi", text)
