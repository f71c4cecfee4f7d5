"""Requests and responses."""

import asyncio
from collections.abc import Callable

import polymqtt
import pytest
from brokers import Broker
from polymqtt import QoS

Topic = Callable[[str], str]


async def test_a_request_is_answered(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.respond(topic("rows/+")) as requests:
        assert requests.filters == [topic("rows/+")]
        assert requests.granted[0].qos is QoS.AT_LEAST_ONCE

        async def serve() -> None:
            async for request in requests:
                assert request.topic == topic("rows/7")
                assert request.message.response_topic is not None
                await request.respond(b"the row of " + request.payload, content_type="text/plain")

        serving = asyncio.create_task(serve())
        answer = await client.request(topic("rows/7"), "7")
        assert answer.payload == b"the row of 7"
        assert answer.content_type == "text/plain"
        serving.cancel()


async def test_many_requests_are_answered_at_once(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.respond(topic("double")) as requests:

        async def serve() -> None:
            held = [await requests.recv() for _ in range(20)]
            for request in reversed(held):
                assert request is not None
                await request.respond(str(2 * int(request.payload)))

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(serve())
            asked = [tasks.create_task(client.request(topic("double"), str(number))) for number in range(20)]
        assert [int(task.result().payload) for task in asked] == [2 * number for number in range(20)]


async def test_no_answer_in_time(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.respond(topic("a")):
        with pytest.raises(polymqtt.TimeoutError) as raised:
            await client.request(topic("a"), timeout=0.05)
        assert isinstance(raised.value, TimeoutError)
        assert client.metrics().requests == 0


async def test_nobody_answers(only_mosquitto: Broker, topic: Topic) -> None:
    async with polymqtt.connect(only_mosquitto.tcp) as client:
        with pytest.raises(polymqtt.NoResponderError):
            await client.request(topic("nobody"))


async def test_requests_need_version_5(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url, version="3.1.1") as client:
        with pytest.raises(polymqtt.UnsupportedError):
            await client.request(topic("a"))
        with pytest.raises(polymqtt.UnsupportedError):
            await client.respond(topic("a"))


async def test_what_is_no_request_is_skipped(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.respond(topic("a")) as requests:
        await client.publish(topic("a"), "no request", qos=1)
        asked = client.request(topic("a"), "request")
        request = await requests.recv()
        assert request is not None
        assert request.payload == b"request"
        assert requests.skipped == 1
        await request.respond("answer", qos=0, user_properties={"key": "1"})
        assert (await asked).text() == "answer"
        await requests.unsubscribe()
        assert await requests.recv() is None


async def test_giving_up_waiting_gives_the_request_up(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.respond(topic("a")):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.request(topic("a"))
