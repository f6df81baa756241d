# Everything runs in .venv, which each target sets up or brings up to date first.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help run test test-fast bench crash simulate faults lint format docs lock clean

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY) ## start everything embedded, with a demo tenant; Ctrl-C stops it, .subledger/ keeps it
	@$(BIN)/subledger run

test: lint ## ruff, mypy and every test; Kafka from KAFKA_BOOTSTRAP, Docker or Maven and Java
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=25 --durations-min=5

test-fast: $(READY) ## the tests that need no Kafka, in under a minute
	$(BIN)/pytest -m "not kafka and not slow"

bench: $(READY) ## measure everything against its ceilings, or make bench NAME=commands; wants a quiet machine
	@$(BIN)/python -m bench $(NAME)

crash: $(READY) ## kill -9 everything at random moments during an import, on both logs; or make crash ARGS="--seed 1 --rounds 5"
	@$(BIN)/python -m tests.faults $(ARGS)

faults: $(READY) ## three brokers, three nodes and seeded faults, as root with links cut; or make faults ARGS="--seed 1 --rounds 9 --record"
	@$(BIN)/python -m tests.faults.cluster $(ARGS)

SEEDS ?= 2000
simulate: $(READY) ## as many simulated histories, judged; make simulate SEEDS=20000, or ARGS="--seed 1" for all that happens in one
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(ARGS)

lint: $(READY) ## ruff (rules and format) and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## write the generated documents anew: event schemas, AsyncAPI, OpenAPI, settings
	$(BIN)/python -m docs.generate

lock: $(READY) ## pin the newest allowed dependencies anew, with hashes
	$(LOCK) --upgrade pyproject.toml --extra dev -o requirements-dev.txt
	$(LOCK) pyproject.toml -c requirements-dev.txt -o requirements.txt
	echo hatchling | $(LOCK) - -c requirements-dev.txt -o requirements-build.txt

clean: ## remove the environment and all caches; .subledger/ stays
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: name one with make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "this Python cannot make environments: apt-get install python3-venv"; exit 1; }
	@test -x $(BIN)/pip || { rm -rf .venv && $(PYTHON) -m venv .venv; }
	@echo "setting up .venv (once, about a minute)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
