"""Keep Snakemake quick with a graph of many thousand jobs; only the workflow imports this."""

import gc
import inspect
from collections.abc import Callable
from typing import Any

from snakemake.common import overwrite_function_params
from snakemake.executors import dryrun
from snakemake.persistence import PersistenceBase
from snakemake.resources import Resource
from snakemake.settings.types import OutputSettings, Quietness

from xscatter.store.paths import is_leg


def with_signature(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` with its signature written down.

    Snakemake would otherwise look for it again at every job, which takes minutes in a large graph.
    """
    overwrite_function_params(function, inspect.signature(function).parameters)
    return function


def tune() -> None:
    """Prepare this process for a large graph.

    The graph is millions of objects that stay: searching them for garbage again and again would
    take minutes, too.
    """
    gc.set_threshold(200_000, 20, 100)
    with_signature(Resource.evaluate)
    _ignore_legs()


def _ignore_legs() -> None:
    """Keep a changed number of legs from counting as a changed input of a training.

    Legs order the jobs of a training, and do not decide what it makes.
    """
    listed = PersistenceBase._input

    def without_legs(self, job: Any) -> list[str]:
        return [path for path in listed(self, job) if not is_leg(path)]

    PersistenceBase._input = without_legs


def skip_unprinted(settings: OutputSettings) -> None:
    """Let a dry run that is quiet about its jobs not describe each of them.

    Snakemake would format the lines of every job and then drop them: most of the time of such a
    run.
    """
    if settings.dryrun and {Quietness.ALL, Quietness.RULES} & set(settings.quiet or ()):
        dryrun.Executor.printjob = lambda *_: None
