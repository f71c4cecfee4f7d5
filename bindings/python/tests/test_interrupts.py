"""Ctrl-C interrupts each wait of the blocking API."""

import signal
import subprocess
import sys

import pytest
from brokers import Broker

WAITS = {
    "publish": "client.publish('a', qos=1)",
    "enqueue": "[client.enqueue('a') for _ in range(3)]",
    "publish_many": "client.publish_many([('a', 'b')] * 10)",
    "delivery": "client.enqueue('a', qos=1).wait(60)",
    "start": "client.start()",
    "subscribe": "client.subscribe('a')",
    "unsubscribe": "client.unsubscribe('a')",
    "recv": "client.declare('a').recv()",
    "recv_timeout": "client.declare('a').recv(60)",
    "iteration": "list(client.declare('a'))",
    "batches": "list(client.declare('a').batches())",
    "request": "client.request('a')",
    "respond": "client.respond('a')",
    "flush": "(client.enqueue('a', qos=1), client.flush())",
    "events": "list(client.events())",
    "disconnect": "(client.enqueue('a', qos=1), client.disconnect(timeout=60))",
}

PROGRAM = """
import socket
import polymqtt
from polymqtt import sync

silent = socket.create_server(("localhost", 0))
url = f"mqtt://localhost:{{silent.getsockname()[1]}}"
client = sync.Client.prepare(url, queue=polymqtt.QueueOptions(max_messages=1))
try:
    print("ready", flush=True)
    {wait}
except KeyboardInterrupt:
    print("interrupted", client.status().phase, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
@pytest.mark.parametrize("name", WAITS)
def test_ctrl_c_interrupts(name: str) -> None:
    program = PROGRAM.format(wait=WAITS[name])
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            # Should it come before the wait has begun, that is interrupted as well.
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline().startswith("interrupted")
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_a_program_ends_without_a_goodbye(broker: Broker) -> None:
    program = f"""
from polymqtt import sync
client = sync.connect({broker.tcp!r})
client.on_event = print
client.subscribe("a", callback=print)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], timeout=10, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
