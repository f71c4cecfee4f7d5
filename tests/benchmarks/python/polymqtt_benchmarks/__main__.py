"""The command line: what to measure. `scripts/bench-python` starts it with all that it needs."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path

from . import report
from .comparison import Comparison, compare
from .runner import Plan, Runner
from .server import Server


def main() -> int:
    arguments = ArgumentParser(
        prog="scripts/bench-python", description="Measures Python's MQTT clients side by side on loopback."
    )
    arguments.add_argument(
        "filters",
        nargs="*",
        help="only what contains one of these texts in its name, workload/contender; all by default",
    )
    arguments.add_argument(
        "--runs", type=int, default=7, help="runs of each contender and workload, interleaved"
    )
    arguments.add_argument("--seconds", type=float, default=1.0, help="length of a run")
    arguments.add_argument("--messages", type=int, help="messages a run, instead of as many as fill its time")
    arguments.add_argument(
        "--timeout",
        type=float,
        default=30,
        help="seconds after which a run is given up and its contender left out of the workload",
    )
    arguments.add_argument("--uvloop", action="store_true", help="each client of asyncio on uvloop as well")
    arguments.add_argument(
        "--json", type=Path, metavar="FILE", help="write everything that was measured to this file"
    )
    arguments.add_argument("--rust", type=Path, required=True, help="the program of the Rust clients")
    arguments.add_argument(
        "--environments", type=Path, required=True, help="the folder of the virtual environments"
    )
    given = arguments.parse_args()
    # The rest is what a plan is made of.
    json_file: Path | None = given.json
    plan = Plan(**{name: value for name, value in vars(given).items() if name != "json"})
    if not plan.workloads():
        print("no contender has such a name", file=sys.stderr)
        return 1

    comparisons = _compare(plan)
    if json_file is not None:
        json_file.write_text(json.dumps(report.to_json(plan, comparisons), indent=2))
    return 0


def _compare(plan: Plan) -> list[Comparison]:
    """Measures all that was asked for, a table a workload as soon as it is done."""
    comparisons: list[Comparison] = []
    with Server(plan.rust) as server:
        runner = Runner(plan, server.port)
        for workload in plan.workloads():
            comparison = compare(workload, runner.measure(workload))
            print(report.table(comparison), flush=True)
            comparisons.append(comparison)
    return comparisons


if __name__ == "__main__":
    sys.exit(main())
