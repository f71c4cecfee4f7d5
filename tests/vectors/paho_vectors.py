"""Encodes packets.json with the PyPI package paho-mqtt, into paho.json.

What a client sends is written by paho's client whole. Of what a server sends, and of acks with a reason, paho writes
properties and reason codes, and this script the rest.
"""

import io
import json
import pathlib
import struct

from paho.mqtt.client import CallbackAPIVersion, Client, MQTTv5
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties, VariableByteIntegers
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

HERE = pathlib.Path(__file__).parent
NAMES = {
    "user_properties": "UserProperty",
    "subscription_identifiers": "SubscriptionIdentifier",
    "subscription_identifiers_available": "SubscriptionIdentifierAvailable",
    "delay_interval": "WillDelayInterval",
    "maximum_qos": "MaximumQoS",
}
BINARY = {"authentication_data", "correlation_data"}


class Recorder(Client):
    """A client that keeps what it would send."""

    def __init__(self, version, packet):
        session = {} if version == 5 else {"clean_session": packet.get("clean_start", True)}
        super().__init__(
            CallbackAPIVersion.VERSION2, packet.get("client_id", "c") or None, protocol=version, **session
        )
        self.sent = None
        self.packet_id = packet.get("packet_id", 0)
        self._sock = io.BytesIO()  # anything that can be closed

    def _packet_queue(self, command, packet, mid, qos, info=None):
        self.sent = bytes(packet)
        self._sock = None
        return 0

    def _mid_generate(self):
        return self.packet_id


def properties(kind, values):
    result = Properties(kind)
    for name, value in (values or {}).items():
        attribute = NAMES.get(name) or name.title().replace("_", "")
        if name in BINARY:
            value = bytes.fromhex(value)
        elif name == "user_properties":
            value = [tuple(pair) for pair in value]
        elif isinstance(value, bool):
            value = int(value)
        setattr(result, attribute, value)
    return result


def client_packet(version, packet):
    client, kind = Recorder(version, packet), packet["type"]
    v5 = version == MQTTv5
    props = properties(getattr(PacketTypes, kind), packet.get("properties")) if v5 and "properties" in packet else None
    if kind == "CONNECT":
        if v5:
            client._clean_start = packet["clean_start"]
            client._connect_properties = props
        if "username" in packet:
            password = bytes.fromhex(packet["password"]) if "password" in packet else None
            # Paho takes text only, and encodes it as UTF-8.
            client.username_pw_set(packet["username"])
            client._password = password
        if "will" in packet:
            will = packet["will"]
            will_props = properties(PacketTypes.WILLMESSAGE, will.get("properties")) if v5 else None
            client.will_set(will["topic"], bytes.fromhex(will["payload"]), will["qos"], will["retain"], will_props)
        client._send_connect(packet["keep_alive"])
    elif kind == "PUBLISH":
        client._send_publish(
            packet.get("packet_id", 0), packet["topic"].encode(), bytes.fromhex(packet["payload"]),
            packet["qos"], packet["retain"], packet["dup"], None, props,
        )  # fmt: skip
    elif kind == "SUBSCRIBE":
        entries = [
            (
                entry["filter"].encode(),
                SubscribeOptions(
                    entry["qos"], entry["no_local"], entry["retain_as_published"], entry["retain_handling"]
                )
                if v5
                else entry["qos"],
            )
            for entry in packet["filters"]
        ]
        client._send_subscribe(False, entries, props)
    elif kind == "UNSUBSCRIBE":
        client._send_unsubscribe(False, [entry.encode() for entry in packet["filters"]], props)
    elif kind == "DISCONNECT":
        code = packet["reason_code"]
        reason = ReasonCode(PacketTypes.DISCONNECT, identifier=code) if v5 and (code or props) else None
        client._send_disconnect(reason, props)
    else:
        send = getattr(client, f"_send_{kind.lower()}")
        send(packet["packet_id"]) if "packet_id" in packet else send()
    return client.sent


def server_packet(packet):
    """Version 5 only."""
    kind = getattr(PacketTypes, packet["type"])
    pack = lambda code: ReasonCode(kind, identifier=code).pack()  # noqa: E731
    listed = properties(kind, packet.get("properties")).pack()
    if packet["type"] == "CONNACK":
        body = bytes([packet["session_present"]]) + pack(packet["reason_code"]) + listed
    elif packet["type"] == "AUTH":
        body = pack(packet["reason_code"]) + listed
    elif "reason_codes" in packet:
        codes = b"".join(pack(code) for code in packet["reason_codes"])
        body = struct.pack("!H", packet["packet_id"]) + listed + codes
    else:
        body = struct.pack("!H", packet["packet_id"]) + pack(packet["reason_code"]) + listed
    flags = 2 if packet["type"] == "PUBREL" else 0
    return bytes([kind << 4 | flags]) + VariableByteIntegers.encode(len(body)) + body


def encode(version, packet):
    kind = packet["type"]
    bare_ack = kind in ("PUBACK", "PUBREC", "PUBREL", "PUBCOMP") and packet["reason_code"] == 0
    if bare_ack or kind in ("CONNECT", "PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ", "PINGRESP", "DISCONNECT"):
        return client_packet(version, packet)
    return server_packet(packet) if version == 5 else None


vectors, skipped = [], []
for case in json.loads((HERE / "packets.json").read_text()):
    try:
        encoded = encode(case["version"], case["packet"])
    except Exception as error:  # noqa: BLE001 - what paho refuses to write is told, and left out
        skipped.append(f"{case['name']} ({case['version']}): {error}")
        continue
    if encoded is not None:
        vector = {"name": case["name"], "version": case["version"], "hex": encoded.hex(), "packet": case["packet"]}
        vectors.append(json.dumps(vector, ensure_ascii=False))
(HERE / "paho.json").write_text("[\n" + ",\n".join(vectors) + "\n]\n")
print(f"{len(vectors)} vectors; left out:", *skipped, sep="\n  ")
