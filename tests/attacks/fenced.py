"""An Application whose project lets it use one namespace; what it must not touch lies beside it."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.manifest.objects import ResourceKey
from reconciler.model import Application
from tests.argo import install_argo
from tests.reconciler.engine.places import Manifest, Shop

HERE = "https://kubernetes.default.svc"
ARGO = "/apis/argoproj.io/v1alpha1"
BATCH = "/apis/batch/v1"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def annotated(manifest: Manifest, **annotations: str) -> Manifest:
    """With annotations of Argo CD's: ``sync_wave="1"``."""
    named = {f"argocd.argoproj.io/{name.replace('_', '-')}": value for name, value in annotations.items()}
    metadata = manifest["metadata"]
    return {**manifest, "metadata": {**metadata, "annotations": {**metadata.get("annotations", {}), **named}}}


def job(name: str, **annotations: str) -> Manifest:
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.com/job:v1"}]}
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}
    return annotated({**body, "spec": {"template": {"spec": pod}, "backoffLimit": 0}}, **annotations)


@dataclass
class Fenced:
    """``away`` is a namespace that the project does not let the Application use."""

    shop: Shop
    away: str

    def forbidden(self, name: str) -> Manifest:
        """Something that the project does not permit, by what is wrong with it."""
        unique = f"{self.shop.namespace}-escaped"
        objects: dict[str, Manifest] = {
            "kind": {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "escaped"}, "spec": {"limits": []}},
            "namespace": {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "escaped", "namespace": self.away},
                "data": {},
            },
            "cluster": {
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {"name": unique},
                "rules": [],
            },
            "new-namespace": {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": unique}},
        }
        return objects[name]

    def reason(self, name: str) -> str:
        """What the project says to it."""
        return {
            "kind": "resource :LimitRange is not permitted in project team",
            "namespace": f"namespace {self.away} is not permitted in project 'team'",
            "cluster": "resource rbac.authorization.k8s.io:ClusterRole is not permitted in project team",
            "new-namespace": "resource :Namespace is not permitted in project team",
        }[name]

    def path(self, manifest: Mapping[str, Any]) -> str:
        """Where such an object lies."""
        name, namespace = manifest["metadata"]["name"], manifest["metadata"].get("namespace", self.shop.namespace)
        return {
            "LimitRange": f"/api/v1/namespaces/{namespace}/limitranges/{name}",
            "ConfigMap": f"/api/v1/namespaces/{namespace}/configmaps/{name}",
            "ClusterRole": f"{RBAC}/clusterroles/{name}",
            "Namespace": f"/api/v1/namespaces/{name}",
        }[manifest["kind"]]

    def is_there(self, manifest: Mapping[str, Any]) -> bool:
        return self.shop.client.get(self.path(manifest)).status == 200

    def put(self, manifest: Manifest, **annotations: str) -> Manifest:
        """The object as the Application itself once applied it, tracked; and its key's fields."""
        group, _, version = manifest["apiVersion"].rpartition("/")
        metadata = manifest["metadata"]
        namespace = metadata.get("namespace", "")
        if not namespace and manifest["kind"] in ("LimitRange", "ConfigMap"):
            namespace = self.shop.namespace
        marked = f"{self.shop.name}:{group}/{manifest['kind']}:{namespace or self.shop.namespace}/{metadata['name']}"
        tracked = annotated(manifest, tracking_id=marked, **annotations)
        collection = self.path(manifest).rpartition("/")[0]
        self.shop.client.create(collection, tracked).expect(201)
        fields = {"group": group, "version": version, "kind": manifest["kind"], "name": metadata["name"]}
        return fields | ({"namespace": namespace} if namespace else {})

    def application(self, *, project: str = "team", **changes: Any) -> Application:
        """The Application as the cluster holds it; fields of the spec, status and operation by name."""
        shop, client = self.shop, self.shop.client
        spec = {
            "project": project,
            "source": {"repoURL": shop.origin.url, "path": "app"},
            "destination": {"server": HERE, "namespace": shop.namespace},
        }
        top: dict[str, Any] = {name: changes.pop(name) for name in ("status", "operation") if name in changes}
        metadata = {"name": shop.name, "namespace": shop.namespace, **changes.pop("metadata", {})}
        body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata}
        path = shop.path("applications", shop.name, api=ARGO)
        found = client.get(path)
        if found.status == 200:
            client.delete(path).expect()
        client.create(shop.path("applications", api=ARGO), {**body, "spec": {**spec, **changes}, **top}).expect(201)
        shop.engine.begin_run()
        return shop.engine.application(shop.name)

    def project(self, name: str = "team", /, **spec: Any) -> None:
        """Make or change the project."""
        spec = {
            "sourceRepos": [self.shop.origin.url],
            "destinations": [{"server": HERE, "namespace": self.shop.namespace}],
            "namespaceResourceBlacklist": [{"group": "", "kind": "LimitRange"}],
        } | spec
        body = {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": name, "namespace": self.shop.namespace},
            "spec": spec,
        }
        assert self.shop.client.apply(self.shop.path("appprojects", name, api=ARGO), body, force="true").ok
        self.shop.engine.begin_run()

    def child(self, **spec: Any) -> Manifest:
        """An automated child Application of the project, whose folder holds the ConfigMap of-child."""
        self.shop.origin.commit({"child/all.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: of-child}\n"})
        return {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "child", "namespace": self.shop.namespace},
            "spec": {
                "project": "team",
                "source": {"repoURL": self.shop.origin.url, "path": "child"},
                "destination": {"server": HERE, "namespace": self.shop.namespace},
                "syncPolicy": {"automated": {"prune": True}, "retry": {"limit": 0}},
                **spec,
            },
        }

    def names(self, collection: str = "configmaps", *, api: str = "/api/v1") -> list[str]:
        items = self.shop.client.get(self.shop.path(collection, api=api)).expect()["items"]
        return sorted(item["metadata"]["name"] for item in items if item["metadata"]["name"] != "kube-root-ca.crt")

    def key(self, kind: str, name: str, group: str = "") -> ResourceKey:
        return ResourceKey(group, kind, self.shop.namespace, name)


FORBIDDEN = ["kind", "namespace", "cluster", "new-namespace"]


@pytest.fixture
def fenced(shop: Shop) -> Iterator[Fenced]:
    """An Application in project ``team``, and a namespace beside it."""
    install_argo(shop.client)
    unique = uuid.uuid4().hex[:12]
    # What it has in the whole cluster is nobody else's, although tests share the cluster.
    shop.name = f"shop-{unique}"
    away = f"test-{unique}-away"
    shop.client.create("/api/v1/namespaces", {"metadata": {"name": away}}).expect(201)
    made = Fenced(shop, away)
    made.project()
    yield made
    for name in ("cluster", "new-namespace"):
        shop.client.delete(made.path(made.forbidden(name)))
    shop.client.delete(f"/api/v1/namespaces/{away}")
