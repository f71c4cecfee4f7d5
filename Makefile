# The commands of this project. Each installs what it lacks (on Debian), so that a fresh machine needs Rust only.

.PHONY: help demo test bench

help:
	@echo "make demo    readings of this machine, live, through polymqtt and its embedded broker"
	@echo "make test    every check and every test"
	@echo "make bench   the benchmarks"

demo:
	@scripts/demo

test:
	@scripts/test

bench:
	@scripts/bench
