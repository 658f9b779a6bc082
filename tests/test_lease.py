"""One process works in a folder at a time, also where file locks do not exist."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pytest

from xscatter.core import lease

HOLD = "import sys, time; from pathlib import Path; from xscatter.core import lease; "
HOLD += "print(type(lease.take(Path(sys.argv[1]))).__name__, flush=True); time.sleep(60)"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results" / "lease.json"


def holder_of(path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().strip() == "Lease"
    return process


def on_another_host(path, age):
    """Make `path` a lease of a process on another host, touched `age` seconds ago."""
    own = lease._myself()
    path.parent.mkdir(parents=True, exist_ok=True)
    other = replace(own, host="elsewhere", space="elsewhere", token="other")
    path.write_text(json.dumps(vars(other)))
    touched = time.time() - age
    os.utime(path, (touched, touched))
    return other


def test_a_living_process_is_named_and_a_killed_one_is_succeeded(path):
    process = holder_of(path)
    held = lease.take(path)
    assert isinstance(held, lease.Holder)
    assert held.process == process.pid
    assert str(held).startswith(f"process {process.pid} on {os.uname().nodename} (user ")
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert lease.living(path) is None
    mine = lease.take(path)
    assert isinstance(mine, lease.Lease)
    mine.release()
    assert list(path.parent.iterdir()) == []


def test_another_host_counts_by_its_signs_of_life(path):
    other = on_another_host(path, age=lease.DEAD / 2)
    assert lease.take(path) == other
    on_another_host(path, age=lease.DEAD * 2)
    taken = lease.take(path)
    assert isinstance(taken, lease.Lease)
    taken.release()


def test_a_process_killed_on_another_host_is_waited_for(path, monkeypatch):
    monkeypatch.setattr(lease, "RENEWED", 0.3)
    monkeypatch.setattr(lease, "DEAD", 1.0)
    on_another_host(path, age=0)
    assert isinstance(lease.take(path), lease.Holder)
    taken = lease.wait_for(path)
    assert isinstance(taken, lease.Lease)
    taken.release()


def test_a_damaged_lease_does_not_block(path):
    path.parent.mkdir(parents=True)
    path.write_text("{")
    taken = lease.take(path)
    assert isinstance(taken, lease.Lease)
    taken.release()


def test_a_holder_gives_signs_of_life_and_notices_its_loss(path, monkeypatch):
    monkeypatch.setattr(lease, "RENEWED", 0.05)
    lost = threading.Event()
    mine = lease.take(path, lost.set)
    os.utime(path, (0, 0))
    for _ in range(100):
        if path.stat().st_mtime > 0:
            break
        time.sleep(0.05)
    assert path.stat().st_mtime > 0
    other = on_another_host(path, age=0)
    assert lost.wait(10)
    mine.release()
    assert lease.read(path) == other


def test_of_many_that_want_a_dead_lease_one_gets_it(path):
    on_another_host(path, age=lease.DEAD * 2)
    taken = []
    threads = [threading.Thread(target=lambda: taken.append(lease.take(path))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [one for one in taken if isinstance(one, lease.Lease)]
    assert len(winners) == 1
    assert lease.read(path) == winners[0].holder
    winners[0].release()
