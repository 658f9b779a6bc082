"""The report of a study: one HTML file that needs no other file and no network."""

from xscatter.report.page import write_report
from xscatter.report.results import read_views, score_table

__all__ = ["read_views", "score_table", "write_report"]
