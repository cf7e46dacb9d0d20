"""What ignore rules hide, what they leave, and what cannot be told."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.diff.compare import compare_resource
from reconciler.diff.records import ResourceComparison
from reconciler.diff.respect import respect_ignored
from reconciler.diff.rules import CompareOptions, CompareRules, IgnoreRule, KnownTypeField, RuleForm, StatusIgnored
from reconciler.diff.secrets import Masker
from reconciler.errors import SpecError
from reconciler.jq.evaluate import JqEvaluator
from reconciler.jq.records import JqOutcome
from reconciler.manifest import OpenApi, predict_apply
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey
from reconciler.sandbox.documents import load_document
from reconciler.terms import SyncStatus

MASKER = Masker(b"0" * 32)
PATHS = ("apis/apps/v1", "api/v1", "apis/rbac.authorization.k8s.io/v1")
OPENAPI = OpenApi({path: load_document(path) for path in PATHS})
ENV = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]


def deployment(**changes: Any) -> Manifest:
    web = {
        "name": "web",
        "image": changes.get("image", "nginx:1"),
        "env": changes.get("env", ENV),
        "args": changes.get("args", ["a"]),
    }
    containers = [web, *changes.get("sidecars", ())]
    spec = {"replicas": changes.get("replicas", 1), "template": {"spec": {"containers": containers}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "annotations": changes.get("annotations", {"team": "a"})},
        "spec": spec,
    }


def live_of(applied: Manifest, changed: Manifest | None = None, *, manager: str = "kubectl-edit") -> Manifest:
    """An object that was applied, and then force-applied by someone else."""
    live = predict_apply(None, applied, field_manager="argocd-controller", force=True, openapi=OPENAPI).object
    assert live is not None
    if changed is not None:
        live = predict_apply(live, changed, field_manager=manager, force=True, openapi=OPENAPI).object
        assert live is not None
    return live


def rule(form: RuleForm, text: str, **where: str) -> IgnoreRule:
    return IgnoreRule(form, text, "spec.ignoreDifferences[0]", **({"group": "*", "kind": "*"} | where))


def pointer(text: str) -> IgnoreRule:
    return rule(RuleForm.JSON_POINTER, text)


def jq(text: str) -> IgnoreRule:
    return rule(RuleForm.JQ, text)


def manager(text: str) -> IgnoreRule:
    return rule(RuleForm.MANAGER, text)


@pytest.fixture(scope="module")
def evaluator() -> JqEvaluator:
    return JqEvaluator()


def compared(
    target: Manifest | None, live: Manifest | None, *rules: IgnoreRule, port: Any = None, **settings: Any
) -> ResourceComparison:
    one = target if target is not None else live
    assert one is not None
    key, version = ResourceKey.of(one), GroupVersionKind.of(one).version
    made = CompareRules(ignore=rules, **settings)
    return compare_resource(key, version, target, live, openapi=OPENAPI, masker=MASKER, rules=made, jq=port)


WEB = '$.spec.template.spec.containers[name="web"]'
PROXY = {"name": "proxy", "image": "p:1"}
LISTS = "/spec/template/spec/containers/0"

CASES: dict[str, tuple[Manifest, IgnoreRule, list[str], list[str]]] = {
    "a pointer": (deployment(replicas=3), pointer("/spec/replicas"), ["$.spec.replicas"], []),
    "a pointer to a parent": (deployment(replicas=3), pointer("/spec"), ["$.spec.replicas"], []),
    "a pointer into a list": (deployment(image="x:2"), pointer(f"{LISTS}/image"), [f"{WEB}.image"], []),
    "a pointer to another item": (
        deployment(image="x:2"),
        pointer("/spec/template/spec/containers/1/image"),
        [],
        [f"{WEB}.image"],
    ),
    "a pointer with escapes": (
        deployment(annotations={"team": "a", "x.io/y~z": "1"}),
        pointer("/metadata/annotations/x.io~1y~0z"),
        [],
        [],
    ),
    "a pointer beside the change": (
        deployment(replicas=3, image="x:2"),
        pointer("/spec/replicas"),
        ["$.spec.replicas"],
        [f"{WEB}.image"],
    ),
    "an expression": (
        deployment(image="x:2"),
        jq('.spec.template.spec.containers[] | select(.name == "web") | .image'),
        [f"{WEB}.image"],
        [],
    ),
    "an expression that selects nothing": (deployment(image="x:2"), jq(".spec.none[]?"), [], [f"{WEB}.image"]),
    "an expression over several fields": (
        deployment(image="x:2", replicas=2),
        jq("(.spec.replicas, .spec.template)"),
        ["$.spec.replicas", f"{WEB}.image"],
        [],
    ),
    "an item of an atomic list": (
        deployment(args=["a", "injected"]),
        jq(f'{LISTS.replace("/0", "[0]").replace("/", ".")}.args[] | select(. == "injected")'),
        [f"{WEB}.args"],
        [],
    ),
    "one of two items of an atomic list": (
        deployment(args=["b", "injected"]),
        jq('.spec.template.spec.containers[].args[] | select(. == "injected")'),
        [],
        [f"{WEB}.args"],
    ),
    "a manager": (deployment(replicas=3), manager("kubectl-edit"), ["$.spec.replicas"], []),
    "another manager": (deployment(replicas=3), manager("hpa"), [], ["$.spec.replicas"]),
    "a list item's field by its manager": (
        deployment(env=[ENV[0], {"name": "B", "value": "9"}]),
        manager("kubectl-edit"),
        [f'{WEB}.env[name="B"].value'],
        [],
    ),
}


@pytest.mark.parametrize(("changed", "one", "hidden", "counted"), CASES.values(), ids=CASES)
def test_what_a_rule_hides(
    changed: Manifest, one: IgnoreRule, hidden: list[str], counted: list[str], evaluator: JqEvaluator
) -> None:
    result = compared(deployment(), live_of(deployment(), changed), one, port=evaluator)
    assert [entry.path for entry in result.differences if entry.ignored_by] == hidden
    assert [entry.path for entry in result.differences if not entry.ignored_by] == counted
    assert {entry.ignored_by for entry in result.differences} - {""} <= {one.label}
    assert result.status is (SyncStatus.OUT_OF_SYNC if counted else SyncStatus.SYNCED)
    assert result.reason == ""


def test_a_difference_is_hidden_by_the_first_rule_that_does() -> None:
    first, second = pointer("/spec/replicas"), pointer("/spec")
    result = compared(deployment(), live_of(deployment(), deployment(replicas=3, image="x:2")), first, second)
    assert [entry.ignored_by for entry in result.differences] == [first.label, second.label]
    assert set(result.rules_used) == {first.label, second.label}


@pytest.mark.parametrize("live", [live_of(deployment()), None], ids=["in sync", "missing"])
def test_a_rule_is_used_where_its_field_is_even_if_nothing_differs(
    live: Manifest | None, evaluator: JqEvaluator
) -> None:
    rules = [pointer("/spec/replicas"), pointer("/spec/none"), jq(".spec.replicas"), jq(".spec.none")]
    result = compared(deployment(), live, *rules, port=evaluator)
    assert result.rules_used == (rules[0].label, rules[2].label)
    assert result.status is (SyncStatus.SYNCED if live else SyncStatus.OUT_OF_SYNC)


def test_an_extra_object_goes_only_in_a_sync_with_prune() -> None:
    (difference,) = compared(None, live_of(deployment())).differences
    assert not difference.synced
    (difference,) = compared(deployment(), None).differences
    assert difference.synced


def test_the_annotation_of_the_target_counts_and_live_s_does_not() -> None:
    text = "jsonPointers: [/spec/replicas, /spec/none]"
    noted = {"team": "a", "argocd.argoproj.io/ignore-differences": text}
    result = compared(
        deployment(annotations=noted), live_of(deployment(annotations=noted), deployment(annotations=noted, replicas=3))
    )
    assert result.status is SyncStatus.SYNCED
    assert [entry.ignored_by for entry in result.differences] == [
        "annotation argocd.argoproj.io/ignore-differences.jsonPointers: /spec/replicas"
    ]
    assert [entry.rule for entry in result.unused_rules] == [
        "annotation argocd.argoproj.io/ignore-differences.jsonPointers: /spec/none"
    ]
    only_live = compared(deployment(), live_of(deployment(), deployment(annotations=noted, replicas=3)))
    assert only_live.status is SyncStatus.OUT_OF_SYNC


def test_an_annotation_that_cannot_be_read_makes_its_object_unknown() -> None:
    target = deployment(annotations={"argocd.argoproj.io/ignore-differences": "jsonPointers: /a"})
    result = compared(target, live_of(deployment()))
    assert result.status is SyncStatus.UNKNOWN
    assert result.reason == "annotation argocd.argoproj.io/ignore-differences: jsonPointers: must be a list of strings"


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        (".spec, .spec.x) , (.y", "yields more than one value"),
        (".spec | error", "fails: "),
        (".spec |", "is not valid: syntax error"),
        (".", "does not yield an object"),
        ("halt", "yields no value"),
        ("1", "fails: Invalid path expression"),
    ],
)
@pytest.mark.parametrize("differs", [True, False], ids=["differs", "the same"])
def test_a_bad_expression_makes_what_it_touches_unknown(
    expression: str, reason: str, differs: bool, evaluator: JqEvaluator
) -> None:
    live = live_of(deployment(), deployment(replicas=3) if differs else None)
    result = compared(deployment(), live, jq(expression), pointer("/spec/replicas"), port=evaluator)
    assert result.status is SyncStatus.UNKNOWN
    start = f"an ignore rule cannot be applied: spec.ignoreDifferences[0].jqPathExpressions: {expression}: {reason}"
    assert result.reason.startswith(start)
    other = rule(RuleForm.JQ, expression, group="", kind="Service")
    assert compared(deployment(), live, other, port=evaluator).status is not SyncStatus.UNKNOWN


def test_without_a_worker_an_expression_cannot_be_told() -> None:
    result = compared(deployment(), live_of(deployment()), jq(".spec"))
    assert result.status is SyncStatus.UNKNOWN
    assert result.reason.endswith("cannot be evaluated here: there is no jq worker")


def role(**fields: Any) -> Manifest:
    body = {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}, **fields}
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "view"}, **body}


RULES = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]


def test_rules_of_an_aggregated_role() -> None:
    live = live_of(role(), role(rules=RULES), manager="clusterrole-aggregation-controller")
    for empty in ({}, {"rules": []}, {"rules": None}):
        assert compared(role(**empty), live).differences == ()
    other = role(rules=[{**RULES[0], "verbs": ["list"]}])
    assert compared(other, live).status is SyncStatus.OUT_OF_SYNC
    ignored = compared(other, live, options=CompareOptions(ignore_aggregated_roles=True))
    assert ignored.status is SyncStatus.SYNCED
    assert {entry.ignored_by for entry in ignored.differences} == {
        "argocd-cm resource.compareoptions ignoreAggregatedRoles: /rules"
    }


@pytest.mark.parametrize(
    ("option", "status"),
    [
        (StatusIgnored.ALL, SyncStatus.SYNCED),
        (StatusIgnored.CRD, SyncStatus.OUT_OF_SYNC),
        (StatusIgnored.NONE, SyncStatus.OUT_OF_SYNC),
    ],
)
def test_whose_status_is_ignored(option: StatusIgnored, status: SyncStatus) -> None:
    obj = {"apiVersion": "example.com/v1", "kind": "Plain", "metadata": {"name": "a"}}
    live = live_of({**obj, "status": {"phase": "a"}})
    assert (
        compared({**obj, "status": {"phase": "b"}}, live, options=CompareOptions(ignore_status=option)).status is status
    )


def rollout(**resources: Any) -> Manifest:
    every = resources.pop("every", "60m")
    spec = {"template": {"spec": {"containers": [{"name": "web", "resources": resources}]}}, "every": every}
    return {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "a"}, "spec": spec}


@pytest.mark.parametrize(
    ("target", "live", "same"),
    [
        ({"limits": {"cpu": "0.1"}}, {"limits": {"cpu": "100m"}}, True),
        ({"limits": {"cpu": 1}}, {"limits": {"cpu": "1"}}, True),
        ({"limits": {"cpu": "0.1"}}, {"limits": {"cpu": "200m"}}, False),
        ({"claims": []}, {}, True),
        ({"every": "60m"}, {"every": "1h0m0s"}, True),
        ({"every": "60m"}, {"every": "2h"}, False),
    ],
)
def test_known_types_of_custom_kinds(target: dict[str, Any], live: dict[str, Any], same: bool) -> None:
    known = (
        KnownTypeField("argoproj.io", "Rollout", "spec.template.spec", "core/v1/PodSpec", "argocd-cm"),
        KnownTypeField("argoproj.io", "Rollout", "spec.every", "meta/v1/Duration", "argocd-cm"),
    )
    result = compared(rollout(**target), live_of(rollout(**live)), known_types=known)
    assert (result.status is SyncStatus.SYNCED) is same
    if target != {"claims": []}:
        assert compared(rollout(**target), live_of(rollout(**live))).status is SyncStatus.OUT_OF_SYNC


def test_each_difference_is_explained() -> None:
    live = live_of(deployment(), deployment(image="x:2"))
    (difference,) = compared(deployment(), live).differences
    assert (difference.path, difference.pointer) == (f"{WEB}.image", f"{LISTS}/image")
    assert (difference.target, difference.live) == ("nginx:1", "x:2")
    assert (difference.manager, difference.operation, difference.synced) == ("kubectl-edit", "Apply", True)
    (ignored,) = compared(deployment(), live, pointer(f"{LISTS}/image"), respect=True).differences
    assert not ignored.synced


# RespectIgnoreDifferences.


@pytest.mark.parametrize(
    ("rules", "changed", "expected"),
    [
        ([pointer("/spec/replicas")], deployment(replicas=3), deployment(replicas=3)),
        ([pointer("/spec/replicas")], deployment(replicas=3, image="x:2"), deployment(replicas=3)),
        ([pointer(f"{LISTS}/image")], deployment(image="x:2"), deployment(image="x:2")),
        (
            [jq('.spec.template.spec.containers[] | select(.name == "web") | .image')],
            deployment(image="x:2"),
            deployment(image="x:2"),
        ),
        ([manager("kubectl-edit")], deployment(replicas=3), deployment(replicas=3)),
        ([pointer("/spec/none"), pointer("/status")], deployment(replicas=3), deployment()),
        ([jq(".spec.template.spec.containers[].args[]")], deployment(args=["z"]), deployment(args=["z"])),
    ],
)
def test_ignored_fields_are_applied_as_live_has_them(
    rules: list[IgnoreRule], changed: Manifest, expected: Manifest, evaluator: JqEvaluator
) -> None:
    target = deployment()
    before = copy.deepcopy(target)
    live = live_of(deployment(), changed) | {"status": {"replicas": 9}}
    applied = respect_ignored(target, live, rules=CompareRules(ignore=tuple(rules)), openapi=OPENAPI, jq=evaluator)
    assert applied == expected
    assert target == before


def test_items_are_found_by_their_keys() -> None:
    live = live_of(deployment())
    live["spec"]["template"]["spec"]["containers"] = [PROXY, *live["spec"]["template"]["spec"]["containers"]]
    live["spec"]["template"]["spec"]["containers"][1]["image"] = "x:2"
    rules = CompareRules(ignore=(pointer("/spec/template/spec/containers/1/image"),))
    applied = respect_ignored(deployment(), live, rules=rules, openapi=OPENAPI)
    assert applied == deployment(image="x:2")


def test_an_ignored_field_that_live_has_not_is_not_applied() -> None:
    live = live_of(deployment())
    del live["spec"]["replicas"]
    applied = respect_ignored(
        deployment(), live, rules=CompareRules(ignore=(pointer("/spec/replicas"),)), openapi=OPENAPI
    )
    assert "replicas" not in applied["spec"]
    assert respect_ignored(deployment(), None, rules=CompareRules(), openapi=OPENAPI) == deployment()


def test_a_rule_that_fails_stops_the_apply() -> None:
    class Broken:
        def deleted(
            self, expressions: Sequence[str], objects: Sequence[Mapping[str, Any]], *, shown: bool = True
        ) -> list[JqOutcome]:
            return [JqOutcome(error="fails")] * len(expressions)

    with pytest.raises(
        SpecError, match=r"^Deployment\.apps shop/web: spec\.ignoreDifferences\[0\]\.jqPathExpressions: \.a: fails$"
    ):
        respect_ignored(
            deployment(), live_of(deployment()), rules=CompareRules(ignore=(jq(".a"),)), openapi=OPENAPI, jq=Broken()
        )


def test_text_of_a_secret_does_not_win_over_the_data_that_is_kept() -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}}
    target = {**secret, "stringData": {"password": "new", "user": "ada"}}
    live = {**secret, "data": {"password": "b2xk", "user": "eA=="}}
    rules = CompareRules(ignore=(pointer("/data/password"),))
    applied = respect_ignored(target, live, rules=rules, openapi=OPENAPI)
    assert applied == {**secret, "data": {"password": "b2xk", "user": "YWRh"}}


# Laws.

CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.integers(0, 3),
        "image": st.sampled_from(["nginx:1", "x:2"]),
        "args": st.lists(st.sampled_from("abc"), max_size=3),
        "env": st.lists(st.sampled_from("ABC"), unique=True, max_size=3).map(
            lambda names: [{"name": name, "value": "1"} for name in names]
        ),
    },
)
POINTERS = st.lists(
    st.sampled_from(
        ["/spec/replicas", "/spec", f"{LISTS}/image", f"{LISTS}/args", f"{LISTS}/args/0", f"{LISTS}/env/1", "/x"]
    ),
    max_size=3,
    unique=True,
).map(lambda texts: tuple(map(pointer, texts)))


@given(CHANGES, CHANGES, POINTERS)
def test_rules_hide_differences_and_never_make_or_change_one(
    mine: dict[str, Any], theirs: dict[str, Any], rules: tuple[IgnoreRule, ...]
) -> None:
    target, live = deployment(**mine), live_of(deployment(), deployment(**theirs))
    plain, ruled = compared(target, live), compared(target, live, *rules)
    assert [(entry.path, entry.target, entry.live) for entry in ruled.differences] == [
        (entry.path, entry.target, entry.live) for entry in plain.differences
    ]
    counted = [entry for entry in ruled.differences if not entry.ignored_by]
    assert (ruled.status is SyncStatus.OUT_OF_SYNC) is bool(counted)


@given(CHANGES, POINTERS)
def test_an_object_has_no_difference_to_itself(mine: dict[str, Any], rules: tuple[IgnoreRule, ...]) -> None:
    target = deployment(**mine)
    assert compared(target, live_of(target), *rules).differences == ()


@given(CHANGES, CHANGES, POINTERS)
def test_what_is_respected_is_ignored_or_in_sync(
    mine: dict[str, Any], theirs: dict[str, Any], rules: tuple[IgnoreRule, ...]
) -> None:
    target, live = deployment(**mine), live_of(deployment(), deployment(**theirs))
    made = CompareRules(ignore=rules)
    applied = respect_ignored(target, live, rules=made, openapi=OPENAPI)
    counted = {entry.path for entry in compared(target, live, *rules).differences if not entry.ignored_by}
    left = {entry.path for entry in compared(applied, live).differences}
    assert left <= counted or any(rule_.text.endswith(("/0", "/1")) for rule_ in rules)
