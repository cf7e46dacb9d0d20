"""What passes for the server's own value, where live has a field that an apply leaves out."""

from typing import Any

import pytest

from reconciler.manifest.objects import GroupVersionKind
from reconciler.manifest.schema import Schema
from reconciler.manifest.typed.canonical import is_default
from tests.reconciler.manifest.typed.recorded import recorded_openapi

OPENAPI = recorded_openapi()
DEPLOYMENT = GroupVersionKind("apps", "v1", "Deployment")
HOOKS = GroupVersionKind("admissionregistration.k8s.io", "v1", "MutatingWebhookConfiguration")
BINDING = GroupVersionKind("rbac.authorization.k8s.io", "v1", "RoleBinding")
POD = "spec.template.spec"


def type_at(kind: GroupVersionKind, path: str) -> Schema:
    schema = OPENAPI.schema(kind)
    assert schema is not None
    for name in filter(None, path.split(".")):
        schema = schema.item if name == "*" else schema.child(name)
    return schema


@pytest.mark.parametrize(
    ("kind", "path", "field", "holder", "expected"),
    [
        (DEPLOYMENT, "spec", "replicas", {"replicas": 1}, True),
        (DEPLOYMENT, "spec", "replicas", {"replicas": 2}, False),
        (DEPLOYMENT, "spec", "strategy", {"strategy": {"type": "RollingUpdate"}}, False),
        (DEPLOYMENT, "spec.strategy", "type", {"type": "RollingUpdate"}, True),
        (DEPLOYMENT, "spec.strategy", "type", {"type": "Recreate"}, False),
        (DEPLOYMENT, POD, "enableServiceLinks", {"enableServiceLinks": True}, True),
        (DEPLOYMENT, f"{POD}.containers.*", "imagePullPolicy", {"image": "a", "imagePullPolicy": "Always"}, True),
        (DEPLOYMENT, f"{POD}.containers.*", "imagePullPolicy", {"image": "a:1", "imagePullPolicy": "Always"}, False),
        (DEPLOYMENT, f"{POD}.containers.*", "stdin", {"stdin": True}, False),
        (HOOKS, "webhooks.*", "reinvocationPolicy", {"reinvocationPolicy": "Never"}, True),
        (HOOKS, "webhooks.*", "timeoutSeconds", {"timeoutSeconds": 5}, False),
        (BINDING, "subjects.*", "apiGroup", {"kind": "User", "apiGroup": BINDING.group}, True),
        (BINDING, "subjects.*", "apiGroup", {"kind": "ServiceAccount", "apiGroup": BINDING.group}, False),
    ],
)
def test_the_servers_own_values(
    kind: GroupVersionKind, path: str, field: str, holder: dict[str, Any], expected: bool
) -> None:
    assert is_default(type_at(kind, path), field, holder[field], holder) is expected


def test_a_default_that_has_defaults_of_its_own() -> None:
    halves = {"maxSurge": "25%", "maxUnavailable": "25%"}
    strategy = {"type": "RollingUpdate", "rollingUpdate": halves}
    assert is_default(type_at(DEPLOYMENT, "spec"), "strategy", strategy, {"strategy": strategy})


def test_a_limit_is_no_default_of_itself() -> None:
    item = type_at(GroupVersionKind("", "v1", "LimitRange"), "spec.limits.*")
    for amount, expected in (("1", True), ("2", False)):
        holder = {"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": amount}}
        assert is_default(item, "default", holder["default"], holder) is expected
