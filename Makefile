.PHONY: help demo test lint types faults bench bench-quick jitter overhead routing docs docs-images clean
.DEFAULT_GOAL := help

help:  ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo:  ## Serve the demo on http://127.0.0.1:8000 (PORT and DEMO_DB are read)
	@scripts/setup run
	@exec .venv/bin/python manage.py demo

test:  ## Run all tests, on each database that is there
	@scripts/setup dev
	@exec scripts/test

lint:  ## Run the gates: style, types, import order, migrations
	@scripts/setup dev
	@exec scripts/lint

types:  ## Check the types of Python and JavaScript
	@scripts/setup dev
	@.venv/bin/mypy && scripts/npm run types

faults:  ## Kill what can be killed, and run the oracle at full size (hours; REALTIME_ORACLE makes it smaller)
	@scripts/setup dev
	@exec scripts/faults

bench:  ## Compare realtime with its peers: under 15 minutes, results in build/bench
	@scripts/setup bench
	@exec .venv-bench/bin/python -m benchmarks.suite

bench-quick:  ## The same with fewer peers and clients: under 3 minutes
	@scripts/setup bench
	@exec .venv-bench/bin/python -m benchmarks.suite --quick

jitter:  ## Report what clients with bad connections get
	@scripts/setup dev
	@exec .venv/bin/python -m benchmarks.jitter

docs:  ## Build the documentation into build/docs
	@scripts/setup dev
	@exec .venv/bin/sphinx-build -q -E -W --keep-going docs build/docs

overhead:  ## Report what writing costs with no live stream, and by each capture
	@scripts/setup dev
	@exec .venv/bin/python -m benchmarks.overhead

routing:  ## Report what a change costs with 1 to 10,000 live queries in a process
	@scripts/setup dev
	@exec .venv/bin/python -m benchmarks.routing

docs-images:  ## Take the screenshots of the docs anew
	@scripts/setup dev
	@exec .venv/bin/python -m scripts.screenshots

clean:  ## Remove what the other targets made
	@rm -rf .venv .venv-newest .venv-bench .mypy_cache .pytest_cache .ruff_cache .import_linter_cache browser/node_modules benchmarks/node_modules
