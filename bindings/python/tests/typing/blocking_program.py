"""A program of the blocking API, for the type checkers to read."""

from typing import assert_type

import polymqtt
from polymqtt import events, sync


def main() -> None:
    with sync.connect("mqtt://localhost", keep_alive=30, credentials=password) as client:
        assert_type(client, sync.Client)
        assert_type(client.publish("a", "text", qos=1, content_type="text/plain"), polymqtt.PublishAck)
        assert_type(client.enqueue("a").wait(timeout=1), polymqtt.PublishAck)
        assert_type(client.publish_many([("a", b"1")]), list[polymqtt.PublishAck | polymqtt.MqttError])
        with client.subscribe("a/#", qos=1) as messages:
            assert_type(messages, sync.Subscription)
            assert_type(messages.recv(timeout=1), polymqtt.Message | None)
            for message in messages:
                assert_type(message, polymqtt.Message)
            for batch in messages.batches(most=16):
                assert_type(batch, list[polymqtt.Message])
        client.subscribe("b", callback=show)
        client.on_event = told
        client.on_callback_error = failed
        assert_type(client.request("rows/7"), polymqtt.Message)
        for request in client.respond("rows/+"):
            assert_type(request, sync.Request)
            assert_type(request.respond("the row"), polymqtt.PublishAck)
        for event in client.events():
            if isinstance(event, events.Connected):
                assert_type(event.grant, polymqtt.Grant)


def password(attempt: polymqtt.Attempt) -> polymqtt.Credentials:
    return polymqtt.Credentials("device-7", f"token {attempt.number}")


def show(message: polymqtt.Message) -> None:
    print(message.topic, message.json())


def told(event: polymqtt.Event) -> None:
    print(event)


def failed(error: BaseException, callback: object) -> None:
    print(error, callback)


main()
