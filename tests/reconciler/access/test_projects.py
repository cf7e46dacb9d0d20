import pytest

from reconciler.access import (
    IMPLICIT_DEFAULT,
    DestinationCluster,
    Verdict,
    effective_project,
    permits_application_namespace,
    permits_destination,
    permits_resource,
    permits_source,
    refusals,
)
from reconciler.manifest.objects import ResourceKey
from reconciler.model import AppProject, parse_application, parse_project
from reconciler.patterns.evaluate import PatternAnswer

HERE = DestinationCluster("https://kubernetes.default.svc", "in-cluster")
PROD = DestinationCluster("https://prod.example.com", "prod", frozenset({"team"}))


def project(**spec: object) -> AppProject:
    return parse_project(
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "team"}, "spec": spec}
    )


@pytest.mark.parametrize(
    ("rules", "url", "permitted"),
    [
        ([], "https://github.com/org/shop", False),
        (["*"], "https://github.com/org/shop", True),
        (["*"], "oci://ghcr.io/org/chart", True),
        (["https://github.com/*"], "https://github.com/org/shop", False),
        (["https://github.com/**"], "https://github.com/org/shop", True),
        (["https://github.com/org/*"], "https://GitHub.com/Org/Shop.git", True),
        (["https://github.com/org/shop.git"], "https://github.com/org/shop", True),
        (["https://github.com/org/shop"], "https://github.com/org/shop-x", False),
        (["git@github.com:org/shop"], "ssh://git@github.com/org/shop.git", True),
        (["git@github.com:org/*"], "git@github.com:org/shop.git", True),
        (["*", "!https://github.com/org/**"], "https://github.com/org/shop", False),
        (["!https://github.com/org/**", "*"], "https://github.com/other/shop", True),
        (["!https://github.com/org/**"], "https://github.com/other/shop", False),
        (["https://github.com/{a,b}/shop"], "https://github.com/a/shop", False),
        (["https://github.com/[ab]/shop"], "https://github.com/a/shop", True),
        (["["], "https://github.com/a", False),
        (["*", "!["], "https://github.com/a", False),
        (["https://a/%zz"], "https://b/%yy", False),
    ],
)
def test_sources(rules: list[str], url: str, permitted: bool) -> None:
    assert permits_source(project(sourceRepos=rules), url).permitted is permitted


@pytest.mark.parametrize(
    "url",
    [
        "https://someone@gitlab.com/group/shop",
        "https://gitlab.com:443/group/shop",
        "https://gitlab.com//group/shop/",
        "https://gitlab.com/gr%6fup/shop.git/",
        "HTTPS://GitLab.com/GROUP/shop",
    ],
)
def test_another_spelling_of_a_refused_repository_is_refused(url: str) -> None:
    verdict = permits_source(project(sourceRepos=["*", "!https://gitlab.com/group/**"]), url)
    assert verdict.reason.endswith("is not permitted in project 'team': a rule of sourceRepos refuses it")
    assert "someone@" not in verdict.reason


def test_the_documented_ssh_example_refuses() -> None:
    rules = project(sourceRepos=["!ssh://git@GITHUB.com:argoproj/test", "*"])
    assert not permits_source(rules, "git@github.com:argoproj/test.git").permitted
    assert permits_source(rules, "git@github.com:argoproj/other.git").permitted


def test_rules_that_only_refuse_say_what_is_missing() -> None:
    assert permits_source(project(sourceRepos=["!https://a/b"]), "https://a/c").reason == (
        "application repo https://a/c is not permitted in project 'team': its rules only refuse; add the repositories that "
        "are allowed, or '*'"
    )


def rule(server: str = "", name: str = "", namespace: str = "") -> dict[str, str]:
    return {"server": server, "name": name, "namespace": namespace}


ANY = rule("*", "", "*")


@pytest.mark.parametrize(
    ("rules", "cluster", "namespace", "permitted"),
    [
        ([], HERE, "a", False),
        ([ANY], HERE, "a", True),
        ([rule(HERE.server, "", "a")], HERE, "a", True),
        ([rule(HERE.server, "", "a")], HERE, "b", False),
        ([rule(HERE.server, "", "a")], PROD, "a", False),
        ([rule("", "prod", "a-*")], PROD, "a-x", True),
        ([rule("", "prod", "a-*")], HERE, "a-x", False),
        ([rule("https://*", "", "{a,b}")], PROD, "b", True),
        ([rule("", "", "*")], HERE, "a", False),
        ([ANY, rule("*", "", "!kube-system")], HERE, "kube-system", False),
        ([ANY, rule("*", "", "!kube-system")], HERE, "a", True),
        ([ANY, rule("", "prod", "!kube-*")], PROD, "kube-system", False),
        ([ANY, rule("", "prod", "!kube-*")], HERE, "kube-system", True),
        ([ANY, rule("!https://prod*", "", "*")], PROD, "a", False),
        ([ANY, rule("!https://prod*", "", "*")], HERE, "a", True),
        ([ANY, rule("!https://prod*", "", "b")], PROD, "a", True),
        ([ANY, rule("", "!prod", "*")], PROD, "a", False),
        ([ANY, rule("!https://prod*", "", "!a")], PROD, "a", False),
        ([rule("!https://prod*", "", "*")], HERE, "a", False),
        ([rule("*", "", "!kube-system")], HERE, "a", False),
        ([ANY, rule("![", "", "*")], HERE, "a", False),
    ],
)
def test_destinations(rules: list[object], cluster: DestinationCluster, namespace: str, permitted: bool) -> None:
    assert permits_destination(project(destinations=rules), cluster, namespace).permitted is permitted


def test_a_refused_destination_names_server_and_namespace() -> None:
    assert permits_destination(project(), HERE, "a").reason == (
        "application destination server 'https://kubernetes.default.svc' and namespace 'a' do not match any of the allowed "
        "destinations in project 'team'"
    )
    refused = permits_destination(project(destinations=[ANY, rule("*", "", "!kube-*")]), HERE, "kube-system")
    assert refused.reason.endswith("the rule with !kube-* refuses it")


def test_only_clusters_of_the_project() -> None:
    scoped = project(destinations=[ANY], permitOnlyProjectScopedClusters=True)
    assert permits_destination(scoped, PROD, "a").permitted
    namesake = DestinationCluster("https://elsewhere.example.com", "prod", frozenset({"other"}))
    assert permits_destination(scoped, namesake, "a").reason.endswith("(permitOnlyProjectScopedClusters)")


NAMESPACE = ResourceKey("", "Namespace", "", "team-a")
ROLE = ResourceKey("rbac.authorization.k8s.io", "ClusterRole", "", "reader")


@pytest.mark.parametrize(
    ("lists", "key", "permitted"),
    [
        ({}, NAMESPACE, False),
        ({"clusterResourceWhitelist": []}, NAMESPACE, False),
        ({"clusterResourceWhitelist": [{"group": "*", "kind": "*"}]}, ROLE, True),
        ({"clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}]}, NAMESPACE, True),
        ({"clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}]}, ROLE, False),
        ({"clusterResourceWhitelist": [{"group": "*.k8s.io", "kind": "Cluster*"}]}, ROLE, True),
        ({"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "team-*"}]}, NAMESPACE, True),
        ({"clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": "other-*"}]}, NAMESPACE, False),
        ({"clusterResourceWhitelist": [{"group": "", "kind": "{Namespace,Node}"}]}, NAMESPACE, False),
        (
            {
                "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
                "clusterResourceBlacklist": [{"group": "", "kind": "Namespace", "name": "team-*"}],
            },
            NAMESPACE,
            False,
        ),
        (
            {
                "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
                "clusterResourceBlacklist": [{"group": "", "kind": "Namespace", "name": "kube-*"}],
            },
            NAMESPACE,
            True,
        ),
        (
            {
                "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
                "clusterResourceBlacklist": [{"group": "", "kind": "["}],
            },
            NAMESPACE,
            False,
        ),
        ({"namespaceResourceWhitelist": [{"group": "*", "kind": "*"}]}, NAMESPACE, False),
    ],
)
def test_cluster_scoped_kinds(lists: dict[str, object], key: ResourceKey, permitted: bool) -> None:
    assert permits_resource(project(**lists), key, HERE, namespaced=False).permitted is permitted


SECRET = ResourceKey("", "Secret", "a", "s")


@pytest.mark.parametrize(
    ("lists", "permitted"),
    [
        ({}, True),
        ({"namespaceResourceWhitelist": None}, True),
        ({"namespaceResourceWhitelist": []}, False),
        ({"namespaceResourceWhitelist": [{"group": "", "kind": "Secret"}]}, True),
        ({"namespaceResourceWhitelist": [{"group": "apps", "kind": "*"}]}, False),
        ({"namespaceResourceBlacklist": [{"group": "", "kind": "Sec*"}]}, False),
        ({"namespaceResourceBlacklist": [{"group": "[", "kind": "Other"}]}, False),
        ({"clusterResourceBlacklist": [{"group": "*", "kind": "*"}]}, True),
    ],
)
def test_namespaced_kinds(lists: dict[str, object], permitted: bool) -> None:
    rules = project(destinations=[ANY], **lists)
    assert permits_resource(rules, SECRET, HERE, namespaced=True).permitted is permitted


def test_a_namespaced_object_is_judged_by_its_own_namespace() -> None:
    rules = project(destinations=[rule(HERE.server, "", "a")])
    assert permits_resource(rules, SECRET, HERE, namespaced=True).permitted
    elsewhere = ResourceKey("", "Secret", "kube-system", "s")
    assert permits_resource(rules, elsewhere, HERE, namespaced=True).reason == (
        "namespace kube-system is not permitted in project 'team'"
    )
    assert permits_resource(rules, NAMESPACE, HERE, namespaced=False).reason == (
        "resource :Namespace is not permitted in project team"
    )


def test_namespaces_of_applications() -> None:
    rules = project(sourceNamespaces=["team-*", "/x[0-9]+/"])

    def permitted(namespace: str, **how: object) -> bool:
        return permits_application_namespace(rules, namespace, control_namespace="argocd", **how).permitted  # type: ignore[arg-type]

    assert permitted("")
    assert permitted("argocd")
    assert permitted("team-a")
    assert not permitted("other")
    assert not permitted("x1"), "nothing evaluates regular expressions here"
    assert permitted("x1", matcher=lambda pattern, text: PatternAnswer((pattern, text) == ("x[0-9]+", "x1")))
    refused = permits_application_namespace(rules, "other", control_namespace="argocd")
    assert refused.reason == "application in namespace 'other' is not allowed to use project 'team'"


def test_a_pattern_that_cannot_be_evaluated_permits_nothing_and_says_why() -> None:
    def permitted(*patterns: str) -> Verdict:
        rules = project(sourceNamespaces=list(patterns))
        return permits_application_namespace(
            rules,
            "team-a",
            control_namespace="argocd",
            matcher=lambda pattern, _text: PatternAnswer(pattern == "team", "cannot be read" if pattern == "(" else ""),
        )

    assert permitted("/(/", "//", "/").reason == (
        "application in namespace 'team-a' is not allowed to use project 'team'; sourceNamespaces: /(/ cannot be read"
    )
    assert permitted("/(/", "/team/").permitted


def application(**spec: object) -> object:
    return parse_application(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "web", "namespace": "apps"},
            "spec": {
                "project": "team",
                "destination": {"server": HERE.server, "namespace": "a"},
                "sources": [{"repoURL": "https://a/one", "path": "."}, {"repoURL": "https://a/two", "path": "."}],
            }
            | spec,
        }
    )


def test_all_reasons_come_together() -> None:
    found = refusals(project(sourceRepos=["https://a/one"]), application(), HERE, control_namespace="argocd")  # type: ignore[arg-type]
    assert [reason.split(" do not ")[0] for reason in found] == [
        "application in namespace 'apps' is not allowed to use project 'team'",
        "application repo https://a/two is not permitted in project 'team'",
        "application destination server 'https://kubernetes.default.svc' and namespace 'a'",
    ]


def test_both_repositories_of_a_hydrator_are_judged() -> None:
    hydrator = {
        "drySource": {"repoURL": "https://a/dry", "targetRevision": "main", "path": "."},
        "syncSource": {"targetBranch": "env", "path": ".", "repoURL": "https://a/wet"},
    }
    rules = project(sourceRepos=["https://a/dry"], destinations=[ANY], sourceNamespaces=["*"])
    found = refusals(rules, application(sources=[], sourceHydrator=hydrator), HERE, control_namespace="argocd")  # type: ignore[arg-type]
    assert found == ("application repo https://a/wet is not permitted in project 'team'",)


def test_a_missing_project_permits_nothing_and_default_is_always_there() -> None:
    assert refusals(effective_project("team", None), application(), HERE, control_namespace="argocd") == (  # type: ignore[arg-type]
        "Application referencing project team which does not exist",
    )
    default = effective_project("default", None)
    assert default is IMPLICIT_DEFAULT
    assert permits_source(default, "https://any/where").permitted
    assert permits_destination(default, PROD, "a").permitted
    assert permits_resource(default, ROLE, PROD, namespaced=False).permitted
    own = project()
    assert effective_project("default", own) is own
