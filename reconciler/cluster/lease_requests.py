"""The requests that read and change one Application's Lease."""

from typing import Any, Final

from reconciler.cluster.connection import JSON, Connection
from reconciler.cluster.discovery import ApiResource, Discovery
from reconciler.cluster.lease_record import LEASE, LeaseRecord, Operations
from reconciler.errors import ConflictError, InvalidObjectError, NotFoundError
from reconciler.manifest.objects import Manifest

FALLBACK_NAMESPACE: Final = "default"
"""Where the Lease lies when the Application's namespace does not exist, as for one that only a file holds."""
_FIELD_MANAGER: Final = "gitops-nb"
_JSON_PATCH: Final = "application/json-patch+json"


class LeaseRequests:
    """One Lease, in ``namespace`` or, where that does not exist, in `FALLBACK_NAMESPACE`.

    ``timeout_s`` is that of one try of a request.
    """

    def __init__(
        self, connection: Connection, discovery: Discovery, *, namespace: str, name: str, timeout_s: float
    ) -> None:
        self.namespace = namespace
        self.name = name
        self._connection = connection
        self._discovery = discovery
        self._timeout_s = timeout_s

    @property
    def place(self) -> str:
        """What messages call it."""
        return f"Lease {self.namespace}/{self.name}"

    def read(self) -> LeaseRecord | None:
        """The Lease, None when it is not there."""
        try:
            return self._send("GET")
        except NotFoundError:
            return None

    def create(self, lease: Manifest) -> LeaseRecord | None:
        """The new Lease, None when there is one already.

        Raises
        ------
        NotFoundError
            When the namespace does not exist.
        """
        try:
            return self._send("POST", lease)
        except ConflictError:
            return None

    def change(self, operations: Operations) -> LeaseRecord:
        """The Lease after a JSON patch.

        Raises
        ------
        InvalidObjectError
            When a test of the patch fails.
        """
        return self._send("PATCH", operations)

    def change_if(self, operations: Operations) -> LeaseRecord | None:
        """The Lease after a JSON patch, None when a test of the patch fails or the Lease is gone."""
        try:
            return self.change(operations)
        except (InvalidObjectError, ConflictError, NotFoundError):
            return None

    def _send(self, method: str, body: Any = None) -> LeaseRecord:
        # Repeating any of these does no harm, so the connection may.
        answer: Manifest = self._connection.request(
            method,
            self._resource().path(namespace=self.namespace, name="" if method == "POST" else self.name),
            query={} if body is None else {"fieldManager": _FIELD_MANAGER},
            body=body,
            content_type=_JSON_PATCH if method == "PATCH" else JSON,
            timeout_s=self._timeout_s,
        )
        return LeaseRecord.of(answer)

    def _resource(self) -> ApiResource:
        found = self._discovery.find(LEASE)
        if found is None:
            raise NotFoundError(f"no lock without Leases: {self._discovery.why_unknown(LEASE)}")
        return found
