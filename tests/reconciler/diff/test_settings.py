"""Rules as they are written: in the Application, in argocd-cm and in a resource's annotation."""

from typing import Any

import pytest

from reconciler.diff.records import ResourceComparison
from reconciler.diff.rules import CompareOptions, CompareRules, IgnoreRule, RuleForm, StatusIgnored
from reconciler.diff.settings import (
    annotation_rules,
    asks_server,
    compare_rules,
    includes_webhooks,
    parse_system_rules,
    server_side_options,
)
from reconciler.errors import SpecError
from reconciler.manifest.objects import ResourceKey
from reconciler.model import Application
from reconciler.model.parse import parse_application
from reconciler.terms import SyncStatus

IGNORE = "resource.customizations.ignoreDifferences."
DEPLOYMENT = ResourceKey("apps", "Deployment", "shop", "web")


def application(
    *ignore: dict[str, Any], annotations: dict[str, str] | None = None, options: tuple[str, ...] = ()
) -> Application:
    return parse_application(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "shop", "annotations": annotations or {}},
            "spec": {
                "project": "default",
                "source": {"repoURL": "https://example.com/a.git", "path": "."},
                "destination": {"namespace": "shop", "name": "in-cluster"},
                "ignoreDifferences": list(ignore),
                "syncPolicy": {"syncOptions": list(options)},
            },
        }
    )


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        ({"kind": "Deployment"}, False),
        ({"kind": "Service"}, True),
        ({"group": "apps", "kind": "Deployment"}, True),
        ({"group": "*", "kind": "*"}, True),
        ({"group": "a*", "kind": "*Set"}, False),
        ({"group": "apps", "kind": "Deployment", "name": "web", "namespace": "shop"}, True),
        ({"group": "apps", "kind": "Deployment", "name": "w*"}, False),
        ({"group": "apps", "kind": "Deployment", "namespace": "other"}, False),
    ],
)
def test_which_objects_a_rule_is_for(rule: dict[str, Any], matches: bool) -> None:
    rules = compare_rules(application({**rule, "jsonPointers": ["/x"]}))
    key = ResourceKey("", "Service", "shop", "web") if rule["kind"] == "Service" else DEPLOYMENT
    assert bool(rules.ignored_in(key)) is matches


def test_the_application_s_rules_come_first_and_say_where_they_stand() -> None:
    system = parse_system_rules(
        {
            f"{IGNORE}all": "managedFieldsManagers: [kube-controller-manager]",
            f"{IGNORE}apps_Deployment": "jsonPointers:\n- /spec/replicas\njqPathExpressions:\n- .spec.paused",
            f"{IGNORE}ConfigMap": "jsonPointers: [/data]",
        }
    )
    rule = {"group": "apps", "kind": "Deployment", "jsonPointers": ["/a", "/b"], "jqPathExpressions": [".c"]}
    rules = compare_rules(application(rule), system)
    assert [entry.label for entry in rules.ignored_in(DEPLOYMENT)] == [
        "spec.ignoreDifferences[0].jsonPointers: /a",
        "spec.ignoreDifferences[0].jsonPointers: /b",
        "spec.ignoreDifferences[0].jqPathExpressions: .c",
        f"argocd-cm {IGNORE}all.managedFieldsManagers: kube-controller-manager",
        f"argocd-cm {IGNORE}apps_Deployment.jsonPointers: /spec/replicas",
        f"argocd-cm {IGNORE}apps_Deployment.jqPathExpressions: .spec.paused",
    ]
    config_map = ResourceKey("", "ConfigMap", "shop", "a")
    assert [entry.text for entry in rules.ignored_in(config_map)] == ["/data", "kube-controller-manager"]


def test_the_legacy_form_and_its_replacement() -> None:
    legacy = """
apps/Deployment:
  ignoreDifferences: |
    jsonPointers: [/old]
  knownTypeFields:
  - field: spec.template.spec
    type: core/v1/PodSpec
Service:
  ignoreDifferences: |
    jsonPointers: [/spec/ports]
"*/*":
  health.lua: return {}
"""
    system = parse_system_rules({"resource.customizations": legacy, f"{IGNORE}apps_Deployment": "jsonPointers: [/new]"})
    assert system.problems == ()
    assert [(rule.group, rule.kind, rule.text) for rule in system.ignore] == [
        ("apps", "Deployment", "/new"),
        ("", "Service", "/spec/ports"),
    ]
    assert [(entry.group, entry.kind, entry.field, entry.type) for entry in system.known_types] == [
        ("apps", "Deployment", "spec.template.spec", "core/v1/PodSpec")
    ]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {f"{IGNORE}a_b_C": "jsonPointers: []"},
            f"argocd-cm {IGNORE}a_b_C: must end with <group>_<Kind>, <Kind> or all",
        ),
        (
            {f"{IGNORE}all": "[1]"},
            f"argocd-cm {IGNORE}all: must be a mapping with jqPathExpressions, jsonPointers, managedFieldsManagers",
        ),
        (
            {f"{IGNORE}all": "jsonPointer: [/a]"},
            f"argocd-cm {IGNORE}all: must be a mapping with jqPathExpressions, jsonPointers, managedFieldsManagers",
        ),
        ({f"{IGNORE}all": "jsonPointers: /a"}, f"argocd-cm {IGNORE}all: jsonPointers: must be a list of strings"),
        ({"resource.customizations": "- a"}, "argocd-cm resource.customizations: must be a mapping of group/Kind"),
        (
            {"resource.customizations": "apps/Deployment: 1"},
            "argocd-cm resource.customizations apps/Deployment: must be a mapping",
        ),
        (
            {"resource.compareoptions": "ignoreResourceStatusField: some"},
            "argocd-cm resource.compareoptions: ignoreResourceStatusField: must be all, crd or none",
        ),
        (
            {"resource.compareoptions": "ignoreAggregatedRoles: 'yes'"},
            "argocd-cm resource.compareoptions: ignoreAggregatedRoles: must be true or false",
        ),
        (
            {"resource.customizations.knownTypeFields.a_B": "- field: 1"},
            "argocd-cm resource.customizations.knownTypeFields.a_B: must be a list of field and type",
        ),
    ],
)
def test_a_setting_that_cannot_be_read_is_told_and_left_out(settings: dict[str, str], problem: str) -> None:
    system = parse_system_rules({**settings, f"{IGNORE}ConfigMap": "jsonPointers: [/data]"})
    assert system.problems == (problem,)
    assert [rule.text for rule in system.ignore] == ["/data"]
    assert compare_rules(application(), system).problems == (problem,)


def test_text_that_is_no_yaml_is_told() -> None:
    (problem,) = parse_system_rules({f"{IGNORE}all": "a: [", "resource.customizations": ""}).problems
    assert problem.startswith(f"argocd-cm {IGNORE}all")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", CompareOptions()),
        ("ignoreAggregatedRoles: true", CompareOptions(ignore_aggregated_roles=True)),
        ("ignoreResourceStatusField: crd", CompareOptions(ignore_status=StatusIgnored.CRD)),
        ("ignoreResourceStatusField: none", CompareOptions(ignore_status=StatusIgnored.NONE)),
        ("ignoreResourceStatusField: off", CompareOptions(ignore_status=StatusIgnored.NONE)),
        ("ignoreResourceStatusField: all", CompareOptions()),
        ("ignoreDifferencesOnResourceUpdates: false", CompareOptions(ignore_differences_on_updates=False)),
    ],
)
def test_compare_options(text: str, expected: CompareOptions) -> None:
    assert parse_system_rules({"resource.compareoptions": text}).options == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (None, False)),
        ("ServerSideDiff=true", (True, False)),
        ("ServerSideDiff=false", (False, False)),
        ("IgnoreExtraneous, ServerSideDiff=true , IncludeMutationWebhook=true", (True, True)),
        ("ServerSideDiff", (None, False)),
    ],
)
def test_server_side_options(text: str, expected: tuple[bool | None, bool]) -> None:
    assert server_side_options({"argocd.argoproj.io/compare-options": text}) == expected


@pytest.mark.parametrize(
    ("instance", "resource", "asked", "webhooks"),
    [
        (None, "", False, False),
        (True, "", True, False),
        (True, "ServerSideDiff=false", False, False),
        (False, "ServerSideDiff=true,IncludeMutationWebhook=true", True, True),
    ],
)
def test_a_resource_s_own_options_count_more(instance: bool | None, resource: str, asked: bool, webhooks: bool) -> None:
    target = {"metadata": {"name": "a", "annotations": {"argocd.argoproj.io/compare-options": resource}}}
    rules = CompareRules(server_side=instance)
    assert (asks_server(rules, target), includes_webhooks(rules, target)) == (asked, webhooks)


def test_what_the_application_asks_for() -> None:
    annotations = {"argocd.argoproj.io/compare-options": "ServerSideDiff=false"}
    system = parse_system_rules({}, {"controller.diff.server.side": "true"})
    assert compare_rules(application(), system).server_side is True
    rules = compare_rules(application(annotations=annotations, options=("RespectIgnoreDifferences=true",)), system)
    assert (rules.server_side, rules.respect) == (False, True)


def annotated(text: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "annotations": {"argocd.argoproj.io/ignore-differences": text}}}


def test_the_annotation_of_a_resource() -> None:
    rules = annotation_rules(
        annotated("jsonPointers:\n- /data\njqPathExpressions: ['.a']\nmanagedFieldsManagers: [x]\n")
    )
    assert [(rule.form, rule.text) for rule in rules] == [
        (RuleForm.JSON_POINTER, "/data"),
        (RuleForm.JQ, ".a"),
        (RuleForm.MANAGER, "x"),
    ]
    assert all(rule.is_for(DEPLOYMENT) for rule in rules)
    assert annotation_rules({"metadata": {"name": "a"}}) == annotation_rules(annotated(" ")) == ()


@pytest.mark.parametrize("text", ["a", "[]", "jsonPointers: x", "a: [", "jsonPointers: [1]"])
def test_an_annotation_that_cannot_be_read(text: str) -> None:
    with pytest.raises(SpecError, match=r"^annotation argocd\.argoproj\.io/ignore-differences"):
        annotation_rules(annotated(text))


def compared(key: ResourceKey, *used: str) -> ResourceComparison:
    return ResourceComparison(key, "v1", SyncStatus.SYNCED, rules_used=used)


def test_rules_that_find_nothing_are_told() -> None:
    rules = compare_rules(
        application(
            {"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas", "/spec/x", "spec/y"]},
            {"kind": "Deployment", "jsonPointers": ["/spec/replicas"]},
            {"group": "*", "kind": "*", "managedFieldsManagers": ["hpa"]},
        ),
        parse_system_rules({f"{IGNORE}all": "jsonPointers: [/z]"}),
    )
    used = "spec.ignoreDifferences[0].jsonPointers: /spec/replicas"
    no_such = "the application has no such resource; give group (empty is the core group), kind, name and namespace"
    unused = rules.unused([compared(DEPLOYMENT, used)])
    assert [str(entry) for entry in unused] == [
        "spec.ignoreDifferences[0].jsonPointers: /spec/x ignores nothing: no such field in target or live",
        "spec.ignoreDifferences[0].jsonPointers: spec/y ignores nothing: not a JSON pointer; begin it with /",
        f"spec.ignoreDifferences[1].jsonPointers: /spec/replicas ignores nothing: {no_such}",
        "spec.ignoreDifferences[2].managedFieldsManagers: hpa ignores nothing: no such manager",
    ]
    assert unused[0].origin == "spec.ignoreDifferences[0]"
    assert len(rules.unused([compared(DEPLOYMENT, used)], system=True)) == 5


def test_the_digest_is_the_rules_own() -> None:
    rule = IgnoreRule(RuleForm.JSON_POINTER, "/a", "spec.ignoreDifferences[0]", "apps", "Deployment")
    variants = [
        CompareRules(),
        CompareRules(ignore=(rule,)),
        CompareRules(ignore=(rule, rule)),
        CompareRules(options=CompareOptions(ignore_aggregated_roles=True)),
        CompareRules(respect=True),
        CompareRules(server_side=True),
        CompareRules(server_side=False),
    ]
    assert len({entry.digest for entry in variants}) == len(variants)
    assert CompareRules(ignore=(rule,)).digest == CompareRules(ignore=(rule,), problems=("x",)).digest
