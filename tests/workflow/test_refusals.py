"""What `snakemake` says to who mistypes a study, or works on one twice."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
HOLD = "import sys; from pathlib import Path; from xscatter.jobs import driver; "
HOLD += "print(driver.take_over(Path('results/small')), flush=True); sys.stdin.read()"


@pytest.fixture
def living(tmp_path):
    """A driver that works on the study `small`, with Snakemake's own lock and mark; its process."""
    study = {"name": "small", "simulate": {"experiments": 3, "images": 4, "size": 64}}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(study))
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(
        command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline().strip() == "True"
        (tmp_path / ".snakemake/locks").mkdir(parents=True)
        (tmp_path / ".snakemake/locks/0.output.lock").write_text(
            "results/small/experiments/00000.h5\n"
        )
        yield process
        process.stdin.close()


def snakemake(folder, *options):
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "-s",
        str(ROOT / "Snakefile"),
        "--configfile",
        "small.yaml",
        *options,
    ]
    return subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )


def test_a_second_driver_is_told_who_works_and_a_dry_run_is_not_refused(living, tmp_path):
    refused = snakemake(tmp_path, "--cores", "1")
    assert refused.returncode != 0
    assert f"results/small: process {living.pid} on {os.uname().nodename} (user " in refused.stdout
    assert "unlock" not in refused.stdout
    looked = snakemake(tmp_path, "-n", "-q", "rules")
    assert looked.returncode == 0, looked.stdout
    assert "simulate" in looked.stdout
    assert (tmp_path / ".snakemake/locks/0.output.lock").exists()
    listed = snakemake(tmp_path, "--summary")
    assert listed.returncode == 0, listed.stdout


def test_a_wrong_key_is_told_with_the_file_of_the_study(tmp_path):
    (tmp_path / "small.yaml").write_text("name: small\nsimulate: {imges: 4}\n")
    refused = snakemake(tmp_path, "-n")
    assert refused.returncode != 0
    assert "small.yaml: simulate.imges is not a key of a study" in refused.stdout


def test_a_home_that_cannot_be_written_stops_nothing(tmp_path):
    study = {"name": "small", "simulate": {"experiments": 4, "images": 2, "size": 32}}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(study))
    np.save(tmp_path / "frame.npy", np.random.default_rng(0).poisson(5, (64, 64)).astype("i4"))
    # Below a file: root, too, cannot make it.
    own = {"HOME": "/dev/null/home", "TMPDIR": str(tmp_path)}
    names = ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR", "MPLCONFIGDIR", "KERAS_HOME")
    environment = {k: v for k, v in os.environ.items() if k not in names} | own

    def run(*command):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    snakefile = ("-s", str(ROOT / "Snakefile"), "--configfile", "small.yaml")
    target = "results/small/experiments/00000.h5"
    told = run("snakemake", *snakefile, "--cores", "1", target)
    assert "/dev/null/home/.cache cannot be written; XDG_CACHE_HOME is " in told
    assert (tmp_path / target).exists()
    run("snakemake", *snakefile, "--profile", str(ROOT / "profiles/slurm"), "-n")
    run("xscatter", "predict", "frame.npy")
    assert (tmp_path / "tags/tags.csv").exists()
