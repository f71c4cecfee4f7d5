"""Both APIs have the same names, parameters and defaults, and all of it is documented."""

import inspect
import re
from pathlib import Path
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any, get_type_hints, is_typeddict

import polymqtt
import pytest
from polymqtt import sync
from polymqtt.keywords import LEFT_OUT

PAIRS = ["Client", "Events", "Request", "Responder", "Subscription"]

# What is awaited before it is there has a class of its own, as the coroutines of asyncio do.
ONLY_ASYNCIO = {"Connect", "Respond", "Subscribe"}

# Who waits on a thread says for how long, or is called back.
ONLY_BLOCKING: dict[str, set[str]] = {
    "Client": {"on_event", "on_callback_error"},
    "Client.declare": {"callback"},
    "Client.subscribe": {"callback"},
    "Events.recv": {"timeout"},
    "Responder.recv": {"timeout"},
    "Subscription.recv": {"timeout"},
}


def public(thing: Any) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def parameters(function: Any) -> dict[str, tuple[Any, Any]]:
    """Names, kinds and defaults."""
    found = inspect.signature(function).parameters.items()
    return {name: (parameter.kind, parameter.default) for name, parameter in found if name != "self"}


@pytest.mark.parametrize("name", PAIRS)
def test_both_classes_have_the_same_names(name: str) -> None:
    assert public(getattr(sync, name)) - ONLY_BLOCKING.get(name, set()) == public(getattr(polymqtt, name))


@pytest.mark.parametrize("name", PAIRS)
def test_both_classes_take_the_same_parameters(name: str) -> None:
    blocking, awaited = getattr(sync, name), getattr(polymqtt, name)
    for method in sorted(public(awaited)):
        if not callable(getattr(awaited, method)):
            continue
        theirs = parameters(getattr(blocking, method))
        for only in ONLY_BLOCKING.get(f"{name}.{method}", set()):
            del theirs[only]
        ours = parameters(getattr(awaited, method))
        assert theirs.keys() == ours.keys(), method
        for parameter in theirs:
            if LEFT_OUT not in (theirs[parameter][1], ours[parameter][1]):
                assert theirs[parameter] == ours[parameter], f"{method}({parameter})"


def test_both_connect_by_the_same_parameters() -> None:
    assert parameters(sync.connect) == parameters(polymqtt.connect)


def test_help_shows_each_option() -> None:
    assert set(polymqtt.ConnectOptions.__annotations__) < set(parameters(polymqtt.connect))
    assert "keep_alive: float | datetime.timedelta = ..., " in str(inspect.signature(polymqtt.Client.prepare))


def test_both_export_the_same_classes() -> None:
    classes = {name for name in polymqtt.__all__ if name in {*PAIRS, *ONLY_ASYNCIO, "connect"}}
    assert classes - ONLY_ASYNCIO == set(sync.__all__) - {"CallbackErrorHook"}


def documented() -> list[tuple[str, Any]]:
    found = list[tuple[str, Any]]()
    for module in (polymqtt, sync, polymqtt.events):
        found.append((module.__name__, module))
        for name in module.__all__:
            thing = getattr(module, name)
            if isinstance(thing, ModuleType) or not (
                isinstance(thing, FunctionType | BuiltinFunctionType) or inspect.isclass(thing)
            ):
                continue  # a module of its own, or an alias of types
            found.append((f"{module.__name__}.{name}", thing))
            if inspect.isclass(thing) and not is_typeddict(thing):
                inherited = (
                    public(Exception) | public(int) if issubclass(thing, Exception | int) else set[str]()
                )
                for member in sorted(public(thing) - inherited):
                    attribute = inspect.getattr_static(thing, member)
                    if callable(getattr(thing, member)) or isinstance(attribute, property):
                        found.append((f"{module.__name__}.{name}.{member}", attribute))
    return found


@pytest.mark.parametrize(("name", "thing"), documented())
def test_everything_public_is_documented(name: str, thing: Any) -> None:
    assert inspect.getdoc(thing), name


@pytest.mark.parametrize(
    "options", [polymqtt.ConnectOptions, polymqtt.PublishOptions, polymqtt.SubscribeOptions]
)
def test_every_option_is_documented(options: type) -> None:
    text = f"{options.__doc__}{polymqtt.StreamOptions.__doc__}"
    missing = [
        name for name in get_type_hints(options) if not re.search(rf"^ +{name}: \w", text, re.MULTILINE)
    ]
    assert missing == []


def test_reason_codes_are_those_of_the_engine() -> None:
    source = Path(__file__).parents[3] / "core/proto/src/reason.rs"
    engine = dict[str, int]()
    for name, number in re.findall(r"^    (\w+) = (0x\w\w), \"", source.read_text(), re.MULTILINE):
        engine[name.upper()] = int(number, 16)
    assert {code.name.replace("_", ""): code.value for code in polymqtt.ReasonCode} == engine


def test_errors_are_those_of_the_engine() -> None:
    source = Path(__file__).parents[3] / "core/proto/src/error.rs"
    engine = set(re.findall(r"^    \w+ = \d+, \"(\w+)\";", source.read_text(), re.MULTILINE))
    kinds = {error.kind: error for error in polymqtt.MqttError.__subclasses__()}
    assert kinds.keys() == engine
    assert all(error.__name__ in polymqtt.__all__ for error in kinds.values())
