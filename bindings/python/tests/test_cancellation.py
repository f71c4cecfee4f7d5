"""Giving up waiting, in each of asyncio's ways."""

import asyncio
import contextlib
from collections.abc import Callable

import polymqtt
import pytest
from servers import deaf, next_packet, server, silent

Topic = Callable[[str], str]


async def test_a_publish_goes_on_when_nobody_waits_any_more() -> None:
    async with server(silent) as url:
        client = await polymqtt.connect(url)
        delivery = client.publish("a", qos=1)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await delivery
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(delivery, 0.01)
        assert not delivery.done()
        assert client.metrics().in_flight == 1
        await client.disconnect(timeout=0)
        with pytest.raises(polymqtt.IndeterminateError):
            await delivery


async def test_a_delivery_is_withdrawn_by_its_own_timeout() -> None:
    async with server(silent) as url:
        client = await polymqtt.connect(url)
        with pytest.raises(polymqtt.IndeterminateError):
            await client.publish("a", qos=1, timeout=0.01)
        await client.disconnect(timeout=0)


async def test_a_delivery_can_be_cancelled() -> None:
    async with server(silent) as url:
        client = polymqtt.Client.prepare(url)
        delivery = client.publish("a", qos=1)
        delivery.cancel()
        with pytest.raises(polymqtt.WithdrawnError):
            await delivery
        await client.start()
        sent = client.publish("a", qos=1)
        sent.cancel()
        with pytest.raises(polymqtt.IndeterminateError):
            await sent
        await client.disconnect(timeout=0)


async def test_a_delivery_may_be_awaited_by_many_and_again(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        delivery = client.publish(topic("a"), qos=1)

        async def wait() -> polymqtt.PublishAck:
            return await delivery

        acks = await asyncio.gather(wait(), wait(), wait())
        assert len({id(ack) for ack in acks}) == 1
        assert await delivery is acks[0]


async def test_cancelling_connect_gives_up_connecting() -> None:
    seen, gone = asyncio.Event(), asyncio.Event()

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next_packet(reader)
        seen.set()
        await deaf(reader, writer)
        gone.set()

    async with server(watch) as url:
        connecting = asyncio.ensure_future(polymqtt.connect(url))
        await seen.wait()
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        await gone.wait()


async def test_a_first_connect_has_its_timeout() -> None:
    async with server(deaf) as url:
        with pytest.raises(polymqtt.TimeoutError):
            await polymqtt.connect(url, connect_timeout=0.05)


async def test_cancelling_subscribe_undoes_it() -> None:
    async with server(silent) as url:
        client = await polymqtt.connect(url)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await client.subscribe("a")
        assert client.status().subscriptions == 0
        await client.disconnect(timeout=0)


async def test_an_answer_that_does_not_come_is_a_timeout() -> None:
    async with server(silent) as url:
        client = await polymqtt.connect(url, subscribe_timeout=0.05)
        with pytest.raises(polymqtt.TimeoutError):
            await client.subscribe("a")
        with pytest.raises(polymqtt.TimeoutError):
            await client.unsubscribe("a")
        await client.disconnect(timeout=0)


async def test_giving_up_waiting_loses_no_message(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), qos=1) as messages:
        for _ in range(20):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await messages.recv()
        sent = asyncio.create_task(client.publish_many([(topic("a"), str(n)) for n in range(50)], qos=1))
        received = list[str]()
        while len(received) < 50:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.0005):
                    message = await messages.recv()
                    assert message is not None
                    received.append(message.text())
        await sent
        assert received == [str(number) for number in range(50)]


async def test_a_task_group_ends_all_when_one_fails(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        ended, all_there = list[str](), asyncio.Barrier(3)

        async def listen(name: str) -> None:
            async with client.subscribe(topic(name)) as messages:
                await all_there.wait()
                try:
                    async for _ in messages:
                        pass
                finally:
                    ended.append(name)

        async def fail() -> None:
            await all_there.wait()
            raise ZeroDivisionError

        with pytest.raises(ExceptionGroup) as raised:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(listen("a"))
                tasks.create_task(listen("b"))
                tasks.create_task(fail())
        assert raised.group_contains(ZeroDivisionError)
        assert sorted(ended) == ["a", "b"]
        assert client.status().subscriptions == 0


async def test_gather_gives_outcomes_and_errors(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client:
        ack, error = await asyncio.gather(
            client.publish(topic("a"), qos=1),
            client.request(topic("nobody"), qos=0, timeout=0.01),
            return_exceptions=True,
        )
        assert isinstance(ack, polymqtt.PublishAck)
        assert isinstance(error, polymqtt.TimeoutError)


async def test_waiting_for_the_first_of_several(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#"), qos=1) as messages:
        never = asyncio.create_task(client.request(topic("nobody"), qos=0, timeout=60))
        some = asyncio.create_task(messages.recv())
        done, _ = await asyncio.wait([never, some], return_when=asyncio.FIRST_COMPLETED)
        assert done == {some}
        never.cancel()


async def test_room_in_the_queue_is_waited_for_in_order() -> None:
    options = polymqtt.QueueOptions(max_messages=2)
    async with server(silent) as url:
        client = polymqtt.Client.prepare(url, queue=options)
        deliveries = [client.publish("a", str(number)) for number in range(2)]
        waiting = [asyncio.ensure_future(client.enqueue("a", "waits")) for _ in range(2)]
        await asyncio.sleep(0)
        assert not any(each.done() for each in waiting)
        waiting[0].cancel()
        await client.start()
        await waiting[1]
        await asyncio.gather(*deliveries)
        await client.disconnect(timeout=0)


@pytest.mark.parametrize(
    ("when_full", "error"), [("fail", polymqtt.QueueFullError), ("drop_newest", polymqtt.DroppedError)]
)
async def test_a_full_queue_follows_its_policy(
    when_full: polymqtt.WhenFull, error: type[polymqtt.MqttError]
) -> None:
    options = polymqtt.QueueOptions(max_messages=1, when_full=when_full)
    client = polymqtt.Client.prepare("mqtt://localhost:1", queue=options)
    first = client.publish("a", "1", qos=1)
    with pytest.raises(error):
        await client.publish("a", "2", qos=1)
    await client.disconnect(timeout=0)
    with pytest.raises(polymqtt.MqttError):
        await first
