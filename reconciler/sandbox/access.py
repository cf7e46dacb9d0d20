"""Who asks, and whether RBAC lets them: the token's owner may do everything, those it impersonates what their roles say.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/ and …/authentication/#user-impersonation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.status import StatusError, forbidden
from reconciler.sandbox.store import GroupResource, ObjectName, Store

MASTERS: Final = "system:masters"
AUTHENTICATED: Final = "system:authenticated"
RBAC_GROUP: Final = "rbac.authorization.k8s.io"
_ROLES: Final = GroupResource(RBAC_GROUP, "roles")
_CLUSTER_ROLES: Final = GroupResource(RBAC_GROUP, "clusterroles")
_BINDINGS: Final = GroupResource(RBAC_GROUP, "rolebindings")
_CLUSTER_BINDINGS: Final = GroupResource(RBAC_GROUP, "clusterrolebindings")
_ACCOUNT: Final = "system:serviceaccount:"
GROUP_SEPARATOR: Final = "\n"
"""Joins the values of a repeated ``Impersonate-Group`` header."""


@dataclass(frozen=True, slots=True)
class User:
    """An authenticated user."""

    name: str
    groups: tuple[str, ...] = ()

    def info(self) -> Manifest:
        """As reviews show it."""
        return {"username": self.name, "groups": list(self.groups)}


ADMINISTRATOR: Final = User("kubernetes-admin", (MASTERS, AUTHENTICATED))


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a user wants to do. ``resource`` holds the sub-resource, too (``pods/log``); ``path`` is for other requests."""

    verb: str
    group: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""


def requesting_user(headers: Mapping[str, str]) -> User:
    """The user whom a request by the administrator acts as.

    Raises
    ------
    StatusError
        500, as the real server, for groups without a user.
    """
    name = headers.get("impersonate-user", "")
    groups = [group for group in headers.get("impersonate-group", "").split(GROUP_SEPARATOR) if group]
    if not name:
        if groups:
            text = f"Internal Server Error: requested {groups} without impersonating a user"
            raise StatusError(500, "InternalError", text)
        return ADMINISTRATOR
    if name.startswith(_ACCOUNT) and not groups:
        namespace = name.split(":")[2]
        groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}"]
    if name != "system:anonymous" and AUTHENTICATED not in groups:
        groups.append(AUTHENTICATED)
    return User(name, tuple(groups))


def is_allowed(store: Store, user: User, attempt: Attempt) -> bool:
    """Whether the user's roles cover the attempt."""
    if MASTERS in user.groups:
        return True
    return any(_covers(rule, attempt) for rule in _rules(store, user, attempt.namespace))


def require_allowed(store: Store, user: User, attempt: Attempt) -> None:
    """Raise the real server's 403 where `is_allowed` says no."""
    if is_allowed(store, user, attempt):
        return
    if attempt.path:
        text = f'User "{user.name}" cannot {attempt.verb} path "{attempt.path}"'
        raise StatusError(403, "Forbidden", f"forbidden: {text}", {})
    where = f'in the namespace "{attempt.namespace}"' if attempt.namespace else "at the cluster scope"
    what = f'resource "{attempt.resource}" in API group "{attempt.group}"'
    why = f'User "{user.name}" cannot {attempt.verb} {what} {where}'
    raise forbidden(attempt.group, attempt.resource.partition("/")[0], attempt.name, why)


def review_attempt(spec: Mapping[str, Any]) -> Attempt:
    """The attempt that a SubjectAccessReview asks about."""
    about = spec.get("resourceAttributes")
    if about is None:
        other = spec.get("nonResourceAttributes") or {}
        return Attempt(str(other.get("verb", "")), path=str(other.get("path", "")))
    resource = str(about.get("resource", ""))
    if about.get("subresource"):
        resource = f"{resource}/{about['subresource']}"
    texts = (str(about.get(key, "")) for key in ("verb", "group"))
    verb, group = texts
    return Attempt(verb, group, resource, str(about.get("namespace", "")), str(about.get("name", "")))


def _rules(store: Store, user: User, namespace: str) -> Iterator[Manifest]:
    for binding in store.objects(_CLUSTER_BINDINGS):
        if _binds(binding, user):
            yield from _role_rules(store, binding["roleRef"], "")
    if namespace:
        for binding in store.objects(_BINDINGS, namespace):
            if _binds(binding, user):
                yield from _role_rules(store, binding["roleRef"], namespace)


def _binds(binding: Manifest, user: User) -> bool:
    for subject in binding.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name")
        if kind == "User" and name == user.name:
            return True
        if kind == "Group" and name in user.groups:
            return True
        if kind == "ServiceAccount" and user.name == f"{_ACCOUNT}{subject.get('namespace')}:{name}":
            return True
    return False


def _role_rules(store: Store, reference: Manifest, namespace: str) -> Iterator[Manifest]:
    cluster = reference.get("kind") == "ClusterRole"
    storage, name = (
        (_CLUSTER_ROLES, ObjectName("", reference["name"]))
        if cluster
        else (_ROLES, ObjectName(namespace, reference["name"]))
    )
    role = store.get(storage, name)
    if role is not None:
        yield from role.get("rules") or ()


def _covers(rule: Manifest, attempt: Attempt) -> bool:
    if not _has(rule.get("verbs"), attempt.verb):
        return False
    if attempt.path:
        return any(
            pattern in ("*", attempt.path) or (pattern.endswith("*") and attempt.path.startswith(pattern[:-1]))
            for pattern in rule.get("nonResourceURLs") or ()
        )
    names = rule.get("resourceNames")
    if names and attempt.name not in names:
        return False
    subresource = attempt.resource.partition("/")[2]
    resources = rule.get("resources")
    return _has(rule.get("apiGroups"), attempt.group) and (
        _has(resources, attempt.resource) or bool(subresource and f"*/{subresource}" in (resources or ()))
    )


def _has(allowed: Any, value: str) -> bool:
    return "*" in (allowed or ()) or value in (allowed or ())
