.PHONY: help demo test lint types structure faults compat bench bench-quick jitter attack overhead growth routing black-box live-text costs browser-tasks docs docs-images clean fuzz browsers
.DEFAULT_GOAL := help

help:  ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo:  ## Serve the demo on http://127.0.0.1:8000 (set PORT and DEMO_DB to change it)
	@scripts/setup run
	@exec .venv/bin/python manage.py demo

test:  ## Run all tests, on each available database
	@scripts/setup dev
	@exec scripts/test

lint:  ## Run the gates: style, types, import order, migrations
	@scripts/setup dev
	@exec scripts/lint

types:  ## Check the types of Python and JavaScript
	@scripts/setup dev
	@.venv/bin/mypy && scripts/npm run types

structure:  ## Print the paths of a change and a call, sizes, duplicate names, and words to avoid
	@scripts/setup dev
	@.venv/bin/python -m scripts.paths && .venv/bin/python -m scripts.structure

faults:  ## Kill processes, databases and brokers, and run the oracle at full size (hours; REALTIME_ORACLE makes it smaller)
	@scripts/setup dev
	@exec scripts/faults

browsers:  ## Run the browser tests in Chromium, Firefox and WebKit (half an hour; make test runs some of them in Firefox)
	@scripts/setup dev
	@REALTIME_TEST_ALL_LOOKS=1 .venv/bin/pytest -m "browser and not packaging"
	@REALTIME_TEST_ENGINE=firefox .venv/bin/pytest tests/browser tests/demo/test_browser.py --ignore=tests/browser/test_webkit.py
	@REALTIME_TEST_ENGINE=webkit .venv/bin/pytest tests/browser/cases

fuzz:  ## Fuzz the parsers of client messages, guided by coverage (FUZZ_SECONDS, 300 by default)
	@exec scripts/fuzz

compat:  ## Run the tests of Django and many apps with every model live (hours; SUITES selects some)
	@scripts/setup dev
	@exec scripts/compat $(SUITES)

bench:  ## Compare realtime with its peers: under 15 minutes, results in build/bench
	@scripts/setup bench
	@exec .venv-bench/bin/python -m benchmarks.suite

bench-quick:  ## Compare fewer peers with fewer clients: under 3 minutes
	@scripts/setup bench
	@exec .venv-bench/bin/python -m benchmarks.suite --quick

attack:  ## Attack each server, and report how other clients fare (REALTIME_ATTACK_SECONDS each, 5 by default)
	@scripts/setup dev
	@REALTIME_ATTACK_SECONDS=$${REALTIME_ATTACK_SECONDS:-5} .venv/bin/pytest -q -s tests/hostile/test_under_attack.py

jitter:  ## Report how clients with bad connections fare
	@scripts/setup dev
	@exec .venv/bin/python -m benchmarks.jitter

docs:  ## Write the docstrings into the reference, and build the documentation into build/docs
	@scripts/setup dev
	@.venv/bin/python -m scripts.api_reference
	@.venv/bin/python -m scripts.recipe_lines
	@exec .venv/bin/sphinx-build -q -E -W --keep-going docs build/docs

overhead:  ## Report the cost of writes without live streams, and with each capture
	@scripts/setup dev
	@exec .venv/bin/python -m benchmarks.overhead

growth:  ## Report how the cost of a change grows with rows, live queries and audiences
	@scripts/setup dev
	@exec .venv/bin/python -m benchmarks.growth

costs:  ## Report the costs of page positions, presence, events under overload, long polls, and patches
	@scripts/setup dev
	@exec .venv/bin/python -m benchmarks.costs

browser-tasks:  ## Report how long the tasks of a page take while many of its rows change
	@scripts/setup dev
	@REALTIME_TRACE_TASKS=1 .venv/bin/pytest -q -s tests/browser/cases/test_the_page_froze.py

live-text:  ## Report what growing and live texts cost readers, and how soon they see them
	@scripts/setup bench
	@exec .venv-bench/bin/python -m benchmarks.live_text

routing:  ## Report the cost of a change with 1 to 10,000 live queries in a process
	@scripts/setup dev
	@exec .venv/bin/python -m benchmarks.routing

black-box:  ## Report what the changes of another process cost a server process, and its peers
	@scripts/setup bench
	@exec .venv-bench/bin/python -m benchmarks.suite --only black-box --output build/black-box

docs-images:  ## Take the screenshots of the docs
	@scripts/setup dev
	@exec .venv/bin/python -m scripts.screenshots

clean:  ## Remove the output of the other targets
	@rm -rf .venv .venv-newest .venv-lowest .venv-bench .venv-fuzz .mypy_cache .pytest_cache .ruff_cache .import_linter_cache browser/node_modules benchmarks/node_modules
