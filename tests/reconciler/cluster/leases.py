"""Several runs of one Application that want its lock, and a time that passes when it is told to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reconciler.cluster import Discovery
from reconciler.cluster.connection import Connection
from reconciler.cluster.lease import ApplicationLock
from reconciler.manifest.objects import Manifest
from tests.conformance.client import Client


class Watched(Connection):
    """Notes the requests, and lets a test come in between."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection._access, name=connection.name)
        self.methods: list[str] = []
        self.before: Callable[[str], None] = lambda method: None

    def request(self, method: str, path: str, **how: Any) -> Any:
        self.before(method)
        self.methods.append(method)
        return super().request(method, path, **how)


@dataclass
class Time:
    """A time that passes only when it is told to, or while somebody waits."""

    now: float = 1000.0
    waits: int = 0
    meanwhile: list[Callable[[], None]] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        """Pause, while others do the next thing that they have to do."""
        self.waits += 1
        assert self.waits < 1000, "waits for ever"
        self.now += seconds
        if self.meanwhile:
            self.meanwhile.pop(0)()

    def clock(self, *, rate: float) -> Callable[[], float]:
        """A clock that shows so many seconds for each that passes."""
        return lambda: self.now * rate


def no_wait(seconds: float) -> None:
    raise AssertionError(f"waits for {seconds} s")


@dataclass
class Runs:
    """Makes the locks of several runs of one Application, each with its own connection."""

    connection: Connection
    discovery: Discovery
    namespace: str
    made: list[ApplicationLock] = field(default_factory=list)

    def lock(self, operation_id: str = "op-1", *, connection: Connection | None = None, **how: Any) -> ApplicationLock:
        # A keeper that the test did not ask for does not come to renew within its time.
        options: dict[str, Any] = {"holder": "alice", "namespace": self.namespace, "duration_s": 60, "wait": no_wait}
        lock = ApplicationLock(
            connection or self.connection,
            self.discovery,
            application="shop",
            operation_id=operation_id,
            **options | how,
        )
        self.made.append(lock)
        return lock


def lease(client: Client, namespace: str, name: str = "") -> Manifest:
    found: Manifest = client.get(path(namespace, name)).expect()
    return found


def path(namespace: str, name: str = "") -> str:
    return f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name or f'gitops-nb.{namespace}.shop'}"
