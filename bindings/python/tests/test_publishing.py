"""Publishing and subscribing."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import polymqtt
import pytest
from polymqtt import QoS, ReasonCode

Topic = Callable[[str], str]


@pytest.mark.parametrize("qos", [0, 1, 2, QoS.EXACTLY_ONCE])
async def test_a_message_comes_back_at_each_qos(url: str, topic: Topic, qos: QoS) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), qos=2) as messages:
        ack = await client.publish(topic("a"), b"payload", qos=qos)
        assert ack.reason_code is ReasonCode.SUCCESS
        message = await messages.recv()
        assert message is not None
        assert (message.topic, message.payload, message.qos) == (topic("a"), b"payload", qos)
        assert isinstance(message.qos, QoS)
        assert not message.retain
        assert not message.dup


@pytest.mark.parametrize(
    "payload", [b"\x00\xff", bytearray(b"\x00\xff"), memoryview(b"\x00\xff"), memoryview(b"-\x00-\xff")[1::2]]
)
async def test_payloads_are_anything_with_bytes(url: str, topic: Topic, payload: polymqtt.Payload) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#")) as messages:
        await client.publish(topic("a"), payload)
        message = await messages.recv()
        assert message is not None
        assert message.payload == b"\x00\xff"
        assert memoryview(message) == b"\x00\xff"
        assert memoryview(message).readonly
        with pytest.raises(UnicodeDecodeError):
            message.text()


async def test_text_is_utf_8(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#")) as messages:
        await client.publish(topic("a"), '{"°C": 21.5}')
        message = await messages.recv()
        assert message is not None
        assert message.text() == '{"°C": 21.5}'
        assert message.json() == {"°C": 21.5}


async def test_no_payload_is_an_empty_one(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#")) as messages:
        await client.publish(topic("a"))
        message = await messages.recv()
        assert message is not None
        assert message.payload == b""


async def test_properties_arrive(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), qos=1) as messages:
        await client.publish(
            topic("a"),
            "text",
            qos=1,
            content_type="text/plain",
            response_topic=topic("answers"),
            correlation_data=b"\x00\x01",
            message_expiry=timedelta(minutes=5),
            payload_is_utf8=True,
            user_properties=[("key", "1"), ("key", "2")],
        )
        message = await messages.recv()
        assert message is not None
        assert message.content_type == "text/plain"
        assert message.response_topic == topic("answers")
        assert message.correlation_data == b"\x00\x01"
        assert message.message_expiry is not None
        assert 290 <= message.message_expiry <= 300
        assert message.payload_is_utf8 is True
        # The embedded broker adds one of its own.
        assert message.user_properties[:2] == [("key", "1"), ("key", "2")]


async def test_what_is_not_set_is_none(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url, version="3.1.1") as client, client.subscribe(topic("#")) as messages:
        await client.publish(topic("a"))
        message = await messages.recv()
        assert message is not None
        assert message.content_type is None
        assert message.response_topic is None
        assert message.correlation_data is None
        assert message.message_expiry is None
        assert message.payload_is_utf8 is None
        assert message.user_properties == []


async def test_a_message_is_sent_as_it_was_made(url: str, topic: Topic) -> None:
    made = polymqtt.Message(topic("a"), "payload", qos=1, user_properties={"key": "1"})
    assert (made.topic, made.payload, made.qos, made.user_properties) == (
        topic("a"),
        b"payload",
        1,
        [("key", "1")],
    )
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), qos=1) as messages:
        await client.send(made)
        message = await messages.recv()
        assert message is not None
        assert message.user_properties[0] == ("key", "1")


async def test_a_received_message_can_be_sent_on(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), qos=1) as messages:
        await client.publish(topic("a"), "payload", qos=1)
        first = await messages.recv()
        assert first is not None
        await client.send(first)
        second = await messages.recv()
        assert second is not None
        assert (second.topic, second.payload, second.qos) == (first.topic, first.payload, first.qos)


async def test_the_server_keeps_retained_messages(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        await client.publish(topic("a"), "kept", qos=1, retain=True)
        async with client.subscribe(topic("#")) as messages:
            message = await messages.recv()
            assert message is not None
            assert message.retain
        await client.publish(topic("a"), "", qos=1, retain=True)


async def test_retained_messages_can_be_left_out(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        await client.publish(topic("a"), "kept", qos=1, retain=True)
        async with client.subscribe(topic("#"), retain_handling="do_not_send") as messages:
            await client.publish(topic("b"), "fresh")
            message = await messages.recv()
            assert message is not None
            assert message.payload == b"fresh"
        await client.publish(topic("a"), "", qos=1, retain=True)


async def test_own_messages_can_be_left_out(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, polymqtt.connect(url) as other:
        async with client.subscribe(topic("#"), no_local=True, qos=1) as messages:
            await client.publish(topic("a"), "own", qos=1)
            await other.publish(topic("a"), "other's", qos=1)
            message = await messages.recv()
            assert message is not None
            assert message.payload == b"other's"


async def test_many_messages_are_published_by_one_call(url: str, topic: Topic) -> None:
    async with (
        polymqtt.connect(url) as client,
        client.subscribe(topic("#"), qos=1, max_messages=5000) as messages,
    ):
        batch = ((topic("a"), str(number)) for number in range(1000))
        acks = await client.publish_many(batch, qos=1)
        assert [ack.reason_code for ack in acks if isinstance(ack, polymqtt.PublishAck)] == [
            ReasonCode.SUCCESS
        ] * 1000
        received = [await messages.recv() for _ in range(1000)]
        assert [message.text() for message in received if message] == [str(number) for number in range(1000)]


async def test_a_batch_takes_messages_as_well(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), qos=1) as messages:
        deliveries = await client.enqueue_many([polymqtt.Message(topic("a"), "1", qos=1), (topic("a"), "2")])
        await asyncio.gather(*deliveries)
        received = [await messages.recv(), await messages.recv()]
        # Of another quality of service, they may pass each other.
        assert {(message.text(), message.qos) for message in received if message} == {("1", 1), ("2", 0)}


async def test_messages_come_in_batches(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), qos=1) as messages:
        await client.publish_many([(topic("a"), str(number)) for number in range(20)], qos=1)
        received = list[str]()
        async for batch in messages.batches(most=8):
            assert 1 <= len(batch) <= 8
            received += [message.text() for message in batch]
            if len(received) == 20:
                break
        assert received == [str(number) for number in range(20)]


async def test_enqueueing_gives_the_delivery(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        delivery = await client.enqueue(topic("a"), "payload", qos=1)
        ack = await delivery
        assert not ack.reason_code.is_error
        assert delivery.done()


async def test_a_dropped_delivery_goes_its_way(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), qos=1) as messages:
        client.publish(topic("a"), "payload", qos=1)
        assert await messages.recv() is not None


async def test_flushing_waits_for_the_transport(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#")) as messages:
        client.publish(topic("a"))
        await client.flush()
        assert client.metrics().messages_sent == 1
        assert await messages.recv() is not None


async def test_a_delivery_ends_as_a_coroutine_does() -> None:
    client = polymqtt.Client.prepare("mqtt://localhost")
    ends = [
        lambda delivery: delivery.send(None),
        lambda delivery: next(iter(delivery)),
    ]
    for end in ends:
        with pytest.raises(StopIteration) as stopped:
            end(client.publish("a"))
        assert isinstance(stopped.value.value, polymqtt.PublishAck)
    await client.disconnect(timeout=0)
