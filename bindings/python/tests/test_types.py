"""What comes out has the types that stubs and annotations promise: seconds are a float, and never an int."""

import ast
import collections.abc
import dataclasses
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import polymqtt
import pytest
from polymqtt import ReconnectOptions, events
from servers import fleeting, server

STUB = Path(polymqtt.__file__).with_name("_native.pyi")


def is_of(value: object, promised: Any) -> bool:
    """As a type checker sees it, but that an int is no float, and a bool no int."""
    arguments = typing.get_args(promised)
    match typing.get_origin(promised):
        case types.UnionType | typing.Union:
            return any(is_of(value, one) for one in arguments)
        case typing.Literal:
            return value in arguments
        case origin if origin is list:
            return type(value) is list and all(is_of(item, arguments[0]) for item in value)
        case origin if origin is tuple:
            return type(value) is tuple and len(value) == len(arguments) and all(map(is_of, value, arguments))
    if promised is None:
        return value is None
    exact = promised in (bool, float, int, str, bytes)
    return type(value) is promised if exact else isinstance(value, promised)


def promised_by_stub(kind: type) -> dict[str, Any]:
    """The properties of a native class, and their types."""
    (found,) = (
        node
        for node in ast.parse(STUB.read_text()).body
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__
    )
    names = {**vars(typing), **vars(collections.abc), **vars(polymqtt)}
    return {
        member.name: eval(ast.unparse(member.returns), names)
        for member in found.body
        if isinstance(member, ast.FunctionDef)
        and member.returns is not None
        and any(ast.unparse(decorator) == "property" for decorator in member.decorator_list)
    }


def check(value: Any) -> None:
    """Fails for the first attribute, at whatever depth, that is of another type than is promised."""
    kind = type(value)
    promised = typing.get_type_hints(kind) if dataclasses.is_dataclass(kind) else promised_by_stub(kind)
    assert promised
    for name, wanted in promised.items():
        attribute = getattr(value, name)
        assert is_of(attribute, wanted), f"{kind.__name__}.{name} is {attribute!r}, not {wanted}"
        if dataclasses.is_dataclass(attribute):
            check(attribute)


def test_an_int_is_no_float() -> None:
    assert is_of(1.0, float | None)
    assert is_of(None, float | None)
    assert not is_of(1, float | None)
    assert not is_of(True, int)
    assert is_of([("a", "b")], list[tuple[str, str]])
    assert not is_of(["ab"], list[tuple[str, str]])
    assert not is_of("6", Literal["5", "3.1.1"])


async def test_messages_and_acknowledgements(url: str, topic: Callable[[str], str]) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), qos=1) as messages:
        plain = polymqtt.Message(topic("plain"))
        full = polymqtt.Message(
            topic("full"),
            "{}",
            qos=1,
            retain=True,
            content_type="application/json",
            response_topic="answers",
            correlation_data=b"1",
            message_expiry=60,
            payload_is_utf8=True,
            user_properties={"key": "1"},
        )
        for message in (plain, full):
            check(message)
            check(await client.send(message))
            check(await anext(messages))
        await client.publish(topic("full"), "", qos=1, retain=True)
        check(messages.granted[0])
        check(await messages.unsubscribe())


@pytest.mark.parametrize("session_expiry", [0, 60, float("inf")])
async def test_where_a_client_stands(url: str, session_expiry: float) -> None:
    client = polymqtt.Client.prepare(url, session_expiry=session_expiry)
    check(client.status())
    check(client.metrics())
    happened = client.events()
    check(await client.start())
    await client.publish("a", qos=1)
    check(client.status())
    check(client.metrics())
    check(await client.disconnect(session_expiry=0 if session_expiry else None))
    check(client.status())
    async for event in happened:
        check(event)


async def test_waiting_to_reconnect() -> None:
    async with server(fleeting) as url:
        client = polymqtt.Client.prepare(url, reconnect=ReconnectOptions(shortest=1000, longest=1000))
        happened = client.events()
        await client.start()
        async for event in happened:
            check(event)
            if isinstance(event, events.Disconnected):
                break
        check(client.status())
        await client.disconnect()
