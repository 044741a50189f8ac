# Everything a clean machine needs: Python 3.11 or newer with venv, and make.
SHELL := /bin/sh
# Before numpy loads, in every process: BLAS threads on a busy machine make a fit ten times slower.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1

BIN := .venv/bin
WORKERS ?= 2

.PHONY: help serve env test-env check test chaos format lock audit benchmark benchmark-start image clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 18

serve: env  ## set up, load the reference data, train, and serve forecasts on this machine
	@exec $(BIN)/ytterby serve

env:  ## .venv with the locked packages; then .venv/bin/ytterby works
	@python=$$(tools/find-python) && $$python tools/ensure_env.py runtime

test-env:
	@python=$$(tools/find-python) && $$python tools/ensure_env.py test

check: test-env  ## the static checks alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict forecast data service
	$(BIN)/lint-imports --no-logo
	$(BIN)/deptry .
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml forecast data service
	$(BIN)/hadolint Dockerfile

test: check  ## every check: static, then all tests
	@browser=$$(tools/ensure-program chromium) && bouncer=$$(tools/ensure-program pgbouncer) && \
	CHROMIUM=$$browser PGBOUNCER=$$bouncer $(BIN)/pytest -q -n $(WORKERS)

# By hand: YTTERBY_CHAOS_EVENTS up to 100000, YTTERBY_CHAOS_KILLS up to 5000
chaos: test-env  ## kill and stop workers at random, die at every border, 10,000 histories of an alert
	YTTERBY_CHAOS_EVENTS=$${YTTERBY_CHAOS_EVENTS:-3000} YTTERBY_CHAOS_KILLS=$${YTTERBY_CHAOS_KILLS:-200} \
	YTTERBY_CHAOS_ALL=1 YTTERBY_HYPOTHESIS_EXAMPLES=$${YTTERBY_HYPOTHESIS_EXAMPLES:-10000} \
	$(BIN)/pytest -q -s --durations=0 --durations-min=1 tests/chaos tests/service/alerts/test_alert_state.py

format: test-env  ## let ruff rewrite what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:  ## requirements/*.lock anew from pyproject.toml and requirements/*.in (needs uv)
	tools/make-locks

audit: test-env  ## known vulnerabilities of the locked packages
	$(BIN)/pip-audit --strict --disable-pip --requirement requirements/runtime.lock

# PANEL=dev_m for one; the panels lie beside the checkout, see tests/benchmarks/README.md
benchmark: env  ## skill and coverage beside the peers, the worst weeks, effects, paths, then the times
	$(BIN)/python -m tests.benchmarks.panels $(PANEL)
	$(if $(PANEL),,$(BIN)/python -m tests.benchmarks.weekly)
	$(if $(PANEL),,$(BIN)/python -m tests.benchmarks.effects)
	$(if $(PANEL),,$(BIN)/python -m tests.benchmarks.joint_paths)
	$(if $(PANEL),,$(BIN)/python -m tests.benchmarks.scenarios)
	$(if $(PANEL),,$(BIN)/python -m tests.benchmarks.previewing)
	$(if $(PANEL),,$(BIN)/python -m tests.benchmarks.alerting)
	$(if $(PANEL),,$(BIN)/python -m tests.benchmarks.delivery)
	$(if $(PANEL),,$(BIN)/python -m tests.benchmarks.latency)
	$(if $(PANEL),,$(BIN)/python -m tests.benchmarks.training)
	$(if $(PANEL),,$(BIN)/python -m tests.benchmarks.scale)
	$(if $(PANEL),,$(BIN)/python -m tests.benchmarks.takeover)
	$(if $(PANEL),,@$(MAKE) --no-print-directory benchmark-start)

benchmark-start: env  ## the times alone: cold start to first forecast, warm start, training
	$(BIN)/python -m tests.benchmarks.start

image:  ## the container image (api, worker, migrate)
	docker build -t ytterby:latest .

clean:  ## environments and caches; never var/, where the prices are
	rm -rf .venv .venv-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
