"""One living driver a study; what a killed one left is cleared."""

import base64
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from xscatter.core.errors import UserError
from xscatter.jobs import driver, times
from xscatter.store.paths import StudyPaths

HOLD = "import sys, time; from pathlib import Path; from xscatter.jobs import driver; "
HOLD += "print(driver.take_over(Path('results/a')), flush=True); time.sleep(60)"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(driver, "_held", {})
    locks, unfinished = Path(".snakemake/locks"), Path(".snakemake/incomplete")
    locks.mkdir(parents=True)
    unfinished.mkdir()
    (locks / "0.input.lock").write_text("config.yaml\nresults/a/x.h5\n")
    (locks / "0.output.lock").write_text("results/a/x.h5\n")
    (locks / "1.output.lock").write_text("results/b/x.h5\n")
    for name in ("results/a/x.h5", "results/b/x.h5"):
        (unfinished / base64.urlsafe_b64encode(name.encode()).decode()).write_text("{}")
    long = base64.urlsafe_b64encode(b"results/a/" + b"y" * 300).decode()
    (unfinished / f"@{long[:254]}").mkdir()
    (unfinished / f"@{long[:254]}" / long[254:]).write_text("{}")
    yield tmp_path
    for lease in driver._held.values():
        lease.release()


def living():
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "True"
    return process


def end(process):
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


def test_locks_and_marks_of_a_dead_driver_are_cleared_and_those_of_other_studies_kept(folder):
    assert driver.take_over(Path("results/a"))
    assert sorted(path.name for path in Path(".snakemake/locks").iterdir()) == ["1.output.lock"]
    left = [path for path in Path(".snakemake/incomplete").rglob("*") if path.is_file()]
    assert [base64.urlsafe_b64decode(path.name) for path in left] == [b"results/b/x.h5"]
    assert driver.take_over(Path("results/a"))


def test_a_living_driver_is_respected_and_succeeded_after_its_death(folder):
    process = living()
    (Path(".snakemake/locks") / "0.output.lock").write_text("results/a/x.h5\n")
    assert not driver.take_over(Path("results/a"))
    assert Path(".snakemake/locks/0.output.lock").exists()
    with pytest.raises(UserError, match=f"process {process.pid} on {os.uname().nodename}"):
        driver.insist(Path("results/a"), patience=0)
    assert driver.take_over(Path("results/b"))
    end(process)
    assert driver.take_over(Path("results/a"))
    assert not Path(".snakemake/locks/0.output.lock").exists()


def test_who_only_looks_clears_what_the_dead_left_and_holds_nothing(folder):
    driver.clear(Path("results/a"))
    assert sorted(path.name for path in Path(".snakemake/locks").iterdir()) == ["1.output.lock"]
    process = living()  # as a driver that starts meanwhile
    (Path(".snakemake/locks") / "0.output.lock").write_text("results/a/x.h5\n")
    driver.clear(Path("results/a"))
    assert Path(".snakemake/locks/0.output.lock").exists()
    end(process)


def test_a_moment_of_another_command_only_delays(folder):
    process = living()
    start = time.monotonic()
    timer = subprocess.Popen(
        [sys.executable, "-c", f"import time, os; time.sleep(2); os.kill({process.pid}, 9)"]
    )
    driver.insist(Path("results/a"), patience=30)
    assert 1 < time.monotonic() - start < 20
    timer.wait()
    end(process)


def test_two_working_copies_with_one_folder_of_results_have_one_driver(folder, monkeypatch):
    process = living()
    copy = folder / "copy"
    copy.mkdir()
    (copy / "results").symlink_to(folder / "results")
    monkeypatch.chdir(copy)
    assert not driver.take_over(Path("results/a"))
    end(process)


def test_file_locks_are_not_needed(folder, monkeypatch):
    def refuse(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", refuse)
    process = living()
    assert not driver.take_over(Path("results/a"))
    end(process)
    assert driver.take_over(Path("results/a"))


def test_who_works_on_a_study_is_told(folder):
    assert driver.living(Path("results/a")) == ""
    process = living()
    assert f"process {process.pid}" in driver.living(Path("results/a"))
    assert driver.living(Path("results/b")) == ""
    end(process)
    assert driver.living(Path("results/a")) == ""


def test_jobs_keep_the_study_that_they_were_submitted_with(folder):
    results = Path("results/a")
    first = driver.submit({"name": "a", "seed": 1}, results)
    second = driver.submit({"name": "a", "seed": 2}, results)
    assert first != second == driver.submit({"seed": 2, "name": "a"}, results)
    assert first == driver.submitted_name({"seed": 1, "name": "a"}, results)
    assert yaml.safe_load(first.read_text()) == {"name": "a", "seed": 1}
    second.write_text("damaged")
    again = driver.submit({"name": "a", "seed": 2}, results)
    assert yaml.safe_load(again.read_text()) == {"name": "a", "seed": 2}


def test_times_in_the_future_are_set_and_nothing_is_newer_than_what_is_made_from_it(folder):
    paths, now = StudyPaths(Path("results/a")), 10**18
    stages = [paths.experiment(0), paths.coefficients(0), paths.assignment, paths.batch(0)]
    stages += [paths.records, paths.model("joint") / "model.keras", paths.report]
    for age, path in enumerate(reversed(stages)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, ns=(now - age * 10**9,) * 2)
    assert times.settle(paths, now) == []
    ahead = {paths.experiment(0), paths.batch(0), paths.report}
    for path in ahead:
        os.utime(path, ns=(now + 10**14,) * 2)
    assert set(times.settle(paths, now)) == ahead
    order = [path.stat().st_mtime_ns for path in stages]
    assert order == sorted(order)
    assert order[-1] == now
