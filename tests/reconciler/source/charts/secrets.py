"""Argo CD's repository Secrets for tests."""

from typing import Any


def repository_secret(url: str, *, kind: str = "repository", **fields: str) -> dict[str, Any]:
    """A Secret labelled as a repository (or ``repo-creds``); fields as Argo CD names them."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "repo", "labels": {"argocd.argoproj.io/secret-type": kind}},
        "stringData": {"url": url, "type": "helm", **fields},
    }
