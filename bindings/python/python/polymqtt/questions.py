"""What the client asks the program: credentials, and the steps of an authentication method.

Code of the program is called here, by whoever runs it: a task of the event loop, or a thread of the blocking
API.
"""

import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final

from polymqtt.authentication import (
    Attempt,
    AuthenticationReply,
    AuthenticationStep,
    Authenticator,
    Credentials,
    CredentialsProvider,
)
from polymqtt.errors import MqttError, TransportError, UnsupportedError
from polymqtt.settings import pairs, wrong_type

__all__ = ["WITHDRAWN", "Hooks"]

WITHDRAWN: Final = "withdrawn"
"""The name under which the native module says that nobody waits for an answer any more."""

_log = logging.getLogger("polymqtt")


@dataclass(slots=True)
class Hooks:
    """The program's functions that the client asks."""

    credentials: CredentialsProvider | None
    authenticator: Authenticator | None
    failure: Exception | None = None
    """What one of them has raised last."""

    def __bool__(self) -> bool:
        return self.credentials is not None or self.authenticator is not None

    def ask(
        self, name: str, fields: dict[str, Any]
    ) -> Credentials | AuthenticationReply | Awaitable[Credentials | AuthenticationReply]:
        """Calls the function that the question is for."""
        if name == "credentials" and self.credentials is not None:
            return self.credentials(Attempt(**fields))
        if name == "authenticate" and self.authenticator is not None:
            return self.authenticator.authenticate(AuthenticationStep(**fields))
        raise UnsupportedError(f"this client has nobody to ask for {name}")

    def answer(self, name: str, reply: object) -> dict[str, Any]:
        """The reply as the native module takes it."""
        self.failure = None
        if name == "credentials":
            if not isinstance(reply, Credentials):
                raise wrong_type("what the credentials provider gives", "polymqtt.Credentials", reply)
            return {
                "username": reply.username,
                "password": reply.password,
                "websocket_headers": pairs("websocket_headers", reply.websocket_headers),
            }
        if not isinstance(reply, AuthenticationReply):
            raise wrong_type("what the authenticator gives", "polymqtt.AuthenticationReply", reply)
        return {
            "data": reply.data,
            "reason_string": reply.reason_string,
            "user_properties": pairs("user_properties", reply.user_properties),
        }

    def failed(self, name: str, error: Exception) -> MqttError:
        """What ends the attempt: the error that the program has raised.

        Of anything but an `MqttError` only its name is told: its text may hold a secret.
        """
        self.failure = error
        if isinstance(error, MqttError):
            return error
        who = "the credentials provider" if name == "credentials" else "the authenticator"
        _log.error("%s has failed", who, exc_info=error)
        what = f"{who} raised {type(error).__name__}"
        return TransportError(what) if isinstance(error, OSError) else UnsupportedError(what)
