"""What jobs cost, what they ask Slurm for, and the driver of a workflow."""
