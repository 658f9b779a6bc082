"""Fork a child that runs one `xscatter` command."""

import ctypes
import gc
import importlib
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping, Sequence

from xscatter import cli
from xscatter.core import compiled

# Modules that the commands import when they run, each with a function that fills a table once.
_LAZY = {
    "simulate": {
        "xscatter.simulate.limits": "",
        "xscatter.simulate.shard": "",
        "xscatter.simulate.sequence_shard": "",
        "xscatter.simulate.registry": "all_features",
        "xscatter.simulate.law_registry": "all_laws",
        "xscatter.simulate.instrument.registry": "all_obstacles",
        "xscatter.simulate.instrument.poisson": "tables",
        "xscatter.simulate.kinds.particles": "curves",
    },
    "transform": {"xscatter.transform.parallel": "", "xscatter.transform.ranks": ""},
    "pack": {"xscatter.records.pack": "", "xscatter.records.assign": ""},
}
_PR_SET_PDEATHSIG = 1  # of prctl(2), Linux


def load(verbs: Iterable[str]) -> None:
    """Load what the commands simulate, transform or pack need, so that forks find it."""
    for verb in verbs:
        importlib.import_module(f"xscatter.commands.{verb}")
        for name, finder in _LAZY[verb].items():
            module = importlib.import_module(name)
            if finder:
                getattr(module, finder)()
    compiled.load()
    # Objects that exist now are never searched for garbage: forks share their memory.
    gc.collect()
    gc.freeze()


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    log: str,
    append: bool = False,
    ignored: Iterable[signal.Signals] = (),
) -> int:
    """Fork a child that runs `xscatter ARGUMENTS > LOG 2>&1`; return its process number.

    Args:
        arguments: of the command.
        environment: all variables of the child.
        log: file for what it prints.
        append: whether the log is continued.
        ignored: signals that this process ignores and the child does not.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    number = os.fork()
    if number:
        return number
    status = 1
    try:
        for name in ignored:
            signal.signal(
                name, signal.default_int_handler if name == signal.SIGINT else signal.SIG_DFL
            )
        _end_with(parent)
        os.environ.clear()
        os.environ.update(environment)
        stream = os.open(
            log, os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC), 0o666
        )
        os.dup2(stream, 1)
        os.dup2(stream, 2)
        os.close(stream)
        sys.argv = ["xscatter", *arguments]
        status = cli.main(list(arguments))
        threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as at any end
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(status)


def _end_with(parent: int) -> None:
    """Let this process be killed when its parent dies: nobody would hear of its end any more."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
