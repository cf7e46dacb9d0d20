"""Runs plans against a cluster without the engine: a target, what is live, and the runner."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.cluster import connect, discover
from reconciler.cluster.connection import Connection
from reconciler.cluster.discovery import Discovery
from reconciler.cluster.live import get_object
from reconciler.cluster.schemas import SchemaCache
from reconciler.diff.records import Comparison, Health, ResourceComparison
from reconciler.manifest.objects import GroupVersionKind, ResourceKey, namespace_of
from reconciler.model import Application, parse_application
from reconciler.sync import events
from reconciler.sync.events import Event
from reconciler.sync.hooks import is_hook, named_hook, sync_phases
from reconciler.sync.options import application_options
from reconciler.sync.plan import plan_sync
from reconciler.sync.records import HookTarget, PlanOptions, SyncPlan, SyncResult, SyncTask, TaskAction, TaskResult
from reconciler.sync.run_options import RunOptions
from reconciler.sync.runner import SyncRunner
from reconciler.sync.state import SyncState
from reconciler.terms import HealthStatus, SyncStatus
from tests.conformance.client import Client

Manifest = dict[str, Any]
OPTIONS, WAVE = "argocd.argoproj.io/sync-options", "argocd.argoproj.io/sync-wave"
HOOK, POLICY = "argocd.argoproj.io/hook", "argocd.argoproj.io/hook-delete-policy"
BATCH = "/apis/batch/v1"
QUICK = RunOptions(timeout_s=40, established_s=8, gone_s=8, approval_s=0.05)


@dataclass
class Place:
    """A namespace of a cluster, and how operations are run there."""

    client: Client
    namespace: str
    connection: Connection
    discovery: Discovery
    schemas: SchemaCache
    seen: list[tuple[SyncState, Event]] = field(default_factory=list)
    recorded: dict[str, TaskResult] = field(default_factory=dict)

    def refresh(self) -> None:
        """See kinds that came since."""
        self.discovery = discover(self.connection)

    def path(self, collection: str, name: str = "", *, api: str = "/api/v1") -> str:
        return f"{api}/namespaces/{self.namespace}/{collection}{f'/{name}' if name else ''}"

    def application(self, *options: str, annotations: Mapping[str, str] | None = None) -> Application:
        return parse_application(
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Application",
                "metadata": {"name": "shop", "namespace": self.namespace, "annotations": dict(annotations or {})},
                "spec": {
                    "project": "default",
                    "source": {"repoURL": "https://git.example.com/a.git", "path": "."},
                    "destination": {"server": "https://kubernetes.default.svc", "namespace": self.namespace},
                    "syncPolicy": {"syncOptions": list(options)},
                },
            }
        )

    def plan(
        self,
        application: Application,
        targets: Sequence[Manifest],
        *,
        prunes: Sequence[Manifest] = (),
        options: PlanOptions = PlanOptions(prune=True),
        **how: Any,
    ) -> tuple[SyncPlan, dict[str, Manifest], dict[str, Manifest]]:
        """The plan, the objects to write by task id, and what is live by task id."""
        placed = [self.placed(target) for target in targets]
        live = {ResourceKey.of(obj): found for obj in [*placed, *prunes] if (found := self.live(obj)) is not None}
        resources = [
            ResourceComparison(
                ResourceKey.of(obj), GroupVersionKind.of(obj).version, SyncStatus.OUT_OF_SYNC, obj,
                live.get(ResourceKey.of(obj)),
            )
            for obj in placed
            if not is_hook(obj)
        ] + [
            ResourceComparison(
                ResourceKey.of(obj), GroupVersionKind.of(obj).version, SyncStatus.OUT_OF_SYNC, None,
                live.get(ResourceKey.of(obj)), requires_pruning=True,
            )
            for obj in prunes
        ]  # fmt: skip
        named = [
            (phase, named_hook(obj, revision="abc", phase=phase, started_unix_s=1772366400))
            for obj in placed
            if is_hook(obj)
            for phase in sync_phases(obj)
        ]
        comparison = Comparison(
            application="shop",
            namespace=self.namespace,
            project="default",
            destination="",
            revisions=("a" * 40,),
            status=SyncStatus.OUT_OF_SYNC,
            health=Health(HealthStatus.HEALTHY),
            compared_at=datetime.now(UTC),
            resources=tuple(sorted(resources, key=lambda entry: entry.key)),
        )
        hooks = [HookTarget(phase, obj, self.live(obj)) for phase, obj in named]
        plan = plan_sync(application, comparison, hooks, options=options, **how)
        by_hook = {(phase, ResourceKey.of(obj)): obj for phase, obj in named}
        by_key = {ResourceKey.of(obj): obj for obj in placed}
        manifests = {
            task.id: _written(task, by_hook, by_key) for task in plan.tasks if task.action is not TaskAction.PRUNE
        }
        return plan, manifests, {task.id: live[task.key] for task in plan.tasks if task.key in live}

    def run(
        self,
        *targets: Manifest,
        options: tuple[str, ...] = (),
        annotations: Mapping[str, str] | None = None,
        prunes: Sequence[Manifest] = (),
        plan_options: PlanOptions = PlanOptions(prune=True),
        run_options: RunOptions = QUICK,
        plan: Mapping[str, Any] | None = None,
        started: Callable[[SyncRunner], None] = lambda _runner: None,
        **how: Any,
    ) -> SyncResult:
        """One operation; ``seen`` and ``recorded`` tell what happened in it."""
        application = self.application(*options, annotations=annotations)
        made, manifests, live = self.plan(application, targets, prunes=prunes, options=plan_options, **(plan or {}))
        self.seen.clear()
        settings: dict[str, Any] = {
            "on_event": lambda state, event: self.seen.append((state, event)),
            "on_hook": lambda task, result: self.recorded.update({task.id: result}),
            **how,
        }
        runner = SyncRunner(
            self.connection,
            self.discovery,
            self.schemas.openapi,
            manifests,
            clock=lambda: datetime.now(UTC),
            taken_over=live,
            options=run_options.of(application_options(application)),
            **settings,
        )
        started(runner)
        return runner.run(made)

    def synced(self, *targets: Manifest, **how: Any) -> SyncResult:
        result = self.run(*targets, **how)
        assert result.succeeded, result.message
        return result

    def placed(self, obj: Manifest) -> Manifest:
        resource = self.discovery.find(GroupVersionKind.of(obj))
        if (resource is not None and not resource.namespaced) or namespace_of(obj):
            return obj
        return {**obj, "metadata": {**obj["metadata"], "namespace": self.namespace}}

    def live(self, obj: Manifest) -> Manifest | None:
        resource = self.discovery.find(GroupVersionKind.of(obj))
        if resource is None or not obj["metadata"].get("name"):
            return None
        return get_object(self.connection, resource, namespace=namespace_of(obj), name=obj["metadata"]["name"])


def _written(task: SyncTask, by_hook: Mapping[Any, Manifest], by_key: Mapping[ResourceKey, Manifest]) -> Manifest:
    if task.is_hook:
        return by_hook[task.phase, task.key]
    return by_key.get(task.key) or task.target or {}


@pytest.fixture
def place(client: Client, namespace: str) -> Place:
    connection = connect(kubeconfig=client.kubeconfig)
    discovery = discover(connection)
    schemas = SchemaCache(connection)
    schemas.load({resource.openapi_path for resource in discovery.resources if resource.gvk.version == "v1"})
    return Place(client, namespace, connection, discovery, schemas)


def outcomes(result: SyncResult) -> dict[str, str]:
    """What became of each object, by name."""
    return {entry.key.name: str(entry.code or entry.hook_phase) for entry in result.results}


def messages(result: SyncResult) -> dict[str, str]:
    return {entry.key.name: entry.message for entry in result.results}


def config_map(name: str = "settings", *, data: Mapping[str, str] | None = None, **annotations: str) -> Manifest:
    metadata: Manifest = {"name": name} | ({"annotations": annotations} if annotations else {})
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data or {})}


def job(name: str, *command: str, hook: str = "PreSync", policy: str = "", **annotations: str) -> Manifest:
    """A hook that ends as its command says (``true``, ``false``, ``sleep 3600``)."""
    marks = {HOOK: hook, **({POLICY: policy} if policy else {}), **annotations}
    metadata: Manifest = {"annotations": marks} | ({"generateName": name} if name.endswith("-") else {"name": name})
    spec = {
        "restartPolicy": "Never",
        "containers": [{"name": "main", "image": "busybox:1", "command": list(command or ["true"])}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {"backoffLimit": 0, "template": {"spec": spec}},
    }


def jobs(place: Place) -> dict[str, Manifest]:
    """The Jobs of the namespace, by name."""
    found = place.client.get(place.path("jobs", api=BATCH)).expect()["items"]
    return {entry["metadata"]["name"]: entry for entry in found}


def when(seen: Callable[[Any], bool], act: Callable[[], None]) -> Callable[[Any, Any], None]:
    """Act once, from another thread, when an event comes."""
    done = threading.Event()

    def on_event(_state: Any, event: Any) -> None:
        if not done.is_set() and seen(event):
            done.set()
            threading.Thread(target=act).start()

    return on_event


def is_created(name: str) -> Callable[[Any], bool]:
    """The event that tells of it."""
    return lambda event: isinstance(event, events.TaskDone) and event.task_id.endswith(f"/{name}")
