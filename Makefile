set_up := python3 -E -s scripts/setup.py
compose := python3 -E -s scripts/compose.py

.DEFAULT_GOAL := help
.PHONY: help lab test emulator up down slides solutions bench lint clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' Makefile

lab: ## Start LocalStack and open the notebooks in JupyterLab (LAB_ARGS=--no-browser)
	@$(set_up) && exec .venv/bin/python scripts/lab.py $(LAB_ARGS)

test: ## Run every test, the notebooks included (TEST_ARGS="-k rules")
	@$(set_up) && exec .venv/bin/python -m pytest $(TEST_ARGS)

emulator: ## Run LocalStack with the plug-in, alone, on 127.0.0.1 (PORT=4566)
	@$(set_up) && exec .venv-localstack/bin/python -m localstack_eventbridge

up: ## Do the same as lab with Docker
	@exec $(compose) up --build

down: ## Remove the containers that up made
	@exec $(compose) down

slides: ## Make a slide deck of every notebook, for a room without a network
	@$(set_up) && exec .venv/bin/python scripts/slides.py

solutions: ## Write solved copies of the notebooks, for those who teach
	@$(set_up) && exec .venv/bin/python scripts/solutions.py

bench: ## Measure speed and cost, beside other emulators in the same run, and a class of 20
	@$(set_up) && exec .venv/bin/python -m benchmarks

lint: ## Check code and notebooks, run nothing
	@$(set_up) && exec .venv/bin/python -m pytest --noconftest -n 0 tests/test_house.py tests/notebooks/test_lint.py tests/notebooks/test_seed.py

clean: ## Remove the environments and everything else that was made here
	@rm -rf .venv .venv-* .localstack .pytest_cache .ruff_cache .hypothesis *.egg-info emulator/*.egg-info slides solutions
