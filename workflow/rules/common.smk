# What all rules share: the checked study, or study of studies, its paths, its costs.
import difflib
import gc
import inspect
import os
import re
import sys
from functools import cache
from pathlib import Path

from snakemake.common import overwrite_function_params
from snakemake.exceptions import WorkflowError
from snakemake.resources import Resource

from xscatter.jobs import driver
from xscatter.core.errors import UserError
from xscatter.store.paths import VIEWS, ResolutionPaths, study_paths
from xscatter.resolution.description import parse_resolution
from xscatter.study import parse_study
from xscatter.jobs import cost

# A large graph is millions of objects that stay: looking through them again and again takes minutes.
gc.set_threshold(200_000, 20, 100)

# The rules call `xscatter` and `mpiexec`: those installed beside this Snakemake come first.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
)

# A file with `sizes` is a study of studies: the same one at several image sizes.
SEVERAL = "sizes" in config

# Errors name the file to mend.
STUDY_FILE = ", ".join(map(os.path.relpath, workflow.configfiles)) or "study"

try:
    if SEVERAL:
        RESOLUTION = parse_resolution(dict(config), STUDY_FILE)
        WHOLE = ResolutionPaths(Path("results") / RESOLUTION.name)
    else:
        STUDY = parse_study(dict(config), STUDY_FILE)
        PATHS = study_paths(STUDY.name)
        # What the jobs ask Slurm for; a profile's set-resources goes before it.
        COST = cost.of(STUDY, PATHS.plan)
        COST.check()
        EXPERIMENTS = range(STUDY.simulate.experiments)
        # What every command is told: the study, and where its files lie.
        HERE = f"{PATHS.study} -o {PATHS.root}"
except UserError as error:
    raise WorkflowError(str(error))

RESULTS = WHOLE.root if SEVERAL else PATHS.root

# Jobs use what is beside this Snakemake, unless --sdm names conda, apptainer or env-modules (envs/).
IMAGE = str(Path(workflow.basedir) / "envs" / "xscatter.sif")


# What jobs may ask for: names that Snakemake, its Slurm executor or this workflow read.
ASKED = """runtime mem mem_mb mem_mib mem_mb_per_cpu disk disk_mb disk_mib tmpdir threads nodes tasks tasks_per_node
tasks_per_gpu cpus_per_task cpus_per_gpu mpi gpu gpu_model gres slurm_partition slurm_account slurm_extra slurm_cluster
cluster clusters constraint qos job_seconds""".split()


def misspelt():
    """Lines that say what is misspelt below default-resources, set-resources or set-threads."""
    texts = [
        path.read_text() for path in (Path(workflow.basedir) / "workflow" / "rules").glob("*.smk")
    ]
    # Those of a study and of a study of studies: a profile serves both.
    rules = [
        name
        for text in texts
        for name in re.findall(r"^(?:use rule \w+ as|rule) (\w+)", text, re.M)
    ]
    settings = workflow.resource_settings
    for name in sorted(
        {*settings.overwrite_resources, *settings.overwrite_threads} - {"all", *rules}
    ):
        near = difflib.get_close_matches(name, rules, 1)
        meant = f"is {near[0]} meant?" if near else "`snakemake --list-rules` names them."
        yield f"set-resources: {name} is no rule; {meant}"
    places = {"default-resources": settings.default_resources or {}}
    places |= {
        f"set-resources, {rule}": resources
        for rule, resources in settings.overwrite_resources.items()
    }
    for place, resources in places.items():
        # Other executors have other resources, and --resources may count any.
        for name in sorted(set(resources) - {*ASKED, *settings.resources}):
            near = difflib.get_close_matches(name, ASKED, 1, 0.7)
            if near and not name.startswith("_"):
                yield f"{place}: nothing reads {name}; is {near[0]} meant?"


if workflow.is_main_process:
    for line in misspelt():
        raise WorkflowError(line)


# What a killed driver left behind is cleared here, so that typing the line again is enough. A second
# driver is refused before Snakemake meets the locks of the first, whose advice would be to remove them.
if workflow.is_main_process:
    asked = workflow.resource_settings
    try:
        if workflow.output_settings.dryrun or not (asked.cores or asked.nodes):
            driver.clear(RESULTS)
        else:
            driver.insist(RESULTS)
    except UserError as error:
        raise WorkflowError(str(error))


def known(function):
    """`function`, with its signature written down: Snakemake would ask for it at every job of a large graph."""
    overwrite_function_params(function, inspect.signature(function).parameters)
    return function


known(Resource.evaluate)


def runtime(stage):
    return known(lambda wildcards, attempt: COST.runtime(stage, attempt))


def memory(stage):
    return known(lambda wildcards, attempt: COST.memory(stage, attempt))


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


@cache
def foreseen():
    """The batches there will be, by what was packed before."""
    from xscatter.records.assign import foresee

    return foresee(STUDY, PATHS)


def assignment(wildcards):
    """The assignment; a batch that stays as it is does not depend on when that was written."""
    return ancient(PATHS.assignment) if foreseen().stays(int(wildcards.batch)) else PATHS.assignment


def last_leg(view):
    legs = STUDY.walltime.training_legs - 1
    return [PATHS.leg(view, legs)] if legs else []


def before_leg(wildcards):
    earlier = [PATHS.leg(wildcards.view, int(wildcards.leg) - 1)] if int(wildcards.leg) > 1 else []
    return earlier + branches(PATHS, wildcards.view)


def branches(paths, view):
    """The networks that `view` is built on."""
    return (
        [paths.model(name) / "model.keras" for name in ("image", "coefficient")]
        if view == "joint"
        else []
    )


def shards_runtime(price, attempt):
    """Walltime of one job that makes all shards of a study, one after another, in minutes."""
    seconds = (
        sum(price.safe_seconds(stage) for stage in ("simulate", "transform"))
        * price.study.simulate.experiments
    )
    return price.bounded(5 + seconds // 60, attempt)
