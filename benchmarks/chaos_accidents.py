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
    "sequence": "sequences/?????.h5",
    "embedding": "sequences/*.features.h5",
    "network of embeddings": "embedder/*.*",
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
    # Not drawn: so every kind of file has its turn.
    kind = list(KINDS)[study.seed % len(KINDS)]
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
    time.sleep(8)
    os.killpg(driver.pid, signal.SIGCONT)


def second_driver(study, driver, chance):
    """Type the command a second time while it runs."""
    study.start().wait(study.limit)


def second_folder(study, driver, chance):
    """Type the command in another working copy, whose results are the same folder."""
    other = study.folder / "copy"
    other.mkdir()
    (other / "results").symlink_to(study.folder / "results")
    for name in ("study.yaml", "quick"):
        if (study.folder / name).exists():
            (other / name).symlink_to(study.folder / name)
    study.start(other).wait(study.limit)


def kill_task(study, driver, chance):
    """Kill a process of the study that is not the driver."""
    mine = str(study.folder).encode()
    victims = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            inside = os.readlink(place / "cwd").encode().startswith(mine)
            if inside and int(place.name) != driver.pid:
                victims.append(int(place.name))
    if victims:
        with suppress(OSError):
            os.kill(chance.choice(victims), signal.SIGKILL)


def _some_job(study, chance):
    # Other studies may run on the cluster.
    listing = study.cluster.run("squeue", "-h", "-r", "-o", "%i|%Z")
    rows = [line.partition("|") for line in listing.splitlines()]
    jobs = [job for job, _, folder in rows if folder.startswith(str(study.folder))]
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
        time.sleep(10)
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


def clocks(study, driver, chance):
    """Set the times of all files to tomorrow, as a node whose clock is ahead does."""
    later = time.time() + 86400
    for path in study.results.rglob("*"):
        with suppress(OSError):
            os.utime(path, (later, later))


WRAPPERS = {  # what a command of Slurm does instead of its work: some times, and then no more
    "sbatch lost": ("sbatch", '$REAL "$@" > /dev/null; echo "Socket timed out" >&2; exit 1'),
    "sbatch refused": ("sbatch", 'echo "QOSMaxSubmitJobPerUserLimit" >&2; exit 1'),
    "sbatch banner": ("sbatch", 'echo "Welcome to cluster 7"; exec $REAL "$@"'),
    "sbatch garbled": ("sbatch", '$REAL "$@" > /dev/null; echo "Submitt"; exit 0'),
    "squeue fails": ("squeue", 'echo "Unable to contact slurm controller" >&2; exit 1'),
    "squeue garbled": ("squeue", 'echo "12_[|RUNN"; exit 0'),
    "squeue half": ("squeue", '$REAL "$@" | head -c 40; exit 0'),
    "squeue empty": ("squeue", "exit 0"),
    "squeue slow": ("squeue", 'sleep 20; exec $REAL "$@"'),
    "scontrol fails": ("scontrol", "exit 1"),
    "sinfo garbled": ("sinfo", 'echo "long*|a/b"; exit 0'),
    "scancel fails": ("scancel", 'echo "timed out" >&2; exit 1'),
}


def wrapped(study, name, chance):
    """Put a script before a command of Slurm that misbehaves at some of its first calls."""
    command, instead = WRAPPERS[name]
    folder = study.folder / "site"
    folder.mkdir()
    real = shutil.which(command, path=study.environment["PATH"] + ":/usr/bin")
    # `mkdir` counts calls, which may come at the same time.
    first = chance.randrange(1, 5)
    last = first + chance.randrange(3)
    (folder / command).write_text(
        f"#!/bin/sh\nREAL={real}\nHERE={shlex.quote(str(folder))}\n"
        f'case "$*" in *--test-only*|*--version*|ping) exec $REAL "$@";; esac\n'
        f'N=1; while [ $N -le {last} ]; do mkdir "$HERE/$N" 2> /dev/null && break; '
        "N=$((N+1)); done\n"
        f"if [ $N -ge {first} ] && [ $N -le {last} ]; then {instead}; fi\n"
        'exec $REAL "$@"\n'
    )
    (folder / command).chmod(0o755)
    study.environment["PATH"] = f"{folder}:{study.environment['PATH']}"
    return f"{name} {first}-{last}"


def full_disk(study, driver, chance):
    """Fill the disk for a while."""
    with suppress(OSError), open(study.results / "filler", "wb") as file:
        try:
            while True:
                file.write(bytes(2**16))
                file.flush()
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    time.sleep(12)
    (study.results / "filler").unlink(missing_ok=True)


def read_only(study, driver, chance):
    """Make the disk read-only for a while."""
    command = ["mount", "-o", "remount,ro", str(study.disk)]
    # It is refused as long as a file is open for writing.
    while subprocess.run(command, capture_output=True).returncode and driver.poll() is None:
        time.sleep(0.05)
    time.sleep(12)
    subprocess.run(["mount", "-o", "remount,rw", str(study.disk)], check=False)


DISKS = {full_disk, read_only}
# A task that dies just after its file is complete has failed, and its file is made again.
DEADLY = {"kill_task", "kill_node", "cancel", "requeue", "interrupt_driver", "clocks"}
DEADLY |= {accident.__name__ for accident in DISKS}
LOCAL = [
    *(kill_driver, interrupt_driver, stop_driver, second_driver, second_folder),
    *(kill_task, full_disk, read_only, clocks),
]
CLUSTER = [*LOCAL, cancel, requeue, hold, kill_node, restart_controller, *WRAPPERS]


def disturb(study, chance):
    """Start the study, and let an accident happen; return what it was, and how the driver ended."""
    kinds = CLUSTER if study.cluster else LOCAL
    accident = kinds[study.seed % len(kinds)]  # not drawn: so every kind has its turn
    if accident in DISKS:
        # That of the results, or that of the working folder, where Snakemake and Slurm write, too.
        study.disk = chance.choice([study.results.parent, study.folder])
        if accident is read_only:  # Snakemake's log is open in the other one
            study.disk = study.results.parent
        study.disk.mkdir(exist_ok=True)
        size = "size=24m"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(study.disk)], check=True)
        study.prepare()
    if isinstance(accident, str):
        name = wrapped(study, accident, chance)
        return name, 1, study.finish(study.start())
    driver = study.start()
    # Somewhere between the first submission and the end.
    wanted, pause = chance.randrange(16), chance.uniform(0, 3)
    end = time.monotonic() + study.limit
    while driver.poll() is None and time.monotonic() < end:
        if len(list(study.results.glob("*/*.h5"))) >= wanted and study.results.exists():
            break
        time.sleep(0.1)
    time.sleep(pause)
    name = f"{accident.__name__} after {wanted} files"
    if accident in DISKS and study.disk == study.folder:
        name += ", working folder"
    if driver.poll() is None:
        accident(study, driver, chance)
    return name, 1, study.finish(driver)
