"""awscrt, MQTT 5.0, a client in C with threads of its own.

`publish()` returns a future that ends when a message of QoS 0 is written and with the acknowledgement of
one of QoS 1: so 1,000 are kept (100 hardly differed), and the oldest waited for. Messages come to a
callback in a thread of the library's, and are acknowledged when it returns; a round trip is published from
it. Without the limits of one provider's broker, which hold publishing back.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from threading import Event

from awscrt import mqtt5

from ..measurement import Clock, Measurement, RoundTrips
from ..task import ECHO_TOPIC, HOST, PAYLOAD, SINK_TOPIC, Task, barrier_topic

WINDOW = 1_000


class Client:
    """A connected client; what receives its messages can be changed."""

    def __init__(self, task: Task) -> None:
        connected = Event()
        self._stopped = Event()
        self.on_message: Callable[[mqtt5.PublishReceivedData], None] = lambda data: None
        options = mqtt5.ClientOptions(
            host_name=HOST,
            port=task.port,
            extended_validation_and_flow_control_options=mqtt5.ExtendedValidationAndFlowControlOptions.NONE,
            on_publish_callback_fn=self._receive,
            on_lifecycle_event_connection_success_fn=lambda data: connected.set(),
            on_lifecycle_event_stopped_fn=lambda data: self._stopped.set(),
        )
        self._client = mqtt5.Client(options)
        self._client.start()
        connected.wait()

    def publish(self, topic: str, qos: int) -> Future[mqtt5.PublishCompletionData]:
        return self._client.publish(mqtt5.PublishPacket(topic=topic, payload=PAYLOAD, qos=mqtt5.QoS(qos)))

    def subscribe(self, topic: str, qos: int) -> None:
        subscription = mqtt5.Subscription(topic, mqtt5.QoS(qos))
        self._client.subscribe(mqtt5.SubscribePacket([subscription])).result()

    def stop(self) -> None:
        self._client.stop()
        self._stopped.wait()

    def _receive(self, data: mqtt5.PublishReceivedData) -> None:
        self.on_message(data)


def publish(task: Task) -> Measurement:
    client = Client(task)
    _publish_all(client, task, task.warm_up)
    clock = Clock()
    _publish_all(client, task, task.count)
    measured = clock.stop(task.count)
    client.stop()
    return measured


def receive(task: Task) -> Measurement:
    client = Client(task)
    _receive_all(client, task, task.warm_up)
    clock = Clock()
    _receive_all(client, task, task.count)
    measured = clock.stop(task.count)
    client.stop()
    return measured


def round_trip(task: Task) -> Measurement:
    client = Client(task)
    done = Event()
    trips = RoundTrips()
    missing = 0

    def on_message(data: mqtt5.PublishReceivedData) -> None:
        nonlocal missing
        trips.lap()
        missing -= 1
        if missing == 0:
            done.set()
        else:
            client.publish(ECHO_TOPIC, 0)

    client.on_message = on_message
    client.subscribe(ECHO_TOPIC, 0)
    for count in (task.warm_up, task.count):
        missing = count
        done.clear()
        trips = RoundTrips()
        client.publish(ECHO_TOPIC, 0)
        done.wait()
    measured = trips.stop()
    client.stop()
    return measured


def _publish_all(client: Client, task: Task, count: int) -> None:
    pending: deque[Future[mqtt5.PublishCompletionData]] = deque()
    for _ in range(count):
        pending.append(client.publish(SINK_TOPIC, task.qos))
        if len(pending) == WINDOW:
            pending.popleft().result()
    for future in pending:
        future.result()
    client.publish(barrier_topic(count), 1).result()


def _receive_all(client: Client, task: Task, count: int) -> None:
    missing = count + 1
    done = Event()

    def on_message(data: mqtt5.PublishReceivedData) -> None:
        nonlocal missing
        missing -= 1
        if missing == 0:
            done.set()

    client.on_message = on_message
    client.subscribe(task.source_filter(count), task.qos)
    done.wait()
