# hyperphase: `make sweep` and `make test` build the environment that they need.

PYTHON ?= python3
PRESET ?= quick
OUT ?= sweeps/$(PRESET)
ADDRESS ?=
PORT ?= 5000
SEED ?= 0
WIDTH ?= 0.1
TRAININGS ?=
SECONDS ?=
BIN := .venv/bin
READY := .venv/.ready

.PHONY: install sweep resume refine report ui test test-all cluster-test lint format image-test fuzz bench bench-kernels bench-peers bench-service bench-boundaries bench-scale gpu-check notebook clean

install: $(READY)

# bytecode on all cores and without libraries' tests: pip compiles all of it, one file after another
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("hyperphase needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
	$(BIN)/python -m compileall -qq -j 0 -x '/(tests|rllib)/' .venv/lib || true
	touch $@

sweep: install  ## PRESET=quick|paper|gpu ADDRESS=… OUT=…
	@$(BIN)/hyperphase sweep --preset $(PRESET) --out $(OUT) $(if $(ADDRESS),--address $(ADDRESS))

resume: install
	@$(BIN)/hyperphase resume $(OUT) $(if $(ADDRESS),--address $(ADDRESS))

refine: install  ## OUT=sweeps/quick WIDTH=0.1 TRAININGS=… SECONDS=…
	@$(BIN)/hyperphase refine $(OUT) --width $(WIDTH) $(if $(TRAININGS),--trainings $(TRAININGS)) \
		$(if $(SECONDS),--seconds $(SECONDS)) $(if $(ADDRESS),--address $(ADDRESS))

report: install
	@$(BIN)/hyperphase report $(OUT)

ui: install
	@$(BIN)/hyperphase ui $(OUT) --port $(PORT)

test: install  ## everything but the slow tests, in two processes; a real tiny sweep included
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not slow' -n 2 --dist loadfile --no-loadscope-reorder

test-all: install
	$(BIN)/python -m pytest

cluster-test: install  ## sweeps on several hosts (network namespaces: needs root), PostgreSQL, S3 and Slurm; and deploy/
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[cluster-test]'
	$(BIN)/python -m pytest tests/cluster tests/deploy --ignore tests/deploy/test_image.py

image-test: install  ## builds deploy/Dockerfile without a registry (buildah, debootstrap; needs root) and sweeps in it
	$(BIN)/python -m pytest tests/deploy/test_image.py

lint: install  ## ruff, mypy, and the rules of who imports whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

fuzz: install  ## hostile inputs on every command: 600 in ten minutes; SEED=…
	$(BIN)/python -m tests.fuzz.run --seed $(SEED)

bench: install  ## training speed of packs against single trainings, side by side
	$(BIN)/python -m benchmarks.training_speed

bench-kernels: install  ## where a training-step's time goes, in microseconds by kernel
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.kernel_times

bench-peers: install  ## packs against the same arithmetic compiled by JAX and by PyTorch; ten minutes, most of them theirs
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-peers.txt --target .peers
	PYTHONPATH=.peers OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.compiled_peers

bench-service: install  ## what Ray, MLflow and the rest cost beside training: a quarter of an hour on two idle cores
	$(BIN)/python -m benchmarks.service.overhead parts
	$(BIN)/python -m benchmarks.service.overhead overhead
	$(BIN)/python -m benchmarks.service.overhead trials
	$(BIN)/python -m benchmarks.service.overhead first

bench-boundaries: install  ## trials that samplers need to map phases, peers included; a killed run goes on
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements-peers.txt --target .peers
	PYTHONPATH=.peers OMP_NUM_THREADS=1 $(BIN)/python -W ignore -m benchmarks.boundaries.run

bench-scale: install  ## how the commands grow with the number of trainings, on synthetic sweeps
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.scale.run
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.scale.refine

gpu-check: install  ## is a GPU right, and how fast; eight minutes
	$(BIN)/python -m benchmarks.gpu_check

notebook: install  ## docs/example.ipynb, run anew: minutes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebook]'
	rm -rf docs/sweep
	$(BIN)/jupyter execute --inplace docs/example.ipynb
	rm -rf docs/sweep

clean:
	rm -rf .venv .peers .pytest_cache .ruff_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
