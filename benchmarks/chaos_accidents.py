"""The accidents of `chaos.py`: to a finished study, and to one that runs."""

import errno
import os
import shlex
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

# Accidents of a finished study ------------------------------------------------------------------
KINDS = {
    "experiment": "experiments/*.h5",
    "coefficients": "coefficients/*.h5",
    "batch": "batches/batch-*.bin",
    "mark": "batches/.batch-*.json",
    "assignment": "batches/assignment.json",
    "copy of the assignment": "batches/.assignment.json",
    "records": "batches/records.json",
    "model": "models/*/model.keras",
    "facts": "models/*/training.json",
    "calibration": "models/*/calibration.json",
    "history": "models/*/history.csv",
    "checkpoint": ".training/*/*/state-*.h5",
    "evaluation": "evaluation/*.json",
    "scores": "evaluation/*.npz",
    "report": "report.html",
    "tagger": "tagger/*.*",
}


def flip(path, chance):
    """Flip one bit."""
    content = bytearray(path.read_bytes())
    place = chance.randrange(8 * len(content))
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)


def cut(path, chance):
    """Cut the file short."""
    os.truncate(path, chance.randrange(path.stat().st_size))


def blank(path, chance):
    """Overwrite a sector with zeros."""
    content = bytearray(path.read_bytes())
    start = chance.randrange(max(1, len(content) // 512)) * 512
    content[start : start + 512] = bytes(len(content[start : start + 512]))
    path.write_bytes(content)


def delete(path, chance):
    """Delete the file."""
    path.unlink()


def ahead(path, chance):
    """Set the time of the file to tomorrow."""
    later = time.time() + 86400
    os.utime(path, (later, later))


def damage(study, chance):
    """Damage one file of a finished study; return what was done."""
    kind = chance.choice(list(KINDS))
    how = chance.choice([flip, flip, cut, blank, delete, ahead])
    path = chance.choice(sorted(study.results.glob(KINDS[kind])))
    how(path, chance)
    if how is not ahead:
        study.verify()
    return f"{how.__name__} {path.relative_to(study.results)}"


# Accidents of a running study -------------------------------------------------------------------
def kill_driver(study, driver, chance):
    """Kill the driver, as a lost login session does."""
    os.killpg(driver.pid, signal.SIGKILL)


def interrupt_driver(study, driver, chance):
    """Press Ctrl-C."""
    os.killpg(driver.pid, signal.SIGINT)


def stop_driver(study, driver, chance):
    """Suspend the driver for a while."""
    os.killpg(driver.pid, signal.SIGSTOP)
    time.sleep(20)
    os.killpg(driver.pid, signal.SIGCONT)


def second_driver(study, driver, chance):
    """Type the command a second time while it runs."""
    study.finish(study.start())


def kill_task(study, driver, chance):
    """Kill a process of the study that is not the driver."""
    mine = str(study.folder).encode()
    victims = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            inside = os.readlink(place / "cwd").encode().startswith(mine)
            if inside and os.getpgid(int(place.name)) != driver.pid:
                victims.append(int(place.name))
    if victims:
        with suppress(OSError):
            os.kill(chance.choice(victims), signal.SIGKILL)


def _some_job(study, chance):
    jobs = [row.split()[0] for row in study.cluster.queue()]
    return chance.choice(jobs) if jobs else None


def cancel(study, driver, chance):
    """Cancel a job."""
    if job := _some_job(study, chance):
        study.cluster.run("scancel", job, check=False)


def requeue(study, driver, chance):
    """Requeue a job, as an administrator does."""
    if job := _some_job(study, chance):
        study.cluster.run("scontrol", "requeue", job, check=False)


def hold(study, driver, chance):
    """Hold a job for a while."""
    if job := _some_job(study, chance):
        study.cluster.run("scontrol", "hold", job, check=False)
        time.sleep(20)
        study.cluster.run("scontrol", "release", job, check=False)


def kill_node(study, driver, chance):
    """Let a node die, and start it again."""
    node = chance.choice(study.cluster.nodes)
    study.cluster.kill_node(node)
    time.sleep(5)
    study.cluster.start_node(node)


def restart_controller(study, driver, chance):
    """Restart Slurm's controller after an outage."""
    study.cluster.stop_controller()
    time.sleep(10)
    study.cluster.start_controller()


WRAPPERS = {  # what a command of Slurm does once instead of its work
    "sbatch lost": ("sbatch", '$REAL "$@" > /dev/null; echo "Socket timed out" >&2; exit 1'),
    "sbatch refused": ("sbatch", 'echo "QOSMaxSubmitJobPerUserLimit" >&2; exit 1'),
    "sbatch banner": ("sbatch", 'echo "Welcome to cluster 7"; exec $REAL "$@"'),
    "squeue fails": ("squeue", 'echo "Unable to contact slurm controller" >&2; exit 1'),
    "squeue garbled": ("squeue", 'echo "12_[|RUNN"; exit 0'),
    "squeue empty": ("squeue", "exit 0"),
    "scontrol fails": ("scontrol", "exit 1"),
}


def wrapped(study, name):
    """Put a script before a command of Slurm that misbehaves at its first call."""
    command, instead = WRAPPERS[name]
    folder = study.folder / "site"
    folder.mkdir()
    real = shutil.which(command, path=study.environment["PATH"] + ":/usr/bin")
    (folder / command).write_text(
        f"#!/bin/sh\nREAL={real}\nHERE={shlex.quote(str(folder))}\n"
        f'case "$*" in *--test-only*|*--version*|ping) exec $REAL "$@";; esac\n'
        f'if mkdir "$HERE/done" 2> /dev/null; then {instead}; fi\n'
        'exec $REAL "$@"\n'
    )
    (folder / command).chmod(0o755)
    study.environment["PATH"] = f"{folder}:{study.environment['PATH']}"


def full_disk(study, driver, chance):
    """Fill the disk of the results for a while."""
    with suppress(OSError), open(study.results / "filler", "wb") as file:
        try:
            while True:
                file.write(bytes(2**20))
                file.flush()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    time.sleep(15)
    (study.results / "filler").unlink(missing_ok=True)


def read_only(study, driver, chance):
    """Make the disk of the results read-only for a while."""
    subprocess.run(["mount", "-o", "remount,ro", str(study.folder / "results")], check=False)
    time.sleep(15)
    subprocess.run(["mount", "-o", "remount,rw", str(study.folder / "results")], check=False)


DISKS = {full_disk, read_only}
# A task that dies just after its file is complete has failed, and its file is made again.
DEADLY = {"kill_task", "kill_node", "cancel", "requeue", "interrupt_driver"}
DEADLY |= {accident.__name__ for accident in DISKS}
RUNNING = [
    *(kill_driver, interrupt_driver, stop_driver, second_driver, kill_task),
    *(cancel, requeue, hold, kill_node, restart_controller, full_disk, read_only),
    *WRAPPERS,
]


def disturb(study, chance):
    """Start the study, and let an accident happen; return what it was."""
    accident = chance.choice(RUNNING)
    disk = study.folder / "results"
    if accident in DISKS:
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=True)
    if isinstance(accident, str):
        wrapped(study, accident)
    driver = study.start()
    if isinstance(accident, str):
        name = accident
    else:
        name = accident.__name__
        # Somewhere between the first submission and the end.
        wanted = chance.randrange(8)
        end = time.monotonic() + study.limit
        while driver.poll() is None and time.monotonic() < end:
            if len(list(study.results.glob("*/*.h5"))) >= wanted and study.results.exists():
                break
            time.sleep(0.2)
        time.sleep(chance.uniform(0, 3))
        if driver.poll() is None:
            accident(study, driver, chance)
        name += f" after {wanted} files"
    return name, study.finish(driver)
