"""The executor: how jobs are submitted and cancelled."""

import itertools
import math
import shlex
import subprocess
import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import get_job_wildcards, set_gres_string
from snakemake_executor_plugin_slurm.validation import validate_slurm_extra
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from . import arrays, check, cores, direct, endings, orphans, profile, submission
from .endings import JudgingExecutor
from .nodes import Nodes


class Executor(JudgingExecutor):
    """Submits waves of equal jobs as arrays; see the package's description."""

    def __post_init__(self, test_mode: bool = False) -> None:
        check.slurm_is_here()
        for path in profile.profiles(Path(self.workflow.workdir_init)):
            profile.profile_keys(path)
        partitions = profile.partition_file(self.workflow.executor_settings)
        if partitions:
            profile.partition_keys(partitions)
        super().__post_init__(test_mode)
        self.settings = self.workflow.executor_settings
        self._since = datetime.now()
        self._home = Path(".snakemake/slurm-array").resolve()
        self._folder = self._home / self.run_uuid
        self._names = {self.run_uuid}
        self._numbers = itertools.count(1)
        self._waiting: list[Any] = []
        self._guard = threading.Lock()
        self._timer: threading.Timer | None = None
        self._cancelled = False
        self._unknown: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self._away = False
        self._nodes = Nodes()
        check.requests_fit(self)
        self._orphans = orphans.find(self._home, psutil.Process().create_time())
        self._lease = orphans.hold(self._folder)

    # Submission ---------------------------------------------------------------------------------

    def run_jobs(self, jobs: list[Any]) -> None:
        """Submit ready jobs: those that run already are taken up, plain ones wait for others."""
        for job in jobs:
            if self._take_up(job):
                continue
            self._bound(job)
            if arrays.wants_array(job):
                with self._guard:
                    self._waiting.append(job)
            else:
                self._submit([[job]])
        with self._guard:
            if self._waiting and not self._cancelled:
                if self._timer:
                    self._timer.cancel()
                self._timer = threading.Timer(self.settings.settle_seconds, self._flush)
                self._timer.daemon = True
                self._timer.start()

    def _take_up(self, job: Any) -> bool:
        orphan = (
            None if job.is_group() else self._orphans.pop(str(next(iter(job.output), "")), None)
        )
        if orphan is None:
            return False
        if not orphans.takes_up(orphan, job):
            self.logger.info(
                f"Slurm job {orphan.identifier} of an earlier run makes another version: cancelled."
            )
            orphans.cancel([orphan.identifier])
            return False
        self.run_job_pre(job)
        self.logger.info(
            f"Job {job.jobid} runs as Slurm job {orphan.identifier} of an earlier run already: "
            "taken up."
        )
        self._names.add(orphan.run)
        self.report_job_submission(
            SubmittedJobInfo(job, orphan.identifier, {"member": orphan.member})
        )
        return True

    def _bound(self, job: Any) -> None:
        """Limit the request of a later attempt to what its partitions allow: Slurm refuses more."""
        if job.is_group() or job.attempt == 1:
            return
        for key, value in check.lowered(job, self._partitions or []).items():
            setattr(job.resources, key, value)
        longest = self._longest(job)
        if (
            longest
            and isinstance(job.resources.get("runtime"), int)
            and job.resources.runtime > longest
        ):
            job.resources.runtime = longest

    def _flush(self) -> None:
        with self._guard:
            jobs, self._waiting = self._waiting, []
            self._timer = None
        try:
            self._submit_wave(jobs)
        except Exception as error:
            # This thread is the timer's: nobody else would hear of it.
            for job in jobs:
                self._refuse(job, f"not submitted: {error}")

    def _submit_wave(self, jobs: list[Any]) -> None:
        if len(jobs) > 1:
            self.logger.info(f"Wave of {len(jobs)} ready jobs.")
        kinds = defaultdict(list)
        for job in jobs:
            kinds[arrays.kind(job)].append(job)
        for equal in kinds.values():
            tasks = arrays.bundle(
                equal,
                self.settings.task_minutes,
                self.settings.least_tasks,
                self._longest(equal[0]),
                cores.of(self._partition_names(equal[0])),
            )
            for start in range(0, len(tasks), self.max_array_size):
                self._submit(tasks[start : start + self.max_array_size])

    def _submit(self, tasks: list[list[Any]]) -> None:
        """Submit tasks of equal jobs in the background."""
        for job in itertools.chain(*tasks):
            self.run_job_pre(job)
        self._job_submission_executor.submit(self._run, tasks)

    def _refuse(self, job: Any, why: str) -> None:
        """Report that a job could not be submitted."""
        self._report_job_error_threadsafe(SubmittedJobInfo(job), f"Job {job.jobid}: {why}")

    def _longest(self, job: Any) -> int | None:
        """Return the longest walltime in minutes of the partitions for `job`; None: no limit."""
        own = job.resources.get("slurm_partition")
        if own or not self._partitions:
            return check.partition_limits().get(str(own)) if own else None
        limits = [
            part.limits.max_runtime
            for part in self._partitions
            if part.score_job_fit(job) is not None
        ]
        return int(max(limits)) if limits and all(map(math.isfinite, limits)) else None

    def _partition_names(self, job: Any) -> set[str]:
        """Return the partitions that `job` may go to; empty: Slurm's default."""
        own = job.resources.get("slurm_partition")
        if own:
            return set(str(own).split(","))
        parts = self._partitions or []
        return {part.name for part in parts if part.score_job_fit(job) is not None}

    def _run(self, tasks: list[list[Any]]) -> None:
        try:
            self._submit_tasks(tasks)
        except submission.LimitError as error:
            if len(tasks) > 1:
                # More tasks than this site lets one user have: send them in turns.
                middle = len(tasks) // 2
                self._run(tasks[:middle])
                self._run(tasks[middle:])
                return
            self._give_up(tasks, error)
        except Exception as error:
            self._give_up(tasks, error)

    def _give_up(self, tasks: list[list[Any]], error: Exception) -> None:
        for job in itertools.chain(*tasks):
            if isinstance(error, submission.RefusedError):
                endings.never_again(job)
                self._refuse(job, f"{error}. {check.advice(self, job, str(error))}")
            else:
                self._refuse(job, f"not submitted: {error}")

    def _submit_tasks(self, tasks: list[list[Any]]) -> None:
        folder = self._folder / str(next(self._numbers))
        # Jobs with GPUs, several ranks or groups need the step that the official command makes.
        plain = all(arrays.wants_array(job) for job in itertools.chain(*tasks))
        command = self._command if plain else self.format_job_exec
        described = direct.describe(self, list(itertools.chain(*tasks))) if plain else None
        members = arrays.write(
            folder,
            [
                [(job, described[job] if described else command(job)) for job in task]
                for task in tasks
            ],
            self.get_python_executable() if described else None,
        )
        first = max(tasks, key=len)
        validate_slurm_extra(first[0])
        request = arrays.task_request(first) if plain else first[0]
        many = len(tasks) > 1
        log = self._log_file(first[0], many)
        call = get_submit_command(
            request,
            {
                "run_uuid": self.run_uuid,
                "slurm_logfile": log,
                "comment_str": self._comment(first[0], many),
                "account": next(self.get_account_arg(request)),
                "partition": self.get_partition_arg(request),
                "workdir": self.workflow.workdir_init,
            },
            settings=self.settings,
            failed_nodes=self._failed_nodes | self._avoided(tasks),
        )
        call += set_gres_string(request)
        if many:
            throttle = f"%{self.settings.throttle}" if self.settings.throttle else ""
            call += f" --array=1-{len(tasks)}{throttle}"
        script = folder / "script.sh"
        call += f" {shlex.quote(str(script))}"
        submission.await_controller(lambda: self._cancelled)
        try:
            identifier = submission.sbatch(
                call, script, self.run_uuid, lambda: self._cancelled, self.logger
            )
        except Exception:
            # If Slurm took it after all, it must not run beside the next attempt.
            (folder / "withdrawn").touch()
            raise
        cluster = request.resources.get("slurm_cluster") or request.resources.get("cluster")
        if cluster:
            self._submitted_job_clusters.add(cluster)
        jobs = f"{len(members)} job{'s' * (len(members) > 1)} of rule {first[0].name}"
        kind = f"array {identifier}, {len(tasks)} tasks" if many else f"job {identifier}"
        self.logger.info(f"{jobs}: Slurm {kind}.")
        for job, task, member in members:
            path = Path(str(log).replace("%A", identifier).replace("%a", str(task)))
            path = path.with_name(path.name.replace("%j", identifier))
            info = SubmittedJobInfo(
                job,
                f"{identifier}_{task}" if many else identifier,
                {"member": member, "slurm_logfile": path},
            )
            self._report_job_submission_threadsafe(info)

    def _log_file(self, job: Any, many: bool) -> Path:
        """Return the file for what a submission prints, with Slurm's own placeholders."""
        name = f"{'group' if job.is_group() else 'rule'}_{job.name}"
        place = self.slurm_logdir / name
        log = place / "%A_%a.log" if many else place / get_job_wildcards(job) / "%j.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        return log

    def _comment(self, job: Any, many: bool) -> str:
        """Return a comment that helps a person who looks at the queue; nothing depends on it."""
        wildcards = "" if many else get_job_wildcards(job)
        return f"rule_{job.name}" + (f"_wildcards_{wildcards}" if wildcards else "")

    def _avoided(self, tasks: list[list[Any]]) -> set[str]:
        """Return the nodes where these jobs failed at once, if others are left."""
        jobs = [job for job in itertools.chain(*tasks) if not job.is_group()]
        nodes = set().union(*(self._nodes.avoided(arrays.fingerprint(job)) for job in jobs))
        # Slurm is asked only where there is something to avoid.
        return nodes if nodes and check.others_than(nodes | self._failed_nodes) else set()

    def get_account_arg(self, job: Any) -> Iterator[str]:
        """Yield the account of the profile; without one, Slurm charges the user's default."""
        account = job.resources.get("slurm_account")
        yield f" -A {shlex.quote(str(account))}" if account else ""

    def _command(self, job: Any) -> str:
        """Return the Snakemake command of a job, which the task runs itself, not a step of it."""
        return super().format_job_exec(job).replace("--executor slurm-jobstep --jobs 1", "")

    # The end ------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Cancel all jobs of this driver, including those that are being submitted now."""
        self._cancelled = True
        with self._guard:
            self._waiting.clear()
            if self._timer:
                self._timer.cancel()
        super().cancel()

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Cancel by name: one call for any number of jobs, and none is missed."""
        self._job_submission_executor.shutdown(wait=True)
        where = (
            [f"--clusters={','.join(self._submitted_job_clusters)}"]
            if self._submitted_job_clusters
            else []
        )
        for name in self._names:
            done = subprocess.run(
                ["scancel", *where, f"--name={name}"], capture_output=True, text=True, timeout=120
            )
            if done.returncode:
                self.logger.error(
                    f"scancel --name={name}: {done.stderr.strip()}; cancel these jobs by hand"
                )
