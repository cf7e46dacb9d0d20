# Two commands are enough for a newcomer: make demo and make test. Each makes and reuses .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test check lab bench faults predictions controlplane peers format constraints clean

help: ## Show what there is
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(VENV)/.core: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11; give a newer one: make PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (once)"
	@$(PIP) --editable .
	@touch $@

$(VENV)/.test: $(VENV)/.core
	@$(PIP) --editable '.[test,check,postgresql]'
	@touch $@

$(VENV)/.lab: $(VENV)/.core
	@$(PIP) --editable '.[lab]'
	@touch $@

demo: $(VENV)/.core ## Sync the example shop to a sandbox cluster, through the notebook
	@$(BIN)/python -m gitops_nb.demo

test: $(VENV)/.test ## Run all tests that this machine can run
	@$(BIN)/pytest -n auto --dist worksteal -q

check: $(VENV)/.test ## Lint, types, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(VENV)/.test ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lab: $(VENV)/.lab ## Open JupyterLab on the same environment
	@$(BIN)/gitops-nb sandbox start
	@$(BIN)/jupyter lab --notebook-dir=notebooks

bench: $(VENV)/.test ## Print the benchmarks' figures
	@$(BIN)/python -m tests.bench

predictions: $(VENV)/.test ## Hold 100,000 predicted merges to a real API server, and keep what differs
	@$(BIN)/python -m tests.reconciler.manifest.typed.campaign --cases 100000

faults: $(VENV)/.test ## Kill runs at random places for a quarter of an hour, and check what the next ones make of it
	@$(BIN)/python -m tests.faults.campaign --cases 500 --seconds 900

controlplane: $(VENV)/.test ## Find or build the real control plane
	@$(BIN)/python -m tests.tools.controlplane

peers: $(VENV)/.test ## Find or build what tests compare with: helm, kustomize, a registry
	@$(BIN)/python -m tests.tools.peers

constraints: $(VENV)/.test $(VENV)/.lab ## Pin every version anew
	@$(BIN)/python tests/tools/pin_constraints.py > constraints.new && mv constraints.new constraints.txt

clean: ## Remove what make made
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
