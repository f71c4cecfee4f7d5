# The commands of this project. Each installs what it lacks (on Debian), so that a fresh machine needs Rust only.

.PHONY: help demo example-rust test bench

help:
	@echo "make demo          readings of this machine, live, through polymqtt and its embedded broker"
	@echo "make example-rust  a service that answers requests, with all that it needs"
	@echo "make test          every check and every test"
	@echo "make bench         the benchmarks"

demo:
	@scripts/demo

example-rust:
	@scripts/example-rust

test:
	@scripts/test

bench:
	@scripts/bench
