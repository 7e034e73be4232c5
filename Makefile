# Every target is one command; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help demo app test soak lint bench fuzz dist dist-check

# Translations and sort order must not depend on the user's locale.
export LC_ALL := C
# How long `make fuzz` spends on each fuzz target, and what `make bench` runs.
export FUZZTIME ?= 60s
export BENCH ?= .
export BENCHTIME ?= 1s

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' Makefile

demo: ## verify real data, then mine, serve and follow a small chain; needs no network and no cgo
	CGO_ENABLED=0 go run ./cmd/lamina demo

app: ## start the desktop program (installs its system packages first)
	.ci/setup && go run -tags no_emoji ./cmd/lamina-desktop

test: ## run every test (installs what is missing first)
	.ci/setup && .ci/test

soak: ## kill, cut off, slow down and lie to a whole stack for SOAK_OPS operations (1000); SOAK_SEED=1
	SOAK_OPS=$${SOAK_OPS:-1000} CGO_ENABLED=0 go test ./cmd/lamina -run '^TestSoak$$' -timeout 24h -v

lint: ## gofmt, go vet, staticcheck
	.ci/setup && .ci/lint

bench: ## measure ours beside the references: one table; BENCH_OUT=FILE, BENCH_LONG=1; BENCH=regexp: benchmarks alone
	.ci/bench

fuzz: ## run every fuzz target for FUZZTIME (60s)
	.ci/fuzz

dist: ## build archives, .deb and desktop tarball, reproducible, in dist/
	.ci/setup && .ci/dist dist

dist-check: ## build dist twice, in two places with two caches, and compare the hashes
	.ci/setup && .ci/dist-check
