# Leishu: `make demo` and `make test` are all a new user needs.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -q
OUT    := demo-out

.PHONY: help demo test setup lint types check review eval bench golden build clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -U pip

# Enough for the demo: no torch.
$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	@test -e $(VENV)/.all || $(PIP) install -c constraints.txt -e ".[plots,clips,review]"
	@touch $@

# Everything, for tests and development.
$(VENV)/.all: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt "torch==2.13.0"
	$(PIP) install -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.demo

setup: $(VENV)/.all ## build .venv with every extra

demo: $(VENV)/.demo ## run the shipped recipe on the shipped bilingual sample
	$(BIN)/curate demo --out $(OUT)

test: $(VENV)/.all ## run the whole test suite
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(VENV)/.all ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.all ## mypy --strict on the package
	$(BIN)/mypy

check: lint types test ## all that CI runs

review: $(VENV)/.demo ## open the review app on the demo's workspace
	$(BIN)/curate review serve --workspace $(OUT)/ws

eval: $(VENV)/.demo ## print the quality figures on the gold files in tests/eval
	$(BIN)/python -m tests.eval.run

bench: $(VENV)/.all ## speed against the peers, in one run
	$(BIN)/python -m tests.benchmarks.run

golden: $(VENV)/.all ## write the golden files anew after a meant change
	$(BIN)/python -m tests.golden.update

build: $(VENV)/.all ## wheel and sdist
	$(BIN)/python -m build

clean: ## remove what the targets above made, but not .venv
	rm -rf $(OUT) build dist .pytest_cache .mypy_cache .ruff_cache
