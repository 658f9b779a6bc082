"""How the executor finds out that jobs ended, and how they ended."""

import time
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

from snakemake_executor_plugin_slurm import Executor as OfficialExecutor
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

from . import arrays, check, states

_SLURM_SAYS = 15.0  # seconds for Slurm to say why a command ended badly
_VANISHED = 120.0  # seconds for which Slurm may not know a job before it counts as gone


class JudgingExecutor(OfficialExecutor):
    """Reports jobs that ended, by the marks of their tasks and by their states in Slurm."""

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncGenerator[SubmittedJobInfo, None]:
        """Report the jobs that ended; yield the others."""
        pending = []
        for info in active_jobs:
            if info.aux["member"].exit_status() == 0:
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
            self._job_submission_executor.submit(self._run, [[job] for job in again])

    def _judge(self, info: SubmittedJobInfo, state: str | None, complete: bool) -> str:
        """Report `info` if it ended by its Slurm `state`; return "goes on", "again" or "ended"."""
        identifier = str(info.external_jobid)
        member = info.aux["member"]
        status = member.exit_status()
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
            self._fail(info, "Slurm does not know it any more")
            return "ended"
        self._unknown.pop(identifier, None)
        if state != "COMPLETED" and state not in states.ENDED_BADLY:
            return "goes on"
        # The files of the last jobs may appear late on a shared file system.
        wait = self.workflow.execution_settings.latency_wait
        late = time.monotonic() - self._ended.setdefault(identifier, time.monotonic()) < wait
        if late and (state == "COMPLETED" or len(member.siblings) > 1):
            return "goes on"
        owner, _ = member.owner()
        number, _, task = identifier.partition("_")
        if owner not in ("", number):
            # Slurm had taken the submission twice: the other one runs this job.
            info.external_jobid = f"{owner}_{task}" if task else owner
            return "goes on"
        if state == "COMPLETED":
            self._fail(info, "it ended without a trace of its command")
            return "ended"
        if len(member.siblings) > 1 and not member.started() and member.task_started():
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
        member, log = info.aux["member"], info.aux.get("slurm_logfile")
        if status:
            refusal = member.refusal()
            if refusal:
                never_again(info.job)
                self._fail(info, f"it is not tried again, since its input is wrong: {refusal}")
                return
            killed = ", killed: out of memory?" if status == 137 else ""
            self._fail(info, f"its command ended with status {status}{killed}")
            return
        self._nodes.succeeded(member.owner()[1])
        self.report_job_success(info)
        if log and not self.settings.keep_successful_logs and member.number == member.siblings[-1]:
            others = (arrays.Member(member.folder, n, member.siblings) for n in member.siblings)
            if all(other.exit_status() == 0 for other in others):
                Path(log).unlink(missing_ok=True)

    def _fail(self, info: SubmittedJobInfo, why: str) -> None:
        member, log = info.aux["member"], info.aux.get("slurm_logfile")
        message = f"Slurm job {info.external_jobid}: {why}. " + self._blame(info, member)
        self.report_job_error(info, msg=message, aux_logs=[str(log)] if log else [])

    def _blame(self, info: SubmittedJobInfo, member: arrays.Member) -> str:
        """Return the node that the next attempt avoids, as text, if the job failed at once."""
        _, node = member.owner()
        if info.job.is_group():
            return ""
        if not self._nodes.failed(node, member.seconds(), arrays.fingerprint(info.job)):
            return ""
        broken = self._nodes.broken() - self._failed_nodes
        if node in broken and check.others_than(self._failed_nodes | broken):
            self._failed_nodes |= broken
            self.logger.warning(f"Node {node} fails every job at once: it gets no more of them.")
        return f"It failed at once on node {node}. "


def never_again(job: Any) -> None:
    """Make this attempt of a job its last: another one could not succeed."""
    job.attempt = max(job.attempt, job.restart_times + 1)
