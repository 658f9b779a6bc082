"""Check every file of a study: there, whole, as many images as the study says, content as its checksum.

Lists what is missing, partial, corrupt or of another study, with the log of the job that makes it.
Exit status 0: nothing wrong, or all that is wrong was deleted; 1: something is.
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from xscatter.commands import positive

if TYPE_CHECKING:
    from xscatter.store.verify import Finding

EXAMPLE = """examples:
  xscatter verify results/demo
  xscatter verify results/demo --delete-bad && snakemake --profile slurm --configfile config/demo.yaml"""

MOST_LINES = 8  # for missing files of a folder that have no log; more are told in one line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results", type=Path, metavar="RESULTS", help="folder of the study, such as results/demo"
    )
    parser.add_argument(
        "--delete-bad",
        action="store_true",
        help="delete what is partial, corrupt or foreign; the next snakemake makes exactly that again",
    )
    parser.add_argument(
        "--quick", action="store_true", help="look at marks and sizes only, not at checksums"
    )
    parser.add_argument(
        "-j",
        "--jobs",
        type=positive,
        metavar="N",
        help="processes (default: all cores, at most 16)",
    )


def run(args: argparse.Namespace) -> int:
    from xscatter.store import verify

    findings = verify.verify(args.results, not args.quick, args.jobs)
    _tell(findings)
    if not findings:
        print(f"{args.results}: every file is there and whole")
        return 0
    kinds = ", ".join(
        f"{count} {kind}" for kind, count in sorted(Counter(one.kind for one in findings).items())
    )
    if args.delete_bad:
        deleted = verify.delete_bad(findings)
        print(
            f"{args.results}: {kinds}; {len(deleted)} deleted: run snakemake again to make what is missing"
        )
        return 0
    if all(one.kind == "missing" for one in findings):
        print(
            f"{args.results}: {kinds}: run snakemake with the --configfile of the study again to make them"
        )
    else:
        print(f"{args.results}: {kinds}; `--delete-bad` lets the next snakemake make these again")
    return 1


def _tell(findings: "list[Finding]") -> None:
    """A line for each file; one for many of a folder that are missing and have no log."""
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
    """Numbered files in words: 00000-00011, 00014."""
    runs: list[list[str]] = []
    for stem in (path.stem for path in paths):
        if runs and int(stem) == int(runs[-1][-1]) + 1:
            runs[-1][1:] = [stem]
        else:
            runs.append([stem])
    return ", ".join("-".join(run) for run in runs)
