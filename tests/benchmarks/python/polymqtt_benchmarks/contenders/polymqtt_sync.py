"""polymqtt.sync, MQTT 5.0, default options, a call a message.

QoS 0: one `publish()` after the other. QoS 1: `enqueue()`, with the deliveries of 4,096 calls kept and the
oldest waited for. Receiving: `for`; a message is acknowledged when the next is asked for.
"""

from collections import deque

from polymqtt import Delivery, sync
from polymqtt.sync import Client

from ..measurement import Clock, Measurement, RoundTrips
from ..task import ECHO_TOPIC, PAYLOAD, SINK_TOPIC, Task, barrier_topic

KEPT = 4096


def publish(task: Task) -> Measurement:
    with sync.connect(task.url) as client:
        _publish_all(client, task, task.warm_up)
        clock = Clock()
        _publish_all(client, task, task.count)
        return clock.stop(task.count)


def receive(task: Task) -> Measurement:
    with sync.connect(task.url) as client:
        _receive_all(client, task, task.warm_up)
        clock = Clock()
        _receive_all(client, task, task.count)
        return clock.stop(task.count)


def round_trip(task: Task) -> Measurement:
    with sync.connect(task.url) as client, client.subscribe(ECHO_TOPIC) as echoes:

        def exchange() -> None:
            client.publish(ECHO_TOPIC, PAYLOAD)
            echoes.recv()

        for _ in range(task.warm_up):
            exchange()
        trips = RoundTrips()
        for _ in range(task.count):
            exchange()
            trips.lap()
        return trips.stop()


def _publish_all(client: Client, task: Task, count: int) -> None:
    if task.qos == 0:
        for _ in range(count):
            client.publish(SINK_TOPIC, PAYLOAD)
    else:
        pending: deque[Delivery] = deque()
        for _ in range(count):
            pending.append(client.enqueue(SINK_TOPIC, PAYLOAD, qos=1))
            if len(pending) == KEPT:
                pending.popleft().wait()
        for delivery in pending:
            delivery.wait()
    client.publish(barrier_topic(count), PAYLOAD, qos=1)


def _receive_all(client: Client, task: Task, count: int) -> None:
    missing = count + 1
    with client.subscribe(task.source_filter(count), qos=task.qos) as messages:
        for _ in messages:
            missing -= 1
            if missing == 0:
                return
