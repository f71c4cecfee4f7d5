"""Options: what is refused before anything is sent, and what is shown of them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import polymqtt
import pytest
from polymqtt import Authenticator, QueueOptions, ReconnectOptions, Scram, TlsOptions, Will, sync
from polymqtt.settings import Settings

NOBODY = "mqtt://localhost:1"


def prepare(url: Any = NOBODY, **options: Any) -> None:
    """Makes a client, and so checks the options; connects to nobody."""
    sync.Client.prepare(url, **options).disconnect(timeout=0)


@pytest.mark.parametrize(
    "options",
    [
        {"version": "auto", "client_id": "a", "username": "b", "password": b"\x00"},
        {"keep_alive": timedelta(minutes=1), "connect_timeout": 0.5, "session_expiry": float("inf")},
        {"will": Will("a", memoryview(b"b"), qos=2, delay=timedelta(seconds=5), payload_is_utf8=True)},
        {"queue": QueueOptions(max_messages=1, max_bytes=1, when_full="latest_per_topic"), "reconnect": None},
        {"reconnect": ReconnectOptions(shortest=0), "redirect": polymqtt.RedirectOptions(most_hops=0)},
        {
            "tls": TlsOptions(ca="-----BEGIN CERTIFICATE-----", alpn=("mqtt",)),
            "websocket_headers": {"A": "b"},
        },
        {"tls": TlsOptions(ca=Path("ca.pem"), client_certificate="both.pem")},
        {
            "authentication": Scram("a", "b", iterations=(5000, 6000)),
            "user_properties": [("a", "b"), ("a", "c")],
        },
        {"username": None, "password": None, "will": None, "session_expiry": None, "authentication": None},
        {"on_session_lost": "fail", "clean_start": False, "receive_maximum": 65535, "keep_trying": True},
        {"topic_alias_maximum": 0, "outgoing_topic_aliases": 0, "maximum_packet_size": 128},
        {
            "response_topic_prefix": "answers",
            "ask_response_information": False,
            "verify_payload_format": True,
        },
        {"subscribe_timeout": 1, "unclaimed_timeout": 0},
    ],
)
def test_options_are_taken(options: dict[str, Any]) -> None:
    prepare(**options)


@pytest.mark.parametrize("name", polymqtt.ConnectOptions.__annotations__)
def test_another_type_is_a_type_error_that_names_the_option(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        prepare(**{name: object()})


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"will": Will(7)}, "will.topic"),  # type: ignore[arg-type]
        ({"will": Will("a", 7)}, "will.payload"),  # type: ignore[arg-type]
        ({"will": Will("a", delay="1")}, "will.delay"),  # type: ignore[arg-type]
        ({"queue": QueueOptions(max_messages="1")}, "queue.max_messages"),  # type: ignore[arg-type]
        ({"tls": TlsOptions(alpn="mqtt")}, "tls.alpn"),
        ({"authentication": Scram("a", 7)}, "scram.password"),  # type: ignore[arg-type]
        ({"authentication": Scram("a", "b", iterations=7)}, "authentication.iterations"),  # type: ignore[arg-type]
        ({"credentials": "a"}, "credentials"),
        ({"clean_start": 1}, "clean_start"),
        ({"keep_alive": True}, "keep_alive"),
        ({"user_properties": {"a": 1}}, "user_properties"),
        ({"user_properties": ["ab"]}, "user_properties"),
    ],
)
def test_so_it_is_within_groups(options: dict[str, Any], name: str) -> None:
    with pytest.raises(TypeError, match=name):
        prepare(**options)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"version": "4"}, "version"),
        ({"keep_alive": 65536}, "keep_alive"),
        ({"keep_alive": -1}, "keep_alive"),
        ({"keep_alive": float("nan")}, "keep_alive"),
        ({"connect_timeout": 0}, "connect_timeout"),
        ({"receive_maximum": 0}, "receive_maximum"),
        ({"receive_maximum": 65536}, "receive_maximum"),
        ({"maximum_packet_size": 1}, "maximum_packet_size"),
        ({"on_session_lost": "panic"}, "on_session_lost"),
        ({"queue": QueueOptions(when_full="explode")}, "queue.when_full"),  # type: ignore[arg-type]
        ({"reconnect": ReconnectOptions(shortest=2, longest=1)}, "reconnect"),
        ({"will": Will("a", qos=3)}, "will.qos"),  # type: ignore[arg-type]
        ({"will": Will("a", b"\xff", payload_is_utf8=True)}, "will"),
        ({"authentication": Scram("a", "b", iterations=(2, 1))}, "authentication"),
        ({"authentication": Authenticator("", lambda _: polymqtt.AuthenticationReply())}, "authentication"),
        ({"client_id": "a\0"}, "client_id"),
        ({"websocket_headers": {"Host": "a"}}, "websocket_header"),
        ({"tls": TlsOptions(client_key="key.pem")}, "tls"),
        ({"response_topic_prefix": "a/#"}, "response_topic_prefix"),
    ],
)
def test_what_is_not_allowed_is_named(options: dict[str, Any], name: str) -> None:
    with pytest.raises(polymqtt.InvalidOptionError, match=name) as raised:
        prepare(**options)
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize("topic", ["", "a/#", "a/+/b", "a\0b", "a" * 65536])
def test_a_will_needs_a_topic_name(topic: str) -> None:
    with pytest.raises(polymqtt.MqttError, match="will") as raised:
        prepare(will=Will(topic))
    assert isinstance(raised.value, ValueError)


@pytest.mark.parametrize(
    "options",
    [
        {"session_expiry": 60},
        {"will": Will("a", delay=1)},
        {"authentication": Scram("a", "b")},
        {"user_properties": {"a": "b"}},
        {"password": "a"},
    ],
)
def test_what_version_3_1_1_does_not_have_is_unsupported(options: dict[str, Any]) -> None:
    with pytest.raises(polymqtt.UnsupportedError):
        prepare(version="3.1.1", **options)


@pytest.mark.parametrize(
    "url", ["", "localhost", "http://localhost", "mqtt://", "mqtt://localhost:99999", "mqtt://a b"]
)
def test_a_url_must_be_one(url: str) -> None:
    with pytest.raises(polymqtt.InvalidOptionError):
        prepare(url)


@pytest.mark.parametrize("url", [None, 7, b"mqtt://localhost", [b"mqtt://localhost"], [7], []])
def test_a_url_is_text(url: Any) -> None:
    with pytest.raises(TypeError, match="url"):
        prepare(url)


def test_a_name_that_does_not_exist_is_refused_with_what_may_be_meant() -> None:
    with pytest.raises(TypeError, match=r"keepalive.*did you mean 'keep_alive'"):
        polymqtt.connect(NOBODY, keepalive=30)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'$"):
        prepare(nonsense=1)


def test_no_repr_shows_a_secret() -> None:
    secret = "hunter2"
    shown = [
        Scram("user", secret),
        polymqtt.Credentials("user", secret, websocket_headers={"Authorization": secret}),
        polymqtt.AuthenticationReply(secret.encode()),
        polymqtt.AuthenticationStep("mqtt://localhost", "METHOD", "continue", secret.encode()),
        TlsOptions(client_key=secret),
        Settings.of(f"mqtt://user:{secret}@localhost", {"password": secret}),
    ]
    assert not [thing for thing in shown if secret in repr(thing)]


def test_an_error_does_not_show_a_secret() -> None:
    with pytest.raises(polymqtt.InvalidOptionError) as raised:
        prepare("mqtt://user:hunter2@local host")
    assert "hunter2" not in str(raised.value)
