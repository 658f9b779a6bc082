"""A study on a real Slurm: one command, MPI over two nodes, damage repaired with the same bytes."""

import subprocess
import sys

import pytest
import yaml
from dummy import ROOT

from xscatter.core.files import file_sha256
from xscatter.store.paths import StudyPaths
from xscatter.store.verify import verify

pytestmark = pytest.mark.slurm

STUDY = {
    "name": "small",
    "simulate": {"experiments": 4, "images": 3, "size": 64},
    "transform": {"angular_orders": 6, "radial_orders": 6},
    "pack": {"batches": 2, "test_batch": 1},
    "walltime": {"ranks": 2},
}
QUICK = {
    "seconds-between-status-checks": 2,
    "max-status-checks-per-second": 1,
    "latency-wait": 5,
    "slurm-array-settle-seconds": 1,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with the study and a copy of the profile that waits for less long."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    (folder / "quick").mkdir()
    origin = ROOT / "slurm"
    (folder / "quick/partitions.yaml").write_text((origin / "partitions.yaml").read_text())
    config = yaml.safe_load((origin / "config.yaml").read_text()) | QUICK
    config["set-resources"]["transform"]["nodes"] = 2
    (folder / "quick/config.yaml").write_text(yaml.safe_dump(config))
    return folder


def snakemake(folder, target):
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--until",
        target,
        "--profile",
        str(folder / "quick"),
        "-d",
        str(folder),
    ]
    command += ["-s", str(ROOT / "Snakefile"), "--configfile", str(folder / "study.yaml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
    return done.stdout + done.stderr


def test_batches_are_complete_and_come_again_the_same(cluster, folder):
    paths = StudyPaths(folder / "results/small")
    target = "index"
    output = snakemake(folder, target)
    assert "4 jobs of rule simulate: Slurm array" in output
    assert "2 jobs of rule pack: Slurm array" in output
    jobs = cluster.run("scontrol", "-o", "show", "job").splitlines()
    transforms = [job for job in jobs if "rule_transform" in job]
    assert len(transforms) == 4
    assert all("NumNodes=2 " in job and "NumTasks=2 " in job for job in transforms)
    bad = {finding.path for finding in verify(paths.root)}
    assert not any(path.suffix in (".h5", ".bin") or path == paths.records for path in bad)

    before = {
        path: file_sha256(path) for path in (*paths.batches.glob("batch-*.bin"), paths.records)
    }
    assert len(before) == 3
    kept = {number: paths.experiment(number).stat().st_mtime_ns for number in (0, 3)}
    paths.experiment(1).unlink()
    with open(paths.experiment(2), "r+b") as file:
        file.truncate(paths.experiment(2).stat().st_size // 2)
    command = [sys.executable, "-m", "xscatter", "verify", str(paths.root), "--delete-bad"]
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert not paths.experiment(2).exists()
    output = snakemake(folder, target)
    assert "2 jobs of rule simulate: Slurm array" in output
    assert {path: file_sha256(path) for path in before} == before
    assert {number: paths.experiment(number).stat().st_mtime_ns for number in kept} == kept
