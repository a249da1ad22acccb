# make demo: set up and run the pipeline on the built-in world. make test: set up and run every test.
# make quick: the tests that need no server, no engine and no minutes. tests/README.md says when to run which.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: setup demo quick test lint types bench clean

setup: $(VENV)/.demo-ready

$(VENV)/.demo-ready: infra/setup.sh infra/cpu.txt pyproject.toml
	PYTHON="$(PYTHON)" infra/setup.sh $(VENV)
	touch $@

$(VENV)/.test-ready: $(VENV)/.demo-ready infra/test.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r infra/test.txt
	-$(BIN)/python -m tests.published_templates
	touch $@

demo: $(VENV)/.demo-ready
	$(BIN)/pivotrl run desk

quick: $(VENV)/.test-ready
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=10 --hypothesis-profile=quick \
	  -m "not engine and not server and not slow"
	@echo "make quick left out the tests marked engine, server or slow, and took 10 examples per property; make test runs all."

test: $(VENV)/.test-ready
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test-ready
	$(BIN)/mypy

bench: $(VENV)/.test-ready
	$(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) .pivotrl
