"""The executor: how jobs are submitted, and how their end is found."""

import itertools
import math
import shlex
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from snakemake_executor_plugin_slurm import Executor as OfficialExecutor
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import get_job_wildcards
from snakemake_executor_plugin_slurm.validation import (
    validate_slurm_extra,
)
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from . import arrays, check, orphans, profile, states, submission

_SLURM_SAYS = 15.0  # seconds for Slurm to say why a command ended badly
_VANISHED = 120.0  # seconds for which Slurm may not know a job before it counts as gone


class Executor(OfficialExecutor):
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
        check.requests_fit(self)
        self._orphans = orphans.find(self._home, psutil.Process().create_time())
        self._lock_file = orphans.hold(self._folder)

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
                self._submit_job(job)
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
        if len(jobs) > 1:
            self.logger.info(f"Wave of {len(jobs)} ready jobs.")
        kinds = defaultdict(list)
        for job in jobs:
            kinds[arrays.kind(job)].append(job)
        for equal in kinds.values():
            # The official executor refuses an MPI job of one task, which is a plain job.
            if len(equal) == 1 and not equal[0].resources.get("mpi"):
                self._submit_job(equal[0])
                continue
            tasks = arrays.bundle(
                equal,
                self.settings.task_minutes,
                self.settings.least_tasks,
                self._longest(equal[0]),
            )
            for start in range(0, len(tasks), self.max_array_size):
                part = tasks[start : start + self.max_array_size]
                for job in itertools.chain(*part):
                    self.run_job_pre(job)
                self._job_submission_executor.submit(self._run_array, part)

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

    def run_job(self, job: Any) -> None:
        """Submit one job the official way, once the controller answers."""
        if not job.is_group():
            comment = f"rule_{job.name}"
            if get_job_wildcards(job):
                comment += f"_wildcards_{get_job_wildcards(job)}"
            arrays.write_jobs(self._folder / f"{comment}.json", [(job, 0, None)])
        submission.await_controller(lambda: self._cancelled)
        super().run_job(job)

    def _run_array(self, tasks: list[list[Any]]) -> None:
        jobs = list(itertools.chain(*tasks))
        try:
            self._submit_array(tasks)
        except Exception as error:
            for job in jobs:
                self._report_job_error_threadsafe(
                    SubmittedJobInfo(job), f"Submission failed: {error}"
                )

    def _submit_array(self, tasks: list[list[Any]]) -> None:
        number = next(self._numbers)
        folder = self._folder / str(number)
        members = arrays.write(
            folder, [[(job, self._command(job)) for job in task] for task in tasks]
        )
        first = max(tasks, key=len)
        validate_slurm_extra(first[0])
        request = arrays.task_request(first)
        log = self.slurm_logdir / f"rule_{request.name}" / "%A_%a.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        call = get_submit_command(
            request,
            {
                "run_uuid": self.run_uuid,
                "slurm_logfile": log,
                "comment_str": f"array {number}",
                "account": next(self.get_account_arg(request)),
                "partition": self.get_partition_arg(request),
                "workdir": self.workflow.workdir_init,
            },
            settings=self.settings,
            failed_nodes=self._failed_nodes,
        )
        throttle = f"%{self.settings.throttle}" if self.settings.throttle else ""
        call += f" --array=1-{len(tasks)}{throttle} {shlex.quote(str(folder / 'script.sh'))}"
        identifier = submission.sbatch(
            call, self.run_uuid, f"array {number}", lambda: self._cancelled, self.logger
        )
        cluster = request.resources.get("slurm_cluster") or request.resources.get("cluster")
        if cluster:
            self._submitted_job_clusters.add(cluster)
        many = f"{len(members)} job{'s' * (len(members) > 1)} of rule {request.name}"
        self.logger.info(
            f"{many}: Slurm array {identifier}, {len(tasks)} task{'s' * (len(tasks) > 1)}."
        )
        for job, task, member in members:
            path = Path(str(log).replace("%A", identifier).replace("%a", str(task)))
            info = SubmittedJobInfo(
                job, f"{identifier}_{task}", {"member": member, "slurm_logfile": path}
            )
            self._report_job_submission_threadsafe(info)

    def get_account_arg(self, job: Any) -> Iterator[str]:
        """Yield the account of the profile; without one, Slurm charges the user's default."""
        account = job.resources.get("slurm_account")
        yield f" -A {shlex.quote(str(account))}" if account else ""

    def _command(self, job: Any) -> str:
        """Return the Snakemake command of a job, which the task runs itself, not a step of it."""
        return super().format_job_exec(job).replace("--executor slurm-jobstep --jobs 1", "")

    # States -------------------------------------------------------------------------------------

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        """Report the jobs that ended; yield the others."""
        pending = []
        for info in active_jobs:
            member = (info.aux or {}).get("member")
            status = member.exit_status() if member else None
            if status == 0:
                self._finish(info, 0)
            else:
                pending.append(info)
        if not pending:
            return
        async with self.status_rate_limiter:
            wanted = {str(info.external_jobid) for info in pending}
            known, complete = await states.read(
                wanted,
                self._names,
                self._submitted_job_clusters,
                self._since,
                self.settings.status_command or "squeue",
                self.logger,
            )
        if self._away != (not complete):
            self._away = not complete
            self.logger.warning(
                "Slurm does not answer; waiting for it." if self._away else "Slurm answers again."
            )
        again = []
        for info in pending:
            verdict = self._judge(info, known.get(str(info.external_jobid)), complete)
            if verdict == "goes on":
                yield info
            elif verdict == "again":
                again.append(info.job)
        if again:
            self._job_submission_executor.submit(self._run_array, [[job] for job in again])

    def _judge(self, info: SubmittedJobInfo, state: str | None, complete: bool) -> str:
        """Report `info` if it ended by its Slurm `state`; return "goes on", "again" or "ended"."""
        identifier = str(info.external_jobid)
        member = (info.aux or {}).get("member")
        status = member.exit_status() if member else None
        if status is not None:
            return self._explain(info, member, status, state)
        if state is None:
            since = (
                self._unknown.setdefault(identifier, time.monotonic())
                if complete
                else time.monotonic()
            )
            if time.monotonic() - since < _VANISHED:
                return "goes on"
            # Slurm forgot the job. A single one may be done: Snakemake looks for its files.
            if member is None:
                self.report_job_success(info)
            else:
                self._fail(info, "Slurm does not know it any more")
            return "ended"
        self._unknown.pop(identifier, None)
        if state == "COMPLETED":
            self._finish(info, 0)
            return "ended"
        if state not in states.ENDED_BADLY:
            return "goes on"
        if member and len(member.siblings) > 1:
            # The files of the last jobs may appear late on a shared file system.
            wait = self.workflow.execution_settings.latency_wait
            if time.monotonic() - self._ended.setdefault(identifier, time.monotonic()) < wait:
                return "goes on"
            if not member.started() and member.task_started():
                return "again"  # it never began: this does not count as an attempt
        self._fail(info, f"{state}, {states.ENDED_BADLY[state]}")
        return "ended"

    def _explain(
        self, info: SubmittedJobInfo, member: arrays.Member, status: int, state: str | None
    ) -> str:
        """Report a job whose command ended with `status`; return the same as :meth:`_judge`.

        A command that Slurm ended leaves a status, too. Slurm's own state comes a little later and
        says more: cancelled, out of walltime, its node failed.
        """
        since = self._ended.setdefault(f"{info.external_jobid}/{member.number}", time.monotonic())
        by_slurm = state in states.ENDED_BADLY and state != "FAILED"
        if by_slurm and len(member.siblings) == 1:
            self._fail(info, f"{state}, {states.ENDED_BADLY[str(state)]}")
        elif (
            by_slurm
            or state in ("FAILED", "COMPLETED")
            or status == 0
            or time.monotonic() - since > _SLURM_SAYS
        ):
            self._finish(info, status)
        else:
            return "goes on"
        return "ended"

    def _finish(self, info: SubmittedJobInfo, status: int) -> None:
        if status:
            killed = ", killed: out of memory?" if status == 137 else ""
            self._fail(info, f"its command ended with status {status}{killed}")
            return
        self.report_job_success(info)
        member, log = (info.aux or {}).get("member"), (info.aux or {}).get("slurm_logfile")
        keep = self.settings.keep_successful_logs
        if log and not keep and (member is None or member.number == member.siblings[-1]):
            others = member.siblings if member else ()
            if all(
                arrays.Member(member.folder, other, others).exit_status() == 0 for other in others
            ):
                Path(log).unlink(missing_ok=True)

    def _fail(self, info: SubmittedJobInfo, why: str) -> None:
        log = (info.aux or {}).get("slurm_logfile")
        message = f"Slurm job {info.external_jobid}: {why}. "
        self.report_job_error(info, msg=message, aux_logs=[str(log)] if log else [])

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
