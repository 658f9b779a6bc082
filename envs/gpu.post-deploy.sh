#!/usr/bin/env bash
# Runs once in the new environment, in the folder where snakemake was started: the root of the
# repository.
set -euo pipefail
python -m pip install --quiet --constraint envs/lock.txt ".[gpu,workflow]"
