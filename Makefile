# Two commands: `make app` opens the app, `make test` runs every check. `make PYTHON=python3.12 app` uses another Python.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Tests and the app start hundreds of processes: where modules may not be kept compiled, each compiles them again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: app test lint style types unit browser clean

app: $(VENV)/.installed
	$(BIN)/qexplorer app

# Types are checked beside the browser's tests, which wait more than they compute. Tests wait too, for children and for
# times to pass: three processes keep two processors at work. A file's tests stay in one of them, which makes once what
# they share; files go in their order, so that the long ones are not the last.
test: style unit
	$(MAKE) --jobs=2 types browser

lint: style types

style: $(VENV)/.installed-test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports

types: $(VENV)/.installed-test
	$(BIN)/mypy

unit: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "not browser"

browser: $(VENV)/.installed-test
	$(BIN)/python -m pytest -q -n 2 -m browser

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.exit(None if sys.version_info >= (3, 11) else f"qexplorer needs Python 3.11 or later and $(PYTHON) is {v}: name a newer one, as in: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

# The stamps make a second call quick; a change of what is needed installs again. `warm` compiles the loops of observing
# once, which would otherwise take the first comparison about two seconds.
$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable .
	$(BIN)/python -m qexplorer.observe.warm
	@touch $@

# Every optional backend that runs on a CPU is installed, so that none is tested only by its absence. Python compiles what
# is imported; pip would compile all 22,000 modules, one after the other, which takes about a minute.
$(VENV)/.installed-test: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --no-compile --editable '.[test,openvino,litert,tune,cluster]'
	$(BIN)/python -m qexplorer.observe.warm
	@touch $@ $(VENV)/.installed
