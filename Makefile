# Everything that a contributor runs. Each target makes what it needs; `make help` lists them.
# All paths are relative, so that the folder may lie anywhere, also under a name with spaces.

VENV := .venv
PYTHON_IN_VENV := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

# Tried in this order; `make PYTHON=/path/to/python3 test` names one.
PYTHON ?= python3.13 python3.12 python3.11 python3
SUITABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))

# How many processes the tests run in; `make PROCESSES=0 test` runs them in one, for a debugger.
PROCESSES ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo test torture simulate model lint format docs clean

help: ## List the targets.
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile

demo: $(INSTALLED) ## Tell the story of a prepaid balance; GATEWAY=stripe or braintree, else the sandbox.
	@$(PYTHON_IN_VENV) examples/demo.py build/demo.db $(if $(GATEWAY),--gateway $(GATEWAY))

test: $(INSTALLED) ## Run all tests, those of the documentation included, with the coverage gate.
	$(PYTHON_IN_VENV) -m pytest -n $(PROCESSES) --cov --cov-report=term

torture: $(INSTALLED) ## Run the whole reliability programme, for hours; ROW=3 runs one row. Ends with a table, in build/torture.md.
	$(PYTHON_IN_VENV) -m pytest -n $(PROCESSES) -q -m programme --tier release $(if $(ROW),--row $(ROW))

simulate: $(INSTALLED) ## Simulate the library: SEEDS=2000 of them, or one with its trace: SEED=7.
	@PYTHONPATH=src:tests $(PYTHON_IN_VENV) -m simulation.run $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),2000)) \
		$(if $(BUG),--bug "$(BUG)")

model: $(INSTALLED) ## Check the model of the top-up in docs/model, and that it finds what is broken; needs Java.
	$(PYTHON_IN_VENV) docs/model/top_up_model.py

lint: $(INSTALLED) ## Check style, format, types, and who may import whom.
	$(PYTHON_IN_VENV) -m ruff check .
	$(PYTHON_IN_VENV) -m ruff format --check .
	$(PYTHON_IN_VENV) -m mypy
	$(VENV)/bin/lint-imports

format: $(INSTALLED) ## Put the code into the format that `make lint` wants.
	$(PYTHON_IN_VENV) -m ruff check --fix .
	$(PYTHON_IN_VENV) -m ruff format .

docs: $(INSTALLED) ## Write the generated reference pages anew.
	$(PYTHON_IN_VENV) docs/generate.py

clean: ## Remove all that the other targets made.
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis \
		.import_linter_cache src/*.egg-info
	find src tests examples docs -name __pycache__ -type d -prune -exec rm -rf {} +

# Made once, and again when the dependencies change.
$(INSTALLED): pyproject.toml constraints.txt | $(PYTHON_IN_VENV)
	@echo "Installing the package and its tools into $(VENV); the first time this takes a minute or two."
	@$(PYTHON_IN_VENV) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $(INSTALLED)

$(PYTHON_IN_VENV):
	@for python in $(PYTHON); do \
		if "$$python" -c '$(SUITABLE)' 2>/dev/null; then \
			echo "Making $(VENV) with $$("$$python" --version)."; \
			exec "$$python" -m venv --clear $(VENV); \
		fi; \
	done; \
	echo "No usable Python was found among: $(PYTHON)." >&2; \
	echo "Install Python 3.11 or newer (on Debian and Ubuntu with the package python3-venv)," >&2; \
	echo "or name one: make PYTHON=/path/to/python3 $(MAKECMDGOALS)" >&2; \
	exit 1
