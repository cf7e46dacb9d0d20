"""Objects that no application manages."""

from typing import Any

import pytest

from reconciler.cluster.orphans import IgnoredOrphan, OrphanSearch, find_orphans, ignored_orphans, is_exempt
from reconciler.cluster.tree import Forest
from reconciler.manifest.objects import ResourceKey
from reconciler.model import parse_project

TRACKING = "argocd.argoproj.io/tracking-id"


def obj(kind: str, name: str, *, namespace: str = "web", app: str = "", owner: str = "") -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name, "namespace": namespace, "uid": f"uid-{name}"}
    if app:
        metadata["annotations"] = {TRACKING: f"{app}:/{kind}:{namespace}/{name}"}
    if owner:
        metadata["ownerReferences"] = [{"apiVersion": "v1", "kind": "ConfigMap", "name": owner, "uid": f"uid-{owner}"}]
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata}


def orphans(objects: list[dict[str, Any]], *managed: str, **search: Any) -> list[str]:
    forest = Forest(objects)
    keys = [key for key in forest.objects if key.name in managed]
    return sorted(key.name for key in find_orphans(forest, keys, OrphanSearch("web", **search)))


def test_what_nobody_manages_with_all_that_it_owns() -> None:
    objects = [
        obj("ConfigMap", "ours"),
        obj("ConfigMap", "ours-child", owner="ours"),
        obj("ConfigMap", "lost"),
        obj("ConfigMap", "lost-child", owner="lost"),
        obj("ConfigMap", "of-a-vanished-owner", owner="gone"),
        obj("ConfigMap", "theirs", app="another"),
        obj("ConfigMap", "elsewhere", namespace="other"),
    ]
    assert orphans(objects, "ours") == ["lost", "lost-child"]


def test_the_mark_of_an_application_that_is_gone_protects_nothing() -> None:
    objects = [obj("ConfigMap", "a", app="alive"), obj("ConfigMap", "d", app="dead")]
    assert orphans(objects, is_application=lambda name: name == "alive") == ["d"]


def test_a_branch_ends_at_what_belongs_to_another_application() -> None:
    objects = [
        obj("ConfigMap", "lost"),
        obj("ConfigMap", "theirs", owner="lost", app="another"),
        obj("ConfigMap", "theirs-child", owner="theirs"),
    ]
    assert orphans(objects) == ["lost"]


def test_what_the_project_may_not_manage_is_none_of_its_business() -> None:
    objects = [obj("ConfigMap", "a"), obj("Secret", "b")]
    assert orphans(objects, permits=lambda _group, kind: kind != "Secret") == ["a"]


EXEMPT = {
    ResourceKey("", "ServiceAccount", "web", "default"): True,
    ResourceKey("", "ServiceAccount", "web", "other"): False,
    ResourceKey("", "ConfigMap", "web", "kube-root-ca.crt"): True,
    ResourceKey("", "Service", "default", "kubernetes"): True,
    ResourceKey("", "Service", "web", "kubernetes"): False,
}


@pytest.mark.parametrize(("key", "exempt"), EXEMPT.items(), ids=str)
def test_what_kubernetes_itself_keeps(key: ResourceKey, exempt: bool) -> None:
    assert is_exempt(key) is exempt


IGNORED = {
    "by group, kind and name": (IgnoredOrphan("apps", "Deployment", "front-*"), True),
    "another name": (IgnoredOrphan("apps", "Deployment", "back-*"), False),
    "any kind of a glob of groups": (IgnoredOrphan("app*"), True),
    "an empty group is only core": (IgnoredOrphan("", "Deployment"), False),
    "any group": (IgnoredOrphan("*", "Depl*"), True),
    "a glob that is none": (IgnoredOrphan("{", "Deployment"), False),
}


@pytest.mark.parametrize(("rule", "ignored"), IGNORED.values(), ids=IGNORED)
def test_ignore_rules(rule: IgnoredOrphan, ignored: bool) -> None:
    assert is_exempt(ResourceKey("apps", "Deployment", "web", "front-1"), [rule]) is ignored


def project(**spec: Any) -> Any:
    return parse_project(
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "p"}, "spec": spec}, where="t"
    )


def test_the_rules_of_a_project() -> None:
    rules = {"ignore": [{"group": "apps", "kind": "Deployment"}, {"kind": "Secret", "name": "x*"}]}
    assert ignored_orphans(project(orphanedResources=rules)) == (
        IgnoredOrphan("apps", "Deployment"),
        IgnoredOrphan("", "Secret", "x*"),
    )
    assert ignored_orphans(project()) == ()
