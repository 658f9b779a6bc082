"""Install the Slurm profile, or propose values for this cluster.

`install` copies the profile into the user's configuration, so that `snakemake --profile slurm`
works in every folder. `detect` asks Slurm for partitions, limits, GPUs and accounts, and prints a
partitions.yaml and lines for config.yaml. It changes nothing unless --write names a profile.
"""

import argparse
from pathlib import Path

EXAMPLE = """examples:
  xscatter profile install
  xscatter profile detect
  xscatter profile detect --write profiles/slurm    # replaces its partitions.yaml"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("install", "detect"), help="action")
    parser.add_argument(
        "--name", default="slurm", help="install: name of the profile (default: slurm)"
    )
    parser.add_argument(
        "--force", action="store_true", help="install: overwrite a profile that differs"
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="PROFILE",
        help="detect: write partitions.yaml into this folder",
    )


def run(args: argparse.Namespace) -> None:
    from xscatter.core.errors import UserError
    from xscatter.core.files import write_text
    from xscatter.jobs import cluster, profile

    if args.action == "install":
        folder = profile.install(args.name, args.force)
        print(f"{folder}: installed; `snakemake --profile {args.name}` now works in every folder")
        return
    partitions, config = cluster.detect()
    if args.write:
        if not (args.write / "config.yaml").exists():
            raise UserError(
                f"{args.write}: not a profile, because it has no config.yaml; name another folder, "
                "such as profiles/slurm"
            )
        write_text(args.write / "partitions.yaml", partitions)
        print(f"{args.write / 'partitions.yaml'}: written")
    else:
        print(f"--- partitions.yaml\n{partitions}")
    print(f"--- for config.yaml\n{config}", end="")
