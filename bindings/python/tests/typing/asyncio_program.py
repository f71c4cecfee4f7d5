"""A program of the asyncio API, for the type checkers to read."""

import asyncio
from datetime import timedelta
from typing import assert_type

import polymqtt
from polymqtt import events


async def main() -> None:
    connecting = polymqtt.connect(
        ["mqtt://one", "mqtt://two"],
        version="auto",
        keep_alive=timedelta(seconds=30),
        will=polymqtt.Will("gone", "so long", qos=1, delay=5),
        queue=polymqtt.QueueOptions(when_full="latest_per_topic"),
        reconnect=None,
        tls=polymqtt.TlsOptions(ca="ca.pem"),
        authentication=polymqtt.Scram("user", "password"),
        credentials=token,
        user_properties={"key": "value"},
    )
    assert_type(connecting, polymqtt.Connect)
    async with connecting as client:
        assert_type(client, polymqtt.Client)
        assert_type(client.connected(), polymqtt.Grant | None)
        await publish(client)
        await subscribe(client)
        await ask(client)
        async for event in client.events():
            match event:
                case events.Disconnected(error=error, retry_in=wait):
                    assert_type(error, polymqtt.MqttError | None)
                    assert_type(wait, float | None)
                case _:
                    assert_type(str(event), str)
    other = await polymqtt.connect("mqtt://localhost")
    assert_type(await other.disconnect(timeout=1, with_will=True), polymqtt.Undelivered)


async def token(attempt: polymqtt.Attempt) -> polymqtt.Credentials:
    return polymqtt.Credentials("device-7", f"token {attempt.number}")


def challenge(step: polymqtt.AuthenticationStep) -> polymqtt.AuthenticationReply:
    return polymqtt.AuthenticationReply(step.data)


def prepared() -> polymqtt.Client:
    return polymqtt.Client.prepare(
        "mqtt://localhost", authentication=polymqtt.Authenticator("CHALLENGE", challenge)
    )


async def publish(client: polymqtt.Client) -> None:
    ack = await client.publish("a", "text", qos=polymqtt.QoS.AT_LEAST_ONCE, user_properties=[("a", "b")])
    assert_type(ack, polymqtt.PublishAck)
    assert_type(ack.reason_code, polymqtt.ReasonCode)
    delivery = await client.enqueue("a", b"bytes", message_expiry=10)
    assert_type(await delivery, polymqtt.PublishAck)
    both = await asyncio.gather(client.publish("a", memoryview(b"b")), client.send(polymqtt.Message("a")))
    assert_type(both, tuple[polymqtt.PublishAck, polymqtt.PublishAck])
    task = asyncio.create_task(client.publish("a", bytearray()))
    assert_type(await asyncio.wait_for(task, 1), polymqtt.PublishAck)
    outcomes = await client.publish_many([("a", "1"), polymqtt.Message("a", "2")], qos=1)
    assert_type(outcomes, list[polymqtt.PublishAck | polymqtt.MqttError])
    await client.flush()


async def subscribe(client: polymqtt.Client) -> None:
    async with client.subscribe(["a/#", "b"], qos=1, retain_handling="do_not_send") as messages:
        assert_type(messages, polymqtt.Subscription)
        async for message in messages:
            assert_type(message, polymqtt.Message)
            assert_type(message.text(), str)
            messages.ack(message, reason_code=polymqtt.ReasonCode.SUCCESS)
        async for batch in messages.batches():
            assert_type(batch, list[polymqtt.Message])
        assert_type(await messages.recv(), polymqtt.Message | None)
        assert_type(messages.granted, list[polymqtt.Granted])
    assert_type(client.declare("a", max_messages=10), polymqtt.Subscription)
    assert_type(await client.unsubscribe("a"), polymqtt.UnsubscribeAck)


async def ask(client: polymqtt.Client) -> None:
    assert_type(await client.request("rows/7", timeout=1), polymqtt.Message)
    async with client.respond("rows/+") as requests:
        async for request in requests:
            assert_type(request, polymqtt.Request)
            assert_type(await request.respond("the row", content_type="text/plain"), polymqtt.PublishAck)


asyncio.run(main())
