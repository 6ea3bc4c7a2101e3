# Two commands are enough: `make run` opens the app, `make test` runs every test.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8501
# The versions that the tests ran with; `make newest` does without.
CONSTRAINTS := constraints.txt
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check $(addprefix --constraint ,$(CONSTRAINTS))

.PHONY: run test test-long newest check format docs settings constraints bench clean browser node

run: $(VENV)/.run
	$(BIN)/streamlit run app.py --server.address $(HOST) --server.port $(PORT) --server.headless false

# Two processes at a time. Those of the browser have a server and a browser each, and come by themselves, since much of
# what they look at moves; what failed there comes once more and alone, since a busy machine may miss a moment.
test: $(VENV)/.dev browser node
ifdef TESTS
	$(BIN)/python -m pytest $(TESTS)
else
	failed=0; \
	node --test tests/js/*.test.js || failed=1; \
	$(BIN)/python -m pytest -n 2 --dist worksteal --ignore tests/browser || failed=1; \
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/browser || \
		$(BIN)/python -m pytest --last-failed --last-failed-no-failures none tests/browser || failed=1; \
	exit $$failed
endif

# What takes minutes: an installation into a fresh environment, whole products of settings, properties with many examples.
test-long: $(VENV)/.dev browser
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "long or hypothesis" --hypothesis-profile thorough $(TESTS)

# The tests with the newest versions that requirements*.txt allow, in an environment of their own.
newest:
	rm -rf .venv-newest
	$(MAKE) test VENV=.venv-newest CONSTRAINTS=

check: $(VENV)/.dev node
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	node_modules/.bin/tsc -p .

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The tables of README and docs that repeat what is declared.
docs: $(VENV)/.dev
	$(BIN)/python -m docs.tables

# The copy of the server's settings that `streamlit run app.py` reads.
settings:
	cp rnn_explorer/ui/server.toml .streamlit/config.toml

# The versions in the environment as the tested ones.
constraints: $(VENV)/.dev
	{ echo "# Tested versions, for pip's --constraint: printed by \`make constraints\`."; \
	$(BIN)/python -m pip list --format freeze --disable-pip-version-check | grep -v "^pip==" | sed "s/+.*//"; } > constraints.txt

bench: $(VENV)/.dev browser
	$(BIN)/python -m benchmarks.train_speed
	$(BIN)/python -m benchmarks.kernels
	$(BIN)/python -m benchmarks.snapshots
	$(BIN)/python -m benchmarks.trainer
	$(BIN)/python -m benchmarks.store
	$(BIN)/python -m benchmarks.live
	$(BIN)/python -m benchmarks.main_thread
	$(BIN)/python -m benchmarks.classroom --starts 3 --cores 2 4 8
	$(BIN)/python -m benchmarks.classroom --students 100 --one-run

# A real Chromium is part of the tests: found where it is, installed where it is missing, an error where it cannot be had.
browser: $(VENV)/.dev
	$(BIN)/python -m tests.browser.install

# node runs the tests of the page's modules, and TypeScript's checker checks their types.
node: $(VENV)/.dev
	$(BIN)/python -m tests.js.install

# The compiler that makes training fast is wished for, but where it cannot be had everything works without it.
$(VENV)/.run: requirements.txt requirements-fast.txt $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -r requirements.txt
	$(INSTALL) -r requirements-fast.txt || \
		echo "The packages of requirements-fast.txt cannot be had here: training will use torch's own, slower kernels."
	touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt requirements-fast.txt $(CONSTRAINTS)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) -r requirements-dev.txt
	touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .venv-newest node_modules .pytest_cache .ruff_cache .mypy_cache .hypothesis
