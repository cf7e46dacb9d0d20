"""Argo CD's own objects: Applications and AppProjects, read from the cluster that holds them, and their status written."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from reconciler.cluster import Connection, Discovery
from reconciler.cluster.applications import get_application, get_project, list_applications, patch_status
from reconciler.diff.records import Comparison
from reconciler.errors import ClusterError, NotFoundError
from reconciler.kill_points import reach
from reconciler.manifest.objects import Manifest, ResourceKey, metadata_of
from reconciler.model import Application, AppProject, parse_application, parse_project
from reconciler.sync.records import SyncResult
from reconciler.sync.status import application_status, merge_patch
from reconciler.terms import ARGO_GROUP, ConditionType
from reconciler.threads import Lane

PARALLEL_WRITES: Final = 8
CONTROLLER: Final = "argocd-application-controller"
"""Field manager of Argo CD's own controller, which takes its program's name."""


@dataclass(frozen=True, slots=True)
class StatusAnswer:
    """What to write into one Application's status; ``conditions`` beside those of the comparison.

    ``operated`` is the Application as the operation had it: a rollback's has other sources than the one in the cluster.
    """

    comparison: Comparison
    result: SyncResult | None = None
    conditions: tuple[tuple[ConditionType, str], ...] = ()
    operated: Application | None = None


class Registry:
    """Reads and writes Argo CD's objects.

    Parameters
    ----------
    discovery
        Gives the kinds of the cluster when they are needed.
    namespace
        Argo CD's own.
    """

    def __init__(
        self,
        connection: Connection,
        discovery: Callable[[], Discovery],
        *,
        namespace: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._discovery = discovery
        self._namespace = namespace
        self._clock = clock
        self._parsed: dict[str, tuple[str, Application]] = {}
        self._reconciled: dict[str, datetime] = {}

    def applications(self) -> list[Application]:
        """All Applications of the namespace, by name.

        Raises
        ------
        NotFoundError
            When the cluster lacks Argo CD's definitions.
        """
        found = list_applications(self._connection, self._discovery(), namespace=self._namespace)
        return [self._parse(entry) for entry in found]

    def application(self, name: str, *, namespace: str = "") -> Application:
        """One Application.

        Raises
        ------
        NotFoundError
            With the names that are there.
        """
        found = get_application(self._connection, self._discovery(), namespace=namespace or self._namespace, name=name)
        if found is None:
            names = [application.name for application in self.applications()]
            there = f"there are {', '.join(names)}" if names else "there are none"
            raise NotFoundError(f"no Application {name} in namespace {self._namespace}; {there}")
        return self._parse(found)

    def find(self, application: Application) -> Manifest | None:
        """The object of an Application as the cluster holds it now; None for one that only a file holds."""
        namespace = application.metadata.namespace or self._namespace
        return get_application(self._connection, self._discovery(), namespace=namespace, name=application.name)

    def current(self, application: Application) -> Application | None:
        """As `find`, parsed."""
        live = self.find(application)
        return self._parse(live) if live is not None else None

    def project(self, name: str) -> AppProject | None:
        """The AppProject of that name, None when there is none."""
        found = get_project(self._connection, self._discovery(), namespace=self._namespace, name=name)
        return parse_project(found, where="cluster", from_cluster=True) if found is not None else None

    def write_status(
        self,
        application: Application,
        comparison: Comparison,
        result: SyncResult | None = None,
        *,
        of_own_target: Callable[[Application, Comparison], Comparison] = lambda _current, comparison: comparison,
    ) -> None:
        """Write ``status`` as Argo CD does; an Application that only a file holds keeps none.

        Parameters
        ----------
        application
            As the operation had it.
        of_own_target
            Gives the comparison with what the Application in the cluster asks for, where this one is of another revision.
        """
        live = self.find(application)
        if live is not None:
            comparison = of_own_target(self._parse(live), comparison)
            self._write(live, StatusAnswer(comparison, result, operated=application))

    def reconciled_by_argo_cd(self, application: Application) -> datetime | None:
        """When Argo CD's own controller last wrote an Application that was read here; None when it never did."""
        return self._reconciled.get(application.metadata.uid)

    def write_statuses(self, answers: Sequence[StatusAnswer]) -> dict[str, str]:
        """Write many; the Applications whose status could not be written, by ``namespace/name``, with the reason."""
        objects = self._live(answer.comparison.namespace for answer in answers)
        keys = [self._key(answer.comparison.namespace, answer.comparison.application) for answer in answers]
        wanted = [(objects[key], answer) for key, answer in zip(keys, answers, strict=True) if key in objects]

        def write(entry: tuple[Manifest, StatusAnswer]) -> str:
            try:
                self._write(*entry)
            except ClusterError as error:
                return str(error)
            return ""

        with Lane(PARALLEL_WRITES) as pool:
            reasons = list(pool.map(write, wanted))
        return {
            f"{answer.comparison.namespace}/{answer.comparison.application}": reason
            for (_, answer), reason in zip(wanted, reasons, strict=True)
            if reason
        }

    def _live(self, namespaces: Iterable[str]) -> dict[ResourceKey, Manifest]:
        """The Application objects of some namespaces; none where the cluster has no such kind."""
        found: dict[ResourceKey, Manifest] = {}
        for namespace in sorted(set(namespaces)):
            try:
                objects = list_applications(self._connection, self._discovery(), namespace=namespace)
            except NotFoundError:
                continue
            found |= {ResourceKey.of(obj): obj for obj in objects}
        return found

    def _key(self, namespace: str, name: str) -> ResourceKey:
        return ResourceKey(ARGO_GROUP, "Application", namespace, name)

    def _write(self, live: Manifest, answer: StatusAnswer) -> None:
        current = self._parse(live)
        status = application_status(
            current,
            answer.comparison,
            answer.result,
            now=self._clock(),
            conditions=answer.conditions,
            operated=answer.operated,
        )
        reach("status-write")
        patch_status(self._connection, self._discovery(), live, merge_patch(current.status, status))
        reach("status-write")

    def _parse(self, obj: Manifest) -> Application:
        """The Application; the same record while the object is the same, so that what was made from it counts."""
        uid, version = (str(metadata_of(obj).get(field) or "") for field in ("uid", "resourceVersion"))
        known = self._parsed.get(uid)
        if known is None or known[0] != version or not version:
            known = self._parsed[uid] = (version, parse_application(obj, where="cluster", from_cluster=True))
            if (at := _written_by_argo_cd(obj)) is not None:
                self._reconciled[uid] = at
        return known[1]


def _written_by_argo_cd(obj: Manifest) -> datetime | None:
    """When the field manager of Argo CD's controller last changed an object."""
    times = [
        datetime.fromisoformat(str(entry["time"]))
        for entry in metadata_of(obj).get("managedFields") or ()
        if entry.get("manager") == CONTROLLER and entry.get("time")
    ]
    return max(times, default=None)
