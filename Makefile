# `make run` and `make test` each do all set-up; scripts/setup explains what it does and why it failed.
# The order of the tests. One seed makes a run repeatable; `make test SEED=last` or a number tries others.
SEED ?= 20261122

# Where scripts/setup puts Node when the machine has none.
export PATH := $(PATH):$(CURDIR)/.venv/bin

.PHONY: run test check check-pages setup lock format

run:
	@scripts/setup run
	@.venv/bin/nuanye up --demo

test:
	@scripts/setup test
	@$(MAKE) --no-print-directory check check-pages
	@.venv/bin/python -m pytest --randomly-seed=$(SEED)

check:
	@scripts/setup tools
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

# Types and lint of the front ends; needs the packages that `make setup` installs.
check-pages:
	npm --prefix connectors/frontend run check
	npm --prefix console/frontend run check
	npm --prefix connectors/miniprogram run check

setup:
	@scripts/setup test

format:
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

# Writes requirements/pinned.txt, the complete list that scripts/setup installs without dependency resolution.
lock:
	uv pip compile pyproject.toml --all-extras --python-version 3.11 --no-header --no-annotate \
		--no-emit-index-url --upgrade --quiet --output-file requirements/pinned.txt
