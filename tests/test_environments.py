"""Environments of each kind of node: files fit together; modules are run where they exist."""

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


def rules_by_environment(study):
    """Rules of a workflow by conda environment, container image and environment module."""
    code = f"""
import sys
from snakemake.cli import main
from snakemake.workflow import Workflow
at_its_end = Workflow.check_localrules
def check(workflow):
    for rule in workflow.rules:
        if not rule.norun:
            conda = rule.basedir.join(rule.conda_env).get_path_or_uri(secret_free=True)
            print("RULE", rule.name, conda, rule.container_img, *rule.env_modules.names)
    at_its_end(workflow)
Workflow.check_localrules = check
sys.argv[1:] = ["-s", "{ROOT}/Snakefile", "--configfile", "{study}", "-n", "-q"]
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    lines = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("RULE")]
    assert lines, done.stderr
    return {name: (Path(conda), Path(image), module) for name, conda, image, module in lines}


def test_every_rule_has_environments_that_exist():
    rules = rules_by_environment(ROOT / "config/demo.yaml")
    rules |= rules_by_environment(ROOT / "config/study-resolution.yaml")
    for conda, image, module in rules.values():
        kind = conda.stem
        assert conda.resolve() == ROOT / f"envs/{kind}.yaml"
        assert conda.exists()
        assert image == ROOT / "envs/xscatter.sif"
        assert module == f"xscatter/{kind}"
        assert (ROOT / "envs/modules" / module).exists()
    kinds = {name: conda.stem for name, (conda, _, _) in rules.items()}
    assert set(kinds.values()) == set(KINDS)
    assert kinds["transform"] == kinds["resolution_records"] == "mpi"
    trained = {kind for name, kind in kinds.items() if "train" in name or "test" in name}
    assert trained == {"gpu"}


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
    command = f". {MODULES}; module use {ROOT}/envs/modules; "
    command += f"{sys.executable} -m snakemake {target} --cores 1"
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
