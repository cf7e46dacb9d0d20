"""Syncs behind validating webhooks, and comparisons and syncs behind admission policies of a real API server.

The sandbox has neither. Source of the policies, both of version v1 in Kubernetes 1.37:
https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/ and .../mutating-admission-policy/.
"""

from typing import Any

import pytest

from reconciler.terms import OperationPhase, ResultCode, SyncStatus
from tests.reconciler.engine.places import Shop, config_map, named, paths, result_of
from tests.webhooks import NOT_A_PROBE, REGISTRATION, Hook, Response, Webhooks, allowed, denied, held, wait_in_force

pytestmark = pytest.mark.parametrize(
    "cluster_kubeconfig", [pytest.param("controlplane", marks=pytest.mark.controlplane)], indirect=True
)

PLAIN = ""
SERVER = "ServerSideDiff=true"
INCLUDED = "ServerSideDiff=true,IncludeMutationWebhook=true"
SAME, DIFFERS, UNKNOWN = SyncStatus.SYNCED, SyncStatus.OUT_OF_SYNC, SyncStatus.UNKNOWN


def install(shop: Shop, webhooks: Webhooks, kind: str, spec: dict[str, Any], binding: dict[str, Any]) -> str:
    """A policy for the ConfigMaps of one namespace, and its binding; both go at the end."""
    name = f"policy-{shop.namespace}"
    constraints = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": shop.namespace}},
        "resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}
        ],
    }
    collection = {"Validating": "validatingadmissionpolicies", "Mutating": "mutatingadmissionpolicies"}[kind]
    policy = {"metadata": {"name": name}, "spec": {"matchConstraints": constraints, **spec}}
    bound = {"metadata": {"name": name}, "spec": {"policyName": name, **binding}}
    webhooks.make(f"{REGISTRATION}/{collection}", policy)
    webhooks.make(f"{REGISTRATION}/{collection.removesuffix('policies')}policybindings", bound)
    return name


def test_a_policy_that_denies(shop: Shop, webhooks: Webhooks) -> None:
    """The denial is the reason where the API server is asked, and the message of a sync; nothing was applied."""
    shop.write(config_map("big", x="1"), config_map("small", x="1"))
    shop.synced()
    expression = f"({NOT_A_PROBE}) && (object.metadata.name != 'big' || object.data.x == '0')"
    spec = {"validations": [{"expression": expression, "message": "big is too big"}]}
    name = install(shop, webhooks, "Validating", spec, {"validationActions": ["Deny"]})
    wait_in_force(shop.client, shop.namespace, lambda answer: "big is too big" in str(answer.body))
    said = f"ValidatingAdmissionPolicy '{name}' with binding '{name}' denied request: big is too big"

    assert shop.compare().status is SAME
    compared = shop.compare(SERVER)
    entry = named(compared, "big")
    assert (compared.status, entry.status, named(compared, "small").status) == (UNKNOWN, UNKNOWN, SAME)
    expected = (
        f'server-side diff was refused by ValidatingAdmissionPolicy {name}: configmaps "big" is forbidden: {said}'
    )
    assert entry.reason == expected

    shop.write(config_map("big", x="2"), config_map("small", x="2"))
    outcome = shop.sync()
    assert outcome.result.phase is OperationPhase.FAILED
    failed = result_of(outcome, "big")
    assert (failed.code, failed.message) == (ResultCode.SYNC_FAILED, f'configmaps "big" is forbidden: {said}')
    assert shop.client.get(shop.path("configmaps", "small")).expect()["data"] == {"x": "1"}

    shop.write(config_map("big", x="0"), config_map("small", x="2"))
    shop.synced()
    assert shop.compare(SERVER).status is SAME


def test_a_policy_that_mutates(shop: Shop, webhooks: Webhooks) -> None:
    """An addition is drift only where webhooks are included, and only until a sync; a changed value of ours is."""
    shop.write(config_map("added", x="1"), config_map("changed", x="1"))
    shop.synced()
    add = "Object{metadata: Object.metadata{labels: {'team': 'shop'}}}"
    change = "object.metadata.name == 'changed' ? Object{data: {'x': 'theirs'}} : Object{}"
    mutations = [
        {"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": expression}}
        for expression in (add, change)
    ]
    spec = {"mutations": mutations, "reinvocationPolicy": "Never", "failurePolicy": "Fail"}
    install(shop, webhooks, "Mutating", spec, {})
    wait_in_force(shop.client, shop.namespace, lambda answer: "'team': 'shop'" in str(answer.body))

    for options, added in ((PLAIN, SAME), (SERVER, SAME), (INCLUDED, DIFFERS)):
        assert named(shop.compare(options), "added").status is added, options
    assert paths(named(shop.compare(INCLUDED), "added")) == ["$.metadata.labels.team"]
    assert paths(named(shop.compare(SERVER), "changed")) == ["$.data.x"]
    assert named(shop.compare(), "changed").status is SAME

    shop.write(config_map("added", x="1", y="1"), config_map("changed", x="1", y="1"))
    shop.synced()
    for options, changed in ((PLAIN, DIFFERS), (SERVER, SAME), (INCLUDED, SAME)):
        compared = shop.compare(options)
        assert (named(compared, "added").status, named(compared, "changed").status) == (SAME, changed), options
    (difference,) = named(shop.compare(), "changed").differences
    assert (difference.path, difference.target, difference.live) == ("$.data.x", "1", "theirs")


def test_a_sync_that_a_webhook_denies_fails_before_anything_is_applied(shop: Shop, webhooks: Webhooks) -> None:
    name = webhooks.validating(
        shop.namespace, Hook(lambda request: denied("not you") if request["name"] == "b" else allowed())
    )
    shop.write(config_map("a", x="1"), config_map("b", x="1"), config_map("c", x="1"))
    outcome = shop.sync()
    said = f'admission webhook "{name}" denied the request: not you'
    assert outcome.result.phase is OperationPhase.FAILED
    assert said in outcome.result.message
    failed = result_of(outcome, "b")
    assert (failed.code, failed.message) == (ResultCode.SYNC_FAILED, said)
    assert [entry.key.name for entry in outcome.result.results] == ["b"]
    assert shop.client.get(shop.path("configmaps", "a")).status == 404


def test_what_was_applied_before_a_denial_is_recorded_and_the_next_sync_goes_on(shop: Shop, webhooks: Webhooks) -> None:
    """The webhook denies what it let pass in the dry-run."""
    denies = [True]

    def judge(request: dict[str, Any]) -> Response:
        refused = denies[0] and request["name"] == "b" and not request["dryRun"]
        return denied("not today") if refused else allowed()

    name = webhooks.validating(shop.namespace, Hook(judge))
    later = config_map("later", x="1")
    later["metadata"]["annotations"] = {"argocd.argoproj.io/sync-wave": "1"}
    alarm = config_map("alarm", x="1")
    alarm["metadata"]["annotations"] = {"argocd.argoproj.io/hook": "SyncFail"}
    shop.write(config_map("a", x="1"), config_map("b", x="1"), later, alarm)
    outcome = shop.sync()
    said = f'admission webhook "{name}" denied the request: not today'
    assert outcome.result.phase is OperationPhase.FAILED
    *results, hook = outcome.result.results
    assert (hook.key.name, hook.hook_phase) == ("alarm", OperationPhase.SUCCEEDED)
    assert [(entry.key.name, entry.code, entry.message) for entry in results] == [
        ("a", ResultCode.SYNCED, "configmaps/a created"),
        ("b", ResultCode.SYNC_FAILED, said),
    ]
    assert said in outcome.result.message
    assert outcome.comparison is not None
    assert [(entry.key.name, entry.status) for entry in outcome.comparison.resources] == [
        ("a", SAME),
        ("b", DIFFERS),
        ("later", DIFFERS),
    ]
    denies[0] = False
    assert [entry.key.name for entry in shop.synced().result.results] == ["a", "b", "later"]
    assert shop.compare().status is SAME


@pytest.mark.parametrize(("hook", "text"), [(Hook(None), "connection refused"), (Hook(held, timeout_s=1), "deadline")])
def test_a_sync_behind_a_webhook_that_is_down_fails_with_what_the_api_server_said(
    shop: Shop, webhooks: Webhooks, hook: Hook, text: str
) -> None:
    name = webhooks.mutating(shop.namespace, hook)
    shop.write(config_map(a="1"))
    outcome = shop.sync()
    assert outcome.result.phase is OperationPhase.FAILED
    message = result_of(outcome, "settings").message
    assert message.startswith(f'Internal error occurred: failed calling webhook "{name}"')
    assert text in message
