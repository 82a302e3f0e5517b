# For developers on macOS and Linux; README.md has the same commands spelled out for everybody.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo test lint bench reference

setup:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q -r requirements-dev.txt

demo:
	$(BIN)/python run_experiment.py experiments/exp1.yaml

test:
	$(BIN)/python -m pytest

lint:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy run_experiment.py rearview.py common features models pipeline

bench:
	$(BIN)/python -m benchmarks.stage_one

reference:
	$(BIN)/python -m pipeline.config.reference
	$(BIN)/python -m features.kinematics.reference
