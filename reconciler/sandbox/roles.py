"""The cluster roles and bindings that every cluster has, as far as people bind them themselves.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings.
"""

from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.access import AUTHENTICATED, MASTERS, RBAC_GROUP

_READ: Final = ("get", "list", "watch")
_WRITE: Final = ("create", "delete", "deletecollection", "patch", "update")
_VIEWED: Final = {
    "": (
        "configmaps",
        "endpoints",
        "events",
        "limitranges",
        "namespaces",
        "persistentvolumeclaims",
        "pods",
        "pods/log",
        "pods/status",
        "replicationcontrollers",
        "resourcequotas",
        "serviceaccounts",
        "services",
    ),
    "apps": ("controllerrevisions", "daemonsets", "deployments", "replicasets", "statefulsets"),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "discovery.k8s.io": ("endpointslices",),
    "networking.k8s.io": ("ingresses", "networkpolicies"),
    "policy": ("poddisruptionbudgets",),
}
_EDITED: Final = {
    "": (
        "configmaps",
        "endpoints",
        "events",
        "persistentvolumeclaims",
        "pods",
        "pods/eviction",
        "replicationcontrollers",
        "replicationcontrollers/scale",
        "secrets",
        "serviceaccounts",
        "services",
    ),
    "apps": (
        "daemonsets",
        "deployments",
        "deployments/scale",
        "replicasets",
        "replicasets/scale",
        "statefulsets",
        "statefulsets/scale",
    ),
    "autoscaling": ("horizontalpodautoscalers",),
    "batch": ("cronjobs", "jobs"),
    "networking.k8s.io": ("ingresses", "networkpolicies"),
    "policy": ("poddisruptionbudgets",),
}


def default_roles() -> list[Manifest]:
    """``cluster-admin``, ``admin``, ``edit``, ``view`` and what every user may: ClusterRoles."""
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, {"nonResourceURLs": ["*"], "verbs": ["*"]}]
    view = _rules(_VIEWED, _READ)
    edit = [*view, *_rules(_EDITED, (*_READ, *_WRITE))]
    admin = [*edit, *_rules({RBAC_GROUP: ("roles", "rolebindings")}, (*_READ, *_WRITE))]
    paths = [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
    ]
    reviews = [
        {
            "apiGroups": ["authorization.k8s.io"],
            "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
            "verbs": ["create"],
        },
        {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
    ]
    rules = {
        "cluster-admin": everything,
        "admin": admin,
        "edit": edit,
        "view": view,
        "system:discovery": [{"nonResourceURLs": paths, "verbs": ["get"]}],
        "system:basic-user": reviews,
    }
    return [{"metadata": _metadata(name), "rules": entries} for name, entries in rules.items()]


def default_bindings() -> list[Manifest]:
    """The ClusterRoleBindings of those roles that have one."""
    bound = {"cluster-admin": MASTERS, "system:discovery": AUTHENTICATED, "system:basic-user": AUTHENTICATED}
    return [
        {
            "metadata": _metadata(name),
            "roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": name},
            "subjects": [{"apiGroup": RBAC_GROUP, "kind": "Group", "name": group}],
        }
        for name, group in bound.items()
    ]


def _metadata(name: str) -> Manifest:
    labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
    return {"name": name, "labels": labels, "annotations": {"rbac.authorization.kubernetes.io/autoupdate": "true"}}


def _rules(resources: dict[str, tuple[str, ...]], verbs: tuple[str, ...]) -> list[Manifest]:
    return [
        {"apiGroups": [group], "resources": list(names), "verbs": list(verbs)} for group, names in resources.items()
    ]
