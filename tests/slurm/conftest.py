import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from cluster import Cluster, unavailable
from dummy import Run


@pytest.fixture(scope="module")
def cluster(request):
    """Four nodes; a module may set ACCOUNTING and MIN_JOB_AGE (s)."""
    accounting = getattr(request.module, "ACCOUNTING", False)
    reason = unavailable(accounting)
    if reason:
        pytest.skip(reason)
    cluster = Cluster(
        accounting=accounting, min_job_age=getattr(request.module, "MIN_JOB_AGE", 3600)
    )
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def run(tmp_path):
    # Slurm's nodes run as root and see the same files: any folder does.
    yield Run(tmp_path)
    if shutil.which("scancel"):
        subprocess.run(["scancel", "--user=root"], capture_output=True)
