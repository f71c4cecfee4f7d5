"""paho-mqtt, MQTT 3.1.1, blocking with callbacks.

`publish()` returns at once, with a handle that can be waited for: 1,000 of QoS 0 are kept, and the oldest
waited for (more were slower). The network has a thread of its own, `loop_start()`; but publishing at QoS 1
was nearly twice as fast with the publishing thread calling `loop()`, where `on_publish` counts what is
acknowledged and 100 are in flight (20 hardly differed, 1,000 were half as fast). Messages come to a
callback in the network's thread; a round trip is published from it. MQTT 5.0 was slower.
"""

from collections import deque
from threading import Event

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from ..measurement import Clock, Measurement, RoundTrips
from ..task import ECHO_TOPIC, HOST, PAYLOAD, SINK_TOPIC, Task, barrier_topic

WRITTEN_AT_ONCE = 1_000
"""Messages of QoS 0 before the oldest is waited for."""

IN_FLIGHT = 100


def publish(task: Task) -> Measurement:
    client = _connect(task)
    if task.qos == 0:
        client.loop_start()
    publish_all = _publish_qos0 if task.qos == 0 else _publish_qos1
    publish_all(client, task.warm_up)
    clock = Clock()
    publish_all(client, task.count)
    return clock.stop(task.count)


def receive(task: Task) -> Measurement:
    client = _connect(task)
    client.loop_start()
    _receive_all(client, task, task.warm_up)
    clock = Clock()
    _receive_all(client, task, task.count)
    return clock.stop(task.count)


def round_trip(task: Task) -> Measurement:
    client = _connect(task)
    subscribed, done = Event(), Event()
    trips = RoundTrips()
    missing = 0

    def on_message(client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        nonlocal missing
        trips.lap()
        missing -= 1
        if missing == 0:
            done.set()
        else:
            client.publish(ECHO_TOPIC, PAYLOAD)

    client.on_message = on_message
    client.on_subscribe = lambda *_: subscribed.set()
    client.loop_start()
    client.subscribe(ECHO_TOPIC)
    subscribed.wait()
    for count in (task.warm_up, task.count):
        missing = count
        done.clear()
        trips = RoundTrips()
        client.publish(ECHO_TOPIC, PAYLOAD)
        done.wait()
    return trips.stop()


def _connect(task: Task) -> mqtt.Client:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(IN_FLIGHT)
    client.connect(HOST, task.port)
    while not client.is_connected():
        client.loop()
    return client


def _publish_qos0(client: mqtt.Client, count: int) -> None:
    pending: deque[mqtt.MQTTMessageInfo] = deque()
    for _ in range(count):
        pending.append(client.publish(SINK_TOPIC, PAYLOAD))
        if len(pending) == WRITTEN_AT_ONCE:
            pending.popleft().wait_for_publish()
    client.publish(barrier_topic(count), PAYLOAD, 1).wait_for_publish()


def _publish_qos1(client: mqtt.Client, count: int) -> None:
    in_flight = 0

    def on_publish(*_: object) -> None:
        nonlocal in_flight
        in_flight -= 1

    def publish(topic: str) -> None:
        nonlocal in_flight
        in_flight += 1
        client.publish(topic, PAYLOAD, 1)

    client.on_publish = on_publish
    for _ in range(count):
        publish(SINK_TOPIC)
        while in_flight == IN_FLIGHT:
            client.loop()
    publish(barrier_topic(count))
    while in_flight > 0:
        client.loop()


def _receive_all(client: mqtt.Client, task: Task, count: int) -> None:
    missing = count + 1
    done = Event()

    def on_message(client: mqtt.Client, userdata: object, message: mqtt.MQTTMessage) -> None:
        nonlocal missing
        missing -= 1
        if missing == 0:
            done.set()

    client.on_message = on_message
    client.subscribe(task.source_filter(count), task.qos)
    done.wait()
