"""The clients that are compared; the module of each says how it is used and what it awaits."""

from dataclasses import dataclass, replace

from ..workload import Exchange, Workload


@dataclass(frozen=True, slots=True)
class Contender:
    """A client, or a way of using one."""

    name: str
    module: str | None = None
    """What runs it, of this package; none is the program of the Rust clients."""
    environment: str = "clients"
    """The virtual environment that has it."""
    peer: bool = False
    """Whether it is one of the clients that ours are compared with."""
    on_asyncio: bool = False
    batches: bool = False
    """Whether a call takes many messages."""
    uvloop: bool = False
    """Whether asyncio runs on uvloop."""
    unable: tuple[str, ...] = ()
    """Workloads that it can't do; the README says why."""

    def does(self, workload: Workload) -> bool:
        # A round trip is a message.
        if self.batches and workload.exchange is Exchange.ROUND_TRIP:
            return False
        return workload.name not in self.unable

    @property
    def rust(self) -> str:
        """The contender that this one's share of the Rust client refers to."""
        return RUST_BATCH if self.batches else RUST

    @property
    def rust_name(self) -> str:
        """What the program of the Rust clients calls it."""
        return {RUST: "polymqtt", RUST_BATCH: "polymqtt-batch"}[self.name]


RUST = "rust"
RUST_BATCH = "rust-batch"

_ALL = (
    Contender("paho-mqtt", "paho_mqtt", peer=True),
    Contender("aiomqtt-2", "aiomqtt_2", peer=True, on_asyncio=True),
    Contender("aiomqtt-3", "aiomqtt_3", "aiomqtt-3", peer=True, on_asyncio=True, unable=("receive-qos0",)),
    Contender("gmqtt", "gmqtt_client", peer=True, on_asyncio=True),
    Contender("awscrt", "awscrt_mqtt5", peer=True),
    Contender("polymqtt-asyncio", "polymqtt_asyncio", on_asyncio=True),
    Contender("polymqtt-asyncio-batch", "polymqtt_asyncio_batch", on_asyncio=True, batches=True),
    Contender("polymqtt-sync", "polymqtt_sync"),
    Contender("polymqtt-sync-batch", "polymqtt_sync_batch", batches=True),
    Contender(RUST),
    Contender(RUST_BATCH, batches=True),
)


def contenders(uvloop: bool) -> list[Contender]:
    """All of them, with those on uvloop or without."""
    found: list[Contender] = []
    for contender in _ALL:
        found.append(contender)
        if uvloop and contender.on_asyncio:
            found.append(replace(contender, name=f"{contender.name}-uvloop", uvloop=True))
    return found


def named(name: str) -> Contender:
    """The contender of that name; `ValueError` where there is none."""
    for contender in contenders(uvloop=True):
        if contender.name == name:
            return contender
    raise ValueError(f"no contender is called {name}")
