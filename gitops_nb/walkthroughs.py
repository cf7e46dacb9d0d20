"""The example that a walkthrough plays with: an Application of its own in the sandbox, and hands that change it."""

import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.cluster import ApiResource, Connection, get_object, list_objects
from reconciler.cluster.write import create_object, delete_object, patch_object
from reconciler.errors import ClusterError, NotFoundError, UsageError
from reconciler.manifest.objects import GroupVersionKind, Manifest
from reconciler.manifest.yaml import dump_document
from reconciler.sandbox.instance import CONTEXT

if TYPE_CHECKING:
    from gitops_nb.session import Session

NAME: Final = "drift-example"
"""Name of the Application and of its namespace."""
WAIT_S: Final = 30.0
_POLL_S: Final = 0.1
_APPLICATION: Final = GroupVersionKind("argoproj.io", "v1alpha1", "Application")
_KINDS: Final = {
    "ConfigMap": GroupVersionKind("", "v1", "ConfigMap"),
    "Deployment": GroupVersionKind("apps", "v1", "Deployment"),
    "Namespace": GroupVersionKind("", "v1", "Namespace"),
    "Pod": GroupVersionKind("", "v1", "Pod"),
}
_LABELS: Final = {"app": "web"}
_FILES: Final[Mapping[str, Mapping[str, Any]]] = {
    "deployment.yaml": {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": _LABELS},
            "template": {
                "metadata": {"labels": _LABELS},
                "spec": {"containers": [{"name": "web", "image": "ghcr.io/example/web:1.4.0", "command": ["serve"]}]},
            },
        },
    },
    "service.yaml": {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": _LABELS, "ports": [{"port": 80}]},
    },
    "settings.yaml": {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "settings"},
        "data": {"log.level": "info", "currency": "EUR"},
    },
}
_IGNORE: Final = [
    {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]},
    {"group": "apps", "kind": "Deployment", "managedFieldsManagers": ["vpa-recommender"]},
]


class DriftExample:
    """An Application ``drift-example`` over a repository in a temporary folder, synced; made anew each time.

    Its ``ignoreDifferences`` leave the number of replicas alone, and name a field manager that does not exist.

    Raises
    ------
    UsageError
        When the session is not on a sandbox cluster: an example has no business on another one.
    """

    def __init__(self, session: "Session") -> None:
        if session.reconciler.connection.name != CONTEXT:
            raise UsageError("the example is for a sandbox cluster: connect with gitops_nb.connect(sandbox=True)")
        self._session = session
        self._folder = tempfile.TemporaryDirectory(prefix="gitops-nb-walkthrough-")
        self.remove()
        url = _make_repository(Path(self._folder.name))
        application = _application(url, session.reconciler.namespace)
        create_object(self._connection, self._resource(_APPLICATION), application, field_manager="kubectl-create")
        report = session.sync(NAME, timeout_s=WAIT_S)
        if not report.ok:
            raise ClusterError(f"the example cannot be synced: {report.summary}")

    def edit(self, kind: str, name: str, patch: Mapping[str, Any], *, by: str) -> None:
        """Change an object by a merge patch as somebody else would, with ``by`` as the field manager."""
        live = self._get(_KINDS[kind], NAME, name)
        if live is None:
            raise NotFoundError(f"the example has no {kind} {name}")
        patch_object(self._connection, self._resource(_KINDS[kind]), live, dict(patch), field_manager=by)

    def create(self, obj: Mapping[str, Any], *, by: str) -> None:
        """Create an object in the example's namespace that is not in Git."""
        placed = {**obj, "metadata": {**obj["metadata"], "namespace": NAME}}
        create_object(self._connection, self._resource(GroupVersionKind.of(obj)), placed, field_manager=by)

    def wait_for_crash(self) -> str:
        """Wait until a pod is in a crash loop, and tell of it in an event, as a kubelet does; the sandbox's own does not.

        Returns
        -------
        str
            The pod's name.
        """
        pod = self._wait(self._crashing, "no pod is in a crash loop")
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        metadata = pod["metadata"]
        about = {"apiVersion": "v1", "kind": "Pod", **{key: metadata[key] for key in ("name", "namespace", "uid")}}
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name']}.backoff"},
            "involvedObject": about,
            "type": "Warning",
            "reason": "BackOff",
            "message": "Back-off restarting failed container web",
            "source": {"component": "kubelet"},
            "count": 3,
            "firstTimestamp": now,
            "lastTimestamp": now,
        }
        self.create(event, by="kubelet")
        return str(metadata["name"])

    def remove(self) -> None:
        """Take the Application and its namespace away, and wait until they are gone."""
        for kind, namespace in ((_APPLICATION, self._session.reconciler.namespace), (_KINDS["Namespace"], "")):
            live = self._get(kind, namespace, NAME)
            if live is not None:
                delete_object(self._connection, self._resource(kind), live)
        self._wait(lambda: self._get(_KINDS["Namespace"], "", NAME) is None, f"namespace {NAME} is still there")

    @property
    def _connection(self) -> Connection:
        return self._session.reconciler.connection

    def _resource(self, kind: GroupVersionKind) -> ApiResource:
        resource = self._session.reconciler.comparer.discovery.find(kind)
        if resource is None:
            raise ClusterError(f"the cluster does not serve {kind}")
        return resource

    def _get(self, kind: GroupVersionKind, namespace: str, name: str) -> Manifest | None:
        return get_object(self._connection, self._resource(kind), namespace=namespace, name=name)

    def _crashing(self) -> Manifest | None:
        for pod in list_objects(self._connection, self._resource(_KINDS["Pod"]), namespace=NAME).objects:
            for status in pod.get("status", {}).get("containerStatuses") or ():
                if status.get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff":
                    return pod
        return None

    def _wait(self, look: Callable[[], Any], otherwise: str) -> Any:
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            found = look()
            if found:
                return found
            time.sleep(_POLL_S)
        raise ClusterError(f"{otherwise} after {WAIT_S:g} s")


def _application(url: str, namespace: str) -> Manifest:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": NAME, "namespace": namespace},
        "spec": {
            "project": "default",
            "source": {"repoURL": url, "path": "web", "targetRevision": "main"},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": NAME},
            "ignoreDifferences": _IGNORE,
            "syncPolicy": {"syncOptions": ["CreateNamespace=true"]},
        },
    }


def _make_repository(folder: Path) -> str:
    """A Git repository of the example's manifests; its URL."""
    import git

    (folder / "web").mkdir()
    for name, document in _FILES.items():
        (folder / "web" / name).write_text(dump_document(document), encoding="utf-8")
    author = git.Actor("Walkthrough", "walkthrough@example.com")
    with git.Repo.init(folder, initial_branch="main") as repository:
        repository.index.add(["web"])
        repository.index.commit("Add the web shop", author=author, committer=author, skip_hooks=True)
    return folder.as_uri()
