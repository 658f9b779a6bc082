"""The section on processes: there if a temporal network was tested, with every method in it."""

import pytest

from toy_processes import SHOWN, write_processes
from xscatter.core.errors import UserError
from xscatter.report.sequences import process_section
from xscatter.store.paths import StudyPaths


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    paths = StudyPaths(tmp_path_factory.mktemp("processes"))
    write_processes(paths)
    return process_section(paths)


def test_a_study_without_sequences_has_no_section(tmp_path):
    assert process_section(StudyPaths(tmp_path)) is None


def test_the_network_comes_first_and_methods_that_name_nothing_have_no_precision(section):
    rows = {row["title"]: row for row in section["rows"]}
    assert next(iter(rows)) == "temporal network"
    assert float(rows["temporal network"]["mean"]) > 0.9
    assert rows["scan of the profile"]["mean"] == "names none"
    assert float(rows["scan of the profile"]["change"]) > 0.9
    assert rows["temporal network"]["strong"] == "100%"


def test_charts_are_drawn_with_a_sequence_to_look_at(section):
    assert section["charts"].keys() == {"delays", "each", "example"}
    assert any(name in section["charts"]["example"] for name in SHOWN)
    assert "temporal network" in section["charts"]["delays"]


def test_damaged_results_are_named(tmp_path):
    paths = StudyPaths(tmp_path)
    write_processes(paths, 4)
    paths.evaluation("sequence").write_text("{}")
    with pytest.raises(UserError, match="damaged"):
        process_section(paths)
