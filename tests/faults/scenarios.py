"""What is synced in the tests of crashes and faults: what is there before, what Git holds, what has to come of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.manifest import dump_document

Manifest = dict[str, Any]
WAVE, HOOK = "argocd.argoproj.io/sync-wave", "argocd.argoproj.io/hook"
POLICY, TRACKING = "argocd.argoproj.io/hook-delete-policy", "argocd.argoproj.io/tracking-id"
IN_CLUSTER = "https://kubernetes.default.svc"
API = {
    "ConfigMap": ("v1", "configmaps"),
    "Service": ("v1", "services"),
    "Deployment": ("apps/v1", "deployments"),
    "Job": ("batch/v1", "jobs"),
    "Application": ("argoproj.io/v1alpha1", "applications"),
}
SOURCE = ("fetch", "render", "cache")
FRAME = (*SOURCE, "lock", "record-begin", "dry-run", "wave-end", "record-end", "unlock")
APPLIES = ("apply-before", "apply-sent", "apply-after")
HOOKS = ("hook-create", "hook-wait", "hook-finalizer")
PRUNES = ("prune-before", "prune-after")


@dataclass(frozen=True)
class Scenario:
    """One situation in one namespace, whose name is filled in.

    ``before`` is applied as an earlier sync left it. ``waves`` are the objects whose order counts, as ``Kind/name``;
    ``pruned`` go in that order. ``hooks`` are the names of hook objects, or their beginnings where those end with ``-``.
    ``points`` are the kill points that a run passes.
    """

    name: str
    words: tuple[str, ...]
    files: Mapping[str, Sequence[Manifest]]
    applications: Sequence[Manifest]
    before: Sequence[Manifest] = ()
    waves: Sequence[Sequence[str]] = ()
    pruned: Sequence[str] = ()
    hooks: Sequence[str] = ()
    points: tuple[str, ...] = ()
    exit_status: int = 0
    phase: str = "Succeeded"
    made_namespace: bool = False
    custom: bool = False
    deletes: bool = False


def filled(value: Any, namespace: str, url: str = "") -> Any:
    """The same with NS for the namespace and URL for the repository's address."""
    if isinstance(value, str):
        return value.replace("$NS", namespace).replace("$URL", url)
    if isinstance(value, Mapping):
        return {filled(key, namespace, url): filled(entry, namespace, url) for key, entry in value.items()}
    return [filled(entry, namespace, url) for entry in value] if isinstance(value, list | tuple) else value


def repository_files(scenario: Scenario, namespace: str, url: str) -> dict[str, str]:
    return {
        path: "---\n".join(dump_document(filled(document, namespace, url)) for document in documents)
        for path, documents in scenario.files.items()
    }


def manifest(kind: str, name: str, *, wave: int = 0, version: str = "v2", **body: Any) -> Manifest:
    metadata: Manifest = {"name": name, "labels": {"version": version}}
    if wave:
        metadata["annotations"] = {WAVE: str(wave)}
    return {"apiVersion": API[kind][0], "kind": kind, "metadata": metadata, **body}


def config(name: str, *, wave: int = 0, version: str = "v2") -> Manifest:
    return manifest("ConfigMap", name, wave=wave, version=version, data={"version": version})


def deployment(name: str, *, wave: int = 0, version: str = "v2") -> Manifest:
    container = {"name": "web", "image": f"web:{version}", "resources": {"requests": {"cpu": "10m"}}}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": template}
    return manifest("Deployment", name, wave=wave, version=version, spec=spec)


def service(name: str, *, wave: int = 0) -> Manifest:
    return manifest("Service", name, wave=wave, spec={"selector": {"app": "web"}, "ports": [{"port": 80}]})


def job(
    name: str, phase: str, *, wave: int = 0, policy: str = "", command: str = "true", ttl: int | None = None
) -> Manifest:
    """A hook; a name that ends with ``-`` is generated."""
    annotations = {HOOK: phase} | ({POLICY: policy} if policy else {}) | ({WAVE: str(wave)} if wave else {})
    names = {"generateName": name} if name.endswith("-") else {"name": name}
    container = {"name": "main", "image": "busybox:1", "command": command.split()}
    spec: Manifest = {
        "backoffLimit": 0,
        "template": {"spec": {"restartPolicy": "Never", "containers": [container]}},
    } | ({} if ttl is None else {"ttlSecondsAfterFinished": ttl})
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {**names, "annotations": annotations}, "spec": spec}


def application(
    name: str = "shop", *, path: str = "app", namespace: str = "$NS", policy: Manifest | None = None, wave: int = 0
) -> Manifest:
    metadata: Manifest = {"name": name, "namespace": "$NS"}
    if wave:
        metadata["annotations"] = {WAVE: str(wave)}
    return {
        "apiVersion": API["Application"][0],
        "kind": "Application",
        "metadata": metadata,
        "spec": {
            "project": "default",
            "source": {"repoURL": "$URL", "path": path},
            "destination": {"server": IN_CLUSTER, "namespace": namespace},
            **({"syncPolicy": policy} if policy else {}),
        },
    }


def widgets() -> Manifest:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.$NS.example.com", "labels": {"version": "v2"}},
        "spec": {
            "group": "$NS.example.com",
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [version],
        },
    }


def widget(name: str) -> Manifest:
    return {
        "apiVersion": "$NS.example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name, "labels": {"version": "v2"}},
        "size": 3,
    }


WAVES = Scenario(
    "waves",
    ("app", "sync", "shop", "--prune"),
    files={
        "app/all.yaml": [
            config("settings"),
            config("same", version="v1"),
            deployment("web"),
            service("web", wave=1),
            config("last", wave=1),
        ]
    },
    applications=[application()],
    before=[
        config("settings", version="v1"),
        config("same", version="v1"),
        deployment("web", version="v1"),
        config("last", wave=1, version="v1"),
        config("old-early", version="v1"),
        config("old-late", wave=1, version="v1"),
    ],
    waves=[["ConfigMap/settings", "Deployment/web"], ["Service/web", "ConfigMap/last"]],
    pruned=["ConfigMap/old-late", "ConfigMap/old-early"],
    points=(*FRAME, *APPLIES, *PRUNES, "status-write"),
)
HOOKED = Scenario(
    "hooks",
    ("app", "sync", "shop"),
    files={
        "app/all.yaml": [
            job("before-", "PreSync", policy="HookSucceeded"),
            job("migrate", "PreSync", wave=1),
            config("settings"),
            job("during", "Sync", wave=1, policy="HookSucceeded,BeforeHookCreation", ttl=0),
            config("last", wave=2),
            job("after-", "PostSync", policy="HookFailed", ttl=600),
            job("alarm-", "SyncFail"),
        ]
    },
    applications=[application()],
    before=[job("migrate", "PreSync", wave=1)],
    waves=[
        ["Job/before-"],
        ["Job/migrate"],
        ["ConfigMap/settings"],
        ["Job/during"],
        ["ConfigMap/last"],
        ["Job/after-"],
    ],
    hooks=["before-", "migrate", "during", "after-"],
    points=(*FRAME, *APPLIES, *HOOKS, "status-write"),
)
FAILING = Scenario(
    "failing",
    ("app", "sync", "shop"),
    files={
        "app/all.yaml": [
            config("settings"),
            job("broken", "Sync", wave=1, command="false"),
            config("never", wave=2),
            job("after-", "PostSync"),
            job("alarm-", "SyncFail", policy="HookFailed"),
            job("sweep", "SyncFail", wave=1, policy="HookFailed,HookSucceeded"),
        ]
    },
    applications=[application()],
    waves=[["ConfigMap/settings"], ["Job/broken"], ["Job/alarm-"], ["Job/sweep"]],
    hooks=["broken", "alarm-", "sweep"],
    points=(*FRAME, *APPLIES, *HOOKS, "status-write"),
    exit_status=1,
    phase="Failed",
)
FAMILY = Scenario(
    "family",
    ("app", "sync", "root", "other"),
    files={
        "apps/all.yaml": [
            widgets(),
            widget("of-root"),
            application(
                "child",
                path="child",
                namespace="$NS-made",
                policy={
                    "automated": {},
                    "retry": {"limit": 0},
                    "syncOptions": ["CreateNamespace=true"],
                    "managedNamespaceMetadata": {"labels": {"team": "shop"}},
                },
            ),
            config("last", wave=1),
        ],
        "child/all.yaml": [widget("of-child"), config("settings")],
        "other/all.yaml": [config("beside")],
    },
    applications=[application("root", path="apps"), application("other", path="other")],
    points=(*FRAME, *APPLIES, "namespace", "status-write"),
    made_namespace=True,
    custom=True,
)
DELETION = Scenario(
    "deletion",
    ("app", "delete", "shop", "--yes"),
    files={
        "app/all.yaml": [
            config("settings"),
            deployment("web", wave=1),
            config("last", wave=2),
            job("farewell", "PreDelete", policy="HookSucceeded"),
            job("gone-", "PostDelete", policy="HookFailed"),
        ]
    },
    applications=[application()],
    before=[config("settings"), deployment("web", wave=1), config("last", wave=2)],
    pruned=["ConfigMap/last", "Deployment/web", "ConfigMap/settings"],
    hooks=["farewell", "gone-"],
    points=(*FRAME, *HOOKS, *PRUNES),
    deletes=True,
)
SCENARIOS = {each.name: each for each in (WAVES, HOOKED, FAILING, FAMILY, DELETION)}
