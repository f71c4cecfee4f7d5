"""Options as Python annotates and documents them are those of the table that all languages share."""

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from os import PathLike
from typing import Any, Literal, NamedTuple

import polymqtt
import pytest
from polymqtt import _native, sync
from polymqtt.settings import _GROUPS

CLIENT, SUBSCRIBE, DISCONNECT = _native.described_options()

KINDS: dict[frozenset[Any], str] = {
    frozenset({bool}): "true or false",
    frozenset({int}): "a whole number",
    frozenset({polymqtt.QoS, Literal[0, 1, 2]}): "a whole number from 0 to 2",
    frozenset({float, timedelta}): "a duration",
    frozenset({str}): "text",
    frozenset({bytes}): "bytes or text",
    frozenset({str, bytes}): "bytes or text",
    frozenset({bytes, bytearray, memoryview, str}): "bytes or text",
    frozenset({Sequence[str]}): "a list of texts",
    frozenset({Mapping[str, str], Iterable[tuple[str, str]]}): "pairs of texts",
    frozenset({str, bytes, PathLike[str]}): "PEM bytes or text",
}
"""What the table calls these types, or begins to."""

UNITS = {"MiB": 1024 * 1024, "minutes": 60}

UNIONS = (types.UnionType, typing.Union)


class Option(NamedTuple):
    annotation: Any
    text: str
    default: Any = None


def options_of(owner: Any, text: str | None = None) -> dict[str, Option]:
    """The attributes of a class of options, or a function's arguments."""
    text = text or inspect.getdoc(owner) or ""
    hints = typing.get_type_hints(owner)
    hints.pop("return", None)
    if dataclasses.is_dataclass(owner):
        defaults = {part.name: part.default for part in dataclasses.fields(owner)}
        return {name: Option(hints[name], told(name, text), default) for name, default in defaults.items()}
    return {name: Option(hint, told(name, text)) for name, hint in hints.items()}


def told(name: str, text: str) -> str:
    """What a docstring says of an attribute or argument."""
    found = re.search(rf"^    {name}: (.+?)(?=^ {{0,4}}\S|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{name} is not documented"
    return " ".join(found[1].split())


def client_options() -> dict[str, Option]:
    options = options_of(polymqtt.ConnectOptions)
    # A function, which no table has; and a class for each method, of which `Scram` has options.
    del options["credentials"], options["authentication"]
    for name, group in _GROUPS.items():
        whole = options.pop(name)
        options |= {f"{name}.{part}": option for part, option in options_of(group).items()}
        if name == "reconnect":
            options[name] = whole
    return options


def subscribe_options() -> dict[str, Option]:
    text = f"{inspect.getdoc(polymqtt.SubscribeOptions)}\n{inspect.getdoc(polymqtt.StreamOptions)}"
    qos = told("qos", inspect.getdoc(polymqtt.Client.subscribe) or "")
    return {"qos": Option(polymqtt.QoSLevel, qos), **options_of(polymqtt.SubscribeOptions, text)}


def default_number(text: str) -> float | None:
    """The number that is the default, in seconds or bytes."""
    found = re.search(r"default(?: is)? [`\"]*(\d[\d,.]*\b)(?: (\w+))?", text)
    return float(found[1].replace(",", "")) * UNITS.get(found[2], 1) if found else None


def kind_of(annotation: Any) -> str:
    """What the table calls it."""
    members = frozenset(typing.get_args(annotation)) - {types.NoneType}
    if typing.get_origin(annotation) not in UNIONS:
        members = frozenset({annotation})
    if kind := KINDS.get(members):
        return kind
    (choices,) = map(typing.get_args, members)
    *most, last = map('"{}"'.format, choices)
    return f"{', '.join(most)} or {last}"


TABLES = [
    pytest.param(client_options(), CLIENT, id="client"),
    pytest.param(subscribe_options(), SUBSCRIBE, id="subscribe"),
    pytest.param(options_of(polymqtt.Client.disconnect), DISCONNECT, id="disconnect"),
    pytest.param(options_of(sync.Client.disconnect), DISCONNECT, id="sync disconnect"),
]


@pytest.mark.parametrize(("options", "table"), TABLES)
def test_names_are_those_of_the_table(options: dict[str, Option], table: list[tuple[str, str, str]]) -> None:
    scram = {name for name, _, _ in table if name.startswith("scram.") or name == "authentication"}
    assert options.keys() == {name for name, _, _ in table} - scram


@pytest.mark.parametrize(("options", "table"), TABLES)
def test_types_are_those_of_the_table(options: dict[str, Option], table: list[tuple[str, str, str]]) -> None:
    kinds = {name: kind for name, kind, _ in table}
    for name, option in options.items():
        if name != "reconnect":  # `None` instead of its parts
            assert kinds[name].startswith(kind_of(option.annotation)), name


@pytest.mark.parametrize(("options", "table"), TABLES)
def test_numbers_are_those_of_the_table(
    options: dict[str, Option], table: list[tuple[str, str, str]]
) -> None:
    meanings = {name: meaning for name, _, meaning in table}
    for name, option in options.items():
        expected = default_number(meanings[name])
        assert default_number(option.text) == expected, f"{name}: {option.text}"
        if isinstance(option.default, int | float) and not isinstance(option.default, bool):
            assert option.default == expected, name


def test_scram_has_the_numbers_of_the_table() -> None:
    numbers = {name: default_number(meaning) for name, _, meaning in CLIENT}
    expected = (numbers["scram.least_iterations"], numbers["scram.most_iterations"])
    assert polymqtt.Scram("ann", "pencil").iterations == expected
