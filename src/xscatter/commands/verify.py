"""Check every file of a study: whether it is complete, of this study, and equal to its checksum.

Lists files that are missing, partial, corrupt or of another study (foreign), with the log of the
job that makes them. Exit status 0: all files are correct, or the bad ones were deleted; 1: some
are not.
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from xscatter.commands.arguments import positive

if TYPE_CHECKING:
    from xscatter.store.verify import Finding

EXAMPLE = """examples:
  xscatter verify results/demo
  xscatter verify results/demo --delete-bad && snakemake --cores 2 --configfile config/demo.yaml"""

MOST_LINES = 8  # for the missing files of a folder; more are printed in one line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results",
        type=Path,
        metavar="RESULTS",
        help="folder of the results, for example results/demo",
    )
    parser.add_argument(
        "--delete-bad",
        action="store_true",
        help="delete partial, corrupt and foreign files; the next snakemake run makes them again",
    )
    parser.add_argument("--quick", action="store_true", help="do not compute checksums")
    parser.add_argument(
        "-j",
        "--jobs",
        type=positive,
        metavar="N",
        help="number of processes (default: all cores, at most 16)",
    )


def run(args: argparse.Namespace) -> int:
    from xscatter.store import verify

    findings = verify.verify(args.results, not args.quick, args.jobs)
    _print(findings)
    if not findings:
        print(f"{args.results}: every file is complete")
        return 0
    kinds = ", ".join(
        f"{count} {kind}" for kind, count in sorted(Counter(one.kind for one in findings).items())
    )
    if args.delete_bad:
        deleted = verify.delete_bad(findings)
        print(
            f"{args.results}: {kinds}; {len(deleted)} deleted: run snakemake again to make the "
            "missing files"
        )
        return 0
    if all(one.kind == "missing" for one in findings):
        print(
            f"{args.results}: {kinds}: run snakemake again with the --configfile of the study to "
            "make them"
        )
    else:
        print(
            f"{args.results}: {kinds}; delete them with --delete-bad, then run snakemake again to "
            "make them"
        )
    return 1


def _print(findings: "list[Finding]") -> None:
    """Print a line for each file, but only one for many missing files of a folder without logs."""
    unmade: defaultdict[Path, list[Path]] = defaultdict(list)
    for one in findings:
        if one.kind == "missing" and one.path.stem.isdigit() and not (one.log and one.log.exists()):
            unmade[one.path.parent].append(one.path)
    together = {folder: set(paths) for folder, paths in unmade.items()}
    for one in findings:
        folder = one.path.parent
        paths = unmade.get(folder, [])
        if len(paths) <= MOST_LINES or one.path not in together[folder]:
            log = f"  (log: {one.log})" if one.log and one.log.exists() else ""
            print(f"{one.path}: {one.problem}{log}")
        elif one.path == paths[0]:
            print(f"{folder}: missing: {len(paths)} files, without a log: {_ranges(paths)}")


def _ranges(paths: list[Path]) -> str:
    """Return the numbers of files as text: 00000-00011, 00014."""
    runs: list[list[str]] = []
    for stem in (path.stem for path in paths):
        if runs and int(stem) == int(runs[-1][-1]) + 1:
            runs[-1][1:] = [stem]
        else:
            runs.append([stem])
    return ", ".join("-".join(run) for run in runs)
