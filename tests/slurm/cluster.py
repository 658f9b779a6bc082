"""A private Slurm cluster on this machine: nodes on loopback, accounting on request.

Everything is in one folder below /run, with its own munge key, socket and ports. Only the
configuration is at Slurm's default place, because Slurm's jobs look for it there; a configuration
that this module did not write is never touched.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

ETC = Path("/etc/slurm")
MARK = "# Private test cluster of xscatter: made and removed by its tests.\n"
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "munged", "mungekey")
ACCOUNTING = ("slurmdbd", "mariadbd", "mariadb-install-db", "sacctmgr")
HOST = os.uname().nodename
NAME = "xscatterloopback"
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def unavailable(accounting: bool = False) -> str | None:
    """Return why the cluster cannot run here, or None."""
    if os.geteuid() != 0:
        return "starting Slurm's daemons needs root"
    if not Path("/etc/debian_version").exists():
        return "made for Debian's packages of Slurm"
    missing = [
        name
        for name in PROGRAMS + (ACCOUNTING if accounting else ())
        if not shutil.which(name, path=PATH)
    ]
    if missing:
        packages = "slurmctld slurmd slurm-client munge" + (
            " slurmdbd mariadb-server" if accounting else ""
        )
        return f"{', '.join(missing)} not installed (apt install {packages})"
    for name in ("slurm.conf", "slurmdbd.conf", "gres.conf"):
        path = ETC / name
        if path.exists() and not path.read_text().startswith(MARK):
            return f"{path} is not of these tests: this machine belongs to a cluster"
    return None


class Cluster:
    """Start with :meth:`start`, always end with :meth:`stop`; other methods cause accidents."""

    def __init__(
        self,
        folder: Path = Path("/run/xscatter-slurm"),
        nodes: int = 4,
        accounting: bool = False,
        min_job_age: int = 3600,
    ):
        self.folder, self.accounting, self.min_job_age = folder, accounting, min_job_age
        self._database: subprocess.Popen | None = None
        self.nodes = [f"n{number}" for number in range(1, nodes + 1)]

    def start(self) -> None:
        """Write the configuration, start the daemons, wait until every node is idle."""
        self._lock = open("/run/xscatter-slurm.lock", "w")  # noqa: SIM115 - held as long as the cluster lives
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        reason = unavailable(self.accounting)
        assert reason is None, reason
        self.stop_daemons()
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ("log", "spool", "state", "pid", "database"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        self._configure()
        self._start_munge()
        if self.accounting:
            self._start_accounting()
        self.start_controller()
        for node in self.nodes:
            self.start_node(node)
        self.wait_for_nodes(len(self.nodes))

    def stop(self) -> None:
        """Stop the daemons and remove all traces."""
        with suppress(Exception):
            self.run("scancel", "--user=root")
            _until(lambda: not self.queue(), "all jobs are gone")  # else their processes would stay
        try:
            self.stop_daemons()
        finally:
            for name in ("slurm.conf", "slurmdbd.conf", "gres.conf"):
                path = ETC / name
                if path.exists() and path.read_text().startswith(MARK):
                    path.unlink()
            if hasattr(self, "_lock"):
                self._lock.close()

    def stop_daemons(self) -> None:
        """Stop what an earlier cluster in this folder left running, by its pid files."""
        order = ["slurmd-*", "slurmctld", "slurmdbd", "mariadbd", "munged"]
        for pattern in order:
            for path in (self.folder / "pid").glob(f"{pattern}.pid"):
                _end(path)
        if self._database:
            self._database.wait(30)
            self._database = None
        # Without cgroups Slurm loses sight of processes whose parents died first.
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if f"SLURM_CLUSTER_NAME={NAME}\0".encode() in (place / "environ").read_bytes():
                    os.kill(int(place.name), signal.SIGKILL)

    def run(self, *command: str, check: bool = True) -> str:
        """Output of one of Slurm's commands."""
        environment = os.environ | {"PATH": PATH}
        environment.pop("SLURM_CONF", None)
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)
        if check and done.returncode:
            raise RuntimeError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def start_controller(self) -> None:
        """Start slurmctld; it finds its jobs again in its state folder."""
        self.run("slurmctld")
        _until(
            lambda: "is UP" in self.run("scontrol", "ping", check=False), "the controller answers"
        )

    def stop_controller(self) -> None:
        """Stop slurmctld; the jobs keep running."""
        _end(self.folder / "pid/slurmctld.pid")

    def start_node(self, node: str) -> None:
        """Start a node."""
        self.run("slurmd", "-N", node)

    def kill_node(self, node: str) -> None:
        """Kill a node: its daemon and all that runs under it end at once."""
        daemon = self._pid(self.folder / f"pid/slurmd-{node}.pid")
        steps = self.run(
            "pgrep", "-f", rf"slurmstepd: .*\.|slurmstepd infinity -N {node}", check=False
        ).split()
        for pid in [daemon, *self._steps_of(node, steps)]:
            for child in reversed([pid, *_descendants(pid)]):
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)

    def _steps_of(self, node: str, steps: list[str]) -> list[int]:
        found = []
        for step in map(int, steps):
            for pid in [step, *_descendants(step)]:
                with suppress(OSError):
                    if (
                        f"SLURMD_NODENAME={node}\0".encode()
                        in Path(f"/proc/{pid}/environ").read_bytes()
                    ):
                        found.append(step)
                        break
        return found

    @staticmethod
    def _pid(path: Path) -> int:
        return int(path.read_text())

    def wait_for_nodes(self, count: int) -> None:
        """Wait until `count` nodes take jobs."""

        def usable() -> bool:
            rows = self.run("sinfo", "-h", "-N", "-p", "long", "-o", "%N %t", check=False).split(
                "\n"
            )
            return sum(row.endswith((" idle", " mix", " alloc")) for row in rows) >= count

        _until(usable, f"{count} nodes are up", 60)

    def queue(self) -> list[str]:
        """Return the jobs that wait or run, one line `id state` for each task."""
        return self.run("squeue", "-h", "-r", "-t", "PD,R,CG,CF", "-o", "%i %T").splitlines()

    def _configure(self) -> None:
        place = self.folder
        ETC.mkdir(exist_ok=True)
        storage = "none"
        if self.accounting:
            storage = "slurmdbd\nAccountingStorageHost=127.0.0.1\nAccountingStoragePort=16819\n"
            storage += f"AccountingStoragePass={place}/munge.socket\n"
            storage += "AccountingStorageEnforce=associations,limits"
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={HOST} NodeAddr=127.0.0.1 Port={17000 + number}"
            " CPUs=2 RealMemory=6000"
            f"{' Gres=gpu:1' if node == self.nodes[-1] else ''}"
            for number, node in enumerate(self.nodes, start=1)
        )
        text = f"""{MARK}ClusterName={NAME}
SlurmctldHost={HOST}(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_min_interval=100000,bf_interval=2
ReturnToService=2
SlurmdParameters=config_overrides
MinJobAge={self.min_job_age}
MaxArraySize=1001
MaxJobCount=20000
SlurmctldTimeout=30
SlurmdTimeout=20
KillWait=5
OverTimeLimit=1
InactiveLimit=0
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=5
AccountingStorageType=accounting_storage/{storage}
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool/%n
SlurmctldPidFile={place}/pid/slurmctld.pid
SlurmdPidFile={place}/pid/slurmd-%n.pid
SlurmctldLogFile={place}/log/slurmctld.log
SlurmdLogFile={place}/log/slurmd-%n.log
GresTypes=gpu
{nodes}
PartitionName=long Nodes=ALL Default=YES MaxTime=1-00:00:00 State=UP
PartitionName=short Nodes=n[1-2] MaxTime=10 State=UP
PartitionName=gpu Nodes=n{len(self.nodes)} MaxTime=8:00:00 State=UP
"""
        (ETC / "slurm.conf").write_text(text)
        (ETC / "gres.conf").write_text(f"{MARK}NodeName={self.nodes[-1]} Name=gpu File=/dev/null\n")

    def _start_munge(self) -> None:
        place = self.folder
        self.run("mungekey", "--create", f"--keyfile={place}/munge.key")
        self.run(
            "munged",
            f"--socket={place}/munge.socket",
            f"--key-file={place}/munge.key",
            f"--pid-file={place}/pid/munged.pid",
            f"--log-file={place}/log/munged.log",
            f"--seed-file={place}/munge.seed",
        )

    def _start_accounting(self) -> None:
        place = self.folder
        data = f"--datadir={place}/database"
        self.run(
            "mariadb-install-db",
            "--no-defaults",
            "--user=root",
            "--auth-root-authentication-method=socket",
            data,
        )
        command = [
            "mariadbd",
            "--no-defaults",
            "--user=root",
            data,
            f"--socket={place}/database.socket",
        ]
        command += [
            "--bind-address=127.0.0.1",
            "--port=16820",
            f"--pid-file={place}/pid/mariadbd.pid",
        ]
        with open(place / "log/mariadbd.log", "w") as log:
            environment = os.environ | {"PATH": PATH}
            self._database = subprocess.Popen(
                command, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        _until((place / "database.socket").exists, "the database answers", 60)
        client = ["mariadb", "--no-defaults", f"--socket={place}/database.socket", "-e"]
        grant = "CREATE DATABASE slurm; CREATE USER slurm@'127.0.0.1' IDENTIFIED BY 'slurm'; "
        self.run(*client, grant + "GRANT ALL ON slurm.* TO slurm@'127.0.0.1';")
        path = ETC / "slurmdbd.conf"
        path.touch(mode=0o600)
        path.write_text(
            f"{MARK}AuthType=auth/munge\nAuthInfo=socket={place}/munge.socket\n"
            f"DbdHost={HOST}\nDbdAddr=127.0.0.1\n"
            "DbdPort=16819\nSlurmUser=root\nStorageType=accounting_storage/mysql\n"
            "StorageHost=127.0.0.1\nStoragePort=16820\nStorageUser=slurm\nStoragePass=slurm\nStorageLoc=slurm\n"
            f"LogFile={place}/log/slurmdbd.log\nPidFile={place}/pid/slurmdbd.pid\n"
        )
        path.chmod(0o600)
        self.run("slurmdbd")
        ready = ["sacctmgr", "-n", "list", "cluster"]
        _until(
            lambda: subprocess.run(ready, capture_output=True).returncode == 0,
            "slurmdbd answers",
            60,
        )
        self.run("sacctmgr", "-i", "add", "cluster", NAME, check=False)
        self.run("sacctmgr", "-i", "add", "account", "beamline", check=False)
        self.run("sacctmgr", "-i", "add", "user", "root", "account=beamline", check=False)


def _until(true, what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s until {what}")
        time.sleep(0.2)


def _descendants(pid: int) -> list[int]:
    children = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            children += map(int, (task / "children").read_text().split())
    return [found for child in children for found in (child, *_descendants(child))]


def _end(pid_file: Path, seconds: float = 20) -> None:
    """Terminate the process of a pid file, kill it if need be, and delete the file."""
    with suppress(OSError, ValueError):
        pid = int(pid_file.read_text())
        # A file that a killed daemon left may name the number of another process by now.
        if Path(f"/proc/{pid}/comm").read_text().strip() != pid_file.stem.partition("-")[0]:
            raise ValueError(pid)
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + seconds
        while (
            Path(f"/proc/{pid}").exists()
            and "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
        ):
            if time.monotonic() > end:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)
    with suppress(OSError):
        pid_file.unlink()


if __name__ == "__main__":  # by hand: python tests/slurm/cluster.py start [accounting] | stop
    cluster = Cluster(accounting="accounting" in sys.argv)
    if sys.argv[1:2] == ["start"]:
        cluster.start()
        print(cluster.run("sinfo"))
    else:
        cluster.stop()
