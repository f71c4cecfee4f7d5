"""Errors as Python's programs catch them."""

import pickle

import polymqtt
import pytest
from polymqtt import ReasonCode
from polymqtt.errors import from_native


def test_each_kind_is_a_class() -> None:
    error = from_native(
        "not_authorized", "connecting: no", 0x87, "go away", [("a", "b")], retry_may_help=False
    )
    assert type(error) is polymqtt.NotAuthorizedError
    assert str(error) == "connecting: no"
    assert error.kind == "not_authorized"
    assert error.reason_code is ReasonCode.NOT_AUTHORIZED
    assert error.reason_string == "go away"
    assert error.user_properties == [("a", "b")]
    assert not error.retry_may_help


def test_a_kind_that_is_new_is_an_mqtt_error() -> None:
    error = from_native("brand_new", "what?", None, None, [], retry_may_help=True)
    assert type(error) is polymqtt.MqttError
    assert error.kind == "brand_new"
    assert error.retry_may_help


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (polymqtt.TimeoutError, TimeoutError),
        (polymqtt.TransportError, ConnectionError),
        (polymqtt.InvalidOptionError, ValueError),
        (polymqtt.InvalidTopicError, ValueError),
        (polymqtt.InvalidMessageError, ValueError),
    ],
)
def test_some_are_what_python_has_already(error: type[polymqtt.MqttError], builtin: type[Exception]) -> None:
    with pytest.raises(builtin, match="^why$"):
        raise error("why")


def test_programs_raise_them_too() -> None:
    error = polymqtt.RefusedError(
        "not today", reason_code=ReasonCode.SERVER_BUSY, user_properties={"a": "b"}.items()
    )
    assert (error.kind, error.retry_may_help) == ("refused", True)
    assert error.user_properties == [("a", "b")]


def test_errors_cross_processes() -> None:
    error = from_native("transport", "lost", 0x8D, "slow", [("a", "b")], retry_may_help=True)
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is polymqtt.TransportError
    assert (str(copied), copied.reason_code, copied.reason_string) == ("lost", 0x8D, "slow")
    assert copied.user_properties == [("a", "b")]
