# Vizsla. `make hunt` shows what it does, `make test` proves it; both do all their set-up.

SHELL := /bin/bash
PYTHON ?= $(shell .ci/python)
VENV := .venv
BIN := $(VENV)/bin
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help hunt dev test check prove fmt generate evaluate bench package clean
# Environments of their own: for a tool that wants other versions than ours, and for the app as Azure installs it.
OWN := $(VENV)/checkov/.made $(VENV)/deployed/.made

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | column -t -s '|'

hunt: $(VENV)/.local ## Run the flagship hunt on samples/: a table here, and report.html
	@$(BIN)/vizsla run discovery-burst --from samples --baseline samples/routine.gz --format html --out report.html

dev: $(VENV)/.dev $(OWN) ## Install what tests and checks need

test: $(VENV)/.dev $(OWN) ## Run every test
	@$(BIN)/python -m pytest --numprocesses logical --dist loadfile $(TESTS)

check: $(VENV)/.dev ## Lint: ruff, types, layers, and the hunts' KQL with Microsoft's parser
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/vizsla check

prove: $(VENV)/.dev ## Run the property tests with their full counts
	@PROVE=1 $(BIN)/python -m pytest $(TESTS) -m property

fmt: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only .

generate: $(VENV)/.dev ## Write the files that are made from the code: schemas, the table of hunts
	@$(BIN)/python -m tests.generated

evaluate: $(VENV)/.dev ## Measure how well the hunts do on simulated estates: docs/evaluation.md
	@$(BIN)/python -m tests.evaluation --seeds 5 --devices 1000 --out docs/evaluation.md

bench: $(VENV)/.dev ## Measure how fast events are judged and files are read
	@$(BIN)/python -m tests.bench

package: ## Pack what Azure Functions runs: dist/vizsla.zip
	@$(PYTHON) infra/package.py dist/vizsla.zip

clean: ## Remove what was installed and made
	rm -rf $(VENV) engine/lints/node/node_modules tests/node/node_modules report.html dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 with venv: apt-get install python3-venv"; exit 1; }
	@echo "Making .venv with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { echo "venv is missing: apt-get install python3-venv"; rm -rf $(VENV); exit 1; }

$(VENV)/.local: $(BIN)/python pyproject.toml requirements.txt
	@echo "Installing Vizsla into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local]'
	@touch $@

$(VENV)/.dev: $(VENV)/.local engine/lints/node/package-lock.json tests/node/package-lock.json
	@echo "Installing what tests and checks need into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,dev]'
	@$(BIN)/python -m engine.lints.npm engine/lints/node tests/node
	@touch $@

$(VENV)/deployed/.made: requirements.txt
$(VENV)/%/.made: tests/infra/%.txt | $(BIN)/python
	@echo "Installing tests/infra/$*.txt into .venv/$*"
	@$(BIN)/python -m venv --clear --without-pip $(@D)
	@$(BIN)/python -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check --requirement $<
	@touch $@
