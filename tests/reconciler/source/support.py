"""Applications for the tests of generation, and the caches they use."""

from collections.abc import Mapping
from typing import Any

from reconciler.model import Application, parse_application
from reconciler.source import Capabilities, Repository
from reconciler.source.files.tree import Tree

CAPABILITIES = Capabilities("v1.37.2", ("v1", "apps/v1", "apps/v1/Deployment", "networking.k8s.io/v1"))


def application(*sources: Mapping[str, Any], name: str = "web", namespace: str = "demo") -> Application:
    """An Application of one source, or of several."""
    spec: dict[str, Any] = {"project": "default", "destination": {"name": "in-cluster", "namespace": namespace}}
    spec |= {"source": sources[0]} if len(sources) == 1 else {"sources": list(sources)}
    metadata = {"name": name, "namespace": "argocd"}
    return parse_application(
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata, "spec": spec}
    )


def config_map(name: str, **data: str) -> str:
    """A ConfigMap as YAML."""
    lines = ["apiVersion: v1", "kind: ConfigMap", f"metadata: {{name: {name}}}", "data:"]
    return "\n".join([*lines, *(f"  {key}: {value!r}" for key, value in (data or {"key": "value"}).items())]) + "\n"


CHART = {
    "chart/Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.2.3\n",
    "chart/values.yaml": "replicas: 1\nimage: {name: web, tag: v1}\nlist: [a, b]\ngone: here\n",
    "chart/templates/settings.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-settings}\n"
        "data:\n  values: {{ .Values | toJson | quote }}\n  release: {{ .Release.Namespace }}\n"
    ),
    "chart/templates/NOTES.txt": "Thank you.\n",
    "chart/templates/_helpers.tpl": '{{ define "x" }}y{{ end }}\n',
    "chart/templates/empty.yaml": "{{ if false }}a: b{{ end }}\n",
}


def tree_at(repository: Repository, revision: str) -> Tree:
    """The files of a commit."""
    return Tree(repository, repository.tree_of(revision), name=str(repository), revision=revision)
