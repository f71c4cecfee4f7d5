"""Values of the client from the fields of a command: tests/scenarios/README.md has them."""

from typing import Any, TypeAlias

import polymqtt

Fields: TypeAlias = dict[str, Any]

_OF_EVERY_COMMAND = {"id", "do", "name"}
_PUBLISH = {
    "topic",
    "payload",
    "qos",
    "retain",
    "timeout",
    "payload_is_utf8",
    "message_expiry",
    "content_type",
    "response_topic",
    "correlation_data",
}


def connect_options(fields: Fields, ask: Any) -> dict[str, Any]:
    """The options of `connect` and `prepare`; `ask` puts a question to the scenario."""
    options = _set(fields, but={"servers", "credentials_from_host", "authentication", "scram"})
    for name, group in (
        ("queue", polymqtt.QueueOptions),
        ("reconnect", polymqtt.ReconnectOptions),
        ("redirect", polymqtt.RedirectOptions),
    ):
        if options.get(name) is not None:
            options[name] = group(**options[name])
    if "will" in options:
        options["will"] = polymqtt.Will(**with_pairs(options["will"]))
    if fields.get("credentials_from_host"):
        options["credentials"] = ask.credentials
    if scram := fields.get("scram"):
        options["authentication"] = polymqtt.Scram(scram.get("username", ""), scram.get("password", ""))
    method = fields.get("authentication")
    if method == "SCRAM-SHA-256":
        options["authentication"] = polymqtt.Scram(options.pop("username", ""), options.pop("password", ""))
    elif method is not None:
        options["authentication"] = polymqtt.Authenticator(method, ask.authentication)
    if fields.get("reconnect", ...) is None:
        options["reconnect"] = None
    return options


def publish_arguments(fields: Fields) -> dict[str, Any]:
    """The arguments of `publish`, `enqueue` and `request`."""
    arguments = _set(fields, but=set())
    if unknown := arguments.keys() - _PUBLISH - {"user_properties"}:
        raise TypeError(f"unknown fields: {unknown}")
    if "correlation_data" in arguments:
        arguments["correlation_data"] = arguments["correlation_data"].encode()
    return {"topic": "", **arguments}


def subscribe_arguments(fields: Fields) -> dict[str, Any]:
    """The arguments of `subscribe`, `declare` and `respond`."""
    arguments = _set(fields, but={"stream"})
    return {"filters": [], **arguments, **(fields.get("stream") or {})}


def arguments(fields: Fields, *own: str) -> dict[str, Any]:
    """The fields that are arguments of a call, without the command's own."""
    return _set(fields, but=set(own))


def with_pairs(fields: Fields) -> Fields:
    """User properties, written `name:value`, as pairs."""
    if (written := fields.get("user_properties")) is None:
        return fields
    written = [written] if isinstance(written, str) else written
    pairs = [tuple(pair.partition(":")[::2]) for pair in written]
    return {**fields, "user_properties": pairs}


def reply(answer: Fields) -> polymqtt.AuthenticationReply:
    """The answer to a step of an authentication."""
    data = answer.get("data")
    return polymqtt.AuthenticationReply(None if data is None else data.encode())


def credentials(answer: Fields) -> polymqtt.Credentials:
    """The answer to a question for credentials."""
    return polymqtt.Credentials(answer.get("username", ""), answer.get("password", ""))


def error_named(kind: str) -> polymqtt.MqttError:
    """The error that the program answers a question with."""
    classes = {error.kind: error for error in vars(polymqtt.errors).values() if _is_kind(error)}
    return classes[kind]("the program says so")


def _is_kind(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, polymqtt.MqttError)


def _set(fields: Fields, *, but: set[str]) -> Fields:
    left_out = _OF_EVERY_COMMAND | but
    named = {name: value for name, value in fields.items() if name not in left_out and value is not None}
    return with_pairs(named)
