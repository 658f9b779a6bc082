"""Cost of jobs, their requests to Slurm, and the driver of a workflow."""
