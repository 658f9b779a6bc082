"""Commands of rules that a fork of a loaded process can run instead of a new one."""

import re
from dataclasses import dataclass

# A command as Snakemake writes it: options of bash, the launcher of a single MPI rank, xscatter. No
# character of its arguments may mean anything to a shell.
_PLAIN = re.compile(
    r"(?:set -euo pipefail;)?\s*(?:(?:[\w./=-]+ )+-n 1 )?"
    r"xscatter (?P<arguments>(?:simulate|transform|pack) [\w@%+:,./ -]+?)"
    r" > (?P<log>[\w@%+:,./-]+) 2>&1",
    re.ASCII,
)


@dataclass(frozen=True)
class Command:
    """`xscatter ARGUMENTS > LOG 2>&1`."""

    arguments: list[str]
    log: str


def parse(line: str) -> Command | None:
    """Return the command of a line of bash; None: a shell has to run it."""
    match = _PLAIN.fullmatch(line.strip())
    return Command(match["arguments"].split(), match["log"]) if match else None
