"""No false drift and no missed drift: cases on the sandbox and on the real API server, each also put to a dry-run."""

import copy
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.cluster import Connection, Discovery, connect, discover
from reconciler.cluster.dry_run import DryRun, ServerSideDiff
from reconciler.cluster.schemas import SchemaCache
from reconciler.diff.client_side import migrated_ownership
from reconciler.diff.compare import compare_resource
from reconciler.diff.normalize import normalize_target
from reconciler.diff.records import ResourceComparison
from reconciler.diff.rules import NO_RULES, CompareRules
from reconciler.diff.secrets import Masker
from reconciler.diff.server_side import ServerAnswer
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey
from reconciler.terms import ANNOTATION_LAST_APPLIED
from tests.conformance.client import JSON_PATCH, MERGE_PATCH, Client

MASKER = Masker(b"0" * 32)
LABELS = {"app": "web"}


@dataclass(frozen=True)
class Cluster:
    """One cluster as a comparison sees it."""

    client: Client
    connection: Connection
    discovery: Discovery
    schemas: SchemaCache
    namespace: str

    def path(self, obj: Mapping[str, Any]) -> str:
        resource = self.discovery.find(GroupVersionKind.of(obj))
        assert resource is not None, obj
        return resource.path_of(dict(obj))

    def place(self, obj: Mapping[str, Any]) -> Manifest:
        """The object in the test's namespace, or with a name of its own where it has none."""
        resource = self.discovery.find(GroupVersionKind.of(obj))
        assert resource is not None, obj
        metadata = dict(obj["metadata"])
        if resource.namespaced:
            metadata["namespace"] = self.namespace
        else:
            metadata["name"] = f"{metadata['name']}-{self.namespace}"
        return {**copy.deepcopy(dict(obj)), "metadata": metadata}

    def apply(self, obj: Mapping[str, Any], manager: str = "argocd-controller") -> Manifest:
        answer = self.client.apply(self.path(obj), obj, manager, force="true")
        assert answer.status in (200, 201), answer.body
        found: Manifest = answer.body
        return found

    def sync(self, target: Manifest) -> None:
        """Apply as a sync does: ownership first, then the normalized target."""
        for _ in range(10):
            live = self.client.get(self.path(target)).expect()
            migrated = migrated_ownership(live, self.schemas.openapi)
            if migrated is live:
                break
            # The resourceVersion guards against the controllers, which write the status meanwhile.
            patch = {"metadata": {name: migrated["metadata"][name] for name in ("managedFields", "resourceVersion")}}
            if self.client.patch(self.path(live), patch, MERGE_PATCH, fieldManager="argocd-controller").ok:
                break
        self.apply(normalize_target(target))

    def compare(
        self, target: Manifest, live: Manifest, *, rules: CompareRules = NO_RULES, answer: ServerAnswer | None = None
    ) -> ResourceComparison:
        resource = self.discovery.find(GroupVersionKind.of(target))
        assert resource is not None
        openapi = self.schemas.load([resource.openapi_path])
        key, version = ResourceKey.of(target), resource.gvk.version
        return compare_resource(key, version, target, live, openapi=openapi, masker=MASKER, rules=rules, answer=answer)

    def ask(self, target: Manifest, live: Manifest) -> ServerAnswer:
        resource = self.discovery.find(GroupVersionKind.of(target))
        assert resource is not None
        asked = ServerSideDiff(self.connection)
        return asked.ask([DryRun(resource, target, live)], self.schemas.openapi)[ResourceKey.of(target)]


@pytest.fixture(scope="session")
def schema_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("schemas")


@pytest.fixture
def cluster(client: Client, namespace: str, schema_folder: Path) -> Cluster:
    connection = connect(kubeconfig=client.kubeconfig)
    schemas = SchemaCache(connection, directory=schema_folder)
    return Cluster(client, connection, discover(connection), schemas, namespace)


def deployment(**spec: Any) -> Manifest:
    container = {"name": "web", "image": "nginx:1.27", **spec.pop("container", {})}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container], **spec.pop("pod", {})}}
    body = {"selector": {"matchLabels": LABELS}, "replicas": 1, "template": template, **spec}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": body}


def config_map(**data: str) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data}


def service(**spec: Any) -> Manifest:
    body = {"selector": LABELS, "ports": [{"name": "http", "port": 80}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": body}


def rbac(kind: str, **fields: Any) -> Manifest:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": "reader"}, **fields}


@dataclass(frozen=True)
class Case:
    """What Git held when it was applied, what others did since, what Git holds now, and which fields are drift."""

    applied: Manifest
    patch: Mapping[str, Any] | None = None
    manager: str = "kubectl-edit"
    target: Manifest | None = None
    drift: tuple[str, ...] = ()
    patch_type: str = MERGE_PATCH


READ = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
ROLE_REF = {"kind": "Role", "name": "reader"}
PORT = {"name": "http", "containerPort": 80}
CONTAINER = '$.spec.template.spec.containers[name="web"]'
POLICY: Manifest = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "web"},
    "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80}]}]},
}
FIELD_REF = {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
TOKEN = {"serviceAccountToken": {"path": "token"}}
CLAIM = {
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1024Mi"}}},
}
STATEFUL_SET: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "db"},
    "spec": {
        "serviceName": "db",
        "selector": {"matchLabels": LABELS},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {"containers": [{"name": "db", "image": "db:1", "resources": {"limits": {"cpu": "1000m"}}}]},
        },
        "volumeClaimTemplates": [CLAIM],
    },
}
ENDPOINTS: Manifest = {
    "apiVersion": "v1",
    "kind": "Endpoints",
    "metadata": {"name": "db"},
    "subsets": [
        {
            "addresses": [{"ip": "10.9.0.2"}, {"ip": "10.9.0.1"}],
            "ports": [{"name": "b", "port": 5432}, {"name": "a", "port": 1}],
        }
    ],
}
HOOK: Manifest = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "checks"},
    "webhooks": [
        {
            "name": "checks.example.com",
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"name": "checks", "namespace": "none"}},
            "rules": [
                {
                    "apiGroups": ["none.example.com"],
                    "apiVersions": ["v1"],
                    "operations": ["CREATE"],
                    "resources": ["nones"],
                }
            ],
        }
    ],
}


def secret(**fields: Any) -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, **fields}


SAME = {
    "defaults": Case(deployment()),
    "defaults of a service and its addresses": Case(service()),
    "a headless service": Case(service(clusterIP="None")),
    "a load balancer's node ports": Case(service(type="LoadBalancer")),
    "quantities": Case(
        deployment(container={"resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {"cpu": "1e-1"}}})
    ),
    "a quantity as a number": Case(deployment(container={"resources": {"limits": {"cpu": 1}}})),
    "text in a secret": Case(secret(stringData={"password": "s3cret"})),
    "text and data in a secret": Case(secret(stringData={"a": "b"}, data={"c": "ZA=="})),
    "data with line breaks": Case(secret(data={"c": "ZGF0\nYQ=="})),
    "a null over a node port and an address": Case(
        service(type="NodePort", clusterIP="10.96.0.77", ports=[{"name": "http", "port": 80, "nodePort": 30077}]),
        target=service(type="NodePort", clusterIP=None, ports=[{"name": "http", "port": 80, "nodePort": None}]),
    ),
    "nulls applied again": Case(
        deployment(replicas=None, pod={"hostname": None}, container={"args": None, "imagePullPolicy": None})
    ),
    "another manager's replicas": Case(
        {**deployment(), "spec": {k: v for k, v in deployment()["spec"].items() if k != "replicas"}},
        patch={"spec": {"replicas": 3}},
    ),
    "another manager's labels": Case(config_map(a="1"), patch={"metadata": {"labels": {"team": "x"}}}),
    "another manager's sidecar": Case(
        deployment(),
        patch=[{"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "proxy", "image": "p:1"}}],
        patch_type=JSON_PATCH,
    ),
    "another manager's environment": Case(
        deployment(container={"env": [{"name": "A", "value": "1"}]}),
        patch=[{"op": "add", "path": "/spec/template/spec/containers/0/env/-", "value": {"name": "B", "value": "2"}}],
        patch_type=JSON_PATCH,
    ),
    "status in Git": Case({**deployment(), "status": {"replicas": 7}}),
    "a creation time in Git": Case(
        {**config_map(a="1"), "metadata": {"name": "settings", "creationTimestamp": None}},
    ),
    "nulls": Case(deployment(pod={"nodeSelector": None, "affinity": None}, strategy=None)),
    "empty lists and maps": Case(
        deployment(pod={"volumes": [], "nodeSelector": {}}, container={"env": [], "resources": {}, "command": []})
    ),
    "empty strings": Case(deployment(pod={"hostname": "", "serviceAccountName": ""})),
    "zero replicas": Case(deployment(replicas=0)),
    "ports without protocol": Case(deployment(container={"ports": [PORT]})),
    "a field reference without version": Case(deployment(container={"env": [FIELD_REF]})),
    "a token without expiry": Case(
        deployment(pod={"volumes": [{"name": "t", "projected": {"sources": [TOKEN]}}]}),
    ),
    "claim templates": Case(STATEFUL_SET),
    "a network policy's ports": Case(POLICY),
    "endpoints in another order": Case(ENDPOINTS),
    "a role": Case(rbac("Role", rules=READ)),
    "no rules": Case(rbac("Role", rules=[])),
    "null rules": Case(rbac("Role", rules=None)),
    "a binding without groups": Case(
        rbac(
            "RoleBinding",
            roleRef=ROLE_REF,
            subjects=[{"kind": "User", "name": "ada"}, {"kind": "ServiceAccount", "name": "x"}],
        )
    ),
    "an aggregated role": Case(
        rbac("ClusterRole", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"none": "at-all"}}]}, rules=[])
    ),
    "a webhook": Case(HOOK),
    "a default removed from Git": Case(
        deployment(revisionHistoryLimit=10, container={"imagePullPolicy": "IfNotPresent"}), target=deployment()
    ),
}

DIFFERENT = {
    "a field": Case(deployment(), patch={"spec": {"replicas": 3}}, drift=("$.spec.replicas",)),
    "a field changed in Git": Case(deployment(), target=deployment(replicas=2), drift=("$.spec.replicas",)),
    "a quantity": Case(
        deployment(container={"resources": {"limits": {"cpu": "500m"}}}),
        target=deployment(container={"resources": {"limits": {"cpu": "0.6"}}}),
        drift=(f"{CONTAINER}.resources.limits.cpu",),
    ),
    "a field deep in a list map": Case(
        deployment(container={"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}),
        patch=[{"op": "replace", "path": "/spec/template/spec/containers/0/env/1/value", "value": "9"}],
        patch_type=JSON_PATCH,
        drift=(f'{CONTAINER}.env[name="B"].value',),
    ),
    "a removed field": Case(
        deployment(revisionHistoryLimit=5), target=deployment(), drift=("$.spec.revisionHistoryLimit",)
    ),
    "a field removed in the cluster": Case(config_map(a="1", b="2"), patch={"data": {"b": None}}, drift=("$.data.b",)),
    "a removed key": Case(config_map(a="1", b="2"), target=config_map(a="1"), drift=("$.data.b",)),
    "a removed item": Case(
        deployment(container={"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}),
        target=deployment(container={"env": [{"name": "A", "value": "1"}]}),
        drift=(f'{CONTAINER}.env[name="B"]',),
    ),
    "an item removed in the cluster": Case(
        deployment(container={"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}),
        patch=[{"op": "remove", "path": "/spec/template/spec/containers/0/env/1"}],
        patch_type=JSON_PATCH,
        drift=(f'{CONTAINER}.env[name="B"]',),
    ),
    "a removed label": Case(
        {**config_map(a="1"), "metadata": {"name": "settings", "labels": {"x": "1", "y": "2"}}},
        target={**config_map(a="1"), "metadata": {"name": "settings", "labels": {"x": "1"}}},
        drift=("$.metadata.labels.y",),
    ),
    "an item of an atomic list": Case(
        deployment(container={"args": ["a", "b"]}),
        target=deployment(container={"args": ["a", "c"]}),
        drift=(f"{CONTAINER}.args[1]",),
    ),
    "the order of items": Case(
        deployment(container={"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}),
        target=deployment(container={"env": [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}]}),
        drift=(f"{CONTAINER}.env",),
    ),
    "a value removed from an atomic item": Case(
        {**POLICY, "spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 80, "protocol": "UDP"}]}]}},
        target=POLICY,
        drift=("$.spec.ingress[0].ports[0].protocol",),
    ),
    "a value other than the default": Case(
        deployment(container={"env": [FIELD_REF]}, pod={"terminationGracePeriodSeconds": 5}),
        target=deployment(container={"env": [FIELD_REF]}),
        drift=("$.spec.template.spec.terminationGracePeriodSeconds",),
    ),
    "text in a secret": Case(
        secret(stringData={"password": "one"}),
        target=secret(stringData={"password": "two"}),
        drift=("$.data.password",),
    ),
    "a key of a secret's text": Case(
        secret(stringData={"password": "one", "user": "x"}),
        target=secret(stringData={"password": "one"}),
        drift=("$.data.user",),
    ),
    "a key of a secret": Case(
        secret(data={"a": "YQ==", "b": "Yg=="}), target=secret(data={"a": "YQ=="}), drift=("$.data.b",)
    ),
    "rules of a role": Case(rbac("Role", rules=READ), patch={"rules": []}, drift=("$.rules",)),
    "a null over a value": Case(
        deployment(pod={"hostname": "a"}),
        target=deployment(pod={"hostname": None}),
        drift=("$.spec.template.spec.hostname",),
    ),
    "a null over a list that is one value": Case(
        deployment(container={"args": ["a"]}),
        target=deployment(container={"args": None}),
        drift=(f"{CONTAINER}.args",),
    ),
    "a null in a part without defaults": Case(
        deployment(container={"securityContext": {"runAsUser": 1000, "runAsNonRoot": True}}),
        target=deployment(container={"securityContext": {"runAsUser": None, "runAsNonRoot": True}}),
        drift=(f"{CONTAINER}.securityContext.runAsUser",),
    ),
    "a null over a target port": Case(
        service(ports=[{"name": "http", "port": 80, "targetPort": 8080}]),
        target=service(ports=[{"name": "http", "port": 80, "targetPort": None}]),
        drift=('$.spec.ports[port=80,protocol="TCP"].targetPort',),
    ),
    "null replicas": Case(deployment(replicas=3), target=deployment(replicas=None), drift=("$.spec.replicas",)),
    "all keys": Case(config_map(a="1"), target=config_map(), drift=("$.data.a",)),
    "an annotation changed in the cluster": Case(
        {**config_map(a="1"), "metadata": {"name": "settings", "annotations": {"team": "a"}}},
        patch={"metadata": {"annotations": {"team": "b"}}},
        drift=("$.metadata.annotations.team",),
    ),
}


@pytest.mark.parametrize(
    "case",
    [*SAME.values(), *DIFFERENT.values()],
    ids=[*(f"same: {n}" for n in SAME), *(f"drift: {n}" for n in DIFFERENT)],
)
def test_drift(cluster: Cluster, case: Case) -> None:
    applied = cluster.place(case.applied)
    cluster.apply(applied)
    path = cluster.path(applied)
    try:
        if case.patch is not None:
            cluster.client.patch(path, case.patch, case.patch_type, fieldManager=case.manager).expect(200)
        target = cluster.place(case.target) if case.target is not None else applied
        live = cluster.client.get(path).expect()
        compared = cluster.compare(target, live)
        assert (compared.reason, tuple(entry.path for entry in compared.differences)) == ("", case.drift)
        # The API server itself must agree, by the same comparison of its own answer.
        asked = cluster.ask(target, live)
        by_server = cluster.compare(target, live, answer=asked)
        assert (by_server.reason, by_server.status) == ("", compared.status)
        if case.drift:
            # And once it is synced there is nothing left.
            cluster.sync(target)
            assert cluster.compare(target, cluster.client.get(path).expect()).differences == ()
    finally:
        cluster.client.delete(path)


def crd(group: str) -> Manifest:
    """A kind with defaults, quantities, a list map and a free part, at two versions."""
    item = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "size": {"type": "string"},
            "mode": {"type": "string", "default": "rw"},
        },
        "required": ["name"],
    }
    spec = {
        "type": "object",
        "properties": {
            "replicas": {"type": "integer", "default": 1},
            "cpu": {"x-kubernetes-int-or-string": True},
            "disks": {
                "type": "array",
                "items": item,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
            "steps": {"type": "array", "items": item},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    schema = {
        "type": "object",
        "properties": {"spec": spec, "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    versions = [
        {
            "name": name,
            "served": True,
            "storage": name == "v1",
            "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}},
        }
        for name in ("v1", "v1beta1")
    ]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"machines.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "machines", "singular": "machine", "kind": "Machine", "listKind": "MachineList"},
            "versions": versions,
        },
    }


@pytest.fixture
def machines(cluster: Cluster) -> Iterator[tuple[Cluster, str]]:
    """The cluster with a custom kind of the test's own, and the kind's group."""
    group = f"g{uuid.uuid4().hex[:8]}.example.com"
    definition = crd(group)
    cluster.apply(definition)
    path = cluster.path(definition)
    names = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    cluster.client.wait_for(names, definition["metadata"]["name"], _is_served)
    try:
        assert cluster.compare(definition, cluster.client.get(path).expect()).differences == ()
        found = _until_known(cluster, GroupVersionKind(group, "v1", "Machine"))
        yield Cluster(cluster.client, cluster.connection, found, cluster.schemas, cluster.namespace), group
    finally:
        cluster.client.delete(path)


def _is_served(definition: Mapping[str, Any]) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(entry["type"] == "Established" and entry["status"] == "True" for entry in conditions)


def _until_known(cluster: Cluster, gvk: GroupVersionKind) -> Discovery:
    """Discovery and OpenAPI learn of a kind a moment after it is established."""
    for _ in range(200):
        found = discover(cluster.connection)
        index = cluster.client.get("/openapi/v3").expect()["paths"]
        if found.find(gvk) is not None and f"apis/{gvk.api_version}" in index:
            cluster.schemas.forget()
            return found
    raise AssertionError(f"{gvk} is not served")


MACHINES = {
    "defaults": ({"disks": [{"name": "a"}]}, None, None, ()),
    "defaults in a plain list": ({"steps": [{"name": "a"}]}, None, None, ()),
    "a free part": ({"free": {"a": [1, {"b": None}], "c": {}}}, None, None, ()),
    "an unknown order of a plain list": ({"steps": [{"name": "b"}, {"name": "a"}]}, None, None, ()),
    "another manager's field of the free part": ({"free": {"a": 1}}, {"free": {"b": 2}}, None, ()),
    "a field in a list map": (
        {"disks": [{"name": "a", "size": "1"}]},
        {"disks": [{"name": "a", "size": "2", "mode": "rw"}]},
        None,
        ('$.spec.disks[name="a"].size',),
    ),
    "a default overridden and removed": (
        {"replicas": 3, "cpu": "1"},
        None,
        {"cpu": "1"},
        ("$.spec.replicas",),
    ),
    "a removed item": (
        {"disks": [{"name": "a"}, {"name": "b"}]},
        None,
        {"disks": [{"name": "a"}]},
        ('$.spec.disks[name="b"]',),
    ),
    "a removed part": ({"free": {"a": 1, "b": 2}}, None, {"free": {"a": 1}}, ("$.spec.free.b",)),
    "a value with a default removed from a plain list": (
        {"steps": [{"name": "a", "mode": "ro"}]},
        None,
        {"steps": [{"name": "a"}]},
        ("$.spec.steps[0].mode",),
    ),
}


def test_custom_kinds(machines: tuple[Cluster, str]) -> None:
    cluster, group = machines
    for number, (name, (applied, patch, target, drift)) in enumerate(MACHINES.items()):
        meta = {"name": f"m{number}", "namespace": cluster.namespace}
        obj = {"apiVersion": f"{group}/v1", "kind": "Machine", "metadata": meta, "spec": applied}
        cluster.apply(obj)
        path = cluster.path(obj)
        if patch is not None:
            cluster.client.patch(path, {"spec": patch}, MERGE_PATCH, fieldManager="kubectl-edit").expect(200)
        wanted = {**obj, "spec": target if target is not None else applied}
        live = cluster.client.get(path).expect()
        for answer in (None, cluster.ask(wanted, live)):
            compared = cluster.compare(wanted, live, answer=answer)
            assert (compared.reason, tuple(entry.path for entry in compared.differences)) == ("", drift), (name, answer)


def test_a_target_of_another_served_version(machines: tuple[Cluster, str]) -> None:
    cluster, group = machines
    meta = {"name": "old", "namespace": cluster.namespace}
    obj = {"apiVersion": f"{group}/v1", "kind": "Machine", "metadata": meta, "spec": {"replicas": 2}}
    cluster.apply(obj)
    older = {**obj, "apiVersion": f"{group}/v1beta1"}
    live = cluster.client.get(cluster.path(older)).expect()
    assert cluster.compare(older, live).differences == ()
    changed = {**older, "spec": {"replicas": 5}}
    assert [entry.path for entry in cluster.compare(changed, live).differences] == ["$.spec.replicas"]


@pytest.mark.parametrize("manager", ["kubectl-client-side-apply", "argocd-controller"])
def test_a_field_that_left_git_after_client_side_applies(cluster: Cluster, manager: str) -> None:
    before = cluster.place(deployment(revisionHistoryLimit=5, container={"env": [{"name": "A", "value": "1"}]}))
    text = json.dumps(before)
    created = {**before, "metadata": {**before["metadata"], "annotations": {ANNOTATION_LAST_APPLIED: text}}}
    collection = cluster.path(before).rpartition("/")[0]
    cluster.client.create(collection, created, fieldManager=manager).expect(201)
    path = cluster.path(before)
    live = cluster.client.get(path).expect()
    # The manager's entry owns the server's defaults as well, which are no drift.
    assert cluster.compare(before, live).differences == ()
    target = cluster.place(deployment())
    expected = ["$.spec.revisionHistoryLimit", f"{CONTAINER}.env"]
    compared = cluster.compare(target, live)
    assert sorted(entry.path for entry in compared.differences) == sorted(expected)
    assert {entry.manager for entry in compared.differences} == {manager}
    by_server = cluster.compare(target, live, answer=cluster.ask(target, live))
    assert sorted(entry.path for entry in by_server.differences) == sorted(expected)
    cluster.sync(target)
    assert cluster.compare(target, cluster.client.get(path).expect()).differences == ()
