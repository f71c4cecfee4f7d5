"""Options on their way to the native module: flat, by dotted names, and only those that were set."""

import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, cast

from polymqtt.authentication import Authenticator, CredentialsProvider, Scram
from polymqtt.options import (
    ConnectOptions,
    QueueOptions,
    ReconnectOptions,
    RedirectOptions,
    StreamOptions,
    SubscribeOptions,
    TlsOptions,
    UserProperties,
    Will,
)

__all__ = ["Settings", "filters_of", "given", "pairs", "stream_options", "subscribe_options", "wrong_type"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What a client is made from."""

    servers: list[str] = field(repr=False)  # may hold a password
    options: dict[str, Any] = field(repr=False)
    credentials: CredentialsProvider | None
    authenticator: Authenticator | None

    @classmethod
    def of(cls, url: str | Sequence[str], options: ConnectOptions) -> "Settings":
        """What the program asks for; `TypeError` for names that don't exist and values of another type."""
        check_names("connect", options, ConnectOptions)
        rest = dict(options)
        credentials = cast("CredentialsProvider | None", rest.pop("credentials", None))
        authentication = rest.pop("authentication", None)
        flat: dict[str, Any] = {}
        if credentials is not None:
            if not callable(credentials):
                raise wrong_type("credentials", "a function", credentials)
            flat["credentials_from_host"] = True
        authenticator = None
        match authentication:
            case None:
                pass
            case Scram():
                flat.update(_scram(authentication))
            case Authenticator():
                authenticator = authentication
                flat["authenticator"] = authentication.method
            case _:
                raise wrong_type(
                    "authentication", "a polymqtt.Scram or polymqtt.Authenticator", authentication
                )
        for name, value in rest.items():
            flat.update(_flattened(name, value))
        return cls(_servers(url), flat, credentials, authenticator)


def subscribe_options(function: str, options: SubscribeOptions) -> dict[str, Any]:
    """The options of a subscription."""
    check_names(function, options, SubscribeOptions)
    taken: dict[str, Any] = dict(options)
    user_properties = pairs("user_properties", taken.pop("user_properties", ()))
    return taken | given({"user_properties": user_properties})


def stream_options(function: str, options: StreamOptions) -> dict[str, Any]:
    """The bounds of a stream."""
    check_names(function, options, StreamOptions)
    return dict(options)


def filters_of(filters: str | Iterable[str]) -> list[str]:
    """One topic filter or several, as a list."""
    if isinstance(filters, str):
        return [filters]
    # Bytes are iterable too, and would give numbers.
    if isinstance(cast("object", filters), bytes | bytearray | memoryview | Mapping):
        raise wrong_type("filters", "text or several", filters)
    return list(_iterated("filters", "text or several", filters))


def pairs(name: str, value: UserProperties) -> list[tuple[str, str]]:
    """Names and values, in order."""
    items = cast("Iterable[Any]", value.items() if isinstance(value, Mapping) else value)
    taken: list[tuple[str, str]] = []
    for item in _iterated(name, "a mapping or pairs of text", items):
        match item:
            case (str(key), str(text)):
                taken.append((key, text))
            case _:
                raise wrong_type(name, "a mapping or pairs of text", cast("object", item))
    return taken


def check_names(function: str, options: Mapping[str, object], known: type) -> None:
    """Refuses names that don't exist, and says which one may be meant."""
    for name in options.keys() - known.__annotations__.keys():
        near = difflib.get_close_matches(name, known.__annotations__, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise TypeError(f"{function}() got an unexpected keyword argument {name!r}{hint}")


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Only the options that say something: neither `None` nor an empty list."""
    return {name: value for name, value in options.items() if value is not None and value != []}


def wrong_type(name: str, wanted: str, value: object) -> TypeError:
    """The error for an argument of another type. It does not show the value, which may be a secret."""
    return TypeError(f"{name} must be {wanted}, not {type(value).__name__}")


def _servers(url: str | Sequence[str]) -> list[str]:
    if isinstance(url, str):
        return [url]
    servers = list(_iterated("url", "text or a list of text", url))
    for server in servers:
        if not isinstance(server, str):
            raise wrong_type("url", "text or a list of text", server)
    if not servers:
        raise TypeError("url must name a server at least")
    return servers


def _flattened(name: str, value: object) -> dict[str, Any]:
    group = _GROUPS.get(name)
    if group is not None:
        if value is None:
            return {"reconnect": None} if name == "reconnect" else {}
        if not isinstance(value, group):
            raise wrong_type(name, f"a polymqtt.{group.__name__}", value)
        return _group(name, value)
    if name in _PAIRS:
        return given({name: pairs(name, cast("UserProperties", value))})
    if value is None and name in _MAY_BE_NONE:
        return {}
    return {name: value}


_GROUPS: dict[str, type] = {
    "will": Will,
    "tls": TlsOptions,
    "queue": QueueOptions,
    "reconnect": ReconnectOptions,
    "redirect": RedirectOptions,
}
_PAIRS = {"user_properties", "websocket_headers"}
_MAY_BE_NONE = {"username", "password", "session_expiry"}


def _group(name: str, group: Any) -> dict[str, Any]:
    flat = {
        f"{name}.{part.name}": _part(f"{name}.{part.name}", getattr(group, part.name))
        for part in fields(group)
    }
    if isinstance(group, TlsOptions) and group.client_key is None:
        flat["tls.client_key"] = flat["tls.client_certificate"]
    return given(flat)


def _part(name: str, value: Any) -> Any:
    match name:
        case "will.user_properties":
            return pairs(name, value)
        case "tls.alpn" if isinstance(value, str):
            raise wrong_type(name, "a list of text", value)
        case "tls.alpn":
            return list(_iterated(name, "a list of text", value))
        case _:
            return os.fspath(cast("os.PathLike[str]", value)) if isinstance(value, os.PathLike) else value


def _scram(scram: Scram) -> dict[str, Any]:
    match scram.iterations:
        case (int(least), int(most)):
            return {
                "authentication": "SCRAM-SHA-256",
                "scram.username": scram.username,
                "scram.password": scram.password,
                "scram.least_iterations": least,
                "scram.most_iterations": most,
            }
        case _:
            raise wrong_type("authentication.iterations", "two numbers", scram.iterations)


def _iterated(name: str, wanted: str, value: Iterable[Any]) -> Iterable[Any]:
    try:
        return iter(value)
    except TypeError:
        raise wrong_type(name, wanted, value) from None
