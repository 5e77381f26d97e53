# make run   set up .venv and run the default configuration
# make test  the same environment, then lint and tests (12 minutes on two cores)
# make help  every target
#
# PYTHON=python3.12          another Python than the first that fits
# TORCH=cpu TORCH_INDEX=URL  torch without CUDA, from a package index or folder of wheels that has it
# CORES=2                    cores of make run, default all
# TESTS=2                    processes that run tests, one file at a time each; 1 where memory is short
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo $$p; exit; }; done; echo python3)
TORCH ?=
TORCH_INDEX ?=
CORES ?= all
TESTS ?= 2
BIN := .venv/bin
STAMP := .venv/installed
# A file stays in one process, whose tests share what they have made; tests/conftest.py says which files begin.
PYTEST = $(BIN)/python -m pytest -n $(TESTS) --dist loadfile --no-loadscope-reorder

export OMP_NUM_THREADS ?= 1

.PHONY: help env run test test-full lint format docs site lock audit dag clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

env: $(STAMP)  ## virtual environment in .venv, locked packages, this project editable

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) envs/install.py .venv $(if $(TORCH),--torch $(TORCH)) $(if $(TORCH_INDEX),--index $(TORCH_INDEX))
	@touch $@

# Another build of torch than the installed one is asked for.
ifneq ($(TORCH),)
ifeq ($(shell grep -s '"$(TORCH)"' .venv/torch.json),)
.PHONY: $(STAMP)
endif
endif

run: env  ## raw plates to finished tables, on two simulated screens
	$(BIN)/snakemake --cores $(CORES)
	@echo "open results/demo/report.html in a browser; logs: results/demo/logs/"

lint: env  ## ruff, snakefmt, snakemake --lint, mypy, bandit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules workflow
	$(BIN)/snakemake --lint
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml cwamsn workflow_scripts

test: env lint  ## lint, units, golden values, a tiny chain
	$(PYTEST) -m "not slow and not privileged" tests

test-full: env  ## what is slow or needs root and Debian packages: SLURM, browser, kills
	$(PYTEST) -m "slow or privileged" tests

format: env  ## reformat Python and Snakemake files
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules workflow

docs: env  ## config/README.md from the schemas, docs/leaderboard.md from the published numbers
	$(BIN)/python -m cwamsn.config_docs config/schemas > config/README.md
	$(BIN)/python -m cwamsn.reporting.leaderboard config/methods.yaml > docs/leaderboard.md

site: env  ## the documentation as a site in site/, links checked
	$(BIN)/mkdocs build --quiet --strict
	@echo "read it: $(BIN)/python -m http.server --directory site, then http://localhost:8000"

dag: env  ## docs/images/dag.svg: the rules of the default run
	$(BIN)/snakemake --rulegraph dot | dot -Tsvg > docs/images/dag.svg

audit: env  ## known vulnerabilities of the locked packages; fails when anything could not be audited
	$(BIN)/pip-audit --strict --no-deps --disable-pip -r requirements.lock

# uv resolves for every machine at once. What is in the lock stays as it is unless requirements.in asks for another version.
lock:  ## renew requirements.lock from requirements.in, for every machine; UPGRADE=--upgrade takes the newest versions
	rm -rf .lock-env && $(PYTHON) -m venv .lock-env
	.lock-env/bin/python -m pip install --quiet uv
	cp requirements.lock .lock-env/new.lock
	.lock-env/bin/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header --no-emit-index-url \
	    --no-emit-package pip $(UPGRADE) requirements.in --output-file .lock-env/new.lock
	(head -n 1 requirements.lock; grep -v '^#' .lock-env/new.lock) > .lock-env/requirements.lock
	mv .lock-env/requirements.lock requirements.lock
	rm -rf .lock-env

clean:  ## remove what the default run made: its results, and its screens unless another run uses them
	@test -x $(BIN)/python || { echo "make clean needs the environment of make env"; exit 1; }
	@$(BIN)/python -m cwamsn.clean
