"""Check every file of a study: there, whole, as many images as the study says, content as its checksum.

Lists what is missing, partial, corrupt or of another study, with the log of the job that makes it.
Exit status 0: nothing wrong, or all that is wrong was deleted; 1: something is.
"""

import argparse
from collections import Counter
from pathlib import Path

EXAMPLE = """examples:
  xscatter verify results/demo
  xscatter verify results/demo --delete-bad && snakemake --profile slurm"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("results", type=Path, metavar="RESULTS", help="folder of the study, such as results/demo")
    parser.add_argument(
        "--delete-bad",
        action="store_true",
        help="delete what is partial, corrupt or foreign; the next snakemake makes exactly that again",
    )
    parser.add_argument("--quick", action="store_true", help="look at marks and sizes only, not at checksums")
    parser.add_argument("-j", "--jobs", type=int, metavar="N", help="processes (default: all cores, at most 16)")


def run(args: argparse.Namespace) -> int:
    from xscatter import verify

    findings = verify.verify(args.results, not args.quick, args.jobs)
    for finding in findings:
        log = f"  (log: {finding.log})" if finding.log and finding.log.exists() else ""
        print(f"{finding.path}: {finding.problem}{log}")
    if not findings:
        print(f"{args.results}: every file is there and whole")
        return 0
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(one.kind for one in findings).items()))
    if args.delete_bad:
        deleted = verify.delete_bad(findings)
        print(f"{args.results}: {kinds}; {len(deleted)} deleted: run snakemake again to make what is missing")
        return 0
    print(f"{args.results}: {kinds}; `--delete-bad` lets the next snakemake make these again")
    return 1
