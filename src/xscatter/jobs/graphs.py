"""Keep Snakemake quick with a graph of many thousand jobs; only the workflow imports this."""

import gc
import inspect
from collections.abc import Callable
from typing import Any

from snakemake.common import overwrite_function_params
from snakemake.executors import dryrun
from snakemake.resources import Resource
from snakemake.settings.types import OutputSettings, Quietness


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


def skip_unprinted(settings: OutputSettings) -> None:
    """Let a dry run that is quiet about its jobs not describe each of them.

    Snakemake would format the lines of every job and then drop them: most of the time of such a
    run.
    """
    if settings.dryrun and {Quietness.ALL, Quietness.RULES} & set(settings.quiet or ()):
        dryrun.Executor.printjob = lambda *_: None
