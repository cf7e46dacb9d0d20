from typing import Any

import pytest

from tests.reconciler.sandbox.clusters import TestCluster

SECRETS = "/api/v1/namespaces/default/secrets"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def bind(cluster: TestCluster, role: str, subject: dict[str, str], *, namespace: str = "") -> None:
    kind, path = (
        ("RoleBinding", f"{RBAC}/namespaces/{namespace}/rolebindings")
        if namespace
        else (
            "ClusterRoleBinding",
            f"{RBAC}/clusterrolebindings",
        )
    )
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role}
    cluster.create(path, {"kind": kind, "metadata": {"name": "given"}, "roleRef": reference, "subjects": [subject]})


def allowed(cluster: TestCluster, headers: dict[str, str], method: str, path: str, body: Any = None) -> bool:
    return cluster.send(method, path, body, headers=headers).status < 300


def test_an_impersonated_user_has_no_rights_of_its_own(cluster: TestCluster) -> None:
    headers = {"impersonate-user": "joe"}
    answer = cluster.send("GET", SECRETS, headers=headers)
    assert answer.status == 403
    assert answer.content["message"] == (
        'secrets is forbidden: User "joe" cannot list resource "secrets" in API group "" in the namespace "default"'
    )
    named = cluster.send("GET", "/api/v1/nodes/sandbox", headers=headers).content["message"]
    assert named == (
        'nodes "sandbox" is forbidden: User "joe" cannot get resource "nodes" in API group "" at the cluster scope'
    )
    assert allowed(cluster, headers, "GET", "/apis")


@pytest.mark.parametrize(
    ("subject", "headers"),
    [
        ({"kind": "User", "name": "joe"}, {"impersonate-user": "joe"}),
        ({"kind": "Group", "name": "ops"}, {"impersonate-user": "jane", "impersonate-group": "dev\nops"}),
        (
            {"kind": "ServiceAccount", "name": "robot", "namespace": "default"},
            {"impersonate-user": "system:serviceaccount:default:robot"},
        ),
    ],
)
def test_roles_reach_users_groups_and_service_accounts(
    cluster: TestCluster, subject: dict[str, str], headers: dict[str, str]
) -> None:
    bind(cluster, "edit", subject, namespace="default")
    assert allowed(cluster, headers, "GET", SECRETS)
    assert not allowed(cluster, headers, "GET", "/api/v1/namespaces/argocd/secrets")
    assert not allowed(cluster, headers, "GET", "/api/v1/nodes")
    assert not allowed(cluster, {"impersonate-user": "other"}, "GET", SECRETS)


def test_masters_may_everything(cluster: TestCluster) -> None:
    assert allowed(cluster, {"impersonate-user": "x", "impersonate-group": "system:masters"}, "GET", SECRETS)


def test_resource_names_narrow_a_rule(cluster: TestCluster) -> None:
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["mine"]}
    cluster.create(f"{RBAC}/clusterroles", {"metadata": {"name": "one"}, "rules": [rule]})
    bind(cluster, "one", {"kind": "User", "name": "joe"})
    joe = {"impersonate-user": "joe"}
    assert cluster.send("GET", f"{SECRETS}/mine", headers=joe).status == 404
    assert cluster.send("GET", f"{SECRETS}/other", headers=joe).status == 403


def test_groups_without_a_user_are_an_error(cluster: TestCluster) -> None:
    answer = cluster.send("GET", SECRETS, headers={"impersonate-group": "x"})
    assert (answer.status, "without impersonating a user" in answer.content["message"]) == (500, True)


def review(cluster: TestCluster, kind: str, spec: dict[str, Any], headers: dict[str, str] | None = None) -> Any:
    group = "authentication" if kind == "selfsubjectreviews" else "authorization"
    answer = cluster.send("POST", f"/apis/{group}.k8s.io/v1/{kind}", {"spec": spec}, headers=headers or {})
    assert answer.status == 201
    return answer.content["status"]


def test_who_am_i(cluster: TestCluster) -> None:
    assert review(cluster, "selfsubjectreviews", {})["userInfo"]["username"] == "kubernetes-admin"
    joe = review(cluster, "selfsubjectreviews", {}, {"impersonate-user": "joe"})["userInfo"]
    assert joe == {"username": "joe", "groups": ["system:authenticated"]}


def test_may_i(cluster: TestCluster) -> None:
    attributes = {"verb": "create", "group": "apps", "resource": "deployments", "namespace": "default"}
    spec = {"resourceAttributes": attributes}
    assert review(cluster, "selfsubjectaccessreviews", spec)["allowed"] is True
    joe = {"impersonate-user": "joe"}
    assert review(cluster, "selfsubjectaccessreviews", spec, joe) == {"allowed": False}
    assert review(
        cluster, "selfsubjectaccessreviews", {"nonResourceAttributes": {"verb": "get", "path": "/version"}}, joe
    )["allowed"]
    assert (
        review(cluster, "subjectaccessreviews", {**spec, "user": "x", "groups": ["system:masters"]})["allowed"] is True
    )
    assert review(cluster, "selfsubjectrulesreviews", {"namespace": "default"})["incomplete"] is False
