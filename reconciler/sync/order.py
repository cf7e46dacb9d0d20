"""The order of a sync: phase, wave, kind, name (gitops-engine/pkg/sync/sync_tasks.go).

1. phase: PreSync, Sync, PostSync, SyncFail
2. wave, the lowest first; prunes mirrored by rank; PruneLast one wave after everything in Sync
3. kind by the table below; kinds that are not in it come last
4. name

Then a Namespace or CRD that stands after something that uses it moves in front of that, into its phase and wave.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from reconciler.manifest.objects import ResourceKey, annotations_of
from reconciler.sync.records import SyncTask, TaskAction
from reconciler.terms import ANNOTATION_HELM_HOOK_WEIGHT, ANNOTATION_SYNC_WAVE, SyncPhase

KIND_ORDER: Final[Sequence[str]] = [
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
]
_KIND_RANK: Final[Mapping[str, int]] = {kind: rank for rank, kind in enumerate(KIND_ORDER)}
# As Go's strconv.Atoi on 64 bits.
_INTEGER: Final = re.compile(r"([+-]?)0*([0-9]{1,19})", re.ASCII)


def sync_wave(obj: Mapping[str, Any]) -> int:
    """The wave annotation, else Helm's hook weight, else 0; text that is no plain integer counts as absent."""
    annotations = annotations_of(obj)
    for name in (ANNOTATION_SYNC_WAVE, ANNOTATION_HELM_HOOK_WEIGHT):
        text = annotations.get(name, "")
        number = _INTEGER.fullmatch(text)
        if number and -(2**63) <= (wave := int(number[1] + number[2])) < 2**63:
            return wave
    return 0


def kind_rank(kind: str) -> int:
    return _KIND_RANK.get(kind, len(KIND_ORDER))


def order_tasks(tasks: Sequence[SyncTask], *, destination: str = "") -> list[SyncTask]:
    """The tasks in the order in which they run; the order they come in does not matter.

    Cluster-scoped objects count as users of the namespace ``destination``, as upstream, which fills it in before it sorts.
    """
    ordered = sorted(_mirror_prunes(tasks), key=_sort_key)
    ordered = _pull_forward(
        ordered, _is_namespace, lambda task, namespace: (task.key.namespace or destination) == namespace.key.name
    )
    return _pull_forward(ordered, _is_crd, _uses_crd)


def _sort_key(task: SyncTask) -> tuple[int, int, int, str, str, str, str, str]:
    key = task.key
    rank = kind_rank(key.kind)
    return (task.phase.order, task.wave, rank, key.name, key.namespace, key.group, key.kind, task.action.value)


def _mirror_prunes(tasks: Sequence[SyncTask]) -> list[SyncTask]:
    """Swap the waves of prunes by rank, lowest against highest; then PruneLast goes one wave after everything in Sync."""
    waves = sorted({task.wave for task in tasks if _is_prune(task)})
    swap = dict(zip(waves, reversed(waves), strict=True))
    mirrored = [replace(task, wave=swap[task.wave]) if _is_prune(task) else task for task in tasks]
    final = max((0, *(task.wave for task in mirrored if task.phase is SyncPhase.SYNC))) + 1
    return [
        replace(task, wave=final) if _is_prune(task) and "PruneLast=true" in task.options else task for task in mirrored
    ]


def _is_prune(task: SyncTask) -> bool:
    return task.action is TaskAction.PRUNE


def is_namespace(key: ResourceKey) -> bool:
    return (key.group, key.kind) == ("", "Namespace")


def is_crd(key: ResourceKey) -> bool:
    """Whether it defines custom resources."""
    return (key.group, key.kind) == ("apiextensions.k8s.io", "CustomResourceDefinition")


def _is_namespace(task: SyncTask) -> bool:
    return is_namespace(task.key) and not _is_prune(task)


def _is_crd(task: SyncTask) -> bool:
    return is_crd(task.key) and not _is_prune(task)


def _uses_crd(task: SyncTask, crd: SyncTask) -> bool:
    spec = (crd.target or {}).get("spec")
    names = spec.get("names") if isinstance(spec, Mapping) else None
    if not isinstance(spec, Mapping) or not isinstance(names, Mapping):
        return False
    return (task.key.group, task.key.kind) == (spec.get("group"), names.get("kind"))


def _pull_forward(
    tasks: list[SyncTask], is_provider: Callable[[SyncTask], bool], uses: Callable[[SyncTask, SyncTask], bool]
) -> list[SyncTask]:
    for provider in [task for task in tasks if is_provider(task)]:
        index = tasks.index(provider)
        users = (at for at, task in enumerate(tasks[:index]) if not _is_prune(task) and not is_provider(task))
        first = next((at for at in users if uses(tasks[at], provider)), None)
        if first is not None:
            del tasks[index]
            tasks.insert(first, replace(provider, phase=tasks[first].phase, wave=tasks[first].wave))
    return tasks
