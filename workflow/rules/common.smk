# What all rules share: the checked study, its paths, its costs.
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from xscatter import driver
from xscatter.errors import UserError
from xscatter.paths import VIEWS, study_paths
from xscatter.study import parse_study
from xscatter.walltime import cost

# The rules call `xscatter` and `mpiexec`: those installed beside this Snakemake come first.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]))

try:
    STUDY = parse_study(dict(config))
    PATHS = study_paths(STUDY.name)
    # What the jobs ask Slurm for; a profile's set-resources goes before it.
    COST = cost.of(STUDY, PATHS.plan)
    COST.check()
except UserError as error:
    raise WorkflowError(str(error))

# Jobs use what is beside this Snakemake, unless --sdm names conda, apptainer or env-modules (envs/).
IMAGE = str(Path(workflow.basedir) / "envs" / "xscatter.sif")
EXPERIMENTS = range(STUDY.simulate.experiments)

# What a killed driver left behind is cleared here, so that typing the line again is enough.
if workflow.is_main_process:
    driver.take_over(PATHS.root)


wildcard_constraints:
    number=r"\d+",
    batch=r"\d+",


def trained(view):
    """Files of a finished training."""
    folder = PATHS.model(view)
    return {
        "model": folder / "model.keras",
        "facts": folder / "training.json",
        "calibration": folder / "calibration.json",
        "history": folder / "history.csv",
        "timings": folder / "timings.csv",
    }


def last_leg(view):
    legs = STUDY.walltime.training_legs - 1
    return [PATHS.leg(view, legs)] if legs else []


def before_leg(wildcards):
    earlier = [PATHS.leg(wildcards.view, int(wildcards.leg) - 1)] if int(wildcards.leg) > 1 else []
    branches = [trained(view)["model"] for view in ("image", "coefficient")] if wildcards.view == "joint" else []
    return earlier + branches
