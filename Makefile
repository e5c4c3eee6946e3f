# Everything happens in .venv; a stamp in it says what is installed, so that a second call installs nothing.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
DEMO := runs/demo
# Tests of the rooms that everything else stands on, of the command line and of integrations: for jobs that need not run all.
CORE := tests/basics tests/specs tests/statistics tests/strategies tests/store tests/analysis tests/cli tests/integrations
# Of PyTorch another lowest version may be tested, where an index lacks it.
TORCH ?=

.PHONY: demo docs test lowest newest coverage lint format bench package clean

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, set PYTHON=")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/lab: .venv/python pyproject.toml constraints.txt
	$(PIP) --editable '.[lab]'
	touch $@

.venv/dev: .venv/lab
	$(PIP) --editable '.[lab,docs,dev]'
	touch $@

.venv/docs: .venv/lab
	$(PIP) --editable '.[lab,docs]'
	touch $@

demo: .venv/lab
	$(BIN)/warmstart compare --data digits --width 8 --stream growing --rounds 4 --seeds 8 \
		--strategies cold,warm,shrink-perturb --out $(DEMO)

docs: .venv/docs
	PYTHONPATH=tools $(BIN)/python -m docsite --out site

test: .venv/dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

# The lowest versions that pyproject.toml allows. Old releases warn of what newer ones of others deprecate.
lowest:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python tools/bounds.py lab integrations test $(if $(TORCH),--torch $(TORCH)) > .venv-lowest/constraints.txt
	.venv-lowest/bin/python -m pip install --quiet --constraint .venv-lowest/constraints.txt --editable '.[lab,integrations,test]'
	.venv-lowest/bin/python -m pytest --numprocesses 2 --dist loadgroup \
		-W ignore::DeprecationWarning -W ignore::FutureWarning $(CORE)

# The newest versions that the package index has.
newest:
	$(PYTHON) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --upgrade --upgrade-strategy eager --editable '.[lab,integrations,test]'
	.venv-newest/bin/python -m pytest --numprocesses 2 --dist loadgroup $(CORE)

coverage: .venv/dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup --cov --cov-report term:skip-covered $(CORE)

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Fails if a figure stops a release: see docs/releasing.md. Nothing else should be running.
bench: .venv/lab
	$(BIN)/python benchmarks/run.py --json runs/cpu-1-thread.json --against benchmarks/results/cpu-1-thread.json

# TAG=v0.2.0 stops unless that is the version.
package: .venv/dev
	$(BIN)/python tools/bounds.py --check $(if $(TAG),--tag $(TAG))
	rm -rf dist
	$(BIN)/python -m build --outdir dist

clean:
	rm -rf .venv .venv-lowest .venv-newest dist runs site
