"""Comparisons behind mutating and validating webhooks, as a real API server asks them.

The sandbox has no admission webhooks. Source of what counts: gitops-engine/pkg/diff/diff.go (serverSideDiff,
removeWebhookMutation), argo-cd 37ee009, and docs/user-guide/diff-strategies.md.
"""

from typing import Any

import pytest

from reconciler.cluster.dry_run import DryRun, ServerSideDiff
from reconciler.errors import InvalidObjectError
from reconciler.manifest.objects import ResourceKey
from reconciler.terms import SyncStatus
from tests.conformance.client import JSON_PATCH
from tests.reconciler.engine.places import Manifest, Shop, config_map, named, paths
from tests.webhooks import REGISTRATION, Handler, Hook, Response, Webhooks, allowed, broken, denied, held, patched

pytestmark = pytest.mark.parametrize(
    "cluster_kubeconfig", [pytest.param("controlplane", marks=pytest.mark.controlplane)], indirect=True
)

PLAIN = ""
SERVER = "ServerSideDiff=true"
INCLUDED = "ServerSideDiff=true,IncludeMutationWebhook=true"
SAME, DIFFERS, UNKNOWN = SyncStatus.SYNCED, SyncStatus.OUT_OF_SYNC, SyncStatus.UNKNOWN
CONTAINER = '$.spec.template.spec.containers[name="web"]'
WORKLOADS: dict[str, Any] = {"resources": ["deployments"], "groups": ["apps"]}


def deployment(image: str = "nginx:1", **container: Any) -> Manifest:
    labels = {"app": "web"}
    containers = [{"name": "web", "image": image, **container}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }


def label(request: dict[str, Any]) -> Response:
    labels = request["object"]["metadata"].get("labels") or {}
    return patched({"op": "add", "path": "/metadata/labels", "value": {**labels, "team": "shop"}})


def default(request: dict[str, Any]) -> Response:
    if "priorityClassName" in request["object"]["spec"]["template"]["spec"]:
        return allowed()
    path = "/spec/template/spec/priorityClassName"
    return patched({"op": "add", "path": path, "value": "system-node-critical"})


def sidecar(request: dict[str, Any]) -> Response:
    if any(each["name"] == "proxy" for each in request["object"]["spec"]["template"]["spec"]["containers"]):
        return allowed()
    return patched(
        {"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "proxy", "image": "proxy:1"}}
    )


def sidecar_first(request: dict[str, Any]) -> Response:
    if any(each["name"] == "proxy" for each in request["object"]["spec"]["template"]["spec"]["containers"]):
        return allowed()
    return patched(
        {"op": "add", "path": "/spec/template/spec/containers/0", "value": {"name": "proxy", "image": "proxy:1"}}
    )


def environment(request: dict[str, Any]) -> Response:
    path = "/spec/template/spec/containers/0/env"
    found = request["object"]["spec"]["template"]["spec"]["containers"][0].get("env") or []
    if any(each["name"] == "INJECTED" for each in found):
        return allowed()
    return patched({"op": "add", "path": path, "value": [*found, {"name": "INJECTED", "value": "1"}]})


def mirror(request: dict[str, Any]) -> Response:
    containers = request["object"]["spec"]["template"]["spec"]["containers"]
    return patched(
        *(
            {"op": "replace", "path": f"/spec/template/spec/containers/{index}/image", "value": f"mirror/{image}"}
            for index, each in enumerate(containers)
            if not (image := each["image"]).startswith("mirror/")
        )
    )


ADDITIONS = {
    "a label": (label, "$.metadata.labels.team"),
    "a default": (default, "$.spec.template.spec.priorityClassName"),
    "a sidecar": (sidecar, '$.spec.template.spec.containers[name="proxy"]'),
    "a sidecar before ours": (sidecar_first, '$.spec.template.spec.containers[name="proxy"]'),
    "a variable": (environment, f'{CONTAINER}.env[name="INJECTED"]'),
}


@pytest.mark.parametrize(("handler", "_path"), ADDITIONS.values(), ids=ADDITIONS)
def test_what_a_webhook_adds_is_no_drift(shop: Shop, webhooks: Webhooks, handler: Any, _path: str) -> None:
    webhooks.mutating(shop.namespace, Hook(handler, **WORKLOADS))
    shop.write(deployment(env=[{"name": "A", "value": "1"}]))
    shop.synced()
    for options in (PLAIN, SERVER, INCLUDED):
        compared = shop.compare(options)
        assert (compared.status, compared.reason, paths(named(compared, "web"))) == (SAME, "", [])
    # Real drift beside the addition is still found.
    path = "/spec/template/spec/containers"
    containers = shop.client.get(shop.path("deployments", "web", api="/apis/apps/v1")).expect()
    found = containers["spec"]["template"]["spec"]["containers"]
    index = next(number for number, each in enumerate(found) if each["name"] == "web")
    change = [{"op": "replace", "path": f"{path}/{index}/env/0/value", "value": "2"}]
    shop.client.patch(shop.path("deployments", "web", api="/apis/apps/v1"), change, JSON_PATCH).expect()
    for options in (PLAIN, SERVER, INCLUDED):
        compared = shop.compare(options)
        assert (compared.status, paths(named(compared, "web"))) == (DIFFERS, [f'{CONTAINER}.env[name="A"].value'])
    shop.synced()
    assert shop.compare().status is SAME


@pytest.mark.parametrize(("handler", "path"), ADDITIONS.values(), ids=ADDITIONS)
def test_an_addition_to_come_counts_only_where_webhooks_are_included(
    shop: Shop, webhooks: Webhooks, handler: Any, path: str
) -> None:
    shop.write(deployment())
    shop.synced()
    for options in (PLAIN, SERVER, INCLUDED):
        assert shop.compare(options).status is SAME
    webhooks.mutating(shop.namespace, Hook(handler, **WORKLOADS))
    assert [shop.compare(options).status for options in (PLAIN, SERVER)] == [SAME, SAME]
    compared = shop.compare(INCLUDED)
    assert compared.status is DIFFERS
    assert all(
        each == path or each.startswith(path.removesuffix('[name="INJECTED"]'))
        for each in paths(named(compared, "web"))
    )


def test_a_changed_value_of_ours_is_drift_but_for_who_asks_the_server(shop: Shop, webhooks: Webhooks) -> None:
    shop.write(deployment())
    shop.synced()
    webhooks.mutating(shop.namespace, Hook(mirror, **WORKLOADS))
    # A sync would change it, and Argo CD owns the field.
    assert [shop.compare(options).status for options in (PLAIN, SERVER, INCLUDED)] == [SAME, DIFFERS, DIFFERS]
    assert paths(named(shop.compare(SERVER), "web")) == [f"{CONTAINER}.image"]
    labelled = {"name": "web", "labels": {"new": "one"}}
    shop.write({**deployment(), "metadata": labelled})
    shop.synced()
    # It is as a sync leaves it now, which only a dry-run can know.
    assert [shop.compare(options).status for options in (PLAIN, SERVER, INCLUDED)] == [DIFFERS, SAME, SAME]
    (difference,) = named(shop.compare(), "web").differences
    assert (difference.path, difference.target, difference.live) == (f"{CONTAINER}.image", "nginx:1", "mirror/nginx:1")
    shop.write({**deployment("nginx:2"), "metadata": labelled})
    assert [shop.compare(options).status for options in (PLAIN, SERVER, INCLUDED)] == [DIFFERS, DIFFERS, DIFFERS]
    (difference,) = named(shop.compare(SERVER), "web").differences
    assert (difference.path, difference.target, difference.live) == (
        f"{CONTAINER}.image",
        "mirror/nginx:2",
        "mirror/nginx:1",
    )


def test_what_left_git_goes_although_webhooks_add_beside_it(shop: Shop, webhooks: Webhooks) -> None:
    webhooks.mutating(shop.namespace, Hook(environment, **WORKLOADS))
    shop.write(deployment(env=[{"name": "A", "value": "1"}, {"name": "B", "value": "1"}]))
    shop.synced()
    shop.write(deployment(env=[{"name": "A", "value": "1"}]))
    for options in (PLAIN, SERVER, INCLUDED):
        compared = shop.compare(options)
        assert (compared.status, paths(named(compared, "web"))) == (DIFFERS, [f'{CONTAINER}.env[name="B"]'])
    shop.synced()
    live = shop.client.get(shop.path("deployments", "web", api="/apis/apps/v1")).expect()
    assert [each["name"] for each in live["spec"]["template"]["spec"]["containers"][0]["env"]] == ["A", "INJECTED"]


def test_what_a_webhook_would_remove_counts(shop: Shop, webhooks: Webhooks) -> None:
    """Upstream too, whoever owns it: removeWebhookMutation restores only what the answer has."""
    shop.write(config_map(a="1"))
    shop.synced()
    shop.client.patch(shop.path("configmaps", "settings"), {"metadata": {"labels": {"team": "shop"}}}).expect()
    webhooks.mutating(shop.namespace, Hook(lambda _request: patched({"op": "remove", "path": "/metadata/labels/team"})))
    assert shop.compare().status is SAME
    for options in (SERVER, INCLUDED):
        compared = shop.compare(options)
        assert (compared.status, paths(named(compared, "settings"))) == (DIFFERS, ["$.metadata.labels.team"])


def test_the_option_of_one_object_is_its_own(shop: Shop, webhooks: Webhooks) -> None:
    asks = {"annotations": {"argocd.argoproj.io/compare-options": INCLUDED}}
    plain, asking = config_map("plain", a="1"), config_map("asking", a="1")
    asking["metadata"] |= asks
    shop.write(plain, asking)
    shop.synced()
    webhooks.mutating(shop.namespace, Hook(label))
    compared = shop.compare()
    assert [(entry.key.name, entry.status) for entry in compared.resources] == [("asking", DIFFERS), ("plain", SAME)]
    assert [request["name"] for request in webhooks.asked()] == ["asking"]
    assert [request["dryRun"] for request in webhooks.asked()] == [True]


FAILURES = {
    "an HTTP error": (Hook(broken), 'an error on the server ("unknown") has prevented the request from succeeding'),
    "no answer in time": (Hook(held, timeout_s=1), "context deadline exceeded"),
    "nobody there": (Hook(None, timeout_s=1), "connect: connection refused"),
    "an answer that is no patch": (
        Hook(lambda _request: {"allowed": True, "patchType": "JSONPatch", "patch": "bm8="}),
        "invalid character",
    ),
}


@pytest.mark.parametrize(("hook", "text"), FAILURES.values(), ids=FAILURES)
def test_a_webhook_that_fails_makes_unknown_with_the_reason(
    shop: Shop, webhooks: Webhooks, hook: Hook, text: str
) -> None:
    """Of those objects only whose webhook it is, and only where the API server is asked."""
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "other"}}
    shop.write(config_map(a="1"), account)
    shop.synced()
    name = webhooks.mutating(shop.namespace, hook)
    assert shop.compare().status is SAME
    compared = shop.compare(SERVER)
    assert compared.status is UNKNOWN
    entry = named(compared, "settings")
    assert entry.status is UNKNOWN
    assert entry.reason.startswith(f"server-side diff was refused by admission webhook {name}: ")
    assert text in entry.reason
    assert compared.reason == f"{entry.key}: {entry.reason}"
    assert named(compared, "other").status is SAME
    webhooks.remove()
    shop.client.patch(shop.path("configmaps", "settings"), {"metadata": {"labels": {"gone": "yes"}}})


@pytest.mark.parametrize("hook", [Hook(broken, failure_policy="Ignore"), Hook(None, failure_policy="Ignore")])
def test_a_webhook_that_may_fail_is_no_obstacle(shop: Shop, webhooks: Webhooks, hook: Hook) -> None:
    webhooks.mutating(shop.namespace, hook)
    webhooks.validating(shop.namespace, hook)
    shop.write(config_map(a="1"))
    shop.synced()
    for options in (PLAIN, SERVER, INCLUDED):
        compared = shop.compare(options)
        assert (compared.status, compared.reason) == (SAME, "")


def test_a_slow_webhook_that_may_fail_is_no_obstacle(shop: Shop, webhooks: Webhooks) -> None:
    shop.write(config_map(a="1"))
    shop.synced()
    webhooks.mutating(shop.namespace, Hook(held, failure_policy="Ignore", timeout_s=1))
    assert shop.compare(INCLUDED).status is SAME
    assert len(webhooks.asked()) == 1


def test_a_webhook_that_works_again_is_asked_again(shop: Shop, webhooks: Webhooks) -> None:
    answers: list[Response] = [denied("closed on Sundays")]
    shop.write(config_map(a="1"))
    shop.synced()
    name = webhooks.validating(shop.namespace, Hook(lambda _request: answers[-1]))
    refused = named(shop.compare(SERVER), "settings")
    said = f'admission webhook "{name}" denied the request: closed on Sundays'
    assert (refused.status, refused.reason) == (
        UNKNOWN,
        f"server-side diff was refused by admission webhook {name}: {said}",
    )
    answers.append(allowed())
    assert shop.engine.compare(shop.application(compare=SERVER)).status is SAME


def test_a_webhook_that_came_or_went_is_noticed_by_the_next_run(shop: Shop, webhooks: Webhooks) -> None:
    answers: list[Handler] = [label, allowed]

    def answer(request: dict[str, Any]) -> Response:
        return answers[0](request)

    shop.write(config_map(a="1"))
    shop.synced()
    assert shop.compare(INCLUDED).status is SAME
    webhooks.mutating(shop.namespace, Hook(answer))
    assert shop.compare(INCLUDED).status is DIFFERS
    answers.pop(0)
    assert shop.compare(INCLUDED).status is SAME


def test_an_api_server_takes_no_webhook_without_dry_run(shop: Shop, webhooks: Webhooks) -> None:
    """Of older clusters some are left; what the API server answers then is tried below, by its words."""
    hook = Hook(side_effects="Some")
    wrong = webhooks.configuration("MutatingWebhookConfiguration", shop.namespace, [hook])
    answer = shop.client.create(f"{REGISTRATION}/mutatingwebhookconfigurations", wrong)
    assert (answer.status, 'supported values: "None", "NoneOnDryRun"' in answer.message) == (422, True)


class RefusesDryRun:
    """Stands in for a connection to an API server with a webhook of older times."""

    def request(self, *_: Any, **__: Any) -> Any:
        text = 'admission webhook "old.example.com" does not support dry run'
        raise InvalidObjectError(text, status=400, reason="BadRequest")


def test_a_webhook_without_dry_run_makes_unknown_with_the_reason(shop: Shop) -> None:
    shop.write(config_map(a="1"))
    shop.synced()
    comparer = shop.engine.comparer
    reconciliation = shop.engine.reconcile(shop.application())
    ((key, live),) = reconciliation.live.items()
    (resource,) = (each for each in comparer.discovery.resources if each.gvk.kind == key.kind)
    asked = DryRun(resource, reconciliation.targets[key], live)
    diff = ServerSideDiff(RefusesDryRun())  # type: ignore[arg-type] # of a connection only request() is used
    answer = diff.ask([asked], comparer.schemas.openapi)[ResourceKey.of(live)]
    assert answer.object is None
    assert answer.reason == (
        "server-side diff was refused by admission webhook old.example.com: "
        'admission webhook "old.example.com" does not support dry run'
    )
