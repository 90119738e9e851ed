# `make run` and `make test` need Python 3.11+ on a fresh machine, and nothing else.
# PORT=8867 make run      serves on another port
# PYTHON=python3.12 make  builds .venv with that interpreter
# TESTS=tests/unit make test  runs a part of the suite

PYTHON ?= python3
PORT ?= 8866
TESTS ?=
AGAIN := --reruns 1 -raR
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
# Python compiles what it imports when it first does: all of torch at once would take half a minute.
PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet --no-compile \
  --constraint constraints.txt

# node and npm come from the wheel in .venv: the same version on every machine.
export PATH := $(BIN):$(PATH)

.PHONY: run test bench lint format clean
.DEFAULT_GOAL := run

run: $(VENV)/.ready-run
	@$(BIN)/gladius demo --port $(PORT)

# Browser tests come last and alone: they wait for pages, and nothing else may hold the cores.
# Real pages and real processes on two busy cores: what fails is tried once more before it counts,
# and listed as RERUN at the end. A test that stands there twice has a race: mend it.
test: $(VENV)/.ready-test
	@GLADIUS_CHROMIUM="$$(scripts/browser.sh)" && export GLADIUS_CHROMIUM && \
	if [ -n "$(TESTS)" ]; then exec $(BIN)/python -m pytest $(TESTS); fi; \
	status=0; \
	$(BIN)/python -m pytest $(AGAIN) -n 2 --dist loadfile --nbval tests notebooks --ignore tests/browser \
	  || status=1; \
	$(BIN)/python -m pytest $(AGAIN) tests/browser || status=1; \
	exit $$status

bench: $(VENV)/.ready-test
	@GLADIUS_CHROMIUM="$$(scripts/browser.sh)" && export GLADIUS_CHROMIUM && \
	  $(BIN)/python -m benchmarks

lint: $(VENV)/.ready-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	npm --prefix gladius_widgets/frontend run --silent check & $(BIN)/pyright && wait $$!

format: $(VENV)/.ready-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis build dist gladius_widgets/frontend/node_modules

# A stamp is written last, so an interrupted install starts again and a finished one costs nothing.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, and '$(PYTHON)' is not. Name another: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "This Python has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.ready-run: $(VENV)/.created pyproject.toml constraints.txt
	@echo "Installing into $(VENV) (a few minutes the first time)"
	@$(PIP) --editable '.[train,demo]'
	@touch $@

$(VENV)/.ready-test: $(VENV)/.created pyproject.toml constraints.txt \
  gladius_widgets/frontend/package-lock.json
	@echo "Installing into $(VENV), for tests too (a few minutes the first time)"
	@$(PIP) --editable '.[train,demo,test,dev]'
	@npm --prefix gladius_widgets/frontend ci --silent --no-audit --no-fund
	@touch $(VENV)/.ready-run $@
