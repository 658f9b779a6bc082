"""Read the evaluations of all members of a comparison, and write its tables and figures."""

from xscatter.resolution.description import Resolution
from xscatter.resolution.figure import draw_sizes, draw_tags
from xscatter.resolution.scores import ResolutionScores
from xscatter.resolution.tables import difference_rows, size_rows, tag_rows, write_csv
from xscatter.store.paths import ResolutionPaths


def collect(comparison: Resolution, paths: ResolutionPaths) -> ResolutionScores:
    """Write the tables and figures of a comparison whose members are all finished.

    Raises:
        UserError: A member is not finished, or members were tested on different experiments.
    """
    scores = ResolutionScores(comparison, paths)
    for name, rows in (("sizes", size_rows), ("differences", difference_rows), ("tags", tag_rows)):
        write_csv(list(rows(scores)), paths.tables[name])
    draw_sizes(scores, paths.figures["sizes"])
    draw_tags(scores, paths.figures["tags"])
    return scores
