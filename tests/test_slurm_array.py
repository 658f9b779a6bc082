"""How jobs become tasks, and where a refused request is set: what needs no Slurm."""

import os
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.iocontainers import ResourceList
from snakemake_executor_plugin_slurm.partitions import Partition, PartitionLimits
from snakemake_interface_common.exceptions import WorkflowError

from snakemake_executor_plugin_slurm_array import (
    Executor,
    arrays,
    check,
    cores,
    nodes,
    orphans,
    profile,
    submission,
)


@dataclass(eq=False)
class Job:
    number: int
    resources: dict = field(default_factory=lambda: {"runtime": 5, "mem_mb": 100})
    attempt: int = 1
    threads: int = 1
    name: str = "simulate"
    params: tuple = ("hash",)
    input: tuple = ()
    group: bool = False

    @property
    def rule(self):
        return SimpleNamespace(name=self.name)

    @property
    def output(self):
        return [f"results/{self.number}.h5"]

    def is_group(self):
        return self.group


def many(count, **resources):
    return [Job(number, {"runtime": 5, "mem_mb": 100, **resources}) for number in range(count)]


@pytest.mark.parametrize(
    ("count", "minutes", "least", "seconds", "tasks"),
    [
        (40, 60, 8, 60, 8),  # all would fit one task: spread over the least number
        (40, 0, 8, 60, 40),  # no sharing
        (5, 60, 8, 60, 5),
        (1000, 60, 8, 60, 17),
        (1000, 60, 8, 7200, 1000),  # longer than a task
    ],
)
def test_a_wave_becomes_tasks_of_about_the_wanted_length(count, minutes, least, seconds, tasks):
    jobs = many(count, job_seconds=seconds)
    found = arrays.bundle(jobs, minutes, least)
    assert len(found) == tasks
    assert sorted(job.number for task in found for job in task) == list(range(count))
    sizes = [len(task) for task in found]
    assert max(sizes) - min(sizes) <= 1
    if minutes and seconds < 60 * minutes:
        assert max(sizes) * seconds <= 60 * minutes
        assert arrays.task_request(max(found, key=len)).resources.runtime <= max(5, minutes)


@pytest.mark.parametrize(
    ("count", "seconds", "free", "total", "tasks"),
    [
        (1000, 3, 100, 100, 100),  # every free core has a task
        (1000, 3, 0, 100, 50),  # a full cluster: tasks of a minute
        (1000, 600, 0, 100, 200),  # all cores have work if they become free
        (50, 3, 100, 100, 50),  # as many as jobs
        (1000, 3, 0, 0, 8),  # Slurm does not say
        (40, 3000, 4, 8, 40),
    ],
)
def test_no_free_core_waits_for_another_one(count, seconds, free, total, tasks):
    jobs = many(count, job_seconds=seconds)
    assert len(arrays.bundle(jobs, 60, 8, None, cores.Cores(free, total))) == tasks


def test_cores_are_those_of_the_partitions_of_a_job(monkeypatch):
    listing = "long*|3/5/0/8\nshort|0/4/1/5\nall|3/9/1/13\n"
    monkeypatch.setattr(cores, "_listing", lambda: listing)
    assert cores.of(()) == cores.Cores(5, 8)
    assert cores.of({"short", "long"}) == cores.Cores(5, 8)
    assert cores.of({"all"}) == cores.Cores(9, 12)
    monkeypatch.setattr(cores, "_listing", lambda: "")
    assert cores.of({"all"}) == cores.UNKNOWN


def test_a_task_asks_for_the_time_of_all_its_jobs_and_a_lone_one_for_its_own():
    assert arrays.task_request(many(10, job_seconds=90)).resources.runtime == 15
    assert arrays.task_request(many(1, job_seconds=90)).resources.runtime == 5
    assert arrays.task_request(many(3)).resources.runtime == 15
    assert arrays.task_request(many(3)).resources.mem_mb == 100


@pytest.mark.parametrize(("longest", "limit"), [(30, None), (None, 30), (90, 30), (30, 90)])
def test_no_task_is_longer_than_the_study_or_a_partition_allows(longest, limit):
    jobs = many(500, job_seconds=100, **({"limit_minutes": limit} if limit else {}))
    tasks = arrays.bundle(jobs, 60, 1, longest)
    assert max(arrays.task_request(task).resources.runtime for task in tasks) == 30
    assert sum(map(len, tasks)) == 500


def test_jobs_of_a_dead_driver_that_ended_meanwhile_are_taken_up_and_older_ones_are_not(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(
        orphans.subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=0, stdout="")
    )
    jobs = many(4)
    arrays.write(tmp_path / "run/1", [[(job, "true")] for job in jobs])
    for number, status, when in ((1, 0, 100), (2, 0, 300), (3, 1, 300)):
        mark = tmp_path / f"run/1/{number}.exit"
        mark.write_text(f"{status}\n")
        os.utime(mark, (when, when))
    found = orphans.find(tmp_path, since=200)
    assert list(found) == ["results/1.h5"]
    assert orphans.takes_up(found["results/1.h5"], jobs[1])
    assert not orphans.takes_up(found["results/1.h5"], Job(1, params=("other",)))
    assert orphans.find(tmp_path, since=400) == {}
    assert not (tmp_path / "run").exists()


def test_only_equal_jobs_share_an_array_and_a_second_attempt_stands_alone():
    first, other = many(1)[0], many(1, mem_mb=200)[0]
    again = Job(2, dict(first.resources), attempt=2)
    assert arrays.kind(first) == arrays.kind(many(2)[1])
    assert len({arrays.kind(job) for job in (first, other, again)}) == 3
    assert [len(task) for task in arrays.bundle([again, Job(3, attempt=2)], 60, 1)] == [1, 1]
    here = Job(4, {**first.resources, "tmpdir": "/scratch/7", "disk_mb": 7})
    assert arrays.kind(first) == arrays.kind(here)


@pytest.mark.parametrize(
    ("resources", "plain"),
    [
        ({}, True),
        ({"mpi": "srun", "tasks": 1}, True),
        ({"mpi": "srun", "tasks": 4}, False),
        ({"mpi": "srun", "tasks": 1, "nodes": 2}, True),
        ({"gpu": 1}, False),
        ({"gpu": 0}, True),
        ({"gres": "gpu:1"}, False),
    ],
)
def test_mpi_and_gpu_jobs_go_the_official_way(resources, plain):
    assert arrays.wants_array(Job(0, resources)) is plain
    assert not arrays.wants_array(Job(0, resources, group=True))


def test_the_files_of_an_array_name_every_job_once(tmp_path):
    jobs = many(5)
    found = arrays.write(
        tmp_path / "1",
        [[(job, f"echo {job.number}") for job in task] for task in (jobs[:3], jobs[3:])],
    )
    assert (tmp_path / "1/tasks").read_text() == "1 2 3\n4 5\n"
    assert [(job.number, task, member.number) for job, task, member in found] == [
        (0, 1, 1),
        (1, 1, 2),
        (2, 1, 3),
        (3, 2, 4),
        (4, 2, 5),
    ]
    member = found[1][2]
    assert member.exit_status() is None
    assert not member.task_started()
    (tmp_path / "1/1.start").touch()
    assert member.task_started()
    assert not member.started()
    (tmp_path / "1/2.exit").write_text("")  # being written
    assert member.exit_status() is None
    (tmp_path / "1/2.exit").write_text("3\n")
    assert member.exit_status() == 3


def test_jobs_that_cannot_be_written_are_reported_and_not_waited_for_for_ever(tmp_path):
    """The disk fills up, or Slurm's commands vanish, between the start and a submission."""
    failed = []
    driver = SimpleNamespace(
        _guard=threading.Lock(),
        _waiting=many(3),
        _refuse=lambda job, why: failed.append((job.number, why)),
    )

    def full(jobs):
        raise OSError(28, "No space left on device")

    driver._submit_wave = full
    Executor._flush(driver)
    assert [number for number, _ in failed] == [0, 1, 2]
    assert all("No space left on device" in why for _, why in failed)
    driver._give_up = lambda tasks, error: failed.extend((job.number, error) for job in tasks[0])
    driver._submit_tasks = full
    Executor._run(driver, [many(2)])
    assert len(failed) == 5


@pytest.mark.parametrize(
    ("output", "number"),
    [
        ("17\n", "17"),
        ("17;cluster\n", "17"),
        ("Welcome, 12 nodes are free\n\nSubmitted batch job 18\n", "18"),
        ("You have 3 jobs\n3\n19\n", "19"),
        ("Your job was taken.\n", None),
        ("", None),
    ],
)
def test_the_number_of_a_job_is_the_last_line_that_is_one(output, number):
    assert submission.number_in(output) == number


def test_a_script_runs_its_jobs_once_whoever_starts_it(tmp_path):
    folder = tmp_path / "it's here"
    arrays.write(folder, [[(job, f"echo {job.number} >> {tmp_path}/ran")] for job in many(2)])
    for slurm_job, task in (("7", "1"), ("8", "1"), ("7", "2"), ("8", "2")):
        environment = {"SLURM_ARRAY_JOB_ID": slurm_job, "SLURM_ARRAY_TASK_ID": task}
        subprocess.run(["sh", folder / "script.sh"], env=os.environ | environment, check=True)
    assert (tmp_path / "ran").read_text() == "0\n1\n"
    assert arrays.Member(folder, 1, (1,)).owner()[0] == "7"
    (folder / "withdrawn").touch()
    environment = {"SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "1"}
    subprocess.run(["sh", folder / "script.sh"], env=os.environ | environment, check=True)
    assert (tmp_path / "ran").read_text() == "0\n1\n"


def test_a_node_is_broken_if_it_alone_fails_everything():
    seen = nodes.Nodes()
    for number in range(5):
        assert seen.failed("n1", 2.0, f"job {number}")
    assert seen.avoided("job 1") == {"n1"}
    assert seen.broken() == set()  # as long as nothing succeeds elsewhere, the jobs may be wrong
    seen.succeeded("n2")
    assert seen.broken() == {"n1"}
    assert not seen.failed("n2", 900.0, "job 9")  # a job that ran for long says little of its node
    seen.succeeded("n1")
    assert seen.broken() == set()


def test_what_a_job_makes_is_told_by_rule_parameters_and_files():
    job = Job(1)
    same = Job(1, {"runtime": 10}, attempt=2)
    assert arrays.fingerprint(job) == arrays.fingerprint(same)
    for other in (
        Job(2),
        Job(1, params=("other",)),
        Job(1, name="transform"),
        Job(1, input=("x",)),
    ):
        assert arrays.fingerprint(job) != arrays.fingerprint(other)


PROFILE = """\
executor: slurm-array
default-resources:
  runtime: 60
  slurm_account: x
set-resources:
  simulate:
    mem_mb: 100
    runtime: 9999
"""


@pytest.mark.parametrize(
    ("rule", "key", "value", "line"),
    [
        ("simulate", "runtime", 9999, 8),
        ("simulate", "slurm_account", "x", 4),
        ("simulate", "", None, 6),
        ("transform", "runtime", 60, 3),
        ("transform", "runtime", 1440, None),  # the rule's own value, not the default
        ("transform", "qos", "high", None),
        ("transform", "", None, None),
    ],
)
def test_the_line_of_the_profile_is_found(tmp_path, rule, key, value, line):
    path = tmp_path / "config.yaml"
    path.write_text(PROFILE)
    assert profile.profile_line(path, rule, key, value) == line


def test_the_line_is_found_in_lists_and_a_missing_file_has_none(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("default-resources:\n  - runtime=5\n  - slurm_partition=long\n")
    assert profile.profile_line(path, "simulate", "slurm_partition", "long") == 3
    assert profile.profile_line(Path("nowhere.yaml"), "simulate", "runtime") is None


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("1-00:00:00", 1440), ("08:30:00", 510), ("10:00:00", 600), ("UNLIMITED", None)],
)
def test_slurm_times(text, minutes):
    assert check.minutes(text) == minutes


PARTITIONS = [
    Partition("long", PartitionLimits(max_runtime=1440, max_mem_mb=6000, max_threads=8)),
    Partition("fat", PartitionLimits(max_runtime=120, max_mem_mb=64_000, max_threads=8)),
    Partition("gpu", PartitionLimits(max_runtime=480, max_mem_mb=6000, max_threads=8, max_gpu=1)),
]


@pytest.mark.parametrize(
    ("resources", "lowered"),
    [
        ({"runtime": 60, "mem_mb": 12_000}, {}),  # fits the fat nodes
        (
            {"runtime": 400, "mem_mb": 8000},
            {"mem_mb": 6000},
        ),  # too long for them: its first attempt was for `long`
        ({"runtime": 2000, "mem_mb": 100}, {"runtime": 1440}),
        ({"runtime": 960, "mem_mb": 8200, "gpu": 1}, {"runtime": 480, "mem_mb": 6000}),
        ({"runtime": 960, "mem_mb": 8200, "gres": "gpu:1"}, {"runtime": 480, "mem_mb": 6000}),
        ({"runtime": 200, "mem_mb": 100, "slurm_partition": "fat"}, {"runtime": 120}),
        (
            {"runtime": 9999, "mem_mb": 100, "slurm_partition": "other"},
            {},
        ),  # the file does not tell
        ({"runtime": 9999, "mem_mb": 100, "gpu": 2}, {}),  # fits nowhere, however short
    ],
)
def test_a_repeated_job_asks_for_no_more_than_its_partitions_allow(resources, lowered):
    assert check.lowered(Job(0, resources, attempt=2), PARTITIONS) == lowered
    assert check.lowered(Job(0, resources, attempt=2), []) == {}


def test_only_repeated_jobs_are_lowered_and_no_longer_than_slurm_allows(monkeypatch):
    monkeypatch.setattr(check, "partition_limits", lambda: {"other": 30})
    driver = SimpleNamespace(_partitions=PARTITIONS)
    driver._longest = lambda job: Executor._longest(driver, job)
    for resources, attempt, asked in (
        ({"runtime": 2000, "mem_mb": 9000}, 1, {"runtime": 2000, "mem_mb": 9000}),
        ({"runtime": 2000, "mem_mb": 9000}, 2, {"runtime": 1440, "mem_mb": 6000}),
        (
            {"runtime": 2000, "mem_mb": 9000, "slurm_partition": "other"},
            2,
            {"runtime": 30, "mem_mb": 9000},
        ),
    ):
        job = Job(0, ResourceList(fromdict=resources), attempt=attempt)
        Executor._bound(driver, job)
        assert {key: job.resources.get(key) for key in asked} == asked
        assert asked.items() <= dict(job.resources.items()).items()


def told(request, tmp_path, monkeypatch, profile="", partitions=PARTITIONS):
    """What a start says of a job that fits none of `partitions`."""
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/config.yaml").write_text(profile)
    monkeypatch.setattr("sys.argv", ["snakemake", "--profile", str(tmp_path / "profile")])
    monkeypatch.setattr(check, "partition_limits", lambda: {"long": 1440, "fat": 120, "gpu": 480})
    path = tmp_path / "partitions.yaml"
    path.write_text(
        "partitions:\n" + "".join(f"  {part.name}:\n    max_runtime: 1\n" for part in partitions)
    )
    request.is_local = False
    executor = SimpleNamespace(
        _partitions=partitions,
        settings=SimpleNamespace(partition_config=path),
        get_partition_arg=lambda job: "",
        get_account_arg=lambda job: iter([""]),
        workflow=SimpleNamespace(
            dag=SimpleNamespace(needrun_jobs=lambda: [request]), workdir_init=str(tmp_path)
        ),
    )
    return refusal(check.requests_fit, executor)


@pytest.mark.parametrize(
    ("name", "resources", "said"),
    [
        (
            "simulate",
            {"runtime": 5, "mem_mb": 90_000},
            ["mem_mb may be 64000", "Set mem_mb under set-resources"],
        ),
        (
            "simulate",
            {"runtime": 3000, "mem_mb": 100},
            ["runtime may be 1440", "Set runtime under set-resources"],
        ),
        (
            "test",
            {"runtime": 30, "mem_mb": 100, "gpu": 2},
            ["gpu 2", "gpu may be 1", "Set gpu under"],
        ),
        (
            "train_leg",
            {"runtime": 1440, "mem_mb": 4100, "gpu": 1},
            ["gpu 1", "walltime.training_hours: 8 in the study"],
        ),
        (
            "simulate",
            {"runtime": 3000, "mem_mb": 90_000},
            ["runtime 3000, mem_mb 90000", "Set its resources under"],
        ),
    ],
)
def test_a_job_that_fits_nowhere_is_told_with_what_does_not_fit(
    tmp_path, monkeypatch, name, resources, said
):
    line = told(
        Job(0, resources, name=name),
        tmp_path,
        monkeypatch,
        "set-resources:\n  other:\n    gpu: 0\n",
    )
    assert line.startswith(f"Rule {name}: no partition of {tmp_path / 'partitions.yaml'} fits ")
    assert [words for words in said if words not in line] == []


def test_a_training_that_the_profile_makes_too_long_is_mended_there(tmp_path, monkeypatch):
    profile = "set-resources:\n  train_image:\n    runtime: 1440\n"
    job = Job(0, {"runtime": 1440, "mem_mb": 100, "gpu": 1}, name="train_image")
    line = told(job, tmp_path, monkeypatch, profile)
    assert f"Change runtime in {tmp_path / 'profile/config.yaml'}, line 3" in line


def test_a_partition_that_does_not_exist_is_told_with_its_line_in_the_file_of_partitions(
    tmp_path, monkeypatch
):
    parts = [PARTITIONS[0], Partition("gpux", PartitionLimits())]
    line = told(many(1)[0], tmp_path, monkeypatch, partitions=parts)
    assert line.startswith(
        f"{tmp_path / 'partitions.yaml'}, line 4: this cluster has no partition 'gpux'"
    )


def refusal(function, *arguments):
    """What is said when `function` refuses its arguments."""
    with pytest.raises(WorkflowError) as refused:
        function(*arguments)
    return str(refused.value)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ("{max_memory: 100}", "max_memory of partition long is no limit; did you mean max_mem_mb?"),
        ("{colour: red}", "colour of partition long is no limit; limits are max_runtime, "),
        ("{max_mem_mb: 6 GB}", "max_mem_mb of partition long is '6 GB'; write a number."),
        ("", "partition long has no limits"),
    ],
)
def test_a_wrong_line_of_the_file_of_partitions_is_told(tmp_path, limits, said):
    path = tmp_path / "partitions.yaml"
    path.write_text(f"# mine\npartitions:\n  long: {limits}\n")
    assert refusal(profile.partition_keys, path).startswith(f"{path}, line 3: {said}")


def test_a_good_file_of_partitions_is_taken():
    profile.partition_keys(Path(__file__).parent.parent / "profiles/slurm/partitions.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "set-resource:\n  train_image:\n    gpu: 1\n",
            "line 2: set-resource is no key of a profile; did you mean set-resources?",
        ),
        (
            "default-resource:\n  runtime: 5\n",
            "line 2: default-resource is no key of a profile; did you mean default-resources?",
        ),
        (
            "set-resources:\n  test:\n    runtime: 24:00:00\n",
            "line 4: runtime: 24:00:00 is the number 86400 in YAML; write",
        ),
        (
            "default-resources:\n  runtime: 1:30\n",
            "line 3: runtime: 1:30 is the number 90 in YAML; write minutes",
        ),
    ],
)
def test_what_a_profile_says_in_vain_is_told(tmp_path, text, said):
    path = tmp_path / "config.yaml"
    path.write_text(f"jobs: 3\n{text}")
    assert refusal(profile.profile_keys, path).startswith(f"{path}, {said}")


def test_a_good_profile_is_taken(tmp_path):
    profile.profile_keys(Path(__file__).parent.parent / "profiles/slurm/config.yaml")
    path = tmp_path / "config.yaml"
    path.write_text(
        "set-resource-scopes: [disk=local]\nset-resources:\n  test:\n    runtime: 24h\n    gpu: 0\n"
    )
    profile.profile_keys(path)


def test_a_missing_file_of_partitions_is_told_with_how_to_make_it(tmp_path):
    with pytest.raises(
        WorkflowError,
        match=r"partitions.yaml: no such file. `xscatter profile detect --write` makes",
    ):
        profile.partition_keys(tmp_path / "partitions.yaml")
