"""Health by kind: every file of tests/data/health is one row."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from reconciler.diff.records import Health
from reconciler.health import Customizations, assess_health, assess_readiness, hook_phase
from reconciler.manifest.yaml import load_documents
from reconciler.terms import HealthStatus

DATA: Final = Path(__file__).parents[2] / "data" / "health"

HEALTHY, SUSPENDED, PROGRESSING, MISSING, DEGRADED, UNKNOWN = HealthStatus

ROLLOUT: Final = "Waiting for rollout to finish: "
EXPECTED: Final[Mapping[str, tuple[HealthStatus, str] | None]] = {
    "deployment-healthy": (HEALTHY, ""),
    "deployment-scaled-to-zero": (HEALTHY, ""),
    "deployment-paused": (SUSPENDED, "Deployment is paused"),
    "deployment-unobserved": (
        PROGRESSING,
        ROLLOUT + "observed deployment generation less than desired generation",
    ),
    "deployment-unobserved-after-deadline": (
        PROGRESSING,
        ROLLOUT + "observed deployment generation less than desired generation",
    ),
    "deployment-deadline-exceeded": (DEGRADED, 'Deployment "shop" exceeded its progress deadline'),
    "deployment-updating": (PROGRESSING, ROLLOUT + "2 out of 5 new replicas have been updated..."),
    "deployment-old-replicas": (PROGRESSING, ROLLOUT + "2 old replicas are pending termination..."),
    "deployment-unavailable": (PROGRESSING, ROLLOUT + "4 of 5 updated replicas are available..."),
    "deployment-deleting": (PROGRESSING, "Pending deletion"),
    "deployment-old-version": (UNKNOWN, "unsupported Deployment GVK: apps/v1beta2, Kind=Deployment"),
    "deployment-malformed": (
        UNKNOWN,
        "failed to convert unstructured Deployment to typed: spec.replicas: expected an integer, not str",
    ),
    "statefulset-healthy": (HEALTHY, "statefulset rolling update complete 2 pods at revision db-7f5..."),
    "statefulset-never-observed": (PROGRESSING, "Waiting for statefulset spec update to be observed..."),
    "statefulset-unobserved": (PROGRESSING, "Waiting for statefulset spec update to be observed..."),
    "statefulset-not-ready": (PROGRESSING, "Waiting for 2 pods to be ready..."),
    "statefulset-partition-updating": (
        PROGRESSING,
        "Waiting for partitioned roll out to finish: 1 out of 3 new pods have been updated...",
    ),
    "statefulset-partition-complete": (HEALTHY, "partitioned roll out complete: 3 new pods have been updated..."),
    "statefulset-ondelete": (HEALTHY, "statefulset has 2 ready pods"),
    "statefulset-rolling": (
        PROGRESSING,
        "waiting for statefulset rolling update to complete 1 pods at revision db-9c1...",
    ),
    "daemonset-healthy": (HEALTHY, ""),
    "daemonset-unobserved": (
        PROGRESSING,
        ROLLOUT + "observed daemon set generation less than desired generation",
    ),
    "daemonset-ondelete": (HEALTHY, "daemon set 1 out of 3 new pods have been updated"),
    "daemonset-updating": (
        PROGRESSING,
        'Waiting for daemon set "logs" rollout to finish: 2 out of 3 new pods have been updated...',
    ),
    "daemonset-unavailable": (
        PROGRESSING,
        'Waiting for daemon set "logs" rollout to finish: 1 of 3 updated pods are available...',
    ),
    "replicaset-healthy": (HEALTHY, ""),
    "replicaset-unobserved": (
        PROGRESSING,
        ROLLOUT + "observed replica set generation less than desired generation",
    ),
    "replicaset-failing": (DEGRADED, 'pods "shop-6d4c-" is forbidden: exceeded quota'),
    "replicaset-unavailable": (PROGRESSING, ROLLOUT + "1 out of 2 new replicas are available..."),
    "pod-pending": (PROGRESSING, "waiting for a node"),
    "pod-image-pull-backoff": (DEGRADED, 'Back-off pulling image "shop:v9"'),
    "pod-two-errors": (DEGRADED, 'back-off 40s restarting web, secret "log" not found, image is not present'),
    "pod-creating": (PROGRESSING, ""),
    "pod-running-ready": (HEALTHY, ""),
    "pod-running-not-ready": (PROGRESSING, ""),
    "pod-running-restarted": (DEGRADED, "not ready"),
    "pod-never-running": (PROGRESSING, ""),
    "pod-onfailure-image-pull-backoff": (PROGRESSING, ""),
    "pod-never-ignored-ready": (HEALTHY, ""),
    "pod-never-ignored-hook": (PROGRESSING, ""),
    "pod-never-ignored-helm-hook": (PROGRESSING, ""),
    "pod-succeeded": (HEALTHY, ""),
    "pod-failed-evicted": (DEGRADED, "The node was low on resource: memory."),
    "pod-failed-message": (DEGRADED, "cannot reach db"),
    "pod-failed-exit-code": (DEGRADED, 'container "run" failed with exit code 2'),
    "pod-failed-init": (DEGRADED, 'container "fetch" failed with exit code 7'),
    "pod-failed-oom": (DEGRADED, "OOMKilled"),
    "pod-failed-silent": (DEGRADED, ""),
    "pod-unknown-phase": (UNKNOWN, "node lost"),
    "pod-deleting": (PROGRESSING, "Pending deletion"),
    "pod-deleting-held-hook": (HEALTHY, ""),
    "service-clusterip": (HEALTHY, ""),
    "service-loadbalancer-pending": (PROGRESSING, ""),
    "service-loadbalancer-assigned": (HEALTHY, ""),
    "persistentvolumeclaim-bound": (HEALTHY, ""),
    "persistentvolumeclaim-pending": (PROGRESSING, ""),
    "persistentvolumeclaim-lost": (DEGRADED, ""),
    "persistentvolumeclaim-without-status": (UNKNOWN, ""),
    "ingress-assigned": (HEALTHY, ""),
    "ingress-unassigned": (PROGRESSING, ""),
    "ingress-extensions": (HEALTHY, ""),
    "job-running": (PROGRESSING, ""),
    "job-complete": (HEALTHY, "Reached expected number of succeeded pods"),
    "job-failing": (PROGRESSING, ""),
    "job-failed": (DEGRADED, "Job has reached the specified backoff limit"),
    "job-suspended": (SUSPENDED, "Job suspended"),
    "job-resumed": (PROGRESSING, ""),
    "horizontalpodautoscaler-v2-healthy": (HEALTHY, "recommended size matches current size"),
    "horizontalpodautoscaler-v2-limited": (HEALTHY, "more than the maximum is wanted"),
    "horizontalpodautoscaler-v2-no-target": (DEGRADED, 'deployments.apps "shop" not found'),
    "horizontalpodautoscaler-v2-no-metrics": (DEGRADED, "no such metric"),
    "horizontalpodautoscaler-v2-bad-selector": (DEGRADED, "the selector cannot be parsed"),
    "horizontalpodautoscaler-v2-waiting": (PROGRESSING, "Waiting to Autoscale"),
    "horizontalpodautoscaler-v1-healthy": (HEALTHY, "scaled"),
    "horizontalpodautoscaler-v1-degraded": (DEGRADED, "refused"),
    "horizontalpodautoscaler-v1-silent": (PROGRESSING, "Waiting to Autoscale"),
    "horizontalpodautoscaler-v1-malformed": (
        UNKNOWN,
        (
            "failed to convert unstructured HorizontalPodAutoscaler to typed: "
            "metadata.annotations.autoscaling.alpha.kubernetes.io/conditions: expected JSON, not str"
        ),
    ),
    "apiservice-available": (HEALTHY, "Passed: all checks passed"),
    "apiservice-unavailable": (PROGRESSING, "MissingEndpoints: no endpoints for service"),
    "apiservice-unprocessed": (PROGRESSING, "Waiting to be processed"),
    "application-healthy": (HEALTHY, ""),
    "application-degraded": (DEGRADED, "Deployment web/shop exceeded its deadline"),
    "application-new": (PROGRESSING, ""),
    "application-unassessed": (PROGRESSING, ""),
    "application-odd-status": (UNKNOWN, "status.health.status: 'Fine' is no health status"),
    "workflow-new": (PROGRESSING, ""),
    "workflow-running": (PROGRESSING, "step 2"),
    "workflow-succeeded": (HEALTHY, ""),
    "workflow-error": (DEGRADED, "out of quota"),
    "workflow-odd-phase": (UNKNOWN, ""),
    "configmap-plain": None,
    "namespace-active": None,
    "namespace-new": None,
    "customresourcedefinition-established": (HEALTHY, ""),
    "customresourcedefinition-new": (PROGRESSING, "Waiting for the definition to be established"),
    "customresourcedefinition-installing": (PROGRESSING, "Waiting for the definition to be established"),
    "customresourcedefinition-refused": (DEGRADED, "not established: the schema is not structural"),
    "customresourcedefinition-conflict": (DEGRADED, 'names not accepted: "CacheList" is already in use'),
    "cache-observed": (HEALTHY, ""),
    "cache-unobserved": (PROGRESSING, "Cache generation is 3, but latest observed generation is 2"),
    "cache-free-form": None,
}


def load(name: str) -> dict[str, Any]:
    file = DATA / f"{name}.yaml"
    (document,) = load_documents(file.read_bytes(), file=file.name)
    return document


def test_every_data_file_is_a_row() -> None:
    files = {file.stem for file in DATA.glob("*.yaml")}
    assert files
    assert files == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_health_of(name: str) -> None:
    expected = EXPECTED[name]
    assert assess_health(load(name)) == (Health(*expected) if expected else None)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("configmap-plain", None),
        ("cache-observed", Health(HEALTHY)),
        ("cache-free-form", None),
        ("deployment-healthy", Health(HEALTHY)),
        ("deployment-paused", Health(SUSPENDED, "Deployment is paused")),
        ("namespace-active", Health(HEALTHY)),
        ("namespace-new", Health(PROGRESSING, "Waiting for the namespace to be active")),
        ("customresourcedefinition-established", Health(HEALTHY)),
        ("customresourcedefinition-new", Health(PROGRESSING, "Waiting for the definition to be established")),
        (
            "customresourcedefinition-conflict",
            Health(DEGRADED, 'names not accepted: "CacheList" is already in use'),
        ),
        ("cache-unobserved", Health(PROGRESSING, "Cache generation is 3, but latest observed generation is 2")),
    ],
)
def test_readiness_of(name: str, expected: Health | None) -> None:
    assert assess_readiness(load(name)) == expected


WITHOUT_CONVENTIONS: Final = Customizations(kstatus=False)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cache-observed", None),
        ("cache-unobserved", Health(PROGRESSING, "Waiting for the controller to observe the newest generation")),
        ("namespace-new", Health(PROGRESSING, "Waiting for the namespace to be active")),
    ],
)
def test_without_the_conventions_a_wave_still_waits_for_what_it_must(name: str, expected: Health | None) -> None:
    assert assess_health(load(name), customizations=WITHOUT_CONVENTIONS) is None
    assert assess_readiness(load(name), customizations=WITHOUT_CONVENTIONS) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("configmap-plain", ("Succeeded", "settings created")),
        ("job-complete", ("Succeeded", "Reached expected number of succeeded pods")),
        ("job-running", ("Running", "")),
        ("job-resumed", ("Running", "")),
        ("job-suspended", ("Running", "Job suspended")),
        ("job-failed", ("Failed", "Job has reached the specified backoff limit")),
        ("pod-unknown-phase", ("Failed", "node lost")),
        ("pod-onfailure-image-pull-backoff", ("Running", "")),
        ("pod-deleting-held-hook", ("Succeeded", "")),
        ("pod-deleting", ("Running", "Pending deletion")),
    ],
)
def test_hook_phase_of(name: str, expected: tuple[str, str]) -> None:
    assert hook_phase(load(name)) == expected


def test_a_hook_made_with_a_generated_name_is_named() -> None:
    hook = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "notify-", "name": "notify-abc-1"}}
    assert hook_phase(hook) == ("Succeeded", "notify-abc-1 created")


ODD: Final = (None, True, 7, 0.5, "odd", [], ["odd"], [{}], {}, {"odd": 7})


def with_each_value_replaced(value: Any) -> Iterator[Any]:
    """Copies of a document in which one value, at any depth, is an odd one."""
    if isinstance(value, dict):
        for key in value:
            for changed in (*ODD, *with_each_value_replaced(value[key])):
                yield value | {key: changed}
    if isinstance(value, list):
        for index, item in enumerate(value):
            for changed in (*ODD, *with_each_value_replaced(item)):
                yield [*value[:index], changed, *value[index + 1 :]]


@pytest.mark.parametrize("name", EXPECTED)
def test_no_object_is_too_odd_to_assess(name: str) -> None:
    """A file of a user's or a free-form custom resource may hold anything."""
    document = load(name)
    for obj in with_each_value_replaced(document):
        health = assess_health(obj)
        assert health is None or isinstance(health.status, HealthStatus), obj
        assert assess_readiness(obj) == health or health is None, obj
        assert hook_phase(obj)[0] in ("Running", "Succeeded", "Failed"), obj
