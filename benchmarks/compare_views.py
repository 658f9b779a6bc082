"""Compare the mean average precision of views, over all tags and over a published vocabulary.

For every results folder: each view with its 95 % bootstrap interval over the test experiments, and
the differences that matter, paired (both views scored on the same drawn experiments). Of several
folders, mean and spread over them, too.

    python benchmarks/compare_views.py results/tagger-128
    python benchmarks/compare_views.py results/demo-1 results/demo-2 results/demo-3
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from xscatter import tags
from xscatter.core.errors import UserError
from xscatter.report.results import read_views
from xscatter.scores import metrics
from xscatter.store.paths import StudyPaths
from xscatter.views import MEAN, VIEWS

# Every view with parents against each of them and the mean of their logits; the second against the
# first of those without.
SINGLE = [view.name for view in VIEWS.values() if not view.parents]
COMBINED = [view for view in VIEWS.values() if view.parents]
PAIRS = [
    *((view.name, other) for view in COMBINED for other in (*view.parents, MEAN)),
    (SINGLE[1], SINGLE[0]),
]


def said(values: np.ndarray) -> str:
    """The value and its interval."""
    ends = metrics.interval(values[1:], values[0], least=-1.0)
    return f"{values[0]:+.3f}  " + (
        f"[{ends[0]:+.3f}, {ends[1]:+.3f}]" if ends else "[one experiment: unknown]"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("results", type=Path, nargs="+", help="folders of studies that were tested")
    parser.add_argument("--vocabulary", choices=tags.VOCABULARIES, default="wacv-17")
    parser.add_argument("--draws", type=int, default=1000)
    args = parser.parse_args()
    some = sorted(tags.find(name) for name in tags.VOCABULARIES[args.vocabulary])
    rows: dict[tuple[str, str], list[float]] = {}
    for results in args.results:
        try:
            views = read_views(StudyPaths(results))
        except UserError as error:
            sys.exit(str(error))
        drawn = {view.name: view.drawn(0, args.draws) for view in views}
        for vocabulary, columns in (
            ("all tags", list(range(len(tags.INDEX)))),
            (args.vocabulary, some),
        ):
            labels = views[0].labels[:, columns]
            occurs = labels.any(axis=0)
            print(
                f"\n{results}, {vocabulary}: {occurs.sum()} occur among {len(labels)} images, "
                f"mean prevalence {labels[:, occurs].mean():.3f}"
            )
            found = {name: metrics.mean_of(each[:, columns]) for name, each in drawn.items()}
            compared = {
                **found,
                **{f"{one} - {other}": found[one] - found[other] for one, other in PAIRS},
            }
            for view in COMBINED:
                best = max(view.parents, key=lambda name: found[name][0])
                compared[f"{view.name} - best single view"] = found[view.name] - found[best]
            for name, values in compared.items():
                print(f"  {name:26}{said(values)}")
                rows.setdefault((vocabulary, name), []).append(float(values[0]))
    if len(args.results) > 1:
        print(f"\n{len(args.results)} studies: mean, spread (standard deviation), each")
        for (vocabulary, name), values in rows.items():
            each = ", ".join(f"{value:+.3f}" for value in values)
            print(
                f"  {vocabulary:10}{name:26}{np.mean(values):+.3f} +- "
                f"{np.std(values, ddof=1):.3f}   {each}"
            )


if __name__ == "__main__":
    main()
