import pytest

from reconciler.sandbox.documents import Documents, load_document
from reconciler.sandbox.resources import version_priority
from tests.reconciler.sandbox.clusters import TestCluster

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def test_groups_in_their_two_forms(cluster: TestCluster) -> None:
    assert cluster.get("/api")["versions"] == ["v1"]
    groups = {group["name"]: group for group in cluster.get("/apis")["groups"]}
    assert groups["autoscaling"]["preferredVersion"]["version"] == "v2"
    assert cluster.get("/apis/apps")["name"] == "apps"
    answer = cluster.send("GET", "/apis", headers={"accept": f"{AGGREGATED},application/json"})
    assert answer.content_type == AGGREGATED
    items = (
        {item["metadata"]["name"]: item for item in answer.content["items"]} if isinstance(answer.content, dict) else {}
    )
    if not items:
        items = {item["metadata"]["name"]: item for item in answer.content["items"]}
    deployments = next(
        entry for entry in items["apps"]["versions"][0]["resources"] if entry["resource"] == "deployments"
    )
    assert (deployments["scope"], deployments["shortNames"], deployments["categories"]) == (
        "Namespaced",
        ["deploy"],
        ["all"],
    )
    assert {entry["subresource"] for entry in deployments["subresources"]} == {"scale", "status"}


def test_resources_with_their_sub_resources(cluster: TestCluster) -> None:
    resources = {entry["name"]: entry for entry in cluster.get("/apis/apps/v1")["resources"]}
    assert resources["deployments/scale"]["kind"] == "Scale"
    assert (resources["deployments/scale"]["group"], resources["deployments/status"]["kind"]) == (
        "autoscaling",
        "Deployment",
    )
    assert cluster.send("GET", "/apis/apps/v9").status == 404
    assert "/apis/apps/v1" in cluster.get("/")["paths"]


def test_openapi_documents_are_addressed_by_their_hash(cluster: TestCluster) -> None:
    paths = cluster.get("/openapi/v3")["paths"]
    address = paths["apis/apps/v1"]["serverRelativeURL"]
    assert address.startswith("/openapi/v3/apis/apps/v1?hash=")
    assert len(address.partition("=")[2]) == 128
    assert "io.k8s.api.apps.v1.Deployment" in cluster.get("/openapi/v3/apis/apps/v1")["components"]["schemas"]
    assert cluster.send("GET", "/openapi/v3/apis/nope/v1").status == 404


def test_recorded_documents_tell_their_sub_resources() -> None:
    paths = load_document("apis/apps/v1")["paths"]
    assert "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/status" in paths
    assert "/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale" in paths


def test_a_published_document_is_made_when_asked_for() -> None:
    documents = Documents()
    changed: list[str] = []
    documents.on_change(changed.append)
    made: list[int] = []

    def make() -> dict[str, object]:
        made.append(1)
        return {"components": {"schemas": {}}}

    documents.put("apis/x/v1", make)
    assert (made, "apis/x/v1" in documents.paths()) == ([], True)
    first = documents.digest("apis/x/v1")
    assert documents.document("apis/x/v1") == {"components": {"schemas": {}}}
    assert (made, documents.digest("apis/x/v1")) == ([1], first)
    documents.remove("apis/x/v1")
    documents.remove("apis/x/v1")
    assert (documents.document("apis/x/v1"), changed) == (None, ["apis/x/v1"] * 2)


@pytest.mark.parametrize(
    "versions",
    [["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"]],
)
def test_versions_are_ordered_as_upstream_orders_them(versions: list[str]) -> None:
    assert sorted(set(versions), key=version_priority) == versions
