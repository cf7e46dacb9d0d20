"""Kinds that are asked, not stored: who am I, and may I. There is one user here, and it may do everything."""

from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.resources import Resource

USER: Final[Manifest] = {"username": "kubernetes-admin", "groups": ["system:masters", "system:authenticated"]}
_GROUPS: Final = ("authentication.k8s.io", "authorization.k8s.io")


def is_review(resource: Resource) -> bool:
    return resource.group in _GROUPS


def answer_review(resource: Resource, body: Any) -> Manifest:
    """The review with its status filled in."""
    given = body if isinstance(body, dict) else {}
    answer: Manifest = {
        "kind": resource.kind,
        "apiVersion": resource.group_version,
        "metadata": given.get("metadata") or {},
        "spec": given.get("spec") or {},
    }
    if resource.kind == "SelfSubjectReview":
        del answer["spec"]
        return {**answer, "status": {"userInfo": USER}}
    if resource.kind == "SelfSubjectRulesReview":
        rules = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
        paths = [{"verbs": ["*"], "nonResourceURLs": ["*"]}]
        return {**answer, "status": {"resourceRules": rules, "nonResourceRules": paths, "incomplete": False}}
    if resource.kind == "TokenReview":
        return {**answer, "status": {"authenticated": False, "user": {}}}
    return {**answer, "status": {"allowed": True, "reason": "the sandbox allows everything"}}
