# The commands of this project. Each installs what it lacks (on Debian), so that a fresh machine needs Rust only.

.PHONY: help demo example-rust example-python test fuzz bench bench-python instructions

help:
	@echo "make demo          readings of this machine, live, through polymqtt and its embedded broker, in Rust and Python"
	@echo "make example-rust  a service that answers requests, with all that it needs"
	@echo "make example-python  a collector that draws readings live, in Python, with all that it needs"
	@echo "make test          every check and every test"
	@echo "make fuzz          looks for bytes that break a promise; ARGS='600 engine': for so many seconds, that target"
	@echo "make bench         the benchmarks"
	@echo "make bench-python  the benchmark of the Python package beside other clients"
	@echo "make instructions  instructions a message of the engine, beside those that are kept"

demo:
	@scripts/demo

example-rust:
	@scripts/example-rust

example-python:
	@scripts/example-python $(ARGS)

test:
	@scripts/test

fuzz:
	@scripts/fuzz $(ARGS)

bench:
	@scripts/bench $(ARGS)

bench-python:
	@scripts/bench-python $(ARGS)

instructions:
	@scripts/instructions $(ARGS)
