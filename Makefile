# make demo: run the complete pipeline on this machine. make test: run the tests.
# Both need Python 3.11 to 3.13, and nothing else.
VENV := .venv
BIN := $(VENV)/bin
CORES ?= $(shell nproc 2>/dev/null || echo 2)
DEMO := config/demo.yaml
# `TRAIN=gpu` installs TensorFlow with CUDA, in an environment without `tensorflow-cpu`. An
# environment that has CUDA keeps it.
TRAIN ?= $(if $(wildcard $(VENV)/lib/*/site-packages/nvidia),gpu,train)
export PIP_DISABLE_PIP_VERSION_CHECK = 1

# A frame that the demo's networks have not seen, as a file, to tag at the end.
define TEST_FRAME
import json
import numpy as np
from xscatter import open_experiment
index = json.load(open("results/demo/batches/records.json"))
number = index["batches"][index["test_batch"]]["experiments"][0]
with open_experiment(f"results/demo/experiments/{number:05d}.h5") as experiment:
    image = int(experiment.labels[:].sum(1).argmax())
    counts, mask, _ = experiment.counts(image)
    true = [tag for tag, label in zip(experiment.tags(), experiment.labels[image]) if label]
np.save("results/demo/frame.npy", np.where(mask, -1, counts.astype(np.int64)))
print("\nA simulated frame that no training has seen: results/demo/frame.npy")
print("Its true tags:", ", ".join(true))
endef
export TEST_FRAME

.PHONY: demo test check processors docs lock clean

demo: $(VENV)/.demo
	$(BIN)/snakemake --cores $(CORES) --configfile $(DEMO)
	$(BIN)/xscatter report $(DEMO) --table
	@$(BIN)/python -c "$$TEST_FRAME"
	@echo; $(BIN)/xscatter predict results/demo/frame.npy --model results/demo \
	  -o results/demo/tags --force
	@echo; $(BIN)/xscatter predict results/demo/frame.npy -o results/demo/tags-shipped --force

# The tests on the private cluster wait for real daemons and minutes of walltime. On a busy machine
# some of them may fail, so those that failed run once more and must then pass.
test: $(VENV)/.test check
	$(BIN)/pytest -n $(CORES) --dist loadfile --no-loadscope-reorder --ignore=tests/slurm
	$(BIN)/pytest tests/slurm || $(BIN)/pytest tests/slurm --last-failed

# Style, types, and which room may import which; part of `make test`.
check: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/snakemake --lint

# The tests that compare floats, as older processors and other numbers of threads would run them.
processors: $(VENV)/.test
	PATH="$(abspath $(BIN)):$$PATH" CORES=$(CORES) tests/processors.sh

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

$(VENV)/.demo: EXTRAS = mpi,$(TRAIN),workflow
$(VENV)/.test: EXTRAS = mpi,$(TRAIN),workflow,test
$(VENV)/.docs: EXTRAS = mpi,$(TRAIN),workflow,docs
$(VENV)/.demo $(VENV)/.test $(VENV)/.docs: $(VENV)/bin/python pyproject.toml envs/lock.txt
	@echo "installing into $(VENV): 2.5 GB, some minutes"
	$(BIN)/python -m pip install --quiet --constraint envs/lock.txt --editable '.[$(EXTRAS)]'
	@touch $@

# Use the first Python from 3.11 to 3.13 that can make an environment.
$(VENV)/bin/python:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	      2>/dev/null; then \
	    echo "making $(VENV) with $$($$python --version)"; exec $$python -m venv $(VENV); fi; \
	done; \
	echo "no Python 3.11 to 3.13 with venv found; install one (Debian: apt install python3-venv)" \
	  "or name it: make PYTHON=/path/to/python3.12"; \
	exit 2

# Lock the newest versions that pyproject.toml allows, for all supported Pythons at once.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --upgrade --no-header \
	  --extra mpi --extra train --extra workflow --extra test --extra docs pyproject.toml \
	  --output-file envs/lock.txt

clean:
	rm -rf $(VENV) results .snakemake
