# `make run` and `make test` need Python (3.11 or newer) and make, nothing else.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run test smoke browser chaos cluster-test clean

run: $(VENV)/installed  ## Train the MNIST sweep and report on it.
	$(BIN)/klsweep run sweeps/mnist.yaml
	$(BIN)/klsweep report results/

test: $(VENV)/installed-dev  ## Install with the dev group, then the whole check.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 3 --dist loadfile

smoke: $(VENV)/installed  ## A sweep of every part at toy size.
	$(BIN)/klsweep run sweeps/smoke.yaml
	$(BIN)/klsweep report results/smoke

browser:  ## Debian's Chromium, where it can be installed, for the tests of the page; without it they skip.
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
		timeout 120 apt-get -qq update && DEBIAN_FRONTEND=noninteractive timeout 600 \
		apt-get -qq install --yes --no-install-recommends chromium; } >/dev/null 2>&1 || \
		echo "no Chromium here, and none could be installed: the tests of the page in a browser skip"

chaos: $(VENV)/installed-dev  ## Kill runner and workers at 20 random moments; KLSWEEP_CHAOS_SEED=1 for others.
	KLSWEEP_CHAOS=20 $(BIN)/pytest -s tests/faults/test_chaos.py

cluster-test: $(VENV)/installed-dev  ## Install Dask and Ray (250 MB), then run sweeps on both, with workers killed.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dask,ray]'
	KLSWEEP_CLUSTER=1 $(BIN)/pytest -v tests/cluster

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
