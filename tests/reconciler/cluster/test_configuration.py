"""Argo CD's own configuration as a cluster holds it."""

import base64
import logging
from pathlib import Path

import pytest

from reconciler.cluster import connect
from reconciler.cluster.configuration import read_configuration
from reconciler.manifest.objects import name_of
from tests.conformance.client import Client


def make(client: Client, namespace: str, kind: str, name: str, data: dict[str, str], labels: dict[str, str]) -> None:
    plural = {"ConfigMap": "configmaps", "Secret": "secrets"}[kind]
    obj = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "labels": labels}, "data": data}
    client.create(f"/api/v1/namespaces/{namespace}/{plural}", obj).expect(201)


def test_only_what_sources_need_is_read(client: Client, cluster_kubeconfig: Path, namespace: str) -> None:
    kind = "argocd.argoproj.io/secret-type"
    url = {"url": base64.b64encode(b"https://example.com/a").decode()}
    make(client, namespace, "ConfigMap", "argocd-cm", {"helm.enable": "false"}, {})
    make(client, namespace, "ConfigMap", "other", {}, {})
    make(client, namespace, "Secret", "one", url, {kind: "repository"})
    make(client, namespace, "Secret", "two", url, {kind: "repo-creds"})
    make(client, namespace, "Secret", "cluster", url, {kind: "cluster"})
    make(client, namespace, "Secret", "plain", url, {})
    found = read_configuration(connect(kubeconfig=str(cluster_kubeconfig)), namespace=namespace)
    assert sorted((str(entry["kind"]), name_of(entry)) for entry in found) == [
        ("ConfigMap", "argocd-cm"),
        ("Secret", "one"),
        ("Secret", "two"),
    ]


def test_a_namespace_without_argo_cd(cluster_kubeconfig: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert read_configuration(connect(kubeconfig=str(cluster_kubeconfig)), namespace="nowhere") == ()
    assert caplog.text == ""
