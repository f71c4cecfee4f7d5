"""Bad input: typed errors that name the argument and the rule, before anything is sent."""

from collections.abc import Callable
from typing import Any

import polymqtt
import pytest

Topic = Callable[[str], str]

WRONG_TYPES: list[tuple[str, dict[str, Any]]] = [
    ("topic", {"topic": b"a"}),
    ("topic", {"topic": None}),
    ("payload", {"payload": 21.5}),
    ("payload", {"payload": ["a"]}),
    ("qos", {"qos": "1"}),
    ("qos", {"qos": 1.5}),
    ("retain", {"retain": "yes"}),
    ("timeout", {"timeout": "1"}),
    ("content_type", {"content_type": b"a"}),
    ("response_topic", {"response_topic": 1}),
    ("correlation_data", {"correlation_data": 1}),
    ("message_expiry", {"message_expiry": "1"}),
    ("payload_is_utf8", {"payload_is_utf8": "yes"}),
    ("user_properties", {"user_properties": {"a": 1}}),
    ("user_properties", {"user_properties": "ab"}),
    ("mistake", {"mistake": 1}),
]

NOT_ALLOWED: list[tuple[type[polymqtt.MqttError], str, dict[str, Any]]] = [
    (polymqtt.InvalidTopicError, "topic", {"topic": ""}),
    (polymqtt.InvalidTopicError, "wildcard", {"topic": "a/+"}),
    (polymqtt.InvalidTopicError, "wildcard", {"topic": "a/#"}),
    (polymqtt.InvalidTopicError, "U[+]0000", {"topic": "a\0"}),
    (polymqtt.InvalidTopicError, "65,?535", {"topic": "a" * 65536}),
    (polymqtt.InvalidMessageError, "(?i)qos", {"qos": 3}),
    (polymqtt.InvalidMessageError, "(?i)qos", {"qos": -1}),
    (polymqtt.InvalidMessageError, "(?i)qos", {"qos": 2**70}),
    (polymqtt.InvalidMessageError, "content_type.*U[+]0000", {"content_type": "\0"}),
    (polymqtt.InvalidMessageError, "user_propert", {"user_properties": [("a", "\0")]}),
    (polymqtt.InvalidMessageError, "UTF-8", {"payload": b"\xff", "payload_is_utf8": True}),
    (polymqtt.MqttError, "response topic|response_topic", {"response_topic": "a/#"}),
    (polymqtt.MqttError, "timeout", {"timeout": -1}),
    (polymqtt.MqttError, "timeout", {"timeout": float("nan")}),
    (polymqtt.MqttError, "message_expiry", {"message_expiry": -1}),
]


@pytest.mark.parametrize(("name", "arguments"), WRONG_TYPES)
async def test_a_wrong_type_is_named(url: str, name: str, arguments: dict[str, Any]) -> None:
    async with polymqtt.connect(url) as client:
        with pytest.raises(TypeError, match=name):
            await client.publish(**{"topic": "a", **arguments})
        if name not in {"timeout", "mistake"}:
            with pytest.raises(TypeError, match=name):
                polymqtt.Message(**{"topic": "a", **arguments})
        assert client.metrics().messages_sent == 0


@pytest.mark.parametrize(("error", "rule", "arguments"), NOT_ALLOWED)
async def test_what_mqtt_does_not_allow_is_told(
    url: str, error: type[polymqtt.MqttError], rule: str, arguments: dict[str, Any]
) -> None:
    async with polymqtt.connect(url) as client:
        with pytest.raises(error, match=rule) as raised:
            await client.publish(**{"topic": "a", **arguments})
        assert isinstance(raised.value, ValueError)
        assert client.metrics().messages_sent == 0
        assert client.connected() is not None


@pytest.mark.parametrize(
    "surrogate", [{"topic": "\ud800"}, {"payload": "\ud800"}, {"content_type": "\ud800"}]
)
async def test_half_a_character_is_a_value_error(url: str, surrogate: dict[str, Any]) -> None:
    async with polymqtt.connect(url) as client:
        with pytest.raises(ValueError):
            await client.publish(**{"topic": "a", **surrogate})


@pytest.mark.parametrize("filters", [7, None, b"a", [b"a"], [7], {"a": 1}])
async def test_filters_are_text(url: str, filters: Any) -> None:
    async with polymqtt.connect(url) as client:
        with pytest.raises(TypeError, match="filters"):
            await client.subscribe(filters)
        with pytest.raises(TypeError, match="filters"):
            await client.unsubscribe(filters)


@pytest.mark.parametrize("filters", ["", "a/#/b", "a+", "a\0", "$share//a", ["a", "b/#/c"], []])
async def test_filters_follow_the_rules(url: str, filters: Any) -> None:
    async with polymqtt.connect(url) as client:
        for subscribing in (client.subscribe, client.respond):
            with pytest.raises(ValueError) as raised:
                await subscribing(filters)
            assert isinstance(raised.value, polymqtt.MqttError)
        with pytest.raises(polymqtt.MqttError):
            client.declare(filters)
        assert client.status().subscriptions == 0


@pytest.mark.parametrize(
    ("options", "error", "name"),
    [
        ({"qos": 3}, ValueError, "qos"),
        ({"qos": "1"}, TypeError, "qos"),
        ({"max_messages": 0}, ValueError, "bounds"),
        ({"max_bytes": "1"}, TypeError, "max_bytes"),
        ({"max_bytes": None}, TypeError, "max_bytes"),
        ({"when_full": "explode"}, ValueError, "when_full"),
        ({"retain_handling": "never"}, ValueError, "retain_handling"),
        ({"manual_ack": 1}, TypeError, "manual_ack"),
        ({"user_properties": {"a": 1}}, TypeError, "user_properties"),
        ({"mistake": 1}, TypeError, "mistake"),
    ],
)
async def test_options_of_a_subscription_are_checked(
    url: str, options: dict[str, Any], error: type[Exception], name: str
) -> None:
    async with polymqtt.connect(url) as client:
        with pytest.raises(error, match=name):
            await client.subscribe("a", **options)


async def test_no_local_is_not_for_shared_subscriptions(url: str) -> None:
    async with polymqtt.connect(url) as client:
        with pytest.raises(polymqtt.InvalidOptionError, match="no_local"):
            await client.subscribe("$share/a/b", no_local=True)


async def test_a_payload_beyond_the_server_s_limit_is_not_sent(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        grant = client.connected()
        assert grant is not None
        if grant.limits.maximum_packet_size is None:
            pytest.skip("this server takes any size")
        with pytest.raises(polymqtt.PacketTooLargeError, match="at most"):
            await client.publish(topic("a"), bytes(grant.limits.maximum_packet_size))


async def test_properties_need_version_5(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url, version="3.1.1") as client:
        with pytest.raises(polymqtt.UnsupportedError, match="MQTT 5"):
            await client.publish(topic("a"), content_type="text/plain")
        with pytest.raises(polymqtt.UnsupportedError, match="MQTT 5"):
            await client.subscribe(topic("a"), no_local=True)
        with pytest.raises(polymqtt.UnsupportedError):
            await client.disconnect(with_will=True)
        assert client.connected() is not None


async def test_one_bad_message_ends_a_batch(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), qos=1) as messages:
        with pytest.raises(polymqtt.InvalidTopicError):
            await client.publish_many([(topic("a"), "1"), (topic("+"), "2"), (topic("a"), "3")], qos=1)
        await client.publish(topic("end"), qos=1)
        received = [await messages.recv(), await messages.recv()]
        assert [message.topic for message in received if message] == [topic("a"), topic("end")]


@pytest.mark.parametrize("messages", [7, [7], [("a",)], [("a", "b", "c")], ["ab"], [("a", 7)]])
async def test_a_batch_is_of_messages(url: str, messages: Any) -> None:
    async with polymqtt.connect(url) as client:
        with pytest.raises(TypeError):
            await client.publish_many(messages)


async def test_an_iterable_that_raises_ends_a_batch(url: str, topic: Topic) -> None:
    def numbers() -> Any:
        yield topic("a"), "1"
        raise ZeroDivisionError

    async with polymqtt.connect(url) as client:
        with pytest.raises(ZeroDivisionError):
            await client.publish_many(numbers())
        await client.publish(topic("a"), qos=1)


async def test_only_a_message_is_sent(url: str) -> None:
    async with polymqtt.connect(url) as client:
        with pytest.raises(TypeError, match="message"):
            await client.send(("a", "b"))  # type: ignore[arg-type]


async def test_only_a_message_is_acknowledged(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), manual_ack=True) as messages:
        with pytest.raises(TypeError, match="message"):
            messages.ack("a")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="reason_code|reason code"):
            messages.ack(polymqtt.Message("a"), reason_code=7)


def test_a_message_does_not_change() -> None:
    message = polymqtt.Message("a", "b")
    with pytest.raises(AttributeError):
        message.topic = "c"  # type: ignore[misc]
    with pytest.raises(TypeError):
        memoryview(message)[0] = 0
