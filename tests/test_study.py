"""The study file: errors and their messages, the schema, and what fingerprints depend on."""

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from xscatter.core.errors import UserError
from xscatter.study import (
    Study,
    dump_study,
    load_recorded_study,
    load_study,
    parse_study,
    schema,
)
from xscatter.study.renamed import RENAMED
from xscatter.views import VIEWS

ROOT = Path(__file__).parent.parent
# The study of several sizes is of another kind; see test_resolution.
SHIPPED = sorted(
    path for path in (ROOT / "config").glob("*.yaml") if path.stem != "study-resolution"
)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_studies_are_valid_and_named_after_their_file(path):
    assert load_study(path).name == path.stem


def test_schema_file_is_that_of_the_typed_study():
    stored = (ROOT / "workflow/schemas/study.schema.json").read_text()
    assert stored == schema(), (
        "write it again: python -c 'import xscatter.study as s; print(s.schema(), end=\"\")'"
    )


def test_every_key_is_documented():
    def walk(model, path=""):
        for name, field in model.model_fields.items():
            inner = field.annotation
            if isinstance(inner, type) and hasattr(inner, "model_fields"):
                walk(inner, f"{path}{name}.")
            else:
                assert field.description, f"{path}{name} has no description"

    walk(Study)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"name": "a", "simulat": {}}, "simulat is not a key of a study"),
        ({"name": "a", "simulate": {"sizes": 3}}, "simulate.sizes is not a key"),
        (
            {"name": "a", "simulate": {"size": 0}},
            "simulate.size: input should be greater than or equal to 32",
        ),
        (
            {"name": "a", "simulate": {"size": "big"}},
            "simulate.size: input should be a valid integer",
        ),
        (
            {"name": "a", "pack": {"test_batch": 10}},
            "test_batch 10 is not among the batches 0 to 9",
        ),
        ({"name": "../a"}, "name:"),
        (
            {"name": "a", "transform": {"angular_orders": 20}, "train": {"preset": "report-2017"}},
            "report-2017 needs 21 angular orders and 40 radial orders, there are 20 and",
        ),
        (
            {
                "name": "a",
                "simulate": {"size": 1000},
                "train": {"image_network": "vgg16", "head": "dense"},
            },
            "2.0 billion weights and need 30 GiB",
        ),
        ({}, "name is missing"),
    ],
)
def test_bad_studies_are_refused_in_one_line(content, message):
    with pytest.raises(UserError) as caught:
        parse_study(content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_study_of_several_sizes_is_told_from_a_misspelt_key():
    with pytest.raises(UserError, match=r"several image sizes, .*results/study-resolution/<mode>"):
        load_study(SHIPPED[0].parent / "study-resolution.yaml")


@pytest.mark.parametrize("text", ["- a list", "name: [", "\0", ""])
def test_files_that_are_not_studies_are_refused(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"study\.yaml"):
        load_study(path)
    with pytest.raises(UserError, match="cannot be read"):
        load_study(tmp_path / "none.yaml")


def test_resolved_study_reads_back_the_same(tmp_path):
    study = load_study(SHIPPED[0])
    (tmp_path / "study.yaml").write_text(dump_study(study))
    assert load_study(tmp_path / "study.yaml") == study


def test_fingerprints_change_with_what_they_depend_on_only():
    def prints(**changes):
        study = parse_study({"name": "a", **changes})
        return [study.fingerprint(stage) for stage in ("simulate", "transform", "pack")]

    plain = prints()
    assert prints(name="b") == plain
    assert prints(walltime={"limit_hours": 2.0}) == plain
    assert prints(simulate={"experiments": 99})[:2] == plain[:2]
    assert prints(seed=1)[0] != plain[0]
    longer = prints(transform={"angular_orders": 8})
    assert longer[0] == plain[0]
    assert longer[1] != plain[1]
    fewer = prints(pack={"batches": 5, "test_batch": 0})
    assert fewer[:2] == plain[:2]
    assert fewer[2] != plain[2]


@pytest.mark.parametrize(
    ("section", "present", "former"),
    [(section, *pair) for section, names in RENAMED.items() for pair in names.items()],
)
def test_a_key_with_its_former_name_is_refused_with_the_present_one(section, present, former):
    assert present in dump_study(parse_study({"name": "x"}))
    with pytest.raises(UserError, match=f"{section}.{former} is called {present} now; rename it"):
        parse_study({"name": "x", section: {former: 1}})


def test_fingerprints_outlive_the_renaming_of_keys():
    """The hashes are those that version 0.1 gave with the former names of the keys."""
    study = parse_study(
        {
            "name": "a",
            "simulate": {"masked_beamstop_fraction": 0.25},
            "train": {"max_epochs": 3, "checkpoints_kept": 3, "max_shift": 0.1},
        }
    )
    assert study.fingerprint("simulate") == "66778761cd08586a"
    assert study.fingerprint("train") == "fb10f3b12a99e4a9"
    keys = [json.dumps(study.train.decides(view), sort_keys=True) for view in VIEWS]
    hashes = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in keys]
    assert hashes == ["047768647fd0260a", "73a428354e35b52f", "59c57cc5dacbf3f7"]


def test_the_study_file_of_an_earlier_run_is_understood(tmp_path):
    study = parse_study({"name": "a", "train": {"max_epochs": 7}, "simulate": {"size": 64}})
    content = yaml.safe_load(dump_study(study))
    for section, names in RENAMED.items():
        content[section] = {names.get(k, k): value for k, value in content[section].items()}
    text = yaml.safe_dump(content)
    assert "most_rounds: 7" in text
    (tmp_path / "study.yaml").write_text(text)
    assert load_recorded_study(tmp_path / "study.yaml") == study
    with pytest.raises(UserError, match="most_rounds is called max_epochs now"):
        load_study(tmp_path / "study.yaml")
