"""Records of one application with every state in it, and the same with text that must never run or mislead."""

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from reconciler.diff.records import ABSENT, Comparison, FieldDifference, Health, Masked, ResourceComparison, UnusedRule
from reconciler.history.records import ResourceOutcome, SyncRecord
from reconciler.manifest.objects import Manifest, ResourceKey
from reconciler.sync.records import (
    Change,
    PlanOptions,
    SyncPlan,
    SyncResult,
    SyncTask,
    TaskAction,
    TaskResult,
)
from reconciler.terms import HealthStatus, HookDeletePolicy, OperationPhase, ResultCode, SyncPhase, SyncStatus

NOW = datetime(2026, 11, 23, 14, 5, 9, tzinfo=UTC)
REVISION = "3f9c1e2ab54d6f7788990011223344556677889a"
SCRIPT = '<script>window.hacked = true</script><img src=x onerror="window.hacked = true">'
MISLEADING = "admin\u202enimda\u200b\x1b[2J\x07"

_NGINX = """worker_processes auto;
events {
\tworker_connections 1024;
}
http {
\tserver {
\t\tlisten 8080;
\t\tlocation /healthz { return 200; }
\t}
}
"""


def comparison() -> Comparison:
    return Comparison(
        application="guestbook",
        namespace="argocd",
        project="default",
        destination="https://kubernetes.default.svc (shop)",
        revisions=(REVISION,),
        status=SyncStatus.OUT_OF_SYNC,
        health=Health(HealthStatus.DEGRADED, "Deployment shop/web: Progress deadline exceeded"),
        compared_at=NOW,
        resources=(
            _deployment(),
            _service(),
            _secret(),
            _missing_config(),
            _extra_job(),
            _unknown(),
            _config(),
            _ingress(),
            *_quiet(),
            _hook(),
        ),
        warnings=("Job shop/db-migrate is part of applications argocd/guestbook and argocd/shop",),
        source_types=("Kustomize",),
        unused_rules=(
            UnusedRule(
                "spec.ignoreDifferences[1].jqPathExpressions: .spec.template.spec.initContainers[]?.image",
                "spec.ignoreDifferences[1]",
                "no such field in target or live",
            ),
            UnusedRule(
                "spec.ignoreDifferences[2].managedFieldsManagers: vpa-recommender",
                "spec.ignoreDifferences[2]",
                "no such manager",
            ),
        ),
    )


def hostile_comparison() -> Comparison:
    """Script and misleading characters in every text that a repository or a cluster can choose."""
    original = comparison()
    deployment = original.resources[0]
    manifest: Manifest = copy.deepcopy(deployment.live or {})
    manifest["metadata"]["annotations"] = {SCRIPT: MISLEADING, "note": "(masked 00000000)"}
    changed: Manifest = copy.deepcopy(manifest)
    changed["metadata"]["annotations"][SCRIPT] = "other " + SCRIPT
    hostile = replace(
        deployment,
        key=ResourceKey("apps", "Deployment", "shop", SCRIPT),
        live=manifest,
        target=changed,
        predicted=changed,
        differences=(
            FieldDifference(f'$.metadata.annotations["{SCRIPT}"]', SCRIPT, MISLEADING, SCRIPT, "Update", NOW),
            FieldDifference("$.metadata.labels", SCRIPT, ABSENT, SCRIPT, "Update", NOW, SCRIPT, f"/metadata/{SCRIPT}"),
            FieldDifference(f"$.metadata.{MISLEADING}", {SCRIPT: [MISLEADING]}, "(masked 00000000)", MISLEADING),
        ),
        health=Health(HealthStatus.DEGRADED, SCRIPT + MISLEADING),
        reason=SCRIPT,
    )
    unknown = replace(_unknown(), reason=SCRIPT + MISLEADING)
    return replace(
        original,
        application=SCRIPT,
        project=MISLEADING,
        destination=SCRIPT,
        revisions=(SCRIPT,),
        reason=SCRIPT + MISLEADING,
        warnings=(SCRIPT, MISLEADING),
        resources=(hostile, unknown),
        unused_rules=(UnusedRule(SCRIPT, MISLEADING, SCRIPT + MISLEADING),),
    )


def plan() -> SyncPlan:
    return SyncPlan(
        application="guestbook",
        namespace="argocd",
        revisions=(REVISION,),
        options=PlanOptions(prune=True),
        warnings=("Ingress shop/web: the API server does not know networking.k8s.io/v1beta1",),
        tasks=(
            _task(SyncPhase.PRE_SYNC, -1, TaskAction.CREATE_NAMESPACE, "", "Namespace", "shop", Change.CREATE),
            _task(
                SyncPhase.PRE_SYNC,
                0,
                TaskAction.HOOK,
                "batch",
                "Job",
                "db-migrate",
                Change.CREATE,
                delete_policies=frozenset({HookDeletePolicy.BEFORE_HOOK_CREATION, HookDeletePolicy.HOOK_SUCCEEDED}),
            ),
            _task(SyncPhase.SYNC, -1, TaskAction.APPLY, "", "ServiceAccount", "web", Change.UNCHANGED),
            _task(SyncPhase.SYNC, -1, TaskAction.APPLY, "", "Secret", "web-credentials", Change.UPDATE, differences=1),
            _task(SyncPhase.SYNC, -1, TaskAction.APPLY, "", "ConfigMap", "web-settings", Change.CREATE),
            _task(SyncPhase.SYNC, -1, TaskAction.APPLY, "", "ConfigMap", "web-nginx", Change.UPDATE, differences=1),
            _task(SyncPhase.SYNC, 0, TaskAction.APPLY, "", "Service", "web", Change.UNCHANGED),
            _task(SyncPhase.SYNC, 0, TaskAction.APPLY, "apps", "Deployment", "web", Change.UPDATE, differences=3),
            _task(SyncPhase.SYNC, 0, TaskAction.APPLY, "apps", "StatefulSet", "redis", Change.UNCHANGED),
            _task(SyncPhase.SYNC, 0, TaskAction.APPLY, "autoscaling", "HorizontalPodAutoscaler", "web", Change.CREATE),
            _task(
                SyncPhase.SYNC,
                1,
                TaskAction.PRUNE,
                "batch",
                "Job",
                "import-2024",
                Change.DELETE,
                options=frozenset({"PruneLast=true"}),
            ),
            _task(
                SyncPhase.SYNC,
                1,
                TaskAction.PRUNE,
                "",
                "PersistentVolumeClaim",
                "uploads",
                Change.SKIP,
                reason="kept: sync option Prune=false",
            ),
            _task(
                SyncPhase.POST_SYNC,
                0,
                TaskAction.HOOK,
                "batch",
                "Job",
                "smoke-test",
                Change.CREATE,
                delete_policies=frozenset({HookDeletePolicy.HOOK_SUCCEEDED}),
            ),
        ),
    )


def hostile_plan() -> SyncPlan:
    task = replace(
        plan().tasks[7],
        key=ResourceKey("apps", "Deployment", "shop", SCRIPT),
        reason=SCRIPT + MISLEADING,
        options=frozenset({SCRIPT}),
    )
    return replace(plan(), application=SCRIPT, tasks=(task,), warnings=(SCRIPT, MISLEADING))


def result() -> SyncResult:
    """The plan's operation, failed in wave 0 of Sync."""
    ended = plan().tasks[:8]
    results = [
        TaskResult(
            task.phase,
            task.wave,
            task.action,
            task.key,
            task.version,
            code=None if task.is_hook else ResultCode.SYNCED,
            hook_phase=OperationPhase.SUCCEEDED if task.is_hook else None,
            message=f"{task.key.kind.lower()} configured",
            started_at=NOW + timedelta(seconds=number),
            finished_at=NOW + timedelta(seconds=number + 1.5),
        )
        for number, task in enumerate(ended)
    ]
    results[-1] = replace(
        results[-1],
        code=ResultCode.SYNC_FAILED,
        message='admission webhook "images" denied the request: registry not allowed',
        images=("registry.local/web:1.28.0",),
    )
    return SyncResult(
        application="guestbook",
        namespace="argocd",
        revisions=(REVISION,),
        phase=OperationPhase.FAILED,
        message="one or more objects failed to apply (1 of 13)",
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=9.5),
        results=tuple(results),
        options=PlanOptions(prune=True),
        initiated_by="alice",
    )


def hostile_result() -> SyncResult:
    first = replace(result().results[0], message=SCRIPT + MISLEADING, images=(SCRIPT,))
    return replace(result(), message=SCRIPT + MISLEADING, initiated_by=SCRIPT, results=(first,), warnings=(SCRIPT,))


def records() -> tuple[SyncRecord, ...]:
    outcome = ResourceOutcome("apps", "v1", "Deployment", "shop", "web", "Sync", 0, "apply", "Synced")
    failed = replace(outcome, status="SyncFailed", message="denied")
    done = SyncRecord(
        sequence=1,
        operation_id="01JD3V",
        application="guestbook",
        namespace="argocd",
        project="default",
        cluster="in-cluster",
        target_revision="main",
        revisions=(REVISION,),
        phase="Succeeded",
        message="successfully synced (all tasks run)",
        started_at=NOW - timedelta(hours=3),
        finished_at=NOW - timedelta(hours=3) + timedelta(seconds=75),
        initiated_by="alice",
        dry_run=False,
        prune=True,
        resources=(outcome,),
        notebook="runs/guestbook-01JD3V.ipynb",
        manifests="",
        abandoned=False,
        digest="aa11",
    )
    return (
        done,
        replace(done, sequence=2, phase="Failed", message="denied", resources=(outcome, failed), digest="bb22"),
        replace(
            done, sequence=3, phase="Running", message="", finished_at=None, dry_run=True, notebook="", digest="cc33"
        ),
    )


def hostile_records() -> tuple[SyncRecord, ...]:
    return (
        replace(
            records()[0],
            application=SCRIPT,
            message=MISLEADING,
            initiated_by="=cmd|' /C calc'!A0",
            notebook="javascript:window.hacked=true",
        ),
    )


def _meta(name: str, **more: object) -> Manifest:
    return {
        "name": name,
        "namespace": "shop",
        "uid": "5be1c3f0-0000-4000-8000-000000000001",
        "resourceVersion": "48213",
        "creationTimestamp": "2026-10-01T08:00:00Z",
        "labels": {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "guestbook"},
        "managedFields": [{"manager": "argocd-controller", "operation": "Apply", "fieldsV1": {"f:spec": {}}}],
        **more,
    }


def _deployment() -> ResourceComparison:
    live: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _meta("web", generation=14),
        "spec": {
            "replicas": 5,
            "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"app.kubernetes.io/name": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": {"app.kubernetes.io/name": "web"}},
                "spec": {
                    "containers": [
                        {
                            "name": "web",
                            "image": "registry.local/web:1.27.3",
                            "imagePullPolicy": "IfNotPresent",
                            "args": ["--listen=:8080", "--log-level=debug"],
                            "env": [
                                {"name": "REDIS_URL", "value": "redis://redis:6379/0"},
                                {"name": "FEATURE_CHECKOUT", "value": "off"},
                            ],
                            "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
                            "readinessProbe": {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 5},
                            "resources": {
                                "limits": {"memory": "256Mi"},
                                "requests": {"cpu": "100m", "memory": "128Mi"},
                            },
                        }
                    ],
                    "serviceAccountName": "web",
                    "terminationGracePeriodSeconds": 30,
                },
            },
        },
        "status": {"replicas": 5, "readyReplicas": 2},
    }
    target: Manifest = copy.deepcopy(live)
    target["spec"]["replicas"] = 3
    container = target["spec"]["template"]["spec"]["containers"][0]
    container["image"] = "registry.local/web:1.28.0"
    container["args"] = ["--listen=:8080", "--log-level=info", "--trace"]
    return ResourceComparison(
        ResourceKey("apps", "Deployment", "shop", "web"),
        "v1",
        SyncStatus.OUT_OF_SYNC,
        target=target,
        live=live,
        predicted=target,
        differences=(
            FieldDifference(
                "$.spec.replicas",
                3,
                5,
                "kubectl-scale",
                "Update",
                NOW - timedelta(days=2, hours=3),
                pointer="/spec/replicas",
            ),
            FieldDifference(
                '$.spec.template.spec.containers[name="web"].args',
                ["--listen=:8080", "--log-level=info", "--trace"],
                ["--listen=:8080", "--log-level=debug"],
                "kubectl-edit",
                "Update",
                NOW - timedelta(hours=5),
                pointer="/spec/template/spec/containers/0/args",
            ),
            FieldDifference(
                '$.spec.template.spec.containers[name="web"].image',
                "registry.local/web:1.28.0",
                "registry.local/web:1.27.3",
                "argocd-controller",
                "Apply",
                NOW - timedelta(days=12),
                pointer="/spec/template/spec/containers/0/image",
            ),
            FieldDifference(
                '$.spec.template.metadata.annotations["kubectl.kubernetes.io/restartedAt"]',
                ABSENT,
                "2026-11-20T09:00:00Z",
                "kubectl-rollout",
                "Update",
                NOW - timedelta(days=3),
                "ignoreDifferences jsonPointers",
                "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt",
                synced=False,
            ),
        ),
        health=Health(HealthStatus.DEGRADED, "Progress deadline exceeded"),
    )


def _service() -> ResourceComparison:
    obj: Manifest = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta("web"),
        "spec": {"ports": [{"name": "http", "port": 80, "targetPort": "http"}], "type": "ClusterIP"},
    }
    return _synced("", "Service", "web", obj, Health(HealthStatus.HEALTHY))


def _secret() -> ResourceComparison:
    live: Manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": _meta("web-credentials"),
        "type": "Opaque",
        "data": {"password": "(masked 9c1d20ab)", "username": "(masked 1b6f33e0)"},
    }
    target: Manifest = copy.deepcopy(live)
    target["data"]["password"] = "(masked e07f5a12)"
    difference = FieldDifference(
        "$.data.password",
        Masked("e07f5a12"),
        Masked("9c1d20ab"),
        "kubectl-patch",
        "Update",
        NOW - timedelta(minutes=42),
        pointer="/data/password",
    )
    return ResourceComparison(
        ResourceKey("", "Secret", "shop", "web-credentials"),
        "v1",
        SyncStatus.OUT_OF_SYNC,
        target=target,
        live=live,
        predicted=target,
        differences=(difference,),
        wave=-1,
    )


def _missing_config() -> ResourceComparison:
    target: Manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "web-settings", "namespace": "shop", "labels": {"app.kubernetes.io/part-of": "guestbook"}},
        "data": {"currency": "EUR", "feature.checkout": "on"},
    }
    return ResourceComparison(
        ResourceKey("", "ConfigMap", "shop", "web-settings"),
        "v1",
        SyncStatus.OUT_OF_SYNC,
        target=target,
        predicted=target,
        health=Health(HealthStatus.MISSING),
        wave=-1,
    )


def _extra_job() -> ResourceComparison:
    live: Manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _meta("import-2024"),
        "spec": {"backoffLimit": 2, "template": {"spec": {"containers": [{"name": "import", "image": "import:7"}]}}},
    }
    return ResourceComparison(
        ResourceKey("batch", "Job", "shop", "import-2024"),
        "v1",
        SyncStatus.OUT_OF_SYNC,
        live=live,
        health=Health(HealthStatus.HEALTHY, "Job completed"),
        requires_pruning=True,
    )


def _unknown() -> ResourceComparison:
    return ResourceComparison(
        ResourceKey("monitoring.coreos.com", "ServiceMonitor", "shop", "web"),
        "v1",
        SyncStatus.UNKNOWN,
        target={"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "web"}},
        reason="the cluster does not serve monitoring.coreos.com/v1; install the CRD of ServiceMonitor",
    )


def _config() -> ResourceComparison:
    live: Manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": _meta("web-nginx"),
        "data": {"nginx.conf": _NGINX.replace("1024", "512").replace("auto", "2 ")},
    }
    target: Manifest = {**live, "data": {"nginx.conf": _NGINX}}
    difference = FieldDifference(
        '$.data["nginx.conf"]',
        _NGINX,
        live["data"]["nginx.conf"],
        "kubectl-edit",
        "Update",
        NOW - timedelta(days=30),
        pointer="/data/nginx.conf",
    )
    return ResourceComparison(
        ResourceKey("", "ConfigMap", "shop", "web-nginx"),
        "v1",
        SyncStatus.OUT_OF_SYNC,
        target=target,
        live=live,
        predicted=target,
        differences=(difference,),
        wave=-1,
    )


def _ingress() -> ResourceComparison:
    obj: Manifest = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": _meta("web"),
        "spec": {"ingressClassName": "nginx", "rules": [{"host": "shop.example.org"}]},
    }
    return _synced(
        "networking.k8s.io", "Ingress", "web", obj, Health(HealthStatus.PROGRESSING, "waiting for an address")
    )


def _quiet() -> tuple[ResourceComparison, ...]:
    account: Manifest = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _meta("web")}
    redis: Manifest = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": _meta("redis"),
        "spec": {"replicas": 1},
    }
    policy: Manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    return (
        _synced("", "ServiceAccount", "web", account),
        _synced("apps", "StatefulSet", "redis", redis, Health(HealthStatus.SUSPENDED, "paused")),
        ResourceComparison(
            ResourceKey("", "Namespace", "", "shop"), "v1", SyncStatus.SYNCED, policy, policy, policy, health=None
        ),
    )


def _hook() -> ResourceComparison:
    obj: Manifest = {"apiVersion": "batch/v1", "kind": "Job", "metadata": _meta("db-migrate")}
    return ResourceComparison(
        ResourceKey("batch", "Job", "shop", "db-migrate"), "v1", SyncStatus.SYNCED, target=obj, hook=True
    )


def _synced(group: str, kind: str, name: str, obj: Manifest, health: Health | None = None) -> ResourceComparison:
    return ResourceComparison(
        ResourceKey(group, kind, "shop", name), "v1", SyncStatus.SYNCED, obj, obj, obj, health=health
    )


def _task(
    phase: SyncPhase,
    wave: int,
    action: TaskAction,
    group: str,
    kind: str,
    name: str,
    change: Change,
    *,
    delete_policies: frozenset[HookDeletePolicy] = frozenset(),
    options: frozenset[str] = frozenset(),
    reason: str = "",
    differences: int = 0,
) -> SyncTask:
    key = ResourceKey(group, kind, "" if kind == "Namespace" else "shop", name)
    return SyncTask(
        phase,
        wave,
        action,
        key,
        "v1",
        change,
        delete_policies=delete_policies,
        options=options,
        reason=reason,
        differences=differences,
    )
