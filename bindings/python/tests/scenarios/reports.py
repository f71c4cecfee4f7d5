"""What the client gives, as the fields of a report: tests/scenarios/README.md has them."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import polymqtt
from polymqtt import events

from .values import Fields


def error(error: Exception) -> Fields:
    if not isinstance(error, polymqtt.MqttError):
        kind = "invalid_option" if isinstance(error, TypeError | ValueError) else type(error).__name__
        return {"kind": kind, "message": str(error)}
    return {
        "kind": error.kind,
        "reason_code": error.reason_code,
        "reason_string": error.reason_string,
        "user_properties": pairs(error.user_properties),
        "retry": error.retry_may_help,
        "message": str(error),
    }


def connected(grant: polymqtt.Grant) -> Fields:
    fields = dataclasses.asdict(grant)
    limits = fields.pop("limits")
    return {**fields, **limits, "user_properties": pairs(grant.user_properties)}


def acknowledged(ack: polymqtt.PublishAck) -> Fields:
    return {
        "reason_code": ack.reason_code,
        "reason_string": ack.reason_string,
        "user_properties": pairs(ack.user_properties),
    }


def outcomes(outcomes: Iterable[polymqtt.PublishAck | polymqtt.MqttError]) -> Fields:
    """Of each message of a batch its reason code, or the kind of the error."""
    code = [o.kind if isinstance(o, polymqtt.MqttError) else o.reason_code for o in outcomes]
    return {"outcomes": code}


def granted(granted: list[polymqtt.Granted]) -> Fields:
    """Each filter with the quality of service that was granted, or the kind of the error."""
    outcome = [one.qos if one.error is None else one.error.kind for one in granted]
    return {"filters": [one.filter for one in granted], "granted": outcome}


def unsubscribed(ack: polymqtt.UnsubscribeAck) -> Fields:
    return {
        "reason_codes": ack.reason_codes,
        "reason_string": ack.reason_string,
        "user_properties": pairs(ack.user_properties),
    }


def received(message: polymqtt.Message | None) -> Fields:
    if message is None:
        return {"ended": True}
    data = message.correlation_data
    return {
        "topic": message.topic,
        "payload": message.payload.decode(errors="replace"),
        "qos": message.qos,
        "retain": message.retain,
        "dup": message.dup,
        "payload_is_utf8": message.payload_is_utf8,
        "message_expiry": message.message_expiry,
        "response_topic": message.response_topic,
        "correlation_data": None if data is None else data.decode(errors="replace"),
        "content_type": message.content_type,
        "user_properties": pairs(message.user_properties),
    }


def event(event: events.Event) -> Fields:
    match event:
        case events.Connected(grant=grant):
            return {"event": "connected", **connected(grant)}
        case events.Disconnected(error=cause, retry_in=retry_in):
            why = {} if cause is None else error(cause)
            return {**why, "event": "disconnected", "will_retry": retry_in is not None, "retry_in": retry_in}
        case events.ReauthenticationFailed(error=cause):
            return {"event": "reauthentication_failed", "kind": error(cause)["kind"]}
        case _:
            fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
            return {**fields, "event": _snake(type(event).__name__)}


def attempt(question: int, attempt: polymqtt.Attempt) -> Fields:
    return {"ask": "credentials", "question": question, "server": attempt.server, "attempt": attempt.number}


def step(question: int, step: polymqtt.AuthenticationStep) -> Fields:
    data = None if step.data is None else step.data.decode(errors="replace")
    return {"ask": "authentication", "question": question, "stage": step.stage, "data": data}


def pairs(user_properties: Iterable[tuple[str, str]]) -> list[str]:
    """As `name:value`."""
    return [f"{name}:{value}" for name, value in user_properties]


def fields_of(value: Any) -> Fields:
    """A result of plain figures."""
    return dataclasses.asdict(value)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
