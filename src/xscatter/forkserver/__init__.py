"""Short commands run in forks of one process that has loaded everything already.

A new process of `xscatter simulate` spends more time on imports, and on loading compiled loops,
than on a small experiment. A process that did this once forks a child for each command instead, and
the child has its own environment, log and exit status, like a process of its own. `serve` does so
for a driver on this machine, `task` for the jobs of one task of a Slurm array.
"""
