"""Ways out of a project: another kind, namespace, server or source, and identities in disguise."""

import pytest

from reconciler.access import (
    DestinationCluster,
    effective_project,
    permits_destination,
    permits_resource,
    permits_source,
    refusals,
)
from reconciler.manifest.objects import ResourceKey
from reconciler.model import AppProject, parse_application, parse_project

HERE = DestinationCluster("https://kubernetes.default.svc", "in-cluster")
PROD = DestinationCluster("https://prod.example.com", "prod")

TEAM: AppProject = parse_project(
    {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "team"},
        "spec": {
            "sourceRepos": ["https://git.example.com/team/*"],
            "destinations": [{"server": HERE.server, "namespace": "team-*"}],
            "namespaceResourceBlacklist": [{"group": "", "kind": "ResourceQuota"}],
        },
    }
)


@pytest.mark.parametrize(
    "url",
    [
        "https://git.example.com/other/shop",
        "https://git.example.com/team/../other/shop",
        "https://git.example.com/team/a/b",
        "https://git.example.com/team",
        "https://git.example.com.evil.example/team/shop",
        "https://evil.example/https://git.example.com/team/shop",
        "https://evil.example@git.example.com/team/shop",
        "https://git.example.com@evil.example/team/shop",
        "http://git.example.com/team/shop",
        "ssh://git@git.example.com/team/shop",
        "https://git.example.com/team/shop?x=/../../other",
        "https://git.example.com/team/%zz/../../other",
        "https://git.example.com/team%2f..%2fother/shop",
        "oci://git.example.com/team/shop",
        "file:///srv/team/shop",
        "",
        "*",
        "!x",
    ],
)
def test_no_other_repository(url: str) -> None:
    assert not permits_source(TEAM, url).permitted


@pytest.mark.parametrize("namespace", ["", "kube-system", "team", "xteam-a", "Team-a", "default", "*", "!team-a"])
def test_no_other_namespace(namespace: str) -> None:
    assert permits_destination(TEAM, HERE, "team-a").permitted
    assert not permits_destination(TEAM, HERE, namespace).permitted


def test_the_identity_that_is_asked_for_is_the_one_that_counts() -> None:
    assert not permits_destination(TEAM, PROD, "team-a").permitted
    # A name that looks like the server's address, and the other way round.
    disguised = DestinationCluster(PROD.server, HERE.server)
    assert not permits_destination(TEAM, disguised, "team-a").permitted
    assert not permits_destination(TEAM, DestinationCluster("", HERE.server), "team-a").permitted


@pytest.mark.parametrize(
    ("key", "namespaced"),
    [
        (ResourceKey("", "ResourceQuota", "team-a", "q"), True),
        (ResourceKey("", "Secret", "kube-system", "s"), True),
        (ResourceKey("", "Secret", "", "s"), True),
        (ResourceKey("", "Namespace", "", "team-a"), False),
        (ResourceKey("rbac.authorization.k8s.io", "ClusterRoleBinding", "", "me"), False),
        (ResourceKey("rbac.authorization.k8s.io", "ClusterRoleBinding", "team-a", "me"), False),
        (ResourceKey("argoproj.io", "AppProject", "argocd", "team"), True),
    ],
)
def test_no_object_outside(key: ResourceKey, namespaced: bool) -> None:
    # The rule takes an identity: no annotation that an object bears, such as that of a hook, can change the answer.
    assert not permits_resource(TEAM, key, HERE, namespaced=namespaced).permitted


def test_a_project_that_is_missing_permits_nothing() -> None:
    for name in ("other", "Default", "default "):
        assert effective_project(name, None) is None
    application = parse_application(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "web"},
            "spec": {
                "project": "other",
                "source": {"repoURL": "https://git.example.com/team/shop", "path": "."},
                "destination": {"server": HERE.server, "namespace": "team-a"},
            },
        }
    )
    assert refusals(None, application, HERE, control_namespace="argocd") == (
        "Application referencing project other which does not exist",
    )
    assert refusals(TEAM, application, HERE, control_namespace="argocd") == ()
