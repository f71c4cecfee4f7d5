"""Connecting, what a client tells of itself, and disconnecting."""

import asyncio
import logging
from collections.abc import Callable

import polymqtt
import pytest
from brokers import Broker, free_ports
from polymqtt import ReconnectOptions, Will, events, sync
from servers import fleeting, server

Topic = Callable[[str], str]


async def test_connecting_tells_what_the_server_granted(url: str) -> None:
    async with polymqtt.connect(url, client_id="granted", keep_alive=30) as client:
        grant = client.connected()
        assert grant is not None
        assert grant.client_id == client.client_id == "granted"
        assert not grant.session_present
        assert grant.keep_alive == 30
        assert grant.limits.version == "5"
        assert grant.limits.maximum_qos is polymqtt.QoS.EXACTLY_ONCE


async def test_connecting_may_be_awaited_too(url: str) -> None:
    client = await polymqtt.connect(url)
    assert client.connected() is not None
    assert not await client.disconnect()
    assert client.connected() is None


async def test_a_connection_that_is_never_awaited_warns() -> None:
    with pytest.warns(RuntimeWarning, match=r"polymqtt\.connect\(\.\.\.\) was never awaited"):
        polymqtt.connect("mqtt://localhost")


async def test_a_connection_is_awaited_once(url: str) -> None:
    connecting = polymqtt.connect(url)
    async with connecting:
        with pytest.raises(RuntimeError, match="once"):
            await connecting


@pytest.mark.parametrize("kind", [polymqtt.Client, sync.Client])
def test_a_client_is_not_made_by_its_class(kind: Callable[[str], object]) -> None:
    with pytest.raises(TypeError, match=r"made by polymqtt\.(sync\.)?connect"):
        kind("mqtt://localhost")


async def test_version_3_1_1(url: str) -> None:
    async with polymqtt.connect(url, version="3.1.1") as client:
        grant = client.connected()
        assert grant is not None
        assert grant.limits.version == "3.1.1"


async def test_the_next_server_is_tried(url: str) -> None:
    nobody = f"mqtt://localhost:{free_ports(1)[0]}"
    async with polymqtt.connect([nobody, url]) as client:
        assert client.connected() is not None


async def test_nobody_there_is_a_transport_error() -> None:
    with pytest.raises(polymqtt.TransportError) as raised:
        await polymqtt.connect(f"mqtt://localhost:{free_ports(1)[0]}")
    assert isinstance(raised.value, ConnectionError)
    assert raised.value.kind == "transport"
    assert raised.value.retry_may_help
    assert raised.value.reason_code is None


async def test_a_name_that_does_not_exist_is_its_own_error() -> None:
    with pytest.raises(polymqtt.NameResolutionError):
        await polymqtt.connect("mqtt://does-not-exist.invalid")


async def test_a_prepared_client_declares_before_it_connects(url: str, topic: Topic) -> None:
    async with polymqtt.Client.prepare(url) as client:
        assert client.connected() is None
        assert client.status().phase == "not_started"
        happened = client.events()
        messages = client.declare(topic("#"), qos=1)
        grant = await client.start()
        assert grant == client.connected()
        assert isinstance(await happened.recv(), events.Connecting)
        connected = await happened.recv()
        assert isinstance(connected, events.Connected)
        assert connected.grant == grant
        await client.publish(topic("a"), "payload", qos=1)
        assert await messages.recv() is not None
        assert messages.granted == []


async def test_a_client_starts_once(url: str) -> None:
    async with polymqtt.connect(url) as client:
        with pytest.raises(polymqtt.ClosedError):
            await client.start()


async def test_a_client_says_where_it_stands(url: str) -> None:
    async with polymqtt.connect(url, client_id="standing") as client:
        status = client.status()
        assert status.phase == "connected"
        assert status.client_id == "standing"
        assert status.version == "5"
        assert str(status).startswith(f'connected to {url} as "standing" (v5.0, new session)')
        assert str(status) in repr(client)
    assert client.status().phase == "closed"
    assert client.status().error is None


async def test_figures(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as client, client.subscribe(topic("#")) as messages:
        await client.publish(topic("a"), "payload")
        await messages.recv()
        metrics = client.metrics()
        assert metrics.messages_sent == 1
        assert metrics.messages_received == 1
        assert metrics.bytes_sent > 0
        assert metrics.bytes_received > 0
        assert metrics.reconnects == 0
        assert metrics.round_trip is not None


async def test_events_end_with_the_client(url: str) -> None:
    async with polymqtt.connect(url) as client:
        happening, other = client.events(), client.events()
    assert [type(event) async for event in happening] == [events.Disconnected]
    assert [type(event) async for event in other] == [events.Disconnected]
    assert [event async for event in client.events()] == []


async def test_an_event_is_a_line_for_people(url: str) -> None:
    async with polymqtt.connect(url) as client:
        happening = client.events()
    event = await happening.recv()
    assert event == events.Disconnected(error=None, retry_in=None)
    assert str(event) == "disconnected"


async def test_a_listener_that_does_not_read_loses_the_oldest() -> None:
    listener = polymqtt.Events()
    for attempt in range(300):
        listener._tell(events.Connecting(server="mqtt://localhost:1883", attempt=attempt))
    first = await listener.recv()
    assert isinstance(first, events.Connecting)
    assert first.attempt == 300 - 256


async def test_giving_up_waiting_for_an_event_loses_none(url: str) -> None:
    async with polymqtt.connect(url) as client:
        happening = client.events()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(happening.recv(), 0.01)
    assert isinstance(await happening.recv(), events.Disconnected)


async def test_leaving_delivers_what_was_accepted(url: str, topic: Topic) -> None:
    async with polymqtt.connect(url) as other, other.subscribe(topic("#"), qos=1) as messages:
        async with polymqtt.connect(url) as client:
            deliveries = [client.publish(topic("a"), str(number), qos=1) for number in range(100)]
        assert all(delivery.done() for delivery in deliveries)
        received = [await messages.recv() for _ in range(100)]
        assert [message.text() for message in received if message] == [str(number) for number in range(100)]


async def test_leaving_after_an_error_disconnects_as_well(url: str) -> None:
    with pytest.raises(ZeroDivisionError):
        async with polymqtt.connect(url) as client:
            raise ZeroDivisionError
    assert client.status().phase == "closed"


async def test_what_could_not_be_delivered_is_told(caplog: pytest.LogCaptureFixture) -> None:
    nobody = f"mqtt://localhost:{free_ports(1)[0]}"
    client = polymqtt.Client.prepare(nobody, keep_trying=True)
    delivery = client.publish("a", "payload", qos=1)
    undelivered = await client.disconnect(timeout=0)
    assert undelivered
    assert (undelivered.queued, undelivered.unacknowledged) == (1, 0)
    with pytest.raises(polymqtt.ClosedError):
        await delivery


async def test_disconnecting_twice_does_nothing(url: str) -> None:
    client = await polymqtt.connect(url)
    await client.disconnect()
    assert not await client.disconnect()


async def test_a_closed_client_takes_nothing_more(url: str, topic: Topic) -> None:
    client = await polymqtt.connect(url)
    await client.disconnect()
    with pytest.raises(polymqtt.ClosedError):
        await client.publish(topic("a"))
    with pytest.raises(polymqtt.ClosedError):
        await client.subscribe(topic("#"))
    with pytest.raises(polymqtt.ClosedError):
        client.declare(topic("#"))
    with pytest.raises(polymqtt.ClosedError):
        await client.flush()


async def test_a_will_is_published_for_a_client_that_asks_for_it(url: str, topic: Topic) -> None:
    will = Will(topic("gone"), "so long", qos=1, content_type="text/plain", user_properties={"key": "1"})
    async with polymqtt.connect(url) as other, other.subscribe(topic("#"), qos=1) as messages:
        client = await polymqtt.connect(url, will=will)
        await client.disconnect(with_will=True)
        message = await messages.recv()
        assert message is not None
        assert (message.topic, message.payload, message.qos) == (topic("gone"), b"so long", 1)
        assert message.content_type == "text/plain"
        assert ("key", "1") in message.user_properties


async def test_a_session_goes_on(url: str, topic: Topic) -> None:
    identity = topic("device").replace("/", "-")
    async with polymqtt.connect(url, client_id=identity, session_expiry=60) as client:
        await client.subscribe(topic("#"), qos=1)
    async with polymqtt.connect(url) as other:
        await other.publish(topic("a"), "meanwhile", qos=1)
    client = polymqtt.Client.prepare(url, client_id=identity, clean_start=False, session_expiry=60)
    async with client:
        messages = client.declare(topic("#"), qos=1)
        grant = await client.start()
        assert grant.session_present
        message = await messages.recv()
        assert message is not None
        assert message.payload == b"meanwhile"
        await messages.unsubscribe()
        await client.disconnect(session_expiry=0)


async def test_another_client_by_the_same_name_ends_this_one(only_embedded: Broker) -> None:
    client = await polymqtt.connect(only_embedded.tcp, client_id="twice")
    happening = client.events()
    async with polymqtt.connect(only_embedded.tcp, client_id="twice"):
        event = await happening.recv()
        assert isinstance(event, events.Disconnected)
        assert event.error is not None
        assert event.error.reason_code is polymqtt.ReasonCode.SESSION_TAKEN_OVER
        assert event.retry_in is None
        assert [event async for event in happening] == []
    assert str(client.status().error) == str(event.error)


async def test_without_reconnecting_a_lost_connection_is_the_end() -> None:
    async with server(fleeting) as url:
        client = polymqtt.Client.prepare(url, reconnect=None)
        messages = client.declare("a")
        await client.start()
        with pytest.raises(polymqtt.TransportError) as raised:
            await messages.recv()
        assert client.status().phase == "closed"
        assert str(client.status().error) == str(raised.value)


async def test_waiting_to_reconnect_is_told() -> None:
    async with server(fleeting) as url:
        client = polymqtt.Client.prepare(url, reconnect=ReconnectOptions(shortest=1000, longest=1000))
        happening = client.events()
        await client.start()
        async for event in happening:
            if isinstance(event, events.Disconnected):
                break
        assert event.retry_in is not None
        assert isinstance(event.error, polymqtt.TransportError)
        status = client.status()
        assert status.phase == "waiting"
        assert status.retry_in is not None
        assert str(status.error) == str(event.error)
        await client.disconnect()


async def test_what_is_lost_when_leaving_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "polymqtt"):
        async with polymqtt.Client.prepare("mqtt://localhost:1") as client:
            client.publish("a", "payload", qos=1)
            leaving = asyncio.create_task(asyncio.sleep(0))
            leaving.add_done_callback(lambda _: client._disconnect({"timeout": 0}))
    assert [record.getMessage() for record in caplog.records] == ["disconnected with 1 messages undelivered"]
