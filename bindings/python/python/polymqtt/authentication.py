"""Who this client is: credentials from a function, and enhanced authentication (v5, section 4.12)."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal, TypeAlias

__all__ = [
    "Attempt",
    "AuthenticationReply",
    "AuthenticationStage",
    "AuthenticationStep",
    "Authenticator",
    "Credentials",
    "CredentialsProvider",
    "Scram",
]


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to connect that credentials are asked for.

    Attributes:
        server: Where to, as a URL: a server of the options, or one that a redirect leads to where other hosts
            are trusted.
        number: Counts attempts since the last connection, from 1.
    """

    server: str
    number: int


@dataclass(frozen=True, slots=True)
class Credentials:
    """User name, password and WebSocket headers of one attempt to connect.

    Attributes:
        username: The user name, if any.
        password: The password, if any: text, or at most 65,535 bytes. No `repr` shows it.
        websocket_headers: Headers of the request that opens a WebSocket, in place of those of the options by
            the same name. No `repr` shows them.
    """

    username: str | None = None
    password: str | bytes | None = field(default=None, repr=False)
    _: KW_ONLY
    websocket_headers: Mapping[str, str] | Iterable[tuple[str, str]] = field(default=(), repr=False)


CredentialsProvider: TypeAlias = Callable[[Attempt], Credentials | Awaitable[Credentials]]
"""Gives the credentials of each attempt to connect, such as a token that expires.

An async function runs in a task of the client's event loop, which ends with the attempt; another one is
called there and must not block. In the blocking API it is called in a thread of its own. `connect_timeout`
covers it.

What it raises is the attempt's error: an `MqttError` keeps its kind, which decides whether another attempt
follows; `OSError` counts as a lost connection, anything else as `UnsupportedError`. Where the server refuses
the credentials, it is asked again for the next attempt; three refusals in a row end the client.
"""


@dataclass(frozen=True, slots=True)
class Scram:
    """SCRAM-SHA-256 (RFC 7677): the password is never sent, and the server proves that it knows it too.

    User name and password are not CONNECT's: set those besides where the server wants both.

    Attributes:
        username: The user name.
        password: The password. No `repr` shows it.
        iterations: How many iterations of hashing a server may ask for, at least and at most; the default is
            4,096 (the least that RFC 7677 allows) to 1,000,000. Few make a stolen exchange easy to guess the
            password from, many keep this client busy.
    """

    username: str
    password: str = field(repr=False)
    _: KW_ONLY
    iterations: tuple[int, int] = (4096, 1_000_000)


AuthenticationStage: TypeAlias = Literal["start", "restart", "continue", "complete"]
"""Where an exchange stands.

`"start"`: the client is about to connect, the reply's data goes into CONNECT. `"restart"`: it is about to
authenticate again on its connection. `"continue"`: the server wants another answer. `"complete"`: the server
accepts, and its last data is for the program to verify; any reply accepts it, an exception refuses the
server.
"""


@dataclass(frozen=True, slots=True)
class AuthenticationStep:
    """A step of an authentication that the program is asked for.

    Attributes:
        server: The server that the client authenticates to, as a URL.
        method: The method's name.
        stage: Where the exchange stands.
        data: What the server said by the method. No `repr` shows it.
        reason_string: The server's words for people.
        user_properties: The server's user properties, of AUTH or CONNACK.
    """

    server: str
    method: str
    stage: AuthenticationStage
    data: bytes | None = field(default=None, repr=False)
    reason_string: str | None = None
    user_properties: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


@dataclass(frozen=True, slots=True)
class AuthenticationReply:
    """The client's part of a step.

    Attributes:
        data: What the method says: at most 65,535 bytes. No `repr` shows it.
        reason_string: Words for people. Not in CONNECT.
        user_properties: User properties; after those of the options in CONNECT.
    """

    data: bytes | None = field(default=None, repr=False)
    _: KW_ONLY
    reason_string: str | None = None
    user_properties: Mapping[str, str] | Iterable[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Authenticator:
    """The client's side of an authentication method that the program speaks itself (v5, section 4.12).

    Attributes:
        method: The method's name, as CONNECT gives it.
        authenticate: The client's part of each step, in turn; the stage says which. It runs as a
            `CredentialsProvider` does. After `"complete"` the client trusts the server, so that a method
            which authenticates the server too must verify its last data there. What it raises ends the
            attempt or the connection.
    """

    method: str
    authenticate: Callable[[AuthenticationStep], AuthenticationReply | Awaitable[AuthenticationReply]]
