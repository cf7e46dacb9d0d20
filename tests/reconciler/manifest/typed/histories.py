"""Random histories of several managers on one object, played on a cluster and predicted beside it.

A step is one request. What the cluster answers is compared with what was predicted from the object as it was before.
"""

import copy
import datetime
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from reconciler.errors import SpecError
from reconciler.manifest import OpenApi, predict_apply, predict_update
from reconciler.terms import ANNOTATION_LAST_APPLIED
from tests.conformance.client import MERGE_PATCH, Answer, Client

LONG_AGO = "2001-01-01T00:00:00Z"
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
MANAGERS = ("ann", "bob", "cid", "kubectl")
CROWD = tuple(f"m{number}" for number in range(14))
ACTIONS = ("apply", "force", "put", "patch", "status", "backdate", "reset", "apply-status", "scale", "wrong")
ACTION_WEIGHTS = (5, 4, 2, 2, 1, 1, 1, 1, 1, 1)
FINALIZER_GROUP = "typed.example.com"
CONTROLLER = "kube-controller-manager"
OWNERS = ("owner-1", "owner-2")

Build = Callable[[random.Random], dict[str, Any]]


@dataclass(frozen=True)
class Subject:
    """A kind, where its objects live, and how to make a random part of one."""

    kind: str
    api_version: str
    plural: str
    build: Build
    status: Build | None = None

    def collection(self, namespace: str) -> str:
        prefix = "/apis" if "/" in self.api_version else "/api"
        return f"{prefix}/{self.api_version}/namespaces/{namespace}/{self.plural}"


def some(rng: random.Random, **options: Callable[[], Any]) -> dict[str, Any]:
    """A random subset of fields in random order."""
    names = [name for name in options if rng.random() < 0.55]
    rng.shuffle(names)
    return {name: options[name]() for name in names}


def texts(rng: random.Random, keys: str, values: str = "xyz") -> dict[str, str]:
    return {key: rng.choice(values) for key in rng.sample(keys, rng.randint(0, len(keys)))}


def metadata(rng: random.Random) -> dict[str, Any]:
    return some(
        rng,
        labels=lambda: texts(rng, "abc"),
        annotations=lambda: texts(rng, "abc", "x"),
        finalizers=lambda: [f"{FINALIZER_GROUP}/{name}" for name in rng.sample("fgh", rng.randint(0, 2))],
        ownerReferences=lambda: [
            {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": "", **some(rng, controller=lambda: False)}
            for name in rng.sample(OWNERS, rng.randint(0, 2))
        ],
    )


def config_map(rng: random.Random) -> dict[str, Any]:
    return {
        "metadata": metadata(rng),
        **some(
            rng,
            data=lambda: {**texts(rng, "abcd"), **({"n": None} if rng.random() < 0.1 else {})},
            binaryData=lambda: {key: rng.choice(["aGk=", "eA=="]) for key in rng.sample("pq", rng.randint(0, 2))},
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


def container(rng: random.Random, name: str) -> dict[str, Any]:
    quantities = ["500m", "0.5", "1", "1Gi", "1024Mi", "2e3"]
    return {
        "name": name,
        "image": rng.choice(["img:1", "img:2"]),
        **some(
            rng,
            env=lambda: [
                {"name": variable, **({"value": rng.choice(["", "v", "w"])} if rng.random() < 0.8 else {})}
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


def deployment(rng: random.Random) -> dict[str, Any]:
    names = rng.sample(["web", "log", "mesh"], rng.randint(1, 2))
    pod = {
        "containers": [container(rng, name) for name in names],
        "volumes": [{"name": "v", **rng.choice([{"emptyDir": {}}, {"configMap": {"name": "c"}}])}],
        **some(
            rng,
            nodeSelector=lambda: texts(rng, "ab"),
            tolerations=lambda: [{"key": key, "operator": "Exists"} for key in rng.sample("kl", rng.randint(0, 2))],
            imagePullSecrets=lambda: [{"name": name} for name in rng.sample("st", rng.randint(0, 2))],
            hostAliases=lambda: [{"ip": ip, "hostnames": ["h"]} for ip in rng.sample(["1.1.1.1", "1.1.1.2"], 1)],
            securityContext=lambda: some(rng, fsGroup=lambda: rng.choice([0, 1]), sysctls=list),
            hostNetwork=lambda: False,
            terminationGracePeriodSeconds=lambda: rng.choice([0, 5, None]),
            affinity=lambda: rng.choice([{}, {"podAffinity": {}}]),
        ),
    }
    return {
        "metadata": metadata(rng),
        "spec": {
            "selector": {"matchLabels": {"app": "x"}},
            "template": {"metadata": {"labels": {"app": "x", **texts(rng, "ab")}}, "spec": pod},
            **some(
                rng,
                replicas=lambda: rng.choice([0, 1, 2, None]),
                paused=lambda: rng.choice([True, False]),
                minReadySeconds=lambda: rng.choice([0, 3]),
                strategy=lambda: rng.choice(
                    [{}, {"rollingUpdate": {"maxSurge": rng.choice([1, "25%"])}}, {"type": "RollingUpdate"}]
                ),
            ),
        },
    }


def deployment_status(rng: random.Random) -> dict[str, Any]:
    def condition(kind: str) -> dict[str, Any]:
        return {"type": kind, "status": rng.choice(["True", "False"]), "reason": rng.choice("xy")}

    conditions = [condition(kind) for kind in rng.sample(["Available", "Progressing"], rng.randint(0, 2))]
    return some(rng, observedGeneration=lambda: rng.randint(0, 3), conditions=lambda: conditions)


def widget(rng: random.Random) -> dict[str, Any]:
    def free() -> Any:
        return rng.choice([1, "x", True, {"a": 1}, {"b": {"c": []}}, [1, 2], {}, [], {"a": "y", "l": [{"m": 1}]}])

    spec = some(
        rng,
        text=lambda: rng.choice(["x", "y", ""]),
        number=lambda: rng.choice([0, 1, 2]),
        ratio=lambda: rng.choice([0, 1.5, 2.0, 3]),
        flag=lambda: rng.choice([True, False]),
        either=lambda: rng.choice([1, "1", "50%"]),
        words=lambda: rng.sample(["p", "q", "r", "s<t"], rng.randint(0, 3)),
        numbers=lambda: rng.sample([1, 2, 3], rng.randint(0, 3)),
        parts=lambda: [
            {
                "name": name,
                **some(rng, size=lambda: rng.choice([1, 2]), tags=lambda: rng.sample("tu", rng.randint(0, 2))),
            }
            for name in rng.sample("abc", rng.randint(0, 3))
        ],
        ports=lambda: [
            {"port": port, **({"protocol": protocol} if protocol else {}), **some(rng, note=lambda: rng.choice("mn"))}
            for port, protocol in rng.sample([(1, None), (1, "UDP"), (2, "TCP"), (3, "UDP")], rng.randint(0, 3))
        ],
        whole=lambda: rng.choice([[], ["a"], ["b", "a"]]),
        unit=lambda: rng.choice([{}, {"a": 1}, {"a": 1, "b": 2}]),
        labels=lambda: texts(rng, "abc"),
        nested=lambda: some(rng, deep=lambda: texts(rng, "xy"), list=lambda: [{"k": 1}], empty=dict),
        free=free,
        anything=free,
        maybe=lambda: rng.choice([None, "z", "w"]),
        defaulted=lambda: rng.choice(["d", "e"]),
        table=lambda: {key: some(rng, v=lambda: rng.choice([1, 2])) for key in rng.sample("ab", rng.randint(0, 2))},
        embedded=lambda: {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "e", **some(rng, labels=lambda: texts(rng, "a"))},
            **some(rng, data=lambda: texts(rng, "ab")),
        },
    )
    return {"metadata": metadata(rng), **({"spec": spec} if rng.random() < 0.95 else {})}


def widget_status(rng: random.Random) -> dict[str, Any]:
    return some(rng, phase=lambda: rng.choice("xy"), count=lambda: rng.randint(0, 2))


def widget_crd(group: str) -> dict[str, Any]:
    """The definition of Widget, which has a field of every kind that merges in its own way."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "spec": {
                                    "type": "object",
                                    "properties": {
                                        "text": {"type": "string"},
                                        "number": {"type": "integer"},
                                        "ratio": {"type": "number"},
                                        "flag": {"type": "boolean"},
                                        "either": {"x-kubernetes-int-or-string": True},
                                        "words": {
                                            "type": "array",
                                            "x-kubernetes-list-type": "set",
                                            "items": {"type": "string"},
                                        },
                                        "numbers": {
                                            "type": "array",
                                            "x-kubernetes-list-type": "set",
                                            "items": {"type": "integer"},
                                        },
                                        "parts": {
                                            "type": "array",
                                            "x-kubernetes-list-type": "map",
                                            "x-kubernetes-list-map-keys": ["name"],
                                            "items": {
                                                "type": "object",
                                                "required": ["name"],
                                                "properties": {
                                                    "name": {"type": "string"},
                                                    "size": {"type": "integer"},
                                                    "tags": {
                                                        "type": "array",
                                                        "x-kubernetes-list-type": "set",
                                                        "items": {"type": "string"},
                                                    },
                                                },
                                            },
                                        },
                                        "ports": {
                                            "type": "array",
                                            "x-kubernetes-list-type": "map",
                                            "x-kubernetes-list-map-keys": ["port", "protocol"],
                                            "items": {
                                                "type": "object",
                                                "required": ["port"],
                                                "properties": {
                                                    "port": {"type": "integer"},
                                                    "protocol": {"type": "string", "default": "TCP"},
                                                    "note": {"type": "string"},
                                                },
                                            },
                                        },
                                        "whole": {"type": "array", "items": {"type": "string"}},
                                        "unit": {
                                            "type": "object",
                                            "x-kubernetes-map-type": "atomic",
                                            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                                        },
                                        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                                        "nested": {
                                            "type": "object",
                                            "properties": {
                                                "deep": {"type": "object", "additionalProperties": {"type": "string"}},
                                                "list": {
                                                    "type": "array",
                                                    "items": {
                                                        "type": "object",
                                                        "properties": {"k": {"type": "integer"}},
                                                    },
                                                },
                                                "empty": {"type": "object"},
                                            },
                                        },
                                        "free": {"x-kubernetes-preserve-unknown-fields": True},
                                        "anything": {
                                            "x-kubernetes-preserve-unknown-fields": True,
                                        },
                                        "maybe": {"type": "string", "nullable": True},
                                        "defaulted": {"type": "string", "default": "d"},
                                        "table": {
                                            "type": "object",
                                            "additionalProperties": {
                                                "type": "object",
                                                "properties": {"v": {"type": "integer"}},
                                            },
                                        },
                                        "embedded": {
                                            "type": "object",
                                            "x-kubernetes-embedded-resource": True,
                                            "x-kubernetes-preserve-unknown-fields": True,
                                        },
                                    },
                                },
                                "status": {
                                    "type": "object",
                                    "properties": {"phase": {"type": "string"}, "count": {"type": "integer"}},
                                },
                            },
                        }
                    },
                }
            ],
        },
    }


def subjects(group: str) -> dict[str, Subject]:
    """The kinds that histories are played on; Widget in the given group."""
    kinds = (
        Subject("ConfigMap", "v1", "configmaps", config_map),
        Subject("Service", "v1", "services", service),
        Subject("Deployment", "apps/v1", "deployments", deployment, deployment_status),
        Subject("Widget", f"{group}/v1", "widgets", widget, widget_status),
    )
    return {subject.kind: subject for subject in kinds}


@dataclass
class Outcome:
    """How many steps were compared, and what differed."""

    compared: int = 0
    defaulted: int = 0
    refused: int = 0
    differences: list[str] = field(default_factory=list)


def make_owners(client: Client, namespace: str) -> dict[str, str]:
    """The uids of the objects that owner references name; without them the garbage collector would interfere."""
    collection = f"/api/v1/namespaces/{namespace}/configmaps"
    for name in OWNERS:
        client.create(collection, {"metadata": {"name": name}})
    return {name: client.get(f"{collection}/{name}").expect(200)["metadata"]["uid"] for name in OWNERS}


def play(
    client: Client, openapi: OpenApi, namespace: str, uids: dict[str, str], subject: Subject, seed: int, steps: int = 7
) -> Outcome:
    """Play one history; the object is deleted in the end."""
    rng = random.Random(seed)
    name = f"h{seed}"
    collection = subject.collection(namespace)
    path = f"{collection}/{name}"
    outcome = Outcome()
    live: dict[str, Any] | None = None
    try:
        for step in range(steps):
            part = subject.build(rng)
            for reference in part["metadata"].get("ownerReferences", ()):
                reference["uid"] = uids[reference["name"]]
            label = f"{subject.kind} seed {seed} step {step}"
            live = _step(
                client, openapi, subject, part, rng, outcome, collection, name, live, label, crowded=seed % 10 == 7
            )
    finally:
        if live is not None:
            client.patch(path, {"metadata": {"finalizers": None}})
            client.delete(path)
    return outcome


def _step(
    client: Client,
    openapi: OpenApi,
    subject: Subject,
    part: dict[str, Any],
    rng: random.Random,
    outcome: Outcome,
    collection: str,
    name: str,
    live: dict[str, Any] | None,
    label: str,
    *,
    crowded: bool,
) -> dict[str, Any] | None:
    path = f"{collection}/{name}"
    manager = rng.choice(MANAGERS if not crowded else CROWD)
    body = {"apiVersion": subject.api_version, "kind": subject.kind, **part}
    body["metadata"] = {"name": name, **part["metadata"]}
    (action,) = rng.choices(ACTIONS, ACTION_WEIGHTS)
    if crowded and action in ("apply", "force", "reset"):
        action = "patch"
    if action == "wrong":
        _spoil(rng, body)
        action = "force"
    elif rng.random() < 0.1 and action in ("put", "patch"):
        body["metadata"]["annotations"] = {ANNOTATION_LAST_APPLIED: json.dumps(body)}
    status = subject.status(rng) if subject.status is not None else {}
    if rng.random() < 0.2 and status and action != "status":
        body["status"] = status
    known = len(outcome.differences)
    for _ in range(20):
        answer, after = _send(client, openapi, outcome, collection, path, live, body, status, manager, action, label)
        if answer.status != 409 or live is None:
            return after
        current = client.get(path).expect(200)
        if current["metadata"]["resourceVersion"] == live["metadata"]["resourceVersion"]:
            return after
        # A controller was faster; nothing was written, and what was compared says nothing.
        live = current
        del outcome.differences[known:]
    raise AssertionError(f"{label}: the object never rests")


def _spoil(rng: random.Random, body: dict[str, Any]) -> None:
    """Make the object one that does not fit its schema."""
    where = rng.choice([body, body["metadata"], body.get("spec") or body["metadata"]])
    where.update(
        rng.choice(
            [
                {"bogus": 1},
                {"finalizers": ["a.b/c", "a.b/c"]},
                {"labels": "text"},
                {"ports": [{"port": 1}, {"port": 1}]},
                {"annotations": {"x": 1}},
                {"ownerReferences": [None]},
            ]
        )
    )


def _send(
    client: Client,
    openapi: OpenApi,
    outcome: Outcome,
    collection: str,
    path: str,
    live: dict[str, Any] | None,
    body: dict[str, Any],
    status: dict[str, Any],
    manager: str,
    action: str,
    label: str,
) -> tuple[Answer, dict[str, Any] | None]:
    query: dict[str, Any] = {"fieldManager": manager}
    version = {"resourceVersion": live["metadata"]["resourceVersion"]} if live is not None else {}
    body = {**body, "metadata": {**body["metadata"], **version}}
    subresource = ""
    if action in ("apply", "force", "apply-status"):
        force = action == "force"
        if action == "apply-status" and live is not None and status:
            body["status"], subresource = status, "/status"
        answer = client.apply(path + subresource, body, manager, force=str(force).lower())
        if answer.status == 409 and "has been modified" in answer.message:
            return answer, live
        return answer, _judge_apply(
            openapi, outcome, live, body, manager, force, answer, f"{label} {action} {manager}", subresource[1:]
        )
    if live is None:
        answer = client.create(collection, body, **query)
    elif action == "status" and status:
        subresource = "status"
        answer = client.patch(f"{path}/status", {"metadata": version, "status": status}, MERGE_PATCH, **query)
    elif action == "scale" and body["kind"] == "Deployment":
        subresource = "scale"
        scale = {"metadata": version, "spec": {"replicas": len(manager)}}
        answer = client.patch(f"{path}/scale", scale, MERGE_PATCH, **query)
        if answer.ok:
            answer = client.get(path)
            if _controller_entries(answer.body) != _controller_entries(live):
                return answer, dict(answer.body)
    elif action == "reset":
        body = {**copy.deepcopy(live), "metadata": {**live["metadata"], "managedFields": []}}
        answer = client.update(path, body, **query)
    elif action == "backdate":
        body = copy.deepcopy(live)
        for entry in body["metadata"].get("managedFields") or ():
            entry["time"] = LONG_AGO
        answer = client.update(path, body, **query)
    elif action == "put":
        answer = client.update(path, body, **query)
    else:
        answer = client.patch(path, body, MERGE_PATCH, **query)
    if not answer.ok:
        outcome.refused += answer.status != 409
        return answer, live
    given = body["metadata"].get("managedFields")
    new = _as_stored(answer.body, live, body if live is None or action == "put" else None)
    if given is not None:
        new["metadata"]["managedFields"] = given
    predicted = predict_update(live, new, field_manager=manager, openapi=openapi, subresource=subresource, now=NOW)
    _compare(outcome, predicted, answer.body, f"{label} {action} {manager}")
    return answer, dict(answer.body)


def _judge_apply(
    openapi: OpenApi,
    outcome: Outcome,
    live: dict[str, Any] | None,
    body: dict[str, Any],
    manager: str,
    force: bool,
    answer: Answer,
    label: str,
    subresource: str,
) -> dict[str, Any] | None:
    before = copy.deepcopy(live)
    try:
        prediction = predict_apply(
            live, body, field_manager=manager, force=force, openapi=openapi, now=NOW, subresource=subresource
        )
    except SpecError as error:
        if answer.status != 500:
            outcome.differences.append(f"{label}: predicted {error}, got {answer.status} {answer.body}")
        outcome.refused += 1
        return live
    if live != before:
        outcome.differences.append(f"{label}: the live object was changed")
    if answer.status == 409 or prediction.conflicts:
        expected = sorted(str(answer.body.get("message", "")).splitlines()) if answer.status == 409 else []
        if expected != sorted(prediction.message.splitlines()):
            outcome.differences.append(f"{label}: predicted {prediction.message!r}, got {answer.status} {expected}")
        outcome.compared += 1
        return live
    if not answer.ok:
        outcome.refused += 1
        if answer.status != 422:
            outcome.differences.append(f"{label}: {answer.status} {answer.body}")
        return live
    assert prediction.object is not None
    _compare(outcome, prediction.object, answer.body, label, body)
    again = predict_apply(
        answer.body, body, field_manager=manager, force=True, openapi=openapi, now=NOW, subresource=subresource
    )
    assert again.object is not None
    drift = list(differences(_comparable(again.object), _comparable(answer.body), ""))
    # An empty list that was pruned away comes back as an empty list; so it does on the server.
    if any(mine != [] for _, mine, _ in drift):
        outcome.differences.append(f"{label}: applied again differs {drift}")
    return dict(answer.body)


def _as_stored(obj: dict[str, Any], live: dict[str, Any] | None, sent: dict[str, Any] | None) -> dict[str, Any]:
    """The object as it was when its managedFields were computed: versions and addresses come after that."""
    meta = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    result = {**obj, "metadata": meta}
    if live is not None:
        meta["resourceVersion"] = live["metadata"]["resourceVersion"]
    if sent is not None and obj["kind"] == "Service":
        allocated = {"clusterIPs", "ipFamilies", "ipFamilyPolicy"} - sent["spec"].keys()
        result["spec"] = {key: value for key, value in obj["spec"].items() if key not in allocated}
    return result


def _compare(
    outcome: Outcome, predicted: dict[str, Any], actual: dict[str, Any], label: str, sent: dict[str, Any] | None = None
) -> None:
    outcome.compared += 1
    defaulted = False
    for path, mine, theirs in differences(_comparable(predicted), _comparable(actual), ""):
        if mine is ABSENT or _is_null(sent, path):
            defaulted = True
        else:
            outcome.differences.append(f"{label}: {path} predicted {mine!r}, got {theirs!r}")
    mine_owners, their_owners = owners(predicted), owners(actual)
    if mine_owners != their_owners:
        keys = [key for key in mine_owners | their_owners if mine_owners.get(key) != their_owners.get(key)]
        lines = [f"   {key}: {mine_owners.get(key)}\n   got {their_owners.get(key)}" for key in keys]
        outcome.differences.append(f"{label}: owners\n" + "\n".join(lines))
    outcome.defaulted += defaulted


def _is_null(sent: dict[str, Any] | None, path: str) -> bool:
    """Whether an explicit null was sent there, which the server replaces by its default."""
    value: Any = sent
    for step in path.split(".")[1:]:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return value is None and sent is not None


ABSENT = "<absent>"


def differences(mine: Any, theirs: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Leaves that differ, in order of path."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for key in sorted(mine.keys() | theirs.keys()):
            yield from differences(mine.get(key, ABSENT), theirs.get(key, ABSENT), f"{path}.{key}")
    elif isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        for index, (left, right) in enumerate(zip(mine, theirs, strict=True)):
            yield from differences(left, right, f"{path}[{index}]")
    elif mine != theirs or (isinstance(mine, bool) != isinstance(theirs, bool)):
        yield path, mine, theirs


def _comparable(obj: dict[str, Any]) -> dict[str, Any]:
    drop = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "namespace")
    meta = {key: value for key, value in obj["metadata"].items() if key not in drop}
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": meta}


def owners(obj: dict[str, Any]) -> dict[tuple[Any, ...], list[Any]]:
    """managedFields as a set; of times only whether there is one and whether it is an old one."""
    result: dict[tuple[Any, ...], list[Any]] = {}
    for entry in obj["metadata"].get("managedFields") or []:
        key = (entry["manager"], entry["operation"], entry["apiVersion"], entry.get("subresource", ""))
        result.setdefault(key, []).append((_age(entry), entry["fieldsV1"]))
    return result


def _controller_entries(obj: dict[str, Any]) -> list[Any]:
    return [entry for key, entry in owners(obj).items() if key[0] == CONTROLLER]


def _age(entry: dict[str, Any]) -> str:
    time = entry.get("time")
    return "none" if time is None else "old" if time == LONG_AGO else "recent"
