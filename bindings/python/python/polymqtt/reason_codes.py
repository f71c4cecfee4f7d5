"""Reason codes (section 2.4)."""

from enum import IntEnum

__all__ = ["ReasonCode"]


class ReasonCode(IntEnum):
    """A reason code (section 2.4, table 2-6). Below 0x80 the operation succeeded, from 0x80 on it failed."""

    SUCCESS = 0x00
    """Success; in DISCONNECT: normal disconnection; in SUBACK: granted QoS 0."""
    GRANTED_QOS_1 = 0x01
    """The subscription is accepted, messages arrive at QoS 1 at most."""
    GRANTED_QOS_2 = 0x02
    """The subscription is accepted, messages arrive at QoS 2 at most."""
    DISCONNECT_WITH_WILL = 0x04
    """The client leaves and wants its will published."""
    NO_MATCHING_SUBSCRIBERS = 0x10
    """The message is accepted, nobody subscribes to its topic."""
    NO_SUBSCRIPTION_EXISTED = 0x11
    """There was no such subscription to delete."""
    CONTINUE_AUTHENTICATION = 0x18
    """The authentication goes on with another step."""
    RE_AUTHENTICATE = 0x19
    """The client starts a re-authentication."""
    UNSPECIFIED_ERROR = 0x80
    """Failed; the sender does not say why, or no other code fits."""
    MALFORMED_PACKET = 0x81
    """A packet could not be parsed."""
    PROTOCOL_ERROR = 0x82
    """A packet was out of order or contradicts the state."""
    IMPLEMENTATION_SPECIFIC_ERROR = 0x83
    """Valid, but not accepted by this implementation."""
    UNSUPPORTED_PROTOCOL_VERSION = 0x84
    """The server does not speak this version of the protocol."""
    CLIENT_IDENTIFIER_NOT_VALID = 0x85
    """The client identifier is valid but not allowed by the server."""
    BAD_USER_NAME_OR_PASSWORD = 0x86
    """The server does not accept the user name or password."""
    NOT_AUTHORIZED = 0x87
    """The client may not do this."""
    SERVER_UNAVAILABLE = 0x88
    """The server is not available."""
    SERVER_BUSY = 0x89
    """The server is busy, try again later."""
    BANNED = 0x8A
    """The client is banned by an administrator."""
    SERVER_SHUTTING_DOWN = 0x8B
    """The server is shutting down."""
    BAD_AUTHENTICATION_METHOD = 0x8C
    """The authentication method is not supported, or not the one in use."""
    KEEP_ALIVE_TIMEOUT = 0x8D
    """Nothing came for one and a half times the keep alive."""
    SESSION_TAKEN_OVER = 0x8E
    """Another connection uses the same client identifier."""
    TOPIC_FILTER_INVALID = 0x8F
    """The topic filter is valid but not accepted by the server."""
    TOPIC_NAME_INVALID = 0x90
    """The topic name is valid but not accepted."""
    PACKET_IDENTIFIER_IN_USE = 0x91
    """The packet identifier is in use already."""
    PACKET_IDENTIFIER_NOT_FOUND = 0x92
    """The packet identifier is not known; no error while recovering."""
    RECEIVE_MAXIMUM_EXCEEDED = 0x93
    """More messages are in flight than the receive maximum allows."""
    TOPIC_ALIAS_INVALID = 0x94
    """The topic alias is zero or above the topic alias maximum."""
    PACKET_TOO_LARGE = 0x95
    """The packet is larger than the maximum packet size."""
    MESSAGE_RATE_TOO_HIGH = 0x96
    """The rate of received data is too high."""
    QUOTA_EXCEEDED = 0x97
    """A limit of the implementation or administration is used up."""
    ADMINISTRATIVE_ACTION = 0x98
    """Closed by an administrator."""
    PAYLOAD_FORMAT_INVALID = 0x99
    """The payload is not of the format that its indicator names."""
    RETAIN_NOT_SUPPORTED = 0x9A
    """The server does not keep retained messages."""
    QOS_NOT_SUPPORTED = 0x9B
    """The quality of service is above the server's maximum."""
    USE_ANOTHER_SERVER = 0x9C
    """The client should use another server for now."""
    SERVER_MOVED = 0x9D
    """The server has moved, the client should use the other one from now on."""
    SHARED_SUBSCRIPTIONS_NOT_SUPPORTED = 0x9E
    """The server does not offer shared subscriptions to this client."""
    CONNECTION_RATE_EXCEEDED = 0x9F
    """Connections are opened too fast."""
    MAXIMUM_CONNECT_TIME = 0xA0
    """The longest time that the server allows for a connection is over."""
    SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED = 0xA1
    """The server does not offer subscription identifiers."""
    WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED = 0xA2
    """The server does not offer wildcard subscriptions."""

    @property
    def is_error(self) -> bool:
        """Whether it reports a failure: 0x80 or greater."""
        return self >= ReasonCode.UNSPECIFIED_ERROR
