"""Kinds that are asked, not stored: who am I, and may I."""

from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.access import AUTHENTICATED, User, is_allowed, review_attempt
from reconciler.sandbox.resources import Resource
from reconciler.sandbox.store import Store

_GROUPS: Final = ("authentication.k8s.io", "authorization.k8s.io")


def is_review(resource: Resource) -> bool:
    return resource.group in _GROUPS


def answer_review(store: Store, user: User, resource: Resource, namespace: str, body: Any) -> Manifest:
    """The review with its status filled in."""
    given = body if isinstance(body, dict) else {}
    spec = given.get("spec") or {}
    answer: Manifest = {
        "kind": resource.kind,
        "apiVersion": resource.group_version,
        "metadata": given.get("metadata") or {},
        "spec": spec,
    }
    if resource.kind == "SelfSubjectReview":
        del answer["spec"]
        return {**answer, "status": {"userInfo": user.info()}}
    if resource.kind == "SelfSubjectRulesReview":
        return {**answer, "status": _rules(store, user)}
    if resource.kind == "TokenReview":
        return {**answer, "status": {"user": {}, "error": "the sandbox issues no tokens that can be reviewed"}}
    if resource.kind in ("SubjectAccessReview", "LocalSubjectAccessReview"):
        groups = [str(group) for group in spec.get("groups") or ()]
        user = User(str(spec.get("user", "")), (*groups, AUTHENTICATED))
    attempt = review_attempt(spec)
    if is_allowed(store, user, attempt):
        return {**answer, "status": {"allowed": True, "reason": "RBAC: allowed by the user's roles"}}
    return {**answer, "status": {"allowed": False}}


def _rules(store: Store, user: User) -> Manifest:
    everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
    from reconciler.sandbox.access import Attempt

    if is_allowed(store, user, Attempt("*", "*", "*")):
        paths = [{"verbs": ["*"], "nonResourceURLs": ["*"]}]
        return {"resourceRules": [everything], "nonResourceRules": paths, "incomplete": False}
    return {"resourceRules": [], "nonResourceRules": [], "incomplete": True}
