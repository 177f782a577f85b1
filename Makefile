# Every target works on a fresh machine with Go and Python; e2e also needs what e2e/setup installs.
SHELL := /bin/bash
# 3.12 or newer
PYTHON ?= python3

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 20

.PHONY: build
build: ## Build ./kitout
	go build -o kitout ./cmd/kitout

.PHONY: test
test: ## Vet and test the tool itself
	gofmt -l cmd generator templates presets e2e | (! grep .)
	go vet ./...
	go test -timeout 30m ./...

.PHONY: vet-platforms
vet-platforms: ## Compile and vet it for the other systems that releases are for
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...

.PHONY: golden
golden: ## Write the golden trees and the table of rules again, for review
	go test ./cmd/kitout -run 'TestGolden|TestRulesTable' -update

.PHONY: bench
bench: ## Measure kitout beside cp, git and other programs that make repositories, for docs/performance.md
	go build -trimpath -ldflags='-s -w' -o build/kitout ./cmd/kitout
	$(PYTHON) -m venv build/bench
	build/bench/bin/pip install --quiet --requirement cmd/internal/bench/tools.txt
	go run ./cmd/internal/bench build/kitout build/bench/bin docs/performance.md
	go test ./generator/detect ./generator/lock -run '^$$' -bench . -benchtime 20x

.PHONY: bench-e2e
bench-e2e: ## Measure what is generated: health endpoint, also behind the proxy, cost of logs and metrics, backups, image
	cd e2e && go test -run '^$$' -bench . -benchtime 3x -timeout 60m .

.PHONY: docs
docs: build ## Write the documentation as a site into build/site
	go run ./cmd/internal/site ./kitout build/site

.PHONY: recording
recording: build ## Record the terminal session in README.md again (needs asciinema and npm)
	packages/recording/record ./kitout docs/kitout.svg

.PHONY: refresh
refresh: ## Renew all that is pinned, prove it, and report in build/refresh.md: make refresh PINS=FILE DATABASES=NAME=FOLDER…
	DATABASES="$(DATABASES)" go run ./cmd/internal/refresh $(PINS)

.PHONY: refresh-packages
refresh-packages: ## Resolve the table of Python packages again (needs uv, poetry, pipenv and the network)
	$(PYTHON) generator/lock/refresh/refresh.py
	$(PYTHON) generator/lock/refresh/record_uv.py
	$(PYTHON) generator/lock/refresh/record_poetry.py
	$(PYTHON) generator/lock/refresh/record_pipenv.py

.PHONY: audit-packages
audit-packages: ## Look for known vulnerabilities in the table: make audit-packages DATABASES=NAME=FOLDER…
	$(PYTHON) generator/lock/refresh/audit.py $(DATABASES)

.PHONY: e2e
# -count=1: Go keeps results by what the tests themselves read, and the templates are read by the kitout that they build
e2e: ## Generate repositories and run them on real servers and in containers
	cd e2e && go vet ./... && go test -count=1 -v -timeout 80m -parallel 2 ./...

.PHONY: e2e-all
e2e-all: ## The same, with every combination linted and run in containers
	cd e2e && KITOUT_E2E_ALL=1 go test -count=1 -v -timeout 240m -parallel 2 ./...
