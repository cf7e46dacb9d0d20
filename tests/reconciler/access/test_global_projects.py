import pytest

from reconciler.access import inherit_global_projects, parse_global_projects
from reconciler.errors import SpecError
from reconciler.model import AppProject, parse_project

SETTING = """
- projectName: base
  labelSelector:
    matchLabels: {tier: prod}
    matchExpressions:
    - {key: team, operator: NotIn, values: [free]}
    - {key: managed, operator: Exists}
    - {key: legacy, operator: DoesNotExist}
"""


def project(name: str, labels: dict[str, str] | None = None, **spec: object) -> AppProject:
    metadata = {"name": name, "labels": labels or {}}
    return parse_project(
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": metadata, "spec": spec}
    )


def inherit(child: AppProject, base: AppProject | None, setting: str = SETTING) -> AppProject:
    return inherit_global_projects(child, parse_global_projects({"globalProjects": setting}), lambda name: base)


@pytest.mark.parametrize(
    ("labels", "matches"),
    [
        ({"tier": "prod", "managed": ""}, True),
        ({"tier": "prod", "managed": "", "team": "a"}, True),
        ({"tier": "prod", "managed": "", "team": "free"}, False),
        ({"tier": "prod"}, False),
        ({"tier": "test", "managed": ""}, False),
        ({"tier": "prod", "managed": "", "legacy": ""}, False),
    ],
)
def test_labels_choose_who_inherits(labels: dict[str, str], matches: bool) -> None:
    merged = inherit(project("team", labels), project("base", sourceRepos=["*"]))
    assert (merged.spec.source_repos == ("*",)) is matches


def test_lists_are_put_together() -> None:
    base = project(
        "base",
        sourceRepos=["b"],
        destinations=[{"server": "b", "namespace": "*"}],
        clusterResourceWhitelist=[{"group": "b", "kind": "B"}],
        clusterResourceBlacklist=[{"group": "b", "kind": "B"}],
        namespaceResourceBlacklist=[{"group": "b", "kind": "B"}],
        syncWindows=[{"kind": "deny", "schedule": "* * * * *", "duration": "1h"}],
        description="not inherited",
        roles=[{"name": "not-inherited"}],
    )
    child = project("team", sourceRepos=["a"], namespaceResourceBlacklist=[{"group": "a", "kind": "A"}])
    spec = inherit(child, base, "- projectName: base\n").spec
    assert spec.source_repos == ("a", "b")
    assert [rule.group for rule in spec.namespace_resource_blacklist] == ["a", "b"]
    assert [rule.server for rule in spec.destinations] == ["b"]
    assert [rule.kind for rule in (*spec.cluster_resource_whitelist, *spec.cluster_resource_blacklist)] == ["B", "B"]
    assert [window.kind for window in spec.sync_windows] == ["deny"]
    assert (spec.description, spec.roles) == ("", ())
    assert child.spec.source_repos == ("a",), "the project itself stays as it is"


@pytest.mark.parametrize(
    ("own", "base", "merged"),
    [(None, None, None), (None, [], None), ([], None, 0), ([], [], 0), (None, ["A"], 1), (["A"], None, 1)],
)
def test_a_white_list_that_is_missing_is_not_an_empty_one(
    own: list[str] | None, base: list[str] | None, merged: int | None
) -> None:
    def kinds(names: list[str] | None) -> list[dict[str, str]] | None:
        return None if names is None else [{"group": "", "kind": name} for name in names]

    found = inherit(
        project("team", namespaceResourceWhitelist=kinds(own)),
        project("base", namespaceResourceWhitelist=kinds(base)),
        "- {projectName: base, labelSelector: {}}",
    ).spec.namespace_resource_whitelist
    assert (None if found is None else len(found)) == merged


def test_a_project_does_not_inherit_from_itself() -> None:
    base = project("base", sourceRepos=["a"])
    assert inherit(base, base, "- projectName: base\n") is base


def test_a_missing_global_project_is_an_error() -> None:
    with pytest.raises(SpecError, match="there is no AppProject base, which team inherits"):
        inherit(project("team"), None, "- projectName: base\n")


def test_no_setting_no_inheritance() -> None:
    assert parse_global_projects({}) == ()
    assert parse_global_projects({"globalProjects": "# nothing\n"}) == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("projectName: base", "data.globalProjects: must be a list"),
        ("- labelSelector: {}", r"data.globalProjects\[0\].projectName: is required"),
        ("- {projectName: a, labelSelector: x}", "must be a label selector"),
        ("- {projectName: a, labelSelector: {matchLabels: {a: 1}}}", "must be texts by label"),
        ("- {projectName: a, labelSelector: {matchExpressions: x}}", "matchExpressions: must be a list"),
        ("- {projectName: a, labelSelector: {matchExpressions: [{key: x, operator: Gt}]}}", "must be one of In, NotIn"),
        (
            "- {projectName: a, labelSelector: {matchExpressions: [{key: x, operator: In}]}}",
            "In and NotIn, which need them",
        ),
        ("- {projectName: a, labelSelector: {matchExpressions: [3]}}", "key: is required"),
        ("- [", "argocd-cm globalProjects"),
    ],
)
def test_what_cannot_be_read_is_an_error(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parse_global_projects({"globalProjects": text})
