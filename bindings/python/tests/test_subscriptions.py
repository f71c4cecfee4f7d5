"""Streams of messages: what was granted, acknowledging, ending."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import polymqtt
import pytest
from polymqtt import QoS, ReasonCode
from servers import CONNACK, deaf, next_packet, packet, server, text

Topic = Callable[[str], str]


async def test_several_filters_are_granted_one_by_one(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        async with client.subscribe([topic("a/+"), topic("b/#")], qos=1) as messages:
            assert messages.filters == [topic("a/+"), topic("b/#")]
            assert [(each.filter, each.qos, each.error) for each in messages.granted] == [
                (topic("a/+"), QoS.AT_LEAST_ONCE, None),
                (topic("b/#"), QoS.AT_LEAST_ONCE, None),
            ]
            assert topic("a/+") in repr(messages)


async def test_a_subscription_that_is_never_awaited_warns(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        with pytest.warns(RuntimeWarning, match=r"client\.subscribe\(\.\.\.\) was never awaited"):
            client.subscribe(topic("#"))


async def test_leaving_unsubscribes(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        async with client.subscribe(topic("#")) as messages:
            assert client.status().subscriptions == 1
        assert client.status().subscriptions == 0
        assert await messages.recv() is None
        assert [message async for message in messages] == []
        messages.close()


async def test_the_next_message_can_be_asked_for_by_itself(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), qos=1) as messages:
        await client.publish(topic("a"), "payload", qos=1)
        assert (await anext(messages)).text() == "payload"
        messages.close()
        with pytest.raises(StopAsyncIteration):
            await anext(messages)
    with polymqtt.sync.connect(url) as client, client.subscribe(topic("#"), qos=1) as received:
        client.publish(topic("a"), "payload", qos=1)
        assert next(received).text() == "payload"
        received.close()
        with pytest.raises(StopIteration):
            next(received)


async def test_unsubscribing_gives_the_answer(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        messages = await client.subscribe([topic("a"), topic("b")])
        ack = await messages.unsubscribe(user_properties={"why": "because"})
        assert ack.reason_codes == [ReasonCode.SUCCESS, ReasonCode.SUCCESS]
        assert (await messages.unsubscribe()).reason_codes == []


async def test_filters_of_an_earlier_program_are_unsubscribed(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        ack = await client.unsubscribe(topic("never"))
        assert ack.reason_codes == [ReasonCode.NO_SUBSCRIPTION_EXISTED]


async def test_a_stream_ends_when_the_client_has_disconnected(url: str, topic: Topic) -> None:
    client = await polymqtt.connect(url)
    messages = await client.subscribe(topic("#"), qos=1)
    await client.publish(topic("a"), "last", qos=1)
    first = await messages.recv()
    assert first is not None
    await client.disconnect()
    assert [message.text() async for message in messages] == []
    assert [batch async for batch in messages.batches()] == []


async def test_two_streams_of_one_filter_both_get_the_message(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        async with client.subscribe(topic("#"), qos=1) as one, client.subscribe(topic("#"), qos=1) as two:
            await client.publish(topic("a"), "payload", qos=1)
            for messages in (one, two):
                message = await messages.recv()
                assert message is not None
                assert message.payload == b"payload"


@contextlib.asynccontextmanager
async def granting(*reason_codes: int) -> AsyncIterator[str]:
    """A server that answers one SUBSCRIBE after the other by these codes, and then takes what comes."""

    async def grant(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next_packet(reader)
        writer.write(CONNACK)
        words = b"\x1f" + text(b"because")
        for code in reason_codes:
            number = (await next_packet(reader))[1:3]
            writer.write(packet(0x90, number + bytes([len(words)]) + words + bytes([code])))
        await deaf(reader, writer)

    async with server(grant) as url:
        yield url


async def test_a_refusal_is_an_error() -> None:
    async with granting(0x87) as url, polymqtt.connect(url) as client:
        with pytest.raises(polymqtt.NotAuthorizedError) as raised:
            await client.subscribe("a")
        assert raised.value.reason_code is ReasonCode.NOT_AUTHORIZED
        assert raised.value.reason_string == "because"
        assert client.status().subscriptions == 0


async def test_a_refusal_in_part_can_be_allowed() -> None:
    async with granting(1, 0x97) as url, polymqtt.connect(url) as client:
        messages = await client.subscribe(["a", "b"], qos=1, allow_partial=True)
        first, second = messages.granted
        assert (first.filter, first.qos, first.error) == ("a", QoS.AT_LEAST_ONCE, None)
        assert (second.filter, second.qos) == ("b", None)
        assert isinstance(second.error, polymqtt.QuotaExceededError)
        assert second.error.reason_code is ReasonCode.QUOTA_EXCEEDED
        assert second.error.reason_string == "because"


async def test_other_options_for_a_live_filter_are_an_error(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), qos=1):
        with pytest.raises(polymqtt.InvalidOptionError):
            await client.subscribe(topic("#"), qos=2)


async def test_messages_are_acknowledged_by_the_program(url: str, topic: Topic) -> None:
    identity = topic("manual").replace("/", "-")
    options = polymqtt.ConnectOptions(client_id=identity, session_expiry=60)
    async with polymqtt.connect(url, **options) as client:
        messages = await client.subscribe(topic("#"), qos=1, manual_ack=True)
        await client.publish_many([(topic("a"), "1"), (topic("a"), "2")], qos=1)
        first, second = await messages.recv(), await messages.recv()
        assert first is not None
        assert second is not None
        messages.ack(first)
    again = polymqtt.Client.prepare(url, clean_start=False, **options)
    async with again:
        messages = again.declare(topic("#"), qos=1)
        await again.start()
        message = await messages.recv()
        assert message is not None
        # Only what was not acknowledged comes again.
        assert message.text() == "2"
        await again.disconnect(session_expiry=0)


async def test_a_message_can_be_refused(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        async with client.subscribe(topic("#"), qos=1, manual_ack=True) as messages:
            await client.publish(topic("a"), "payload", qos=1)
            message = await messages.recv()
            assert message is not None
            with pytest.raises(polymqtt.InvalidOptionError, match="reason_code|acknowledged"):
                messages.ack(message, reason_code=ReasonCode.BANNED)
            messages.ack(
                message, reason_code=ReasonCode.NOT_AUTHORIZED, reason_string="no", user_properties={"a": "b"}
            )


async def test_a_shared_subscription_divides_the_messages(url: str, topic: Topic) -> None:
    shared = f"$share/workers/{topic('#')}"
    async with polymqtt.connect(url) as one, polymqtt.connect(url) as two:
        async with one.subscribe(shared, qos=1) as first, two.subscribe(shared, qos=1) as second:
            await one.publish_many([(topic("a"), str(number)) for number in range(10)], qos=1)
            got = {(await first.recv()).text(), (await second.recv()).text()}  # type: ignore[union-attr]
            assert len(got) == 2


async def test_messages_without_a_stream_are_unclaimed(url: str, topic: Topic) -> None:
    identity = topic("unclaimed").replace("/", "-")
    options = polymqtt.ConnectOptions(client_id=identity, session_expiry=60)
    async with polymqtt.connect(url, **options) as client:
        await client.subscribe(topic("#"), qos=1)
    async with polymqtt.connect(url) as other:
        await other.publish(topic("a"), "whose?", qos=1)
    async with polymqtt.Client.prepare(url, clean_start=False, unclaimed_timeout=0, **options) as client:
        unclaimed = client.unclaimed()
        assert unclaimed.filters == []
        with pytest.raises(polymqtt.InvalidOptionError):
            client.unclaimed()
        await client.start()
        message = await unclaimed.recv()
        assert message is not None
        assert message.text() == "whose?"
        await client.disconnect(session_expiry=0)


async def test_a_full_stream_drops_by_its_policy(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        async with client.subscribe(topic("#"), max_messages=1, when_full="drop_oldest") as messages:
            await client.publish_many([(topic("a"), str(number)) for number in range(50)])
            async with client.subscribe(topic("end"), qos=1) as end:
                # An operation of ours awaits the server, so that reading can't pause.
                await client.publish(topic("end"), qos=1)
                await end.recv()
            message = await messages.recv()
            assert message is not None
            assert message.text() != "0"
            assert client.metrics().dropped_incoming > 0
