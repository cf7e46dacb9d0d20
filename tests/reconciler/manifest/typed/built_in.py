"""Random objects of built-in kinds that make no pods, and the table of all kinds that histories are played on."""

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.reconciler.manifest.typed.custom import gadget, widget, widget_status
from tests.reconciler.manifest.typed.parts import Subject, chosen, metadata, some, texts
from tests.reconciler.manifest.typed.workloads import cron_job, deployment, deployment_status, pod, stateful_set


def config_map(rng: random.Random) -> dict[str, Any]:
    return {
        "metadata": metadata(rng),
        **some(
            rng,
            data=lambda: {**texts(rng, "abcd"), **({"n": None} if rng.random() < 0.1 else {})},
            binaryData=lambda: {key: rng.choice(["aGk=", "eA=="]) for key in rng.sample("pq", rng.randint(0, 2))},
        ),
    }


def secret(rng: random.Random) -> dict[str, Any]:
    return {
        "metadata": metadata(rng),
        "type": "Opaque",
        **some(
            rng,
            data=lambda: {key: rng.choice(["aGk=", "eA==", ""]) for key in chosen(rng, ["p", "q", "r"])},
            stringData=lambda: texts(rng, "qrs"),
        ),
    }


def service(rng: random.Random) -> dict[str, Any]:
    def port(number: int, protocol: str | None) -> dict[str, Any]:
        return {
            "name": f"p{number}{(protocol or 'TCP').lower()}",
            "port": number,
            **({"protocol": protocol} if protocol else {}),
            **some(rng, targetPort=lambda: rng.choice([8080, "http"])),
        }

    kinds = [(80, "TCP"), (80, "UDP"), (81, None), (82, "TCP")]
    return {
        "metadata": metadata(rng),
        "spec": {
            "clusterIP": "None",
            "ports": [port(*kind) for kind in rng.sample(kinds, rng.randint(1, 3))],
            **some(
                rng,
                selector=lambda: texts(rng, "ab"),
                sessionAffinity=lambda: "None",
                publishNotReadyAddresses=lambda: rng.choice([True, False]),
            ),
        },
    }


def ingress(rng: random.Random) -> dict[str, Any]:
    def backend() -> dict[str, Any]:
        return {"service": {"name": rng.choice(["a", "b"]), "port": {"number": rng.choice([80, 81])}}}

    def rule(host: str) -> dict[str, Any]:
        path = {"path": "/", "pathType": rng.choice(["Prefix", "Exact"]), "backend": backend()}
        return {"host": host, **some(rng, http=lambda: {"paths": [path]})}

    return {
        "metadata": metadata(rng),
        "spec": {
            "defaultBackend": backend(),
            **some(
                rng,
                ingressClassName=lambda: rng.choice(["nginx", "other"]),
                rules=lambda: [rule(host) for host in chosen(rng, ["h.example.com", "i.example.com"])],
                tls=lambda: [{"hosts": ["h.example.com"], "secretName": name} for name in chosen(rng, ["s", "t"])],
            ),
        },
    }


def network_policy(rng: random.Random) -> dict[str, Any]:
    def rule(peers: str) -> dict[str, Any]:
        return some(
            rng,
            ports=lambda: [{"port": rng.choice([80, "http"]), **some(rng, protocol=lambda: "UDP", endPort=lambda: 0)}],
            **{peers: lambda: [{"podSelector": {"matchLabels": {"a": rng.choice("xy")}}}]},
        )

    return {
        "metadata": metadata(rng),
        "spec": {
            "podSelector": rng.choice([{}, {"matchLabels": {"a": "b"}}]),
            **some(
                rng,
                ingress=lambda: [rule("from") for _ in range(rng.randint(0, 2))],
                egress=lambda: [rule("to") for _ in range(rng.randint(0, 2))],
                policyTypes=lambda: rng.choice([["Ingress"], ["Ingress", "Egress"]]),
            ),
        },
    }


def autoscaler(rng: random.Random) -> dict[str, Any]:
    """Of autoscaling/v2."""

    def metric(name: str) -> dict[str, Any]:
        target = {"averageUtilization": rng.choice([50, 80]), "type": "Utilization"}
        return {"type": "Resource", "resource": {"name": name, "target": target}}

    def pods_metric() -> dict[str, Any]:
        value = rng.choice(["0.5", "500m", "1k"])
        return {
            "type": "Pods",
            "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": value}},
        }

    return {
        "metadata": metadata(rng),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": rng.choice(["none", "nil"])},
            "maxReplicas": rng.choice([3, 4]),
            **some(
                rng,
                minReplicas=lambda: rng.choice([1, 2]),
                metrics=lambda: (
                    [metric(name) for name in chosen(rng, ["cpu", "memory"])]
                    + ([pods_metric()] if rng.random() < 0.3 else [])
                ),
                behavior=lambda: some(
                    rng,
                    scaleDown=lambda: {"stabilizationWindowSeconds": rng.choice([0, 60])},
                    scaleUp=lambda: {
                        "policies": [{"type": "Pods", "value": rng.choice([1, 2]), "periodSeconds": 15}],
                        "selectPolicy": rng.choice(["Max", "Min"]),
                    },
                ),
            ),
        },
    }


def old_autoscaler(rng: random.Random) -> dict[str, Any]:
    """Of autoscaling/v1."""
    return {
        "metadata": metadata(rng),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": rng.choice(["none", "nil"])},
            "maxReplicas": rng.choice([3, 4]),
            **some(
                rng,
                minReplicas=lambda: rng.choice([1, 2]),
                targetCPUUtilizationPercentage=lambda: rng.choice([50, 80]),
            ),
        },
    }


def autoscaler_status(rng: random.Random) -> dict[str, Any]:
    return {
        "desiredReplicas": rng.choice([1, 2]),
        "currentReplicas": 1,
        "conditions": [
            {"type": kind, "status": rng.choice(["True", "False"])}
            for kind in chosen(rng, ["AbleToScale", "ScalingActive"])
        ],
    }


def cluster_role(rng: random.Random) -> dict[str, Any]:
    def rule() -> dict[str, Any]:
        return {
            "apiGroups": [rng.choice(["", "apps"])],
            "resources": ["pods"],
            "verbs": chosen(rng, ["get", "list"], 1),
        }

    return {
        "metadata": metadata(rng, owned=False),
        **some(
            rng,
            rules=lambda: rng.choice([None, [], [rule()], [rule(), rule()]]),
        ),
    }


def service_account(rng: random.Random) -> dict[str, Any]:
    return {
        "metadata": metadata(rng),
        **some(
            rng,
            secrets=lambda: [{"name": name} for name in chosen(rng, ["s", "t"])],
            imagePullSecrets=lambda: [{"name": name} for name in chosen(rng, ["p", "q"])],
            automountServiceAccountToken=lambda: rng.choice([True, False]),
        ),
    }


def disruption_budget(rng: random.Random) -> dict[str, Any]:
    return {
        "metadata": metadata(rng),
        "spec": {
            "minAvailable": rng.choice([1, "50%", 0]),
            **some(
                rng,
                selector=lambda: rng.choice(
                    [
                        {},
                        {"matchLabels": {"never": "there"}},
                        {"matchExpressions": [{"key": "n", "operator": "Exists"}]},
                    ]
                ),
                unhealthyPodEvictionPolicy=lambda: rng.choice(["AlwaysAllow", "IfHealthyBudget"]),
            ),
        },
    }


def role_binding(rng: random.Random) -> dict[str, Any]:
    account = {"kind": "ServiceAccount", "name": "a", "namespace": "n"}
    subjects = [{"kind": "User", "name": "u"}, {"kind": "Group", "name": "g"}, account]
    return {
        "metadata": metadata(rng),
        "roleRef": {"kind": "Role", "name": "r", **some(rng, apiGroup=lambda: "rbac.authorization.k8s.io")},
        **some(rng, subjects=lambda: chosen(rng, subjects)),
    }


def limit_range(rng: random.Random) -> dict[str, Any]:
    def limits(kind: str) -> dict[str, Any]:
        own = {"default": lambda: {"cpu": "800m"}, "defaultRequest": lambda: {"cpu": rng.choice(["0.3", 0.4])}}
        return {
            "type": kind,
            **some(
                rng,
                max=lambda: {"cpu": rng.choice(["1", "1000m"])},
                min=lambda: {"cpu": rng.choice(["0.1", "100m"])},
                **(own if kind == "Container" else {}),
            ),
        }

    return {
        "metadata": metadata(rng),
        "spec": {"limits": [limits(kind) for kind in chosen(rng, ["Container", "Pod"], 1)]},
    }


def volume_claim(rng: random.Random) -> dict[str, Any]:
    finalizer = "kubernetes.io/pvc-protection"  # Admission would add it.
    return {
        "metadata": {**metadata(rng), "finalizers": [finalizer]},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "none",
            "resources": {"requests": {"storage": "1Gi"}, **some(rng, limits=dict)},
        },
    }


def subjects(group: str) -> dict[str, Subject]:
    """The kinds that histories are played on; Widget and Gadget in the given group."""
    v1: Callable[..., Subject] = partial(Subject, api_version="v1")
    autoscaler_v1 = Subject("HorizontalPodAutoscaler", "autoscaling/v1", "horizontalpodautoscalers", old_autoscaler)
    gadget_v2 = Subject("Gadget", f"{group}/v2", "gadgets", partial(gadget, version="v2"))
    kinds = (
        v1("ConfigMap", plural="configmaps", build=config_map),
        v1("Secret", plural="secrets", build=secret),
        v1("Service", plural="services", build=service),
        v1("ServiceAccount", plural="serviceaccounts", build=service_account),
        v1("PersistentVolumeClaim", plural="persistentvolumeclaims", build=volume_claim, only_applies=True),
        v1("LimitRange", plural="limitranges", build=limit_range, only_applies=True),
        v1("Pod", plural="pods", build=pod, only_applies=True),
        Subject("Deployment", "apps/v1", "deployments", deployment, deployment_status, scalable=True),
        Subject("StatefulSet", "apps/v1", "statefulsets", stateful_set, scalable=True),
        Subject("CronJob", "batch/v1", "cronjobs", cron_job),
        Subject("Ingress", "networking.k8s.io/v1", "ingresses", ingress),
        Subject("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies", network_policy),
        Subject("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets", disruption_budget),
        Subject("RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings", role_binding),
        Subject("ClusterRole", "rbac.authorization.k8s.io/v1", "clusterroles", cluster_role, namespaced=False),
        Subject(
            "HorizontalPodAutoscaler",
            "autoscaling/v2",
            "horizontalpodautoscalers",
            autoscaler,
            autoscaler_status,
            siblings=(autoscaler_v1,),
        ),
        Subject("Widget", f"{group}/v1", "widgets", widget, widget_status),
        Subject("Gadget", f"{group}/v1", "gadgets", partial(gadget, version="v1"), siblings=(gadget_v2,)),
    )
    return {subject.kind: subject for subject in kinds}
