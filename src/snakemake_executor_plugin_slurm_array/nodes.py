"""Nodes that fail jobs at once: what ran there next would fail as well.

A broken node ends each job within seconds and is free again for the next one, so that it can fail a
whole study. A job that failed at once is not sent to the same node again, and a node that failed
several jobs at once, while others succeed elsewhere, gets no more jobs of this driver.
"""

from collections import defaultdict

AT_ONCE = 30.0  # seconds
MANY = 3  # failures at once without a success between them


class Nodes:
    """Counts of the jobs that failed at once or succeeded on each node."""

    def __init__(self) -> None:
        self._failures: dict[str, int] = defaultdict(int)
        self._good: set[str] = set()
        self._of_job: dict[str, set[str]] = defaultdict(set)

    def succeeded(self, node: str) -> None:
        """Record that a job ended well on `node`."""
        if node:
            self._good.add(node)
            self._failures[node] = 0

    def failed(self, node: str, seconds: float, job: str) -> bool:
        """Record that a job failed; return whether its next attempt should avoid the node.

        Args:
            node: its name; empty: not known.
            seconds: how long the job ran.
            job: what the job makes.
        """
        if not node or seconds > AT_ONCE:
            return False
        self._failures[node] += 1
        self._of_job[job].add(node)
        return True

    def broken(self) -> set[str]:
        """Return nodes that fail everything, while jobs end well on others."""
        return {
            node for node, count in self._failures.items() if count >= MANY and self._good - {node}
        }

    def avoided(self, job: str) -> set[str]:
        """Return the nodes on which a job failed at once."""
        return self._of_job.get(job, set())
