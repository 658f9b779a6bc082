"""The cost model, the plan, the pilot's fit, use against request, and the profile."""

import json
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from xscatter.cli import main
from xscatter.core.errors import UserError
from xscatter.jobs import accounting, budget, cluster, cost, pilot, profile, spelling, usage
from xscatter.store.paths import StudyPaths
from xscatter.study import dump_study, load_study, parse_study
from xscatter.study.networks import millions_of_weights
from xscatter.tags import NAMES


def study(**sections):
    return parse_study({"name": "s", **sections})


def test_requests_grow_with_size_count_and_attempt_and_stop_at_the_limit():
    small = cost.of(study(simulate={"size": 256, "images": 2000}))
    large = cost.of(study(simulate={"size": 2000, "images": 2000}))
    many = cost.of(study(simulate={"size": 256, "images": 50_000}))
    assert small.runtime("simulate") < large.runtime("simulate")
    assert small.runtime("simulate") < many.runtime("simulate")
    assert small.memory("simulate") < large.memory("simulate")
    assert large.runtime("simulate", 2) == 2 * large.runtime("simulate")
    assert large.memory("simulate", 3) == 3 * large.memory("simulate")
    assert large.runtime("simulate", 11) == 4 * large.runtime("simulate")
    assert large.memory("simulate", 11) == 4 * large.memory("simulate")
    short = cost.of(study(simulate={"size": 2000, "images": 2000}, walltime={"limit_hours": 0.4}))
    assert short.runtime("simulate", 4) == 24 < 4 * short.runtime("simulate")
    safe = large.study.walltime.safety * large.laws["simulate"].spread
    mean = large.laws["simulate"].seconds(2000, 4_000_000)
    assert large.runtime("simulate") * 60 == pytest.approx(safe * mean, abs=60)


def test_sequences_cost_by_their_frames_and_their_own_size():
    none = cost.of(study())
    assert none.jobs("sequence") == 0
    assert "sequence" not in [row.stage for row in budget.rows(none)]
    settings = {"sequences": 30, "frames": 1000}
    small = cost.of(study(sequence=settings))
    large = cost.of(study(sequence={**settings, "size": 2000}))
    assert small.jobs("sequence") == 30
    assert small.seconds("sequence") < large.seconds("sequence")
    assert small.memory("sequence") < large.memory("sequence")
    assert small.seconds("simulate") == large.seconds("simulate")
    (row,) = [row for row in budget.rows(small) if row.stage == "sequence"]
    assert row.disk_gib > 0
    with pytest.raises(UserError, match=r"sequence\.frames to \d+"):
        cost.of(study(sequence={"sequences": 1, "frames": 100_000, "size": 4096})).check()


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"simulate": {"size": 8192, "images": 100_000}}, "simulate.images"),
        (
            {
                "simulate": {"size": 4096, "experiments": 100_000},
                "pack": {"batches": 2, "test_batch": 1},
            },
            "pack.batches",
        ),
    ],
)
def test_a_unit_that_cannot_fit_names_the_key(sections, key, tmp_path, capsys):
    with pytest.raises(UserError, match=key):
        cost.of(study(**sections)).check()
    path = tmp_path / "study.yaml"
    path.write_text(dump_study(study(**sections)))
    assert main(["plan", str(path)]) == 2
    assert key in capsys.readouterr().err


def test_the_proposed_number_of_images_fits():
    sections = {"size": 8192, "images": 100_000}
    with pytest.raises(UserError, match=r"to (\d+)") as refused:
        cost.of(study(simulate=sections)).check()
    fit = int(str(refused.value).split(") to ")[1].split(",")[0])
    with pytest.raises(UserError, match=r"pack\.batches"):  # simulate and transform fit now
        cost.of(study(simulate={**sections, "images": fit, "experiments": 100_000})).check()


def test_a_long_transform_gets_more_ranks():
    short = cost.of(study(simulate={"size": 256}))
    assert short.ranks == 1
    long = cost.of(study(simulate={"size": 2000, "images": 50_000}))
    assert long.ranks > 1
    assert long.seconds("transform") < 2 * 3600
    assert cost.of(study(walltime={"ranks": 6})).ranks == 6


def test_a_training_stops_itself_before_its_walltime():
    for hours in (0.05, 0.5, 8, 24):
        price = cost.of(study(walltime={"training_hours": hours}))
        assert 0 < price.leg_minutes < price.runtime("train")
    assert cost.of(study(walltime={"training_hours": 48})).runtime("train") == 24 * 60
    assert cost.of(study(walltime={"training_hours": 8})).runtime("train", attempt=2) == 8 * 60


def test_the_fit_of_a_pilot_finds_fixed_and_per_image():
    random = np.random.default_rng(1)
    rows = [(n, (1.5 + 0.25 * n) * random.normal(1, 0.02), 300.0 + n, 1e5 * n) for n in (2, 10) * 8]
    figures = pilot.fit(rows, 256**2)
    assert figures["fixed_seconds"] - pilot.START == pytest.approx(1.5, abs=0.15)
    assert figures["seconds_per_image"] == pytest.approx(0.25, rel=0.05)
    assert figures["bytes_per_image"] == 1e5
    assert figures["memory_mb"] == 310 + usage.SNAKEMAKE
    assert 1.1 <= figures["spread"] < 1.3


def test_measured_figures_replace_the_built_in_ones(tmp_path):
    figures = {
        "pixels": 256**2,
        "fixed_seconds": 5,
        "seconds_per_image": 3.0,
        "spread": 1.2,
        "memory_mb": 1000,
    }
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"measured": {"simulate": figures}}))
    same = cost.of(study(simulate={"size": 256, "images": 100}), path)
    assert same.seconds("simulate") == pytest.approx(1.2 * 305)
    assert same.memory("simulate") == 1400
    larger = cost.of(study(simulate={"size": 512, "images": 100}), path)
    assert larger.seconds("simulate") == pytest.approx(1.2 * 1205)
    path.write_text("{broken")
    assert cost.of(study(), path).laws == cost.LAWS


def test_plan_adds_up(tmp_path, capsys):
    path = tmp_path / "study.yaml"
    path.write_text(dump_study(study(simulate={"experiments": 50, "images": 100})))
    assert main(["plan", str(path), "--json", "-o", str(tmp_path / "results")]) == 0
    told = json.loads(capsys.readouterr().out)
    rows = {row["stage"]: row for row in told["stages"]}
    assert rows["simulate"]["jobs"] == rows["transform"]["jobs"] == 50
    assert told["jobs"] == sum(row["jobs"] for row in rows.values())
    assert told["disk_gib"] == pytest.approx(
        sum(row["disk_gib"] for row in rows.values()), abs=0.01
    )
    assert main(["plan", str(path)]) == 0
    text = capsys.readouterr().out
    assert "5000 images of 256 x 256" in text
    assert "core-hours" in text
    more = budget.wall_clock(budget.rows(cost.of(study(simulate={"experiments": 50}))), 1)
    assert more > budget.wall_clock(budget.rows(cost.of(study(simulate={"experiments": 50}))), 50)


@pytest.mark.parametrize(
    ("walltime", "remedy"),
    [
        ({"limit_hours": 2}, "or raise walltime.limit_hours"),
        ({"training_hours": 1, "training_legs": 2}, "or raise walltime.training_hours"),
        ({}, None),
    ],
)
def test_plan_says_how_many_legs_a_long_training_takes(
    walltime, remedy, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(budget.shutil, "disk_usage", lambda _: SimpleNamespace(free=2**50))
    long = study(simulate={"size": 1000, "images": 200, "experiments": 250}, walltime=walltime)
    path = tmp_path / "study.yaml"
    path.write_text(dump_study(long))
    assert main(["plan", str(path)]) == 0
    told = capsys.readouterr()
    assert "a GPU for each training" in told.out
    if remedy is None:
        assert told.err == ""
        return
    assert told.err.count("\n") == 1
    assert remedy in told.err
    legs = int(re.search(r"training_legs: (\d+)", told.err)[1])
    assert legs > long.walltime.training_legs
    assert (
        budget.warning(
            cost.of(
                study(
                    simulate=long.simulate.model_dump(), walltime=walltime | {"training_legs": legs}
                )
            )
        )
        == ""
    )


def test_plan_tells_of_a_disk_that_is_too_small_for_the_rest(tmp_path, capsys, monkeypatch):
    path = tmp_path / "study.yaml"
    path.write_text(dump_study(study(simulate={"size": 1000, "images": 20, "experiments": 50})))
    price, root = cost.of(load_study(path)), tmp_path / "results"
    needed = 2**30 * sum(row.disk_gib for row in budget.rows(price))
    monkeypatch.setattr(budget.shutil, "disk_usage", lambda _: SimpleNamespace(free=0.9 * needed))
    assert main(["plan", str(path), "-o", str(root)]) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert f"about {needed / 2**30:.1f} GiB will be written" in line
    assert "make room" in line
    # What is there already needs no more room.
    root.mkdir()
    with open(root / "half", "wb") as half:
        half.truncate(int(0.2 * needed))
    assert budget.lack_of_space(price, root) == ""


def test_one_job_for_all_experiments_asks_for_the_time_of_all():
    one, many = (cost.of(study(simulate={"experiments": n, "images": 2000})) for n in (1, 10))
    both = many.safe_seconds("simulate") + many.safe_seconds("transform")
    assert many.experiments_runtime() == 5 + both * 10 // 60
    assert one.experiments_runtime() < many.experiments_runtime()
    assert many.experiments_runtime(attempt=2) == 2 * many.experiments_runtime()
    assert many.experiments_runtime(attempt=100) <= many.limit


def test_trainings_that_wait_for_others_lengthen_the_wall_clock():
    row = budget.Row("train", 3, 1, 60, 1000, 3.0, 0.0)
    turn = budget.TURN / 3600
    assert budget.wall_clock([row], 100) == 2.0 + turn  # image and coefficient together, then joint


def test_the_memory_of_packing_grows_with_the_number_of_images():
    few, many = (cost.of(study(simulate={"experiments": n, "images": 200})) for n in (50, 50_000))
    # 10 million images: 500 MB were measured, beside Snakemake's own 100.
    for stage in ("assign", "pack", "index"):
        assert many.memory(stage) > max(600, few.memory(stage))


def test_the_profile_asks_for_the_time_and_memory_that_the_plan_tells():
    rules = yaml.safe_load(profile.source().joinpath("config.yaml").read_text())["set-resources"]
    assert [rule for rule, values in rules.items() if {"runtime", "mem_mb"} & set(values)] == []


HEAD = "s\th:m:s\tmax_rss\tjobid\trule_name\tresources\n"


@pytest.fixture
def results(tmp_path):
    paths = StudyPaths(tmp_path / "results" / "s")
    paths.root.mkdir(parents=True)
    paths.study.write_text(dump_study(study()))
    for number, (seconds, memory) in enumerate([(60, 500), (80, 520), (3400, 1900)]):
        path = paths.benchmark("simulate", f"{number:05d}")
        path.parent.mkdir(parents=True, exist_ok=True)
        asked = "{'tmpdir': '/tmp', 'runtime': 60, 'mem_mb': 2000}"
        path.write_text(f"{HEAD}{seconds}\t0:01:00\t{memory}\t{number}\tsimulate\t{asked}\n")
    path = paths.benchmark("report")
    path.parent.mkdir()
    path.write_text("s\th:m:s\tmax_rss\n12.0\t0:00:12\t-\n")
    return paths


@pytest.mark.parametrize(("memory", "near"), [(500, []), (1900, ["image-1"])])
def test_a_leg_that_ends_at_its_limit_as_it_should_is_not_near_it(results, memory, near):
    path = results.benchmark("train_leg", "image-1")
    path.parent.mkdir()
    path.write_text(
        f"{HEAD}3500\t0:58:00\t{memory}\t0\ttrain_leg\t{{'runtime': 60, 'mem_mb': 2000}}\n"
    )
    leg = next(use for use in usage.read_benchmarks(results) if use.rule == "train_leg")
    assert leg.near_limit() == near


def test_use_is_compared_with_the_request(results):
    simulate, report = sorted(
        usage.read_benchmarks(results), key=lambda use: use.rule, reverse=True
    )
    assert (simulate.asked_minutes, simulate.asked_memory) == (60, 2000)
    assert simulate.waste == pytest.approx(1 - 3540 / 10800)
    assert simulate.near_limit() == ["00002"]
    assert simulate.proposal(1.5, 1440) == {"runtime": 77, "mem_mb": 2700}  # 1900 MB and Snakemake
    assert simulate.proposal(1.5, 70)["runtime"] == 70
    assert np.isnan(report.asked_minutes)
    assert report.proposal(1.5, 1440) == {}


SACCT = """#!/bin/sh
case "$*" in *--name=run-ours*) cat <<END
20_1|COMPLETED|300||600M||1
20_1.batch|COMPLETED|300|168960K||1|1
20_1.0|COMPLETED|40|133120K||1|1
20_1.1|COMPLETED|50|220160K||1|1
20_2|OUT_OF_MEMORY|300||600M||1
20_2.batch|OUT_OF_MEMORY|300|360448K||1|1
20_2.0|OUT_OF_MEMORY|40|220160K||1|1
21|CANCELLED by 0|300||8000M||2
21.batch|CANCELLED|300|168960K||1|1
21.extern|COMPLETED|300|900000K||2|2
21.0|CANCELLED|200|204800K||6|2
22|RUNNING|300||600M||1
22.batch|RUNNING|300|||1|1
END
esac
"""


@pytest.fixture
def accounted(results, tmp_path, monkeypatch):
    """A `sacct` that knows jobs of transform by the driver's log; another study ran, too."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "sacct").write_text(SACCT)
    (programs / "sacct").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    logs = tmp_path / ".snakemake" / "log"
    logs.mkdir(parents=True)
    alone = "Job 5 has been submitted with SLURM jobid {} "
    alone += "(log: /x/slurm_logs/rule_transform/0000{}/1.log).\n"
    text = "SLURM run ID: run-ours\n    output: results/s/coefficients/00000.h5\n"
    text += (
        "2 jobs of rule transform: Slurm array 20, 2 tasks.\n"
        + alone.format(21, 2)
        + alone.format(22, 3)
    )
    (logs / "1.log").write_text(text)
    other = (
        text.replace("results/s/", "results/s2/")
        .replace("run-ours", "run-theirs")
        .replace("array 20", "array 30")
    )
    (logs / "2.log").write_text(other)
    asked = "{'runtime': 5, 'mem_mb': 600, 'tasks': 1, 'mpi': 'env X=ofi srun --mpi=pmi2'}"
    path = results.benchmark("transform", "00000")
    path.parent.mkdir()
    path.write_text(f"{HEAD}40\t0:00:40\t12.4\t1\ttransform\t{asked}\n")
    return results


def test_what_srun_started_is_not_known_from_a_benchmark(accounted):
    (transform,) = (use for use in usage.read_benchmarks(accounted) if use.rule == "transform")
    assert np.isnan(transform.most_memory)
    assert transform.proposal(1.5, 1440) == {}  # 5 minutes were asked for


def test_the_accounting_counts_what_runs_at_the_same_time_on_a_node(accounted):
    (transform,) = (use for use in usage.read(accounted) if use.rule == "transform")
    known = {job.identifier: (job.memory, job.mem_mb, job.seconds) for job in transform.slurm}
    assert known["20_1"] == (165 + 215, 600, 50)
    assert known["20_2"] == (352 + 215, 600, 40)
    assert known["21"] == (165 + 3 * 200, 4000, 200)
    assert np.isnan(known["22"][0])
    assert transform.most_memory == 765
    assert transform.near_limit() == ["Slurm job 20_2"]
    assert transform.proposal(1.5, 1440)["mem_mb"] == 1000


def test_jobs_too_short_for_the_accounting_propose_nothing():
    short = accounting.SlurmJob("transform", "1_1", "COMPLETED", 12.0, 167.0, 600.0)
    job = usage.Job("transform", "0", 12.0, float("nan"), 5.0, 600.0)
    assert "mem_mb" not in usage.Use("transform", (job,), (short,)).proposal(1.5, 1440)


def test_jobs_of_other_studies_are_not_counted(accounted, capsys):
    (transform,) = (use for use in usage.read(accounted) if use.rule == "transform")
    assert transform.lost == {"OUT_OF_MEMORY": 1, "CANCELLED": 1}
    log = next(accounted.root.parent.parent.glob(".snakemake/log/1.log"))
    log.unlink()
    assert accounting.read_accounting(accounted.root) == []


def test_a_rule_of_one_job_counts_the_snakemake_that_starts_the_other(results):
    path = results.benchmark("index")
    path.parent.mkdir()
    path.write_text(f"{HEAD}40\t0:00:40\t70\t1\tindex\t{{'runtime': 5, 'mem_mb': 1000}}\n")
    uses = {use.rule: use for use in usage.read_benchmarks(results)}
    assert uses["index"].most_memory == 70 + 2 * usage.SNAKEMAKE
    assert uses["simulate"].most_memory == 1900 + usage.SNAKEMAKE
    assert np.isnan(uses["report"].most_memory)  # it ran here


def test_memory_of_jobs_too_short_to_be_sampled_is_not_proposed():
    jobs = tuple(usage.Job("index", "all", seconds, 3.0, 30.0, 1000.0) for seconds in (0.3, 2.0))
    assert usage.Use("index", jobs).proposal(1.5, 1440) == {"runtime": 5}


def test_a_run_without_slurm_gets_no_proposal(results, tmp_path, capsys):
    for path in results.benchmark("simulate").parent.glob("*.tsv"):
        path.write_text("s\th:m:s\tmax_rss\n60.0\t0:01:00\t500\n")
    training = results.benchmark("train", "image")
    training.parent.mkdir()
    training.write_text("s\th:m:s\tmax_rss\n60.0\t0:01:00\t500\n")
    config = tmp_path / "config.yaml"
    config.write_text("set-resources:\n  pack:\n    mem_mb: 2000 * attempt\n")
    assert main(["walltime", str(results.root), "--profile", str(config)]) == 0
    said = capsys.readouterr()
    assert "no proposal" in said.err
    assert "train_image" in said.out
    assert "+" not in said.out


def test_walltime_proposes_a_diff_that_patches_the_profile(results, tmp_path, capsys):
    config = tmp_path / "config.yaml"
    config.write_text(profile.source().joinpath("config.yaml").read_text())
    assert main(["walltime", str(results.root), "--profile", str(config), "--diff"]) == 0
    change = capsys.readouterr().out
    (tmp_path / "change").write_text(change)
    subprocess.run(
        ["patch", "-p0", "-d", "/", "-i", str(tmp_path / "change")], check=True, capture_output=True
    )
    new = yaml.safe_load(config.read_text())
    old = yaml.safe_load(profile.source().joinpath("config.yaml").read_text())
    assert new["set-resources"]["simulate"] == {
        "runtime": "77 * min(attempt, 4)",
        "mem_mb": "2700 * min(attempt, 4)",
    }
    for rule, values in old["set-resources"].items():
        assert new["set-resources"][rule] == values
    assert {**new, "set-resources": 0} == {**old, "set-resources": 0}
    assert main(["walltime", str(results.root), "--profile", str(config)]) == 0
    assert "nothing to change in" in capsys.readouterr().out


def test_walltime_without_a_run_says_so(tmp_path, capsys):
    (tmp_path / "study.yaml").write_text(dump_study(study()))
    assert main(["walltime", str(tmp_path)]) == 2
    assert "run the study first" in capsys.readouterr().err


def test_every_line_of_the_profile_has_its_comment():
    for name in ("config.yaml", "partitions.yaml"):
        text = profile.source().joinpath(name).read_text()
        yaml.safe_load(text)
        bare = [
            line
            for line in text.splitlines()
            if line.strip()
            and "#" not in line
            and not line.rstrip().endswith(":")
            and "gpu: 1" not in line
        ]
        assert [
            line for line in bare if not line.lstrip().startswith(("mem_mb", "gpu", "max_runtime"))
        ] == []


def test_install_copies_the_profile_and_keeps_what_differs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert main(["profile", "install"]) == 0
    config = tmp_path / "snakemake/slurm/config.yaml"
    assert config.read_text() == profile.source().joinpath("config.yaml").read_text()
    assert main(["profile", "install"]) == 0
    config.write_text("executor: mine\n")
    assert main(["profile", "install"]) == 2
    assert config.read_text() == "executor: mine\n"
    assert main(["profile", "install", "--force"]) == 0
    assert "slurm-array" in config.read_text()
    for name in ("../outside", "a/b", "..", ""):
        assert main(["profile", "install", "--name", name]) == 2
    assert not (tmp_path / "outside").exists()
    capsys.readouterr()


def test_detect_without_slurm_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["profile", "detect"]) == 2
    assert "no Slurm here" in capsys.readouterr().err


@pytest.mark.parametrize(
    "keys",
    [{}, {"image_network": "vgg16", "coefficient_network": "report-2017"}, {"head": "dense"}],
)
def test_the_weights_that_the_plan_counts_are_those_of_the_networks(keys):
    from xscatter.networks import models

    keys = {"image_network": "alexnet"} | keys if "head" in keys else keys
    wanted = study(simulate={"size": 256}, transform={"radial_orders": 40}, train=keys)
    networks = [
        models.image_network({"image": (256, 256)}, len(NAMES), wanted.train),
        models.coefficient_network({"coefficients": (32, 40)}, len(NAMES), wanted.train),
    ]
    weights = millions_of_weights(wanted.train, wanted.simulate.size)
    for network, expected in zip(networks, weights.values(), strict=False):
        assert network.count_params() / 1e6 == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("name", ["report-256", "report-1000", "next-2000"])
def test_the_head_of_a_shipped_study_says_what_the_plan_says(name):
    path = Path(__file__).parent.parent / "config" / f"{name}.yaml"
    told = budget.summary(cost.of(load_study(path)), 100)
    disk = {row["stage"]: row["disk_gib"] for row in told["stages"]}
    text = re.sub(r"\n#\s*", " ", path.read_text())
    number = r"([\d.]+)"
    found = re.search(
        rf"about {number} GiB: shards {number}, coefficients {number}, "
        rf"batches {number}, .*? {number}\.",
        text,
    )
    wanted = [told["disk_gib"], disk["simulate"], disk["transform"], disk["pack"], disk["train"]]
    assert [float(value) for value in found.groups()] == pytest.approx(wanted, rel=0.1)
    hours = re.search(rf"about {number} core-hours .*?{number} GPU-hours", text)
    assert [float(value) for value in hours.groups()] == pytest.approx(
        [told["core_hours"], told["gpu_hours"]], rel=0.15
    )


def test_names_that_nothing_reads_are_found():
    rules = ["simulate", "train_image"]
    assert list(spelling.misspelt(rules, {"simulate": ["gpu"]}, ["runtime", "_nodes"], [])) == []
    set_for_rules = {"simulat": [], "all": [], "train_image": ["memmb", "licences", "gpus"]}
    assert list(spelling.misspelt(rules, set_for_rules, ["slurm_partiton"], ["gpus"])) == [
        "set-resources: simulat is no rule; did you mean simulate?",
        "default-resources: nothing reads slurm_partiton; did you mean slurm_partition?",
        "set-resources, train_image: nothing reads memmb; did you mean mem_mb?",
    ]


def test_rules_of_both_kinds_of_studies_and_of_every_view_are_known():
    names = spelling.rule_names(Path(__file__).parent.parent / "workflow" / "rules")
    assert {"simulate", "train_leg", "train_joint", "resolution_train", "figure_time"} <= set(names)


@pytest.mark.parametrize(("minutes", "told"), [(480, True), (1440, False), (None, False)])
def test_detect_says_when_a_training_needs_legs(monkeypatch, minutes, told):
    monkeypatch.setattr(cluster, "_ask", lambda *command: "pmi2")
    gpu = {"max_gpu": 1} | ({"max_runtime": minutes} if minutes else {})
    lines = cluster._config_text({"long": {"max_runtime": 2880}, "gpu": gpu})
    assert ("set walltime.training_hours: 8 in the study" in lines) == told


NODES = {
    "long": "4|5000|(null)|(null)\n4|5000|gpu:a100:2|(null)\n",
    "short": "4|5000|(null)|(null)\n",
    "gpu": "4|5000|gpu:a100:2(S:0)|(null)\n",
}
TIMES = {"long": "1-00:00:00", "short": "00:10:00", "gpu": "08:00:00"}


@pytest.fixture
def site(monkeypatch):
    """Partitions of a cluster: `site(names)` is what is detected on one that has them."""

    def answer(names, *command):
        if command[0] == "sinfo":
            return NODES[command[command.index("-p") + 1]]
        rows = (
            f"PartitionName={name} MaxTime={TIMES[name]} State=UP TotalNodes=2 TotalCPUs=8"
            for name in names
        )
        return "\n".join(rows) if "partition" in command else "pmi2"

    def detected(*names):
        monkeypatch.setattr(cluster.shutil, "which", lambda name: name)
        monkeypatch.setattr(cluster, "_ask", lambda *command: answer(names, *command))
        return cluster.detect()

    return detected


def test_jobs_without_a_gpu_stay_off_the_partition_of_gpus(site, tmp_path):
    from snakemake_executor_plugin_slurm import partitions as official

    text, lines = site("long", "short", "gpu")
    assert "long:  # 2 nodes, 8 cores, some with GPUs, left to jobs without a GPU\n" in text
    assert "set walltime.training_hours: 8" in lines
    path = tmp_path / "partitions.yaml"
    path.write_text(text)

    def chosen(**resources):
        job = SimpleNamespace(name="job", threads=1, resources=resources)
        logger = SimpleNamespace(debug=str, info=str, warning=str)
        return official.get_best_partition(official.read_partition_file(path), job, logger)

    assert chosen(runtime=5, mem_mb=1000) == "short"
    assert chosen(runtime=60, mem_mb=300) == "long"
    assert chosen(runtime=480, mem_mb=4000, gpu=1) == "gpu"


def test_gpus_of_a_mixed_partition_are_used_where_no_other_has_any(site):
    found = yaml.safe_load(site("long", "short")[0])["partitions"]
    assert found["long"]["max_gpu"] == 2
    assert "max_gpu" not in found["short"]


def test_detected_partitions_keep_the_comment_on_keys(site, tmp_path, capsys):
    (tmp_path / "config.yaml").touch()
    site("long", "gpu")
    assert main(["profile", "detect", "--write", str(tmp_path)]) == 0
    text = (tmp_path / "partitions.yaml").read_text()
    shipped = profile.source().joinpath("partitions.yaml").read_text()
    head = shipped.partition("partitions:")[0]
    assert "max_tasks" in head
    assert text.startswith(head)
    capsys.readouterr()
