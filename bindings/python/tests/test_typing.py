"""The type checkers find nothing wrong with the package and its programs, and each mistake of a wrong one."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PROJECT = HERE.parent


@pytest.mark.parametrize(
    "command",
    [
        ["mypy", "--config-file", "pyproject.toml", "python/polymqtt", "tests/typing"],
        ["pyright", "--project", "pyproject.toml"],
    ],
    ids=["mypy", "pyright"],
)
def test_a_type_checker_finds_what_is_wrong_and_nothing_else(command: list[str]) -> None:
    program = shutil.which(command[0], path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip(f"{command[0]} is not installed")
    checked = subprocess.run(
        [program, *command[1:]], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout
