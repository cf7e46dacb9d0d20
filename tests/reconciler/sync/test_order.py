"""Phase, wave, kind, name; what others use comes before them; prunes backwards."""

from dataclasses import replace
from typing import Any

import pytest

from reconciler.manifest.objects import ResourceKey
from reconciler.sync.order import KIND_ORDER, kind_rank, order_tasks, sync_wave
from reconciler.sync.records import Change, SyncTask, TaskAction
from reconciler.terms import SyncPhase
from tests.reconciler.sync.operation import hook, prune

WAVE, WEIGHT = "argocd.argoproj.io/sync-wave", "helm.sh/hook-weight"
CRD = "apiextensions.k8s.io/CustomResourceDefinition"


def task(
    text: str, *, kind: str = "ConfigMap", namespace: str = "web", phase: str = "Sync", spec: Any = None
) -> SyncTask:
    """``name`` or ``name:wave``; the kind as ``group/Kind``."""
    name, _, wave = text.partition(":")
    group, _, short = kind.rpartition("/")
    scope = "" if short in ("Namespace", "CustomResourceDefinition", "ClusterRole") else namespace
    target = {"kind": short, "metadata": {"name": name}, **({} if spec is None else {"spec": spec})}
    key = ResourceKey(group, short, scope, name)
    return SyncTask(SyncPhase(phase), int(wave or 0), TaskAction.APPLY, key, "v1", Change.UPDATE, target)


def shown(tasks: list[SyncTask], **options: str) -> list[str]:
    """``phase/wave kind name`` in order, whatever the order of the input."""
    ordered = [f"{one.phase}/{one.wave} {one.key.kind} {one.key.name}" for one in order_tasks(tasks, **options)]
    backwards = order_tasks(tasks[::-1], **options)
    assert [f"{one.phase}/{one.wave} {one.key.kind} {one.key.name}" for one in backwards] == ordered
    return ordered


WAVES = {
    "absent": ({}, 0),
    "positive": ({WAVE: "5"}, 5),
    "negative": ({WAVE: "-5"}, -5),
    "with a plus": ({WAVE: "+3"}, 3),
    "leading zeros are decimal": ({WAVE: "010"}, 10),
    "many leading zeros": ({WAVE: "-" + "0" * 100 + "7"}, -7),
    "zeros without end": ({WAVE: "0" * 100_000}, 0),
    "the highest of 64 bits": ({WAVE: "9223372036854775807"}, 9223372036854775807),
    "the lowest of 64 bits": ({WAVE: "-9223372036854775808"}, -9223372036854775808),
    "beyond 64 bits": ({WAVE: "9223372036854775808"}, 0),
    "below 64 bits": ({WAVE: "-9223372036854775809"}, 0),
    "a very long number": ({WAVE: "9" * 100_000}, 0),
    "an exponent": ({WAVE: "9e99"}, 0),
    "a fraction": ({WAVE: "1.0"}, 0),
    "hexadecimal": ({WAVE: "0x1"}, 0),
    "a leading blank": ({WAVE: " 3"}, 0),
    "a trailing blank": ({WAVE: "3 "}, 0),
    "a trailing line break": ({WAVE: "3\n"}, 0),
    "underscores": ({WAVE: "1_000"}, 0),
    "digits of another script": ({WAVE: "٣"}, 0),
    "empty": ({WAVE: ""}, 0),
    "a sign alone": ({WAVE: "-"}, 0),
    "text": ({WAVE: "first"}, 0),
    "Helm's weight": ({WEIGHT: "-2"}, -2),
    "the wave wins": ({WAVE: "1", WEIGHT: "2"}, 1),
    "a wave of zero wins": ({WAVE: "0", WEIGHT: "2"}, 0),
    "a bad wave leaves the weight": ({WAVE: "one", WEIGHT: "2"}, 2),
    "both bad": ({WAVE: "one", WEIGHT: "two"}, 0),
    "a number, which hides all annotations": ({WAVE: 5, WEIGHT: "2"}, 0),
}


@pytest.mark.parametrize(("annotations", "wave"), WAVES.values(), ids=WAVES)
def test_waves(annotations: dict[str, Any], wave: int) -> None:
    assert sync_wave({"metadata": {"annotations": annotations}}) == wave


def test_the_kind_table() -> None:
    """gitops-engine/pkg/sync/sync_tasks.go and, for its origin, Helm's InstallOrder."""
    assert len(KIND_ORDER) == len(set(KIND_ORDER)) == 35
    assert [kind_rank(kind) for kind in ("Namespace", "APIService", "Workflow")] == [0, 34, 35]
    expected = (
        "Namespace NetworkPolicy ResourceQuota LimitRange PodSecurityPolicy PodDisruptionBudget ServiceAccount Secret "
        "SecretList ConfigMap StorageClass PersistentVolume PersistentVolumeClaim CustomResourceDefinition ClusterRole "
        "ClusterRoleList ClusterRoleBinding ClusterRoleBindingList Role RoleList RoleBinding RoleBindingList Service "
        "DaemonSet Pod ReplicationController ReplicaSet Deployment HorizontalPodAutoscaler StatefulSet Job CronJob "
        "IngressClass Ingress APIService"
    )
    assert " ".join(KIND_ORDER) == expected


def test_phase_then_wave_then_kind_then_name() -> None:
    tasks = [
        task("a", kind="apps/Deployment"),
        task("a", kind="Service"),
        task("a:1"),
        task("z:-1", kind="zoo/Zebra"),
        task("b"),
        task("a"),
        task("f", phase="SyncFail"),
        task("p", phase="PostSync"),
        task("e", phase="PreSync"),
        task("e:-5", phase="PostSync"),
    ]
    assert shown(tasks) == [
        "PreSync/0 ConfigMap e",
        "Sync/-1 Zebra z",
        "Sync/0 ConfigMap a",
        "Sync/0 ConfigMap b",
        "Sync/0 Service a",
        "Sync/0 Deployment a",
        "Sync/1 ConfigMap a",
        "PostSync/-5 ConfigMap e",
        "PostSync/0 ConfigMap p",
        "SyncFail/0 ConfigMap f",
    ]


def test_kinds_that_are_not_in_the_table_come_last_by_name() -> None:
    tasks = [
        task("c", kind="a/Apple"),
        task("a", kind="z/Zebra"),
        task("b", kind="m/Mango"),
        task("z", kind="APIService"),
    ]
    assert shown(tasks) == ["Sync/0 APIService z", "Sync/0 Zebra a", "Sync/0 Mango b", "Sync/0 Apple c"]


def test_objects_of_one_name_have_a_stated_order_too() -> None:
    tasks = [task("a", kind="x/Pear"), task("a", kind="x/Apple"), task("a", kind="x/Apple", namespace="db"), hook("a")]
    assert shown(tasks) == ["PreSync/0 Job a", "Sync/0 Apple a", "Sync/0 Apple a", "Sync/0 Pear a"]


MALFORMED = {"absent": None, "text": "x", "a list": [1], "empty": {}, "without names": {"group": "zoo", "names": "x"}}
PULLED = {
    "a namespace goes before its first user and takes its phase and wave": (
        [task("web:5", kind="Namespace"), task("migrate:-2", kind="batch/Job", phase="PreSync"), task("a")],
        ["PreSync/-2 Namespace web", "PreSync/-2 Job migrate", "Sync/0 ConfigMap a"],
    ),
    "each namespace before its own user": (
        [
            task("one:1", kind="Namespace"),
            task("two:2", kind="Namespace"),
            task("a", kind="batch/Job", namespace="one", phase="PreSync"),
            task("b", kind="batch/Job", namespace="two", phase="PreSync"),
        ],
        ["PreSync/0 Namespace one", "PreSync/0 Job a", "PreSync/0 Namespace two", "PreSync/0 Job b"],
    ),
    "a namespace that stands before its users stays": (
        [task("web:-1", kind="Namespace"), task("a")],
        ["Sync/-1 Namespace web", "Sync/0 ConfigMap a"],
    ),
    "a namespace that nobody uses stays": (
        [task("other:3", kind="Namespace"), task("a")],
        ["Sync/0 ConfigMap a", "Sync/3 Namespace other"],
    ),
    "a kind of that name in another group is no namespace": (
        [task("web:3", kind="zoo/Namespace"), task("a")],
        ["Sync/0 ConfigMap a", "Sync/3 Namespace web"],
    ),
    "a definition goes before its first object": (
        [
            task("zebras.zoo:4", kind=CRD, spec={"group": "zoo", "names": {"kind": "Zebra"}}),
            task("z:1", kind="zoo/Zebra"),
            task("a"),
        ],
        ["Sync/0 ConfigMap a", "Sync/1 CustomResourceDefinition zebras.zoo", "Sync/1 Zebra z"],
    ),
    "a definition of another group stays": (
        [
            task("zebras.park:4", kind=CRD, spec={"group": "park", "names": {"kind": "Zebra"}}),
            task("z:1", kind="zoo/Zebra"),
        ],
        ["Sync/1 Zebra z", "Sync/4 CustomResourceDefinition zebras.park"],
    ),
    "a definition and its namespace before a hook": (
        [
            task("zebras.zoo", kind=CRD, spec={"group": "zoo", "names": {"kind": "Zebra"}}),
            task("web", kind="Namespace"),
            task("z", kind="zoo/Zebra", phase="PreSync"),
        ],
        ["PreSync/0 Namespace web", "PreSync/0 CustomResourceDefinition zebras.zoo", "PreSync/0 Zebra z"],
    ),
    "a pruned namespace is nobody's need": (
        [prune("web", wave=3, kind="Namespace"), task("a")],
        ["Sync/0 ConfigMap a", "Sync/3 Namespace web"],
    ),
    "a pruned definition is nobody's need": (
        [
            replace(
                task("zebras.zoo:3", kind=CRD, spec={"group": "zoo", "names": {"kind": "Zebra"}}),
                action=TaskAction.PRUNE,
            ),
            task("z", kind="zoo/Zebra"),
        ],
        ["Sync/0 Zebra z", "Sync/3 CustomResourceDefinition zebras.zoo"],
    ),
    "a prune uses nothing": (
        [task("web:3", kind="Namespace"), prune("old")],
        ["Sync/0 ConfigMap old", "Sync/3 Namespace web"],
    ),
    **{
        f"a definition whose spec is {name}": (
            [task("broken:1", kind=CRD, spec=spec), task("z", kind="zoo/Zebra")],
            ["Sync/0 Zebra z", "Sync/1 CustomResourceDefinition broken"],
        )
        for name, spec in MALFORMED.items()
    },
}


@pytest.mark.parametrize(("tasks", "expected"), PULLED.values(), ids=PULLED)
def test_what_others_use_comes_first(tasks: list[SyncTask], expected: list[str]) -> None:
    assert shown(tasks) == expected


def test_a_cluster_scoped_object_counts_as_a_user_of_the_destination() -> None:
    tasks = [task("web:3", kind="Namespace"), task("reader", kind="rbac.authorization.k8s.io/ClusterRole")]
    assert shown(tasks) == ["Sync/0 ClusterRole reader", "Sync/3 Namespace web"]
    assert shown(tasks, destination="web") == ["Sync/0 Namespace web", "Sync/0 ClusterRole reader"]
    assert shown(tasks, destination="db") == ["Sync/0 ClusterRole reader", "Sync/3 Namespace web"]
    # A namespace is none of them.
    namespaces = [task("web:3", kind="Namespace"), task("db", kind="Namespace")]
    assert shown(namespaces, destination="web") == ["Sync/0 Namespace db", "Sync/3 Namespace web"]


LAST = frozenset({"PruneLast=true"})
PRUNES = {
    "one wave stays": ([prune("a", wave=3)], ["Sync/3 ConfigMap a"]),
    "two waves swap": ([prune("a", wave=0), prune("b", wave=1)], ["Sync/0 ConfigMap b", "Sync/1 ConfigMap a"]),
    "three: the middle one stays": (
        [prune("a", wave=-1), prune("b", wave=4), prune("c", wave=10)],
        ["Sync/-1 ConfigMap c", "Sync/4 ConfigMap b", "Sync/10 ConfigMap a"],
    ),
    "by rank, not by distance": (
        [prune("a", wave=1), prune("b", wave=2), prune("c", wave=3), prune("d", wave=100)],
        ["Sync/1 ConfigMap d", "Sync/2 ConfigMap c", "Sync/3 ConfigMap b", "Sync/100 ConfigMap a"],
    ),
    "only among prunes": (
        [task("x:5"), prune("a", wave=0), prune("b", wave=1)],
        ["Sync/0 ConfigMap b", "Sync/1 ConfigMap a", "Sync/5 ConfigMap x"],
    ),
    "within a wave by kind and name, as applies": (
        [prune("b"), prune("a", kind="Deployment"), prune("c", kind="Namespace")],
        ["Sync/0 Namespace c", "Sync/0 ConfigMap b", "Sync/0 Deployment a"],
    ),
    "PruneLast comes one wave after everything": (
        [task("x:5"), replace(prune("a", wave=-1), options=LAST), prune("b")],
        ["Sync/-1 ConfigMap b", "Sync/5 ConfigMap x", "Sync/6 ConfigMap a"],
    ),
    "PruneLast takes part in the swap": (
        [replace(prune("a", wave=0), options=LAST), prune("b", wave=1)],
        ["Sync/0 ConfigMap b", "Sync/2 ConfigMap a"],
    ),
    "PruneLast is never before wave 1": ([replace(prune("a", wave=-7), options=LAST)], ["Sync/1 ConfigMap a"]),
    "PruneLast looks at the phase Sync alone": (
        [task("x:9", phase="PostSync"), replace(prune("a"), options=LAST)],
        ["Sync/1 ConfigMap a", "PostSync/9 ConfigMap x"],
    ),
    "PruneLast says nothing of an apply": (
        [replace(task("x"), options=LAST), task("y:1")],
        ["Sync/0 ConfigMap x", "Sync/1 ConfigMap y"],
    ),
}


@pytest.mark.parametrize(("tasks", "expected"), PRUNES.values(), ids=PRUNES)
def test_prunes(tasks: list[SyncTask], expected: list[str]) -> None:
    assert shown(tasks) == expected
