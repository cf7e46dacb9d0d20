"""Server-side diff: what the API server answers, what it costs, and what is said when it refuses."""

from typing import Any

import pytest

from reconciler.cluster import ApiResource, Connection, connect
from reconciler.cluster.dry_run import DryRun, ServerSideDiff
from reconciler.diff.compare import compare_resource
from reconciler.diff.rules import CompareRules
from reconciler.diff.secrets import Masker
from reconciler.diff.server_side import ServerAnswer, is_worth_asking
from reconciler.errors import ClusterError, ClusterUnreachableError, ForbiddenError, InvalidObjectError
from reconciler.manifest import OpenApi, predict_apply
from reconciler.manifest.objects import GroupVersionKind, Manifest, ResourceKey
from reconciler.sandbox.documents import load_document
from reconciler.terms import SyncStatus
from tests.conformance.client import Client

OPENAPI = OpenApi({"api/v1": load_document("api/v1"), "apis/apps/v1": load_document("apis/apps/v1")})
CONFIG_MAPS = ApiResource(GroupVersionKind("", "v1", "ConfigMap"), "configmaps", True, frozenset({"get", "patch"}))
SECRETS = ApiResource(GroupVersionKind("", "v1", "Secret"), "secrets", True, frozenset({"get", "patch"}))
CANARY = "c4n4ry-c4n4ry"


def config_map(namespace: str = "shop", **data: str) -> Manifest:
    metadata = {"name": "settings", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


class Server:
    """Stands in for a connection: counts requests, answers or refuses."""

    def __init__(self, error: ClusterError | None = None) -> None:
        self.error = error
        self.bodies: list[Any] = []
        self.queries: list[Any] = []

    def request(self, method: str, path: str, *, query: Any, body: Any, content_type: str) -> Any:
        self.bodies.append(body)
        self.queries.append(query)
        if self.error is not None:
            raise self.error
        return body


def asking(server: Server) -> ServerSideDiff:
    return ServerSideDiff(server)  # type: ignore[arg-type] # of a connection only request() is used


def live(target: Manifest, version: str = "1") -> Manifest:
    return {**target, "metadata": {**target["metadata"], "uid": "u", "resourceVersion": version}}


def test_one_request_an_object_and_none_for_what_is_known() -> None:
    server = Server()
    diff = asking(server)
    target = config_map(a="1")
    for expected, (wanted, found) in enumerate(
        [
            (target, live(target)),
            (config_map(a="2"), live(target)),
            (target, live(target, "2")),
        ],
        start=1,
    ):
        for _ in range(3):
            diff.ask([DryRun(CONFIG_MAPS, wanted, found)], OPENAPI)
        assert len(server.bodies) == expected
    diff.forget()
    diff.ask([DryRun(CONFIG_MAPS, target, live(target))], OPENAPI)
    assert len(server.bodies) == 4
    assert server.queries[0] == {
        "fieldManager": "argocd-controller",
        "force": "true",
        "fieldValidation": "Strict",
        "dryRun": "All",
    }
    assert diff.ask([], OPENAPI) == {}


REFUSALS = {
    "a webhook": (
        InvalidObjectError('admission webhook "policy.example.com" denied the request: no', status=400),
        (
            'server-side diff was refused by admission webhook policy.example.com: admission webhook "policy.example.com" denied '
            "the request: no"
        ),
    ),
    "a webhook that is not there": (
        ClusterError('Internal error occurred: failed calling webhook "x.y": failed to call webhook: no', status=500),
        "server-side diff was refused by admission webhook x.y: Internal error occurred: failed calling webhook",
    ),
    "a verb": (
        ForbiddenError('configmaps "settings" is forbidden: User "u" cannot patch resource', status=403),
        (
            'server-side diff is not allowed: configmaps "settings" is forbidden: User "u" cannot patch resource; '
            "allow the verb patch on configmaps, or leave ServerSideDiff out"
        ),
    ),
    "nobody there": (
        ClusterUnreachableError("cluster x cannot be reached"),
        "server-side diff: cluster x cannot be reached",
    ),
}


@pytest.mark.parametrize(("error", "reason"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_makes_unknown_with_its_reason_and_is_not_kept(error: ClusterError, reason: str) -> None:
    server = Server(error)
    diff = asking(server)
    target = config_map(a="1")
    for _ in range(2):
        answer = diff.ask([DryRun(CONFIG_MAPS, target, live(target))], OPENAPI)[ResourceKey.of(target)]
        assert answer.reason.startswith(reason)
    assert len(server.bodies) == 2
    key = ResourceKey.of(target)
    result = compare_resource(key, "v1", target, live(target), openapi=OPENAPI, masker=Masker(b"1" * 32), answer=answer)
    assert (result.status, result.reason) == (SyncStatus.UNKNOWN, answer.reason)


def test_a_refusal_of_a_secret_says_no_more_than_names() -> None:
    text = f'admission webhook "policy.example.com" denied the request: Invalid value: "{CANARY}"'
    diff = asking(Server(InvalidObjectError(text, status=422, reason="Invalid")))
    target = {**config_map(), "kind": "Secret", "data": {"a": CANARY}}
    (answer,) = diff.ask([DryRun(SECRETS, target, live(target))], OPENAPI).values()
    assert answer.reason == "server-side diff was refused by admission webhook policy.example.com: status 422 Invalid"


# What webhooks write.


def deployment(**pod: Any) -> Manifest:
    spec = {"template": {"spec": {"containers": [{"name": "web", "image": "nginx:1"}], **pod}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": spec,
    }


def stored() -> Manifest:
    found = predict_apply(None, deployment(), field_manager="argocd-controller", force=True, openapi=OPENAPI).object
    assert found is not None
    return found


def mutated(obj: Manifest, **pod: Any) -> Manifest:
    """As a webhook leaves it: changed, with managedFields as they were."""
    spec = {**obj["spec"]["template"]["spec"], **pod}
    return {**obj, "spec": {**obj["spec"], "template": {"spec": spec}}}


@pytest.mark.parametrize(
    ("found", "answer", "include", "paths"),
    [
        (stored(), mutated(stored(), hostname="injected"), False, []),
        (stored(), mutated(stored(), hostname="injected"), True, ["$.spec.template.spec.hostname"]),
        (mutated(stored(), hostname="was"), mutated(stored(), hostname="is"), False, []),
        (
            stored(),
            mutated(stored(), containers=[{"name": "web", "image": "mirror/nginx:1"}]),
            False,
            ['$.spec.template.spec.containers[name="web"].image'],
        ),
        (
            mutated(stored(), containers=[{"name": "web", "image": "mirror/nginx:1"}]),
            mutated(stored(), containers=[{"name": "web", "image": "mirror/nginx:1"}]),
            False,
            [],
        ),
    ],
    ids=[
        "an addition",
        "an addition, asked for",
        "another value",
        "an owned value",
        "an owned value that live has too",
    ],
)
def test_mutations(found: Manifest, answer: Manifest, include: bool, paths: list[str]) -> None:
    target = deployment()
    result = compare_resource(
        ResourceKey.of(target),
        "v1",
        target,
        found,
        openapi=OPENAPI,
        masker=Masker(b"1" * 32),
        rules=CompareRules(include_webhooks=include),
        answer=ServerAnswer(answer),
    )
    assert [entry.path for entry in result.differences] == paths
    assert result.predicted is not None
    if not paths:
        assert result.predicted["spec"] == found["spec"]


def test_what_is_worth_asking() -> None:
    target = deployment()

    def compared(wanted: Manifest | None, found: Manifest | None) -> bool:
        key = ResourceKey.of(target)
        return is_worth_asking(compare_resource(key, "v1", wanted, found, openapi=OPENAPI, masker=Masker(b"1" * 32)))

    assert compared(target, mutated(stored(), containers=[{"name": "web", "image": "mirror/nginx:1"}]))
    assert not compared(target, stored())
    assert not compared(target, None)
    assert not compared(None, stored())


@pytest.fixture
def connection(client: Client) -> Connection:
    return connect(kubeconfig=client.kubeconfig)


def test_nothing_is_changed_by_asking(client: Client, namespace: str, connection: Connection) -> None:
    target = config_map(namespace, a="1")
    path = CONFIG_MAPS.path_of(target)
    client.apply(path, target, "argocd-controller").expect(201)
    found = client.get(path).expect()
    changed = [config_map(namespace, a=str(number)) for number in range(5)]
    diff = ServerSideDiff(connection)
    for wanted in changed:
        (answer,) = diff.ask([DryRun(CONFIG_MAPS, wanted, found)], OPENAPI).values()
        assert answer.object is not None
        assert answer.object["data"] == wanted["data"]
    assert client.get(path).expect() == found


@pytest.mark.controlplane
def test_a_webhook_that_cannot_be_reached_is_named(controlplane: Any) -> None:
    client = Client(controlplane)
    name = "dry-run-refused"
    hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    selector = {"matchLabels": {"kubernetes.io/metadata.name": name}}
    webhook = {
        "name": "refuses.example.com",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "namespaceSelector": selector,
        "timeoutSeconds": 1,
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["*"], "resources": ["secrets"]}],
    }
    client.create("/api/v1/namespaces", {"metadata": {"name": name}})
    client.create(hooks, {"metadata": {"name": name}, "webhooks": [webhook]})
    target = {**config_map(name), "kind": "Secret", "data": {"a": "YQ=="}}
    diff = ServerSideDiff(connect(kubeconfig=controlplane))
    try:
        for _ in range(100):
            (answer,) = diff.ask([DryRun(SECRETS, target, live(target, ""))], OPENAPI).values()
            if answer.object is None:
                break
        assert "refused by admission webhook refuses.example.com" in answer.reason
    finally:
        client.delete(f"{hooks}/{name}")
        client.delete(f"/api/v1/namespaces/{name}")
        client.close()
