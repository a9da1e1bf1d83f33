# The same checks everywhere: by hand, before a commit, in .ci/run.
.PHONY: check docs format lint test

check: lint test

lint:
	ruff format --check .
	ruff check .
	pyright

test:
	pytest

format:
	ruff format .
	ruff check --fix .

docs: # needs the extra docs; into build/site, which any browser opens
	mkdocs build --strict
