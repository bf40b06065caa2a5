# `make run` and `make test` each do all set-up; scripts/setup explains what it does and why it failed.
.PHONY: run test check setup lock format

run:
	@scripts/setup run
	@.venv/bin/nuanye up --demo

test:
	@scripts/setup test
	@$(MAKE) --no-print-directory check
	@.venv/bin/python -m pytest

check:
	@scripts/setup tools
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

setup:
	@scripts/setup test

format:
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

# Writes requirements/pinned.txt, the complete list that scripts/setup installs without dependency resolution.
lock:
	uv pip compile pyproject.toml --all-extras --python-version 3.11 --no-header --no-annotate \
		--no-emit-index-url --upgrade --quiet --output-file requirements/pinned.txt
