# Targets set themselves up: the first one that runs creates .venv and installs the package into it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
OUT ?= out

.PHONY: setup rtl-setup demo test check format bench validate validate-search docs clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

rtl-setup: $(READY)  ## Verilog simulators for tests/rtl, which is skipped without them
	sh tests/rtl/install.sh $(BIN)/python

demo: $(READY)  ## the whole flow on embedded data
	$(BIN)/bitgrove demo --out $(OUT)/demo

check: $(READY)  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: check  ## everything that CI runs
	$(BIN)/python -m pytest -n 2 -m "not validate"

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m tests.docs.clean_notebooks

validate: $(READY)  ## heavy checks against outside results; rewrites the tables and plots in docs/
	$(BIN)/python -m pytest -m validate tests/unit tests/validation tests/rtl
	$(BIN)/python -m tests.validation.write_docs
	$(BIN)/python -m tests.validation.accuracy.choice --minutes 20
	$(BIN)/python -m tests.validation.accuracy.study --minutes 50

validate-search: $(READY)  ## searches by all agents, about eight hours in resumable pieces; rewrites docs/search_results.md
	$(BIN)/python -m tests.validation.search.study --minutes 110

bench: $(READY)  ## speed, side by side; rewrites docs/benchmarks.md
	$(BIN)/python -m tests.benchmarks.run

docs: $(READY)  ## pictures and tables of the README and docs/
	$(BIN)/python -m tests.validation.write_docs

clean:
	rm -rf $(VENV) .venv-scalesim $(OUT) build dist .mypy_cache .ruff_cache .pytest_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
