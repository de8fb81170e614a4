# `make run` and `make test` need Python (3.11 or newer) and make, nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run test smoke clean

run: $(VENV)/installed  ## Train the MNIST sweep and report on it.
	$(BIN)/klsweep run sweeps/mnist.yaml
	$(BIN)/klsweep report results/

test: $(VENV)/installed-dev  ## Install with the dev group, then the whole check.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest

smoke: $(VENV)/installed  ## A sweep of every part at toy size.
	$(BIN)/klsweep run sweeps/smoke.yaml
	$(BIN)/klsweep report results/smoke

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev
	touch $@

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
