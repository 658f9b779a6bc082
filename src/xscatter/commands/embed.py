"""Write features of every frame of sequences: radial profile, angular orders, change, logits.

A temporal network, trends and advice read these features, less than 1 kB a frame, and never the
frames again. Each file of frames gets a file of features beside it, or in the folder OUT; features
that are complete, and of these networks, are left as they are.
"""

import argparse
import sys
from pathlib import Path

from xscatter.commands.predict import add_reading, read_options

EXAMPLE = """example:
  xscatter embed results/demo/sequences/*.h5 --model results/demo/models"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="file of frames, one sequence each"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="OUT",
        help="folder of the features (default: beside each file)",
    )
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="networks whose logits are part of the features"
    )
    add_reading(parser)


def run(args: argparse.Namespace) -> None:
    from xscatter.core.errors import UserError
    from xscatter.core.files import file_sha256
    from xscatter.core.progress import track
    from xscatter.core.shards import damage
    from xscatter.store.features import are_features_of, features_path
    from xscatter.tagging.embed import embed
    from xscatter.tagging.tagger import Tagger

    tagger = Tagger.load(args.model) if args.model else None
    models = tagger.weights if tagger else {}
    made = 0
    # The features of an earlier run, in the same folder, are no frames.
    names = [name for name in args.files if not name.endswith(".features.h5")]
    for name in track(names, "embed", end=False):
        path = features_path(name)
        if args.output:
            path = args.output / path.name
        source = file_sha256(name.partition("::")[0]) if Path(name).exists() else ""
        if source and are_features_of(path, source, models):
            continue
        if source and (wrong := damage(name)):
            raise UserError(
                f"{name}: {wrong}; run `xscatter verify --delete-bad`, then make it again"
            )
        for message in embed(name, path, source, tagger, read_options(args)):
            print(f"xscatter embed: {message}", file=sys.stderr)
        made += 1
    print(f"features of {made} sequences made, {len(names) - made} were complete already")
