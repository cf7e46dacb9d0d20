"""Random workloads: pods, and what makes pods of a template."""

import random
from typing import Any

from tests.reconciler.manifest.typed.parts import chosen, metadata, some, texts

GATE = {"name": "typed.example.com/never"}


def variable_value(rng: random.Random) -> dict[str, Any]:
    if rng.random() < 0.8:
        return {"value": rng.choice(["", "v", "w"])} if rng.random() < 0.8 else {}
    source = rng.choice(
        [{"fieldRef": {"fieldPath": "metadata.name"}}, {"resourceFieldRef": {"resource": "limits.cpu"}}]
    )
    return {"valueFrom": source}


def container(rng: random.Random, name: str) -> dict[str, Any]:
    quantities = ["500m", "0.5", "1", "1Gi", "1024Mi", "2e3"]
    return {
        "name": name,
        "image": rng.choice(["img:1", "img:2"]),
        **some(
            rng,
            env=lambda: [
                {"name": variable, **variable_value(rng)}
                for variable in (rng.sample("ABC", rng.randint(0, 3)) if rng.random() < 0.9 else "ABA")
            ],
            ports=lambda: [
                {"containerPort": port, **({"protocol": protocol} if protocol else {}), **some(rng, name=lambda: "n")}
                for port, protocol in rng.sample([(80, None), (80, "UDP"), (81, "TCP")], 1)
            ],
            args=lambda: rng.choice([[], ["a"], ["a", "b"]]),
            resources=lambda: some(
                rng,
                limits=lambda: {"cpu": rng.choice(quantities[:3]), "memory": rng.choice(quantities[3:])},
                requests=lambda: {"cpu": rng.choice(["100m", "0.1", 0.1])},
            ),
            securityContext=lambda: some(rng, runAsNonRoot=lambda: rng.choice([True, False]), privileged=lambda: False),
            volumeMounts=lambda: [{"name": "v", "mountPath": path} for path in rng.sample(["/a", "/b"], 1)],
            readinessProbe=lambda: {"httpGet": {"path": "/", "port": rng.choice([80, "n"])}},
            imagePullPolicy=lambda: rng.choice(["Always", "IfNotPresent"]),
        ),
    }


def pod_spec(rng: random.Random) -> dict[str, Any]:
    """The spec of a pod that several managers may have written together."""
    names = rng.sample(["web", "log", "mesh"], rng.randint(1, 2))
    volumes: list[dict[str, Any]] = [{"name": "v", "emptyDir": {}}]
    if rng.random() < 0.4:
        volumes.append(
            {"name": "w", "configMap": {"name": "c", **some(rng, items=lambda: [{"key": "k", "path": "p"}])}}
        )
    if rng.random() < 0.3:
        sources = [
            {"serviceAccountToken": {"path": "token"}},
            {"downwardAPI": {"items": [{"path": "name", "fieldRef": {"fieldPath": "metadata.name"}}]}},
            {"configMap": {"name": "c"}},
        ]
        volumes.append({"name": "p", "projected": {"sources": chosen(rng, sources, 1)}})
    return {
        "containers": [container(rng, name) for name in names],
        "volumes": volumes,
        **some(
            rng,
            nodeSelector=lambda: texts(rng, "ab"),
            tolerations=lambda: [{"key": key, "operator": "Exists"} for key in rng.sample("kl", rng.randint(0, 2))],
            imagePullSecrets=lambda: [{"name": name} for name in rng.sample("st", rng.randint(0, 2))],
            hostAliases=lambda: [{"ip": ip, "hostnames": ["h"]} for ip in rng.sample(["1.1.1.1", "1.1.1.2"], 1)],
            securityContext=lambda: some(rng, fsGroup=lambda: rng.choice([0, 1]), sysctls=list),
            hostNetwork=lambda: False,
            serviceAccountName=lambda: rng.choice(["default", "other"]),
            terminationGracePeriodSeconds=lambda: rng.choice([0, 5, None]),
            affinity=lambda: rng.choice([{}, {"podAffinity": {}}]),
            initContainers=lambda: [{"name": "init", "image": rng.choice(["img:1", "img:2"])}],
            topologySpreadConstraints=lambda: [
                {"maxSkew": 1, "topologyKey": key, "whenUnsatisfiable": rng.choice(["DoNotSchedule", "ScheduleAnyway"])}
                for key in chosen(rng, ["zone", "host"])
            ],
        ),
    }


def template(rng: random.Random) -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "x", **texts(rng, "ab")}}, "spec": pod_spec(rng)}


def deployment(rng: random.Random) -> dict[str, Any]:
    return {
        "metadata": metadata(rng),
        "spec": {
            "selector": {"matchLabels": {"app": "x"}},
            "template": template(rng),
            # The controller leaves a paused one alone but for its status.
            **({"paused": True} if rng.random() < 0.8 else {}),
            **some(
                rng,
                replicas=lambda: rng.choice([0, 1, 2, None]),
                paused=lambda: rng.choice([True, True, False]),
                minReadySeconds=lambda: rng.choice([0, 3]),
                strategy=lambda: rng.choice(
                    [{}, {"rollingUpdate": {"maxSurge": rng.choice([1, "25%"])}}, {"type": "RollingUpdate"}]
                ),
            ),
        },
    }


def stateful_set(rng: random.Random) -> dict[str, Any]:
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    return {
        "metadata": metadata(rng),
        "spec": {
            "selector": {"matchLabels": {"app": "x"}},
            "serviceName": "none",
            "template": template(rng),
            "volumeClaimTemplates": [claim],
            "replicas": 0,
            **some(
                rng,
                minReadySeconds=lambda: rng.choice([0, 3]),
                updateStrategy=lambda: rng.choice(
                    [
                        {"type": "OnDelete"},
                        {"type": "RollingUpdate", "rollingUpdate": {"partition": rng.choice([0, 1])}},
                    ]
                ),
                persistentVolumeClaimRetentionPolicy=lambda: some(
                    rng,
                    whenDeleted=lambda: rng.choice(["Retain", "Delete"]),
                    whenScaled=lambda: rng.choice(["Retain", "Delete"]),
                ),
            ),
        },
    }


def pod(rng: random.Random) -> dict[str, Any]:
    """A pod that no scheduler takes; of an existing one only images and metadata can be changed."""
    spec: dict[str, Any] = {
        "containers": [{"name": "web", "image": rng.choice(["img:1", "img:2"])}],
        "volumes": [{"name": "v", "emptyDir": {}}],
    }
    if rng.random() < 0.3:
        spec = pod_spec(rng)
    return {
        "metadata": metadata(rng),
        "spec": {
            **spec,
            # What admission would add.
            "tolerations": [
                {
                    "key": f"node.kubernetes.io/{key}",
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 300,
                }
                for key in ("not-ready", "unreachable")
            ],
            "serviceAccountName": "default",
            "schedulingGates": [GATE],
            "automountServiceAccountToken": False,
        },
    }


def cron_job(rng: random.Random) -> dict[str, Any]:
    return {
        "metadata": metadata(rng),
        "spec": {
            "schedule": rng.choice(["0 0 * * *", "@daily"]),
            "suspend": True,
            "jobTemplate": {
                "spec": {
                    "template": {"spec": {**pod_spec(rng), "restartPolicy": rng.choice(["Never", "OnFailure"])}},
                    **some(rng, backoffLimit=lambda: rng.choice([0, 3]), completions=lambda: 1),
                },
            },
            **some(
                rng,
                concurrencyPolicy=lambda: rng.choice(["Allow", "Forbid"]),
                successfulJobsHistoryLimit=lambda: rng.choice([0, 1]),
                startingDeadlineSeconds=lambda: rng.choice([0, 10]),
                timeZone=lambda: "Europe/Berlin",
            ),
        },
    }


def deployment_status(rng: random.Random) -> dict[str, Any]:
    def condition(kind: str) -> dict[str, Any]:
        return {"type": kind, "status": rng.choice(["True", "False"]), "reason": rng.choice("xy")}

    conditions = [condition(kind) for kind in rng.sample(["Available", "Progressing"], rng.randint(0, 2))]
    return some(rng, observedGeneration=lambda: rng.randint(0, 3), conditions=lambda: conditions)
