"""What ``app diff`` and ``app plan`` of an Application of Applications say of its children."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.reconciler.cli.conftest import Call
from tests.reconciler.engine.families import Family, application_text, config_text, family

__all__ = ["family"]

RULES = "ignoreDifferences: [{kind: ConfigMap, jsonPointers: [/data/chosen]}]"


@pytest.fixture
def parent(family: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Family:
    """The root with the child web, both synced; branch ``change`` has web at branch ``v2``, with another value there."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    url = family.origin.url
    web = f"{application_text('web', url, 'web', policy='automated: {}')}  {RULES}\n"
    family.write({"apps/web.yaml": web, "web/config.yaml": config_text("web", "one")})
    family.origin.git("checkout", "--quiet", "-b", "v2")
    family.write({"web/config.yaml": config_text("web", "two")})
    family.origin.git("checkout", "--quiet", "-b", "change", "main")
    family.write({"apps/web.yaml": web.replace("targetRevision: main", "targetRevision: v2")})
    family.origin.git("checkout", "--quiet", "main")
    family.sync()
    return family


def app(call: Call, family: Family, *words: str) -> tuple[int, str, str]:
    return call("app", *words, "--kubeconfig", str(family.client.kubeconfig))


def test_a_diff_shows_the_resources_of_a_child_that_is_retargeted(parent: Family, call: Call) -> None:
    assert app(call, parent, "diff", "root") == (0, "", "")
    status, out, err = app(call, parent, "diff", "root", "--revision", "change")
    assert (status, err) == (1, "")
    own, _, below = out.partition("\nApplication argocd/web: changed, syncs by itself\n")
    assert "+    targetRevision: v2" in own
    assert "-  value: one\n+  value: two" in below
    status, out, _ = app(call, parent, "diff", "root", "--revision", "change", "-o", "json")
    document = json.loads(out)
    assert (status, document["application"]) == (1, "root")
    (child,) = document["children"]
    assert (child["change"], child["automated"], child["children"]) == ("changed", True, [])
    (resource,) = (entry for entry in child["comparison"]["resources"] if entry["key"]["name"] == "web")
    assert [(each["path"], each["target"]) for each in resource["differences"]] == [("$.data.value", "two")]
    assert "plan" not in child


def test_a_plan_shows_what_follows_in_a_child(parent: Family, call: Call) -> None:
    status, out, err = app(call, parent, "plan", "root", "--revision", "change")
    assert (status, err) == (0, "")
    own, _, below = out.partition("\nApplication argocd/web: changed, syncs by itself\n")
    assert own.startswith("Sync plan of argocd/root at ")
    assert "~ update    ConfigMap default/web" in below
    _, out, _ = app(call, parent, "plan", "root", "--revision", "change", "-o", "json")
    (child,) = json.loads(out)["children"]
    assert [task["key"]["name"] for task in child["plan"]["tasks"]] == ["web"]
    assert "comparison" not in child
    _, out, _ = app(call, parent, "plan", "root", "--revision", "change", "-o", "name")
    assert out == "Application.argoproj.io argocd/web\n"


def test_an_application_without_children_has_no_such_part(parent: Family, call: Call) -> None:
    for words in (("diff", "web"), ("plan", "web")):
        assert "children" not in json.loads(app(call, parent, *words, "-o", "json")[1])


def test_a_parent_that_holds_itself_shows_its_own_differences(parent: Family, call: Call) -> None:
    parent.write({"apps/root.yaml": application_text("root", parent.origin.url, "apps")})
    status, out, err = app(call, parent, "diff", "root")
    assert (status, "~ Application.argoproj.io argocd/root (changed)" in out) == (1, True)
    assert err == (
        "children are left out: Application root is its own ancestor (root → root); break the cycle in Git\n"
    )


def test_ignored_fields_are_left_out_of_a_diff_but_counted(parent: Family, call: Call) -> None:
    parent.write({"web/config.yaml": config_text("web", "three").replace("{value", "{chosen: here, value")})
    live: dict[str, Any] = {"data": {"chosen": "there"}}
    parent.client.patch("/api/v1/namespaces/default/configmaps/web", live).expect(200)
    status, out, err = app(call, parent, "diff", "web")
    assert (status, "chosen: here" in out, "+  value: three" in out) == (1, False, True)
    rule = "spec.ignoreDifferences[0].jsonPointers: /data/chosen"
    assert err == f"1 ignored field left out: 1 by {rule}; see them with --show-ignored\n"
    status, out, err = app(call, parent, "diff", "web", "--show-ignored")
    assert (status, err) == (1, "")
    assert ("-  chosen: there\n" in out, "+  chosen: here\n" in out) == (True, True)
    assert app(call, parent, "diff", "web", "-o", "csv")[1].count("\n") == 2
    assert app(call, parent, "diff", "web", "-o", "csv", "--show-ignored")[1].count("\n") == 3
