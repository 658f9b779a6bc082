"""The DAG of every shipped study, and what one changed key runs again (by the touch executor)."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent))
from toy_shards import toy_study, write_experiment, write_shards
from xscatter.records import pack
from xscatter.store.models import ModelFolder
from xscatter.store.paths import study_paths
from xscatter.study import dump_study
from xscatter.views import VIEWS, evaluated

ROOT = Path(__file__).parent.parent.parent
COMPARISON = ROOT / "config" / "study-resolution.yaml"
STUDIES = sorted(set((ROOT / "config").glob("*.yaml")) - {COMPARISON})
ONCE = {"assign": 1, "index": 1, "train_image": 1, "train_coefficient": 1, "train_joint": 1}
ONCE |= {"test": 3, "test_mean": 1, "report": 1, "bundle": 1, "all": 1}
IN_TIME = {"embedder": 1, "train_sequence": 1, "test_sequence": 1}


def snakemake(folder, *arguments):
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--directory",
        str(folder),
        "-s",
        str(ROOT / "Snakefile"),
        *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def planned(folder, study, *targets):
    """How many jobs of each rule would run for `targets`, or for the report."""
    table = snakemake(
        folder, *map(str, targets), "-n", "-q", "rules", "--configfile", str(study)
    ).partition("Job stats:")[2]
    rows = [line.split() for line in table.splitlines()]
    return Counter(
        {
            row[0]: int(row[1])
            for row in rows
            if len(row) == 2 and row[1].isdigit() and row[0] != "total"
        }
    )


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_shipped_studies_run_every_stage(study, tmp_path):
    content = yaml.safe_load(study.read_text())
    experiments = content["simulate"]["experiments"]
    batches = content.get("pack", {}).get("batches", 10)
    jobs = {"simulate": experiments, "transform": experiments, "pack": batches}
    if sequences := content.get("sequence", {}).get("sequences", 0):
        jobs |= {"simulate_sequence": sequences, "embed": sequences} | IN_TIME
    assert planned(tmp_path, study) == ONCE | jobs


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder in which a small study counts as done, and the study file."""
    folder = tmp_path_factory.mktemp("finished")
    path = folder / "small.yaml"
    path.write_text(
        yaml.safe_dump({"name": "small", "simulate": {"experiments": 3, "images": 4, "size": 64}})
    )
    names = study_paths("small", folder / "results")
    files = [names.study, names.assignment, names.records, names.report]
    files += [names.tagger / file for file in ("tagger.json", "card.md", "study.yaml")]
    files += [names.tagger / f"{view}.onnx" for view in VIEWS]
    files += [
        name(number) for number in range(3) for name in (names.experiment, names.coefficients)
    ]
    files += [names.batch(number) for number in range(10)]
    files += [name(view) for view in evaluated() for name in (names.evaluation, names.scores)]
    files += [file for view in VIEWS for file in ModelFolder(names.model(view)).files()]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    snakemake(folder, "--executor", "touch", "--jobs", "1", "--forceall", "--configfile", str(path))
    return folder, path


TEST = {"test", "test_mean", "report", "bundle", "all"}
TRAIN = {"train_image", "train_coefficient", "train_joint"} | TEST
PACK = {"assign", "pack", "index"} | TRAIN


@pytest.mark.parametrize(
    ("key", "value", "rules"),
    [
        ("seed", 1, {"simulate", "transform"} | PACK),
        ("simulate.size", 128, {"simulate", "transform"} | PACK),
        ("simulate.experiments", 4, {"simulate", "transform"} | PACK),
        ("transform.angular_orders", 8, {"transform"} | PACK),
        ("pack.test_batch", 3, PACK),
        ("train.learning_rate", 0.001, TRAIN),
        ("train.image_input", "log", TRAIN - {"train_coefficient"}),
        ("train.coefficient_input", "magnitude", TRAIN - {"train_image"}),
        ("train.joint_learning_rate", 0.001, {"train_joint"} | TEST - {"test_mean"}),
        ("walltime.limit_hours", 2.0, set()),
    ],
)
def test_one_changed_key_reruns_only_what_depends_on_it(finished, key, value, rules):
    folder, path = finished
    assert planned(folder, path) == {}
    content = yaml.safe_load(path.read_text())
    section, _, name = key.rpartition(".")
    (content.setdefault(section, {}) if section else content)[name] = value
    changed = folder / "changed.yaml"
    changed.write_text(yaml.safe_dump(content))
    assert set(planned(folder, changed)) == rules


def test_another_number_of_legs_reruns_no_training(finished):
    folder, path = finished
    content = yaml.safe_load(path.read_text())
    content["walltime"] = {"training_legs": 3, "training_hours": 0.5}
    legs = folder / "legs.yaml"
    legs.write_text(yaml.safe_dump(content))
    assert planned(folder, legs) == {}


def test_times_in_the_future_make_nothing_again(finished, tmp_path):
    folder, study = finished
    shutil.copytree(folder, tmp_path / "copy")
    names = study_paths("small", tmp_path / "copy" / "results")
    ahead = time.time() + 1e5
    for path in (names.experiment(1), names.coefficients(2), names.batch(4), names.records):
        os.utime(path, (ahead, ahead))
    snakemake(tmp_path / "copy", "--cores", "1", "--configfile", str(study))
    assert (
        not (tmp_path / "copy/.snakemake/log").exists() or planned(tmp_path / "copy", study) == {}
    )
    assert names.experiment(1).stat().st_size == 0  # it was not simulated


def test_sequences_are_jobs_of_their_own_and_change_no_other_file(finished):
    folder, path = finished
    content = yaml.safe_load(path.read_text())
    content["sequence"] = {"sequences": 3, "frames": 10}
    more = folder / "sequences.yaml"
    more.write_text(yaml.safe_dump(content))
    # The report shows the sequences, too.
    jobs = {"simulate_sequence": 3, "embed": 3, "report": 1, "bundle": 1, "all": 1} | IN_TIME
    assert planned(folder, more) == jobs


def test_more_experiments_leave_the_old_ones_alone(finished):
    folder, path = finished
    more = folder / "more.yaml"
    more.write_text(path.read_text().replace("experiments: 3", "experiments: 5"))
    jobs = planned(folder, more)
    assert jobs["simulate"] == jobs["transform"] == 2


def test_new_batches_of_a_grown_study_are_jobs_of_their_own_and_the_old_ones_stay(tmp_path):
    study, names = toy_study(), study_paths("toy", tmp_path / "results")
    write_shards(study, names)
    pack.pack(study, names)
    path = tmp_path / "toy.yaml"
    path.write_text(dump_study(study))
    snakemake(
        tmp_path,
        "index",
        "--executor",
        "touch",
        "--jobs",
        "1",
        "--forceall",
        "--configfile",
        str(path),
    )
    records = study_paths("toy").records
    assert planned(tmp_path, path, records) == {}
    names.experiment(3).unlink()
    again = planned(tmp_path, path, study_paths("toy").experiment(3), records)
    assert again == {"simulate": 1, "transform": 1, "assign": 1, "index": 1}
    write_experiment(study, names, 3)
    path.write_text(dump_study(toy_study(experiments=12)))
    assert planned(tmp_path, path, records)["pack"] == 3


def test_image_and_coefficient_training_do_not_wait_for_each_other(tmp_path):
    study = ROOT / "config" / "demo.yaml"
    names = study_paths("demo")
    assert "train_coefficient" not in planned(tmp_path, study, names.model("image") / "model.keras")
    assert "train_image" not in planned(tmp_path, study, names.model("coefficient") / "model.keras")
    both = planned(tmp_path, study, names.model("joint") / "model.keras")
    assert {"train_image", "train_coefficient", "train_joint"} <= set(both)


def test_a_deleted_file_is_made_again_though_the_report_is_there(finished):
    folder, path = finished
    names = study_paths("small", folder / "results")
    for file, rules in (
        (names.experiment(1), {"simulate", "transform"} | PACK),
        (names.coefficients(2), {"transform"} | PACK),
        (names.batch(4), {"pack", "index"} | TRAIN),
        (names.assignment, PACK),
        (names.model("joint") / "calibration.json", {"train_joint"} | TEST - {"test_mean"}),
        (names.scores("mean"), {"test_mean", "report", "all"}),
        (names.tagger / "card.md", {"bundle", "all"}),
    ):
        content, times = file.read_bytes(), file.stat()
        file.unlink()
        jobs = planned(folder, path)
        assert set(jobs) == rules
        assert jobs["simulate"] <= 1
        file.write_bytes(content)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert planned(folder, path) == {}


@pytest.mark.parametrize(
    ("until", "rules"),
    [("simulate", {"simulate": 1}), ("transform", {"simulate": 1, "transform": 1})],
)
def test_an_experiment_that_is_gone_before_its_batches_were_made_is_made_again(
    finished, tmp_path, until, rules
):
    folder, study = finished
    shutil.copytree(folder, tmp_path / "copy")
    names = study_paths("small", tmp_path / "copy" / "results")
    shutil.rmtree(names.batches)
    names.report.unlink()
    assert planned(tmp_path / "copy", study, "--until", until) == {}
    names.experiment(1).unlink()
    assert planned(tmp_path / "copy", study, "--until", until) == rules


def test_the_study_of_sizes_runs_every_member_once(tmp_path):
    content = yaml.safe_load(COMPARISON.read_text())
    members = len(content["sizes"]) * len(content["modes"]) * len(content["seeds"])
    stages = {
        "resolution_records": members,
        "resolution_train": 3 * members,
        "resolution_test": members,
    }
    assert planned(tmp_path, COMPARISON) == {"all": 1, "study_resolution": 1, **stages}


PROFILE = ROOT / "profiles" / "slurm"
LEGS = {
    "name": "legs",
    "simulate": {"experiments": 3, "images": 4, "size": 64},
    "walltime": {"training_hours": 8, "training_legs": 3},
}


def test_the_profile_names_rules_of_the_workflow_and_every_training(tmp_path):
    rules = set()
    for study in (STUDIES[0], COMPARISON):
        command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--list-rules"]
        done = subprocess.run(
            [*command, "--configfile", str(study)], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        rules |= set(done.stdout.split())
    named = yaml.safe_load((PROFILE / "config.yaml").read_text())["set-resources"]
    assert set(named) <= rules
    trainings = {rule for rule in rules if "train" in rule}
    on_cpu = {"resolution_train", "train_sequence"}
    assert trainings <= set(named)
    assert {rule: named[rule]["gpu"] for rule in trainings - on_cpu} == dict.fromkeys(
        ("train_leg", "train_image", "train_coefficient", "train_joint"), 1
    )


@pytest.mark.parametrize("study", [STUDIES[0], COMPARISON], ids=lambda path: path.stem)
def test_a_misspelt_rule_of_the_profile_is_refused_and_one_of_another_kind_of_study_is_not(
    study, tmp_path
):
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--list-rules"]
    command += ["--configfile", str(study), "--set-resources"]
    for rule, told in (
        ("trian_joint", "trian_joint is no rule; did you mean train_joint?"),
        ("train_joint", ""),
    ):
        done = subprocess.run(
            [*command, f"{rule}:gpu=1"], cwd=tmp_path, capture_output=True, text=True
        )
        assert (done.returncode != 0) == bool(told)
        assert told in done.stdout + done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ["--set-resources", "train_image:gpus=1"],
            "set-resources, train_image: nothing reads gpus; did you mean gpu?",
        ),
        (
            ["--default-resources", "slurm_partiton=a"],
            "default-resources: nothing reads slurm_partiton; did you mean slurm_part",
        ),
        (["--set-resources", "train_image:gpus=1", "--resources", "gpus=2"], ""),
        (["--default-resources", "licences=1", "constraint=avx2"], ""),
    ],
)
def test_a_misspelt_resource_of_the_profile_is_refused(options, told, tmp_path):
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "--list-rules"]
    done = subprocess.run(
        [*command, "--configfile", str(STUDIES[0]), *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert (done.returncode != 0) == bool(told), done.stderr
    assert told in done.stdout + done.stderr


def test_a_leg_asks_for_what_the_last_job_of_its_training_asks(tmp_path):
    # A job with a message does not tell what it asks for: the messages are taken out of a copy.
    for name in ("benchmarks", "envs"):
        (tmp_path / name).symlink_to(ROOT / name)
    shutil.copy(ROOT / "Snakefile", tmp_path)
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    for path in (tmp_path / "workflow/rules").glob("*.smk"):
        path.write_text(re.sub(r" +message:\n.*\n", "", path.read_text()))
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(LEGS))
    options = ["-n", "--profile", str(PROFILE), "--configfile", str(tmp_path / "study.yaml")]
    told = snakemake(tmp_path, "-s", str(tmp_path / "Snakefile"), *options)
    jobs = re.findall(r"^rule (train_\w+):\n(?:    .*\n)*?    resources: (.*)", told, re.M)
    assert Counter(rule for rule, _ in jobs) == {rule: 1 for rule in TRAIN if "train" in rule} | {
        "train_leg": 6
    }
    # When a leg stops itself is nothing that Slurm is asked for.
    assert len({re.sub(r", leg_minutes=[\d.]+", "", asked) for _, asked in jobs}) == 1
    assert "gpu=1" in jobs[0][1]
    assert "runtime=480" in jobs[0][1]
