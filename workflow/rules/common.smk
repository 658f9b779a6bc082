# What all rules share: the checked study or comparison, its paths, its costs.
import os
import sys
from functools import cache
from pathlib import Path

from snakemake.exceptions import WorkflowError

from xscatter.core.errors import UserError
from xscatter.jobs import budget, cost, driver, graphs, local, spelling
from xscatter.records import assign
from xscatter.resolution.description import parse_resolution
from xscatter.store import bundle
from xscatter.store.models import ModelFolder
from xscatter.store.paths import ResolutionPaths, study_paths
from xscatter.study import parse_study
from xscatter.views import SEQUENCE, VIEWS, answering, averaged, evaluated

graphs.tune()

# The rules call `xscatter` and `mpiexec`: those installed beside this Snakemake come first.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
)

# A file with `sizes` is a comparison: one study at several image sizes.
IS_COMPARISON = "sizes" in config

# Errors name the file to fix.
STUDY_FILE = ", ".join(map(os.path.relpath, workflow.configfiles)) or "study"

try:
    if IS_COMPARISON:
        COMPARISON = parse_resolution(dict(config), STUDY_FILE)
        COMPARISON_PATHS = ResolutionPaths(Path("results") / COMPARISON.name)
    else:
        STUDY = parse_study(dict(config), STUDY_FILE)
        PATHS = study_paths(STUDY.name)
        # What the jobs ask Slurm for, unless a profile's set-resources replaces it.
        COST = cost.of(STUDY, PATHS.plan)
        COST.check()
        EXPERIMENTS = range(STUDY.simulate.experiments)
        SEQUENCES = range(STUDY.sequence.sequences)
        ANSWERING = answering(VIEWS)  # networks of a tagger
        # Arguments of every command: the study, and where its files are.
        HERE = f"{PATHS.study} -o {PATHS.root}"
    if workflow.is_main_process:
        local.use_forks()
        graphs.skip_unprinted(workflow.output_settings)
        asked = workflow.resource_settings
        spelling.check(asked, Path(workflow.basedir) / "workflow" / "rules")
        # What a killed driver left is cleared here, so that running the command again is enough. A
        # second driver is refused before Snakemake meets the locks of the first: its advice would
        # be to remove them.
        results = COMPARISON_PATHS.root if IS_COMPARISON else PATHS.root
        looks_only = workflow.output_settings.dryrun or not (asked.cores or asked.nodes)
        driver.start(results, looks_only)
        if not looks_only:
            # Jobs read the study that they were submitted with, not the user's file again.
            workflow.config_settings.configfiles = [driver.submitted(config, results)]
            workflow.config_settings.config_args = []
        if not (looks_only or IS_COMPARISON):
            # Told before anything runs, not when the disk is full.
            if lack := budget.lack_of_space(COST, PATHS.root):
                print(f"warning: {lack}", file=sys.stderr)
            driver.settle_times(PATHS)
            assign.keep_copies(PATHS)
except UserError as error:
    raise WorkflowError(str(error))


wildcard_constraints:
    number=r"\d+",
    batch=r"\d+",
    leg=r"\d+",
    view="|".join(VIEWS),


def splittable(wildcards):
    """Refuse a study that cannot be split before anything of it is made; ask for no file."""
    if workflow.is_main_process and not workflow.dag_settings.until:
        try:
            assign.check_split(STUDY, PATHS)
        except UserError as error:
            raise WorkflowError(f"{STUDY_FILE}: {error}")
    return []


def runtime(stage):
    return graphs.with_signature(lambda wildcards, attempt: COST.runtime(stage, attempt))


def memory(stage):
    return graphs.with_signature(lambda wildcards, attempt: COST.memory(stage, attempt))


@cache
def foreseen():
    """The batches there will be, by what was packed before."""
    return assign.foresee(STUDY, PATHS)


def parents(paths, view):
    """The trained networks that the network of `view` is built on, by view."""
    return {name: ModelFolder(paths.model(name)).network for name in VIEWS[view].parents}
