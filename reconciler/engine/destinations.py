"""The clusters that Applications go to, each with what compares there."""

from collections.abc import Callable, Iterator
from datetime import datetime

from reconciler.access import DestinationCluster
from reconciler.cluster import Connection
from reconciler.cluster.clusters import ClusterSecrets, read_cluster_secrets
from reconciler.engine.comparing import Comparer
from reconciler.engine.projects import Permits
from reconciler.errors import NotFoundError, SpecError, Violation
from reconciler.model import Application
from reconciler.source import Sources


class Destinations:
    """Finds an Application's cluster; keeps one `Comparer` for each. Parameters are those of `Reconciler`."""

    def __init__(
        self,
        connection: Connection,
        sources: Sources,
        *,
        namespace: str,
        clock: Callable[[], datetime],
        follow: bool,
        permits: Permits,
    ) -> None:
        self._sources = sources
        self._permits = permits
        self._namespace = namespace
        self._clock = clock
        self._follows = follow
        self.clusters = ClusterSecrets(connection, lambda: read_cluster_secrets(connection, namespace=namespace))
        self.home = self._make(connection)
        """Of the cluster that holds the Applications."""
        self._comparers = {id(connection): self.home}

    def __iter__(self) -> Iterator[Comparer]:
        return iter(tuple(self._comparers.values()))

    def begin_run(self) -> None:
        """Look up clusters, kinds and schemas anew."""
        self.clusters.forget()
        for comparer in self:
            comparer.begin_run()

    def close(self) -> None:
        """End all watches."""
        self._follows = False
        for comparer in self:
            comparer.close()

    def cluster(self, application: Application) -> DestinationCluster:
        """The cluster as projects judge it.

        Raises
        ------
        SpecError
            When no such cluster is known, or its namespace is not ours to manage there.
        """
        destination = application.spec.destination
        try:
            record = self.clusters.record(server=destination.server, name=destination.name)
        except NotFoundError as error:
            raise self._unknown(application, error) from error
        if destination.namespace and not record.manages(destination.namespace):
            text = f"{destination.namespace} is not among the namespaces of cluster {record.name}"
            raise SpecError(f"Application {application.name}", [Violation("spec.destination.namespace", text)])
        return DestinationCluster(record.server, record.name, frozenset({record.project} - {""}))

    def comparer(self, application: Application) -> Comparer:
        """What compares with the Application's cluster. Errors as `cluster`."""
        destination = application.spec.destination
        try:
            connection = self.clusters.connect(server=destination.server, name=destination.name)
        except NotFoundError as error:
            raise self._unknown(application, error) from error
        comparer = self._comparers.get(id(connection))
        if comparer is None:
            comparer = self._comparers[id(connection)] = self._make(connection)
        return comparer

    def _make(self, connection: Connection) -> Comparer:
        return Comparer(
            connection,
            self._sources,
            namespace=self._namespace,
            clock=self._clock,
            follow=self._follows,
            permits=self._permits,
        )

    def _unknown(self, application: Application, error: NotFoundError) -> SpecError:
        field = "server" if application.spec.destination.server else "name"
        hint = "add its Secret, or choose its context with --context"
        violation = Violation(f"spec.destination.{field}", f"{error}; {hint}")
        return SpecError(f"Application {application.name}", [violation])
