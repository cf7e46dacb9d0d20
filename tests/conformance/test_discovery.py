"""What the cluster says it serves."""

import pytest

from tests.conformance.client import AGGREGATED_DISCOVERY, Client


def test_version_is_a_kubernetes_version(client: Client) -> None:
    version = client.get("/version").expect()
    assert version["gitVersion"].startswith(f"v{version['major']}.{version['minor']}.")


@pytest.mark.parametrize("path", ["/readyz", "/livez", "/healthz"])
def test_health_endpoints_say_ok(client: Client, path: str) -> None:
    assert client.get(path).expect() == "ok"


def test_legacy_discovery_of_the_core_group(client: Client) -> None:
    assert client.get("/api").expect()["versions"] == ["v1"]
    body = client.get("/api/v1").expect()
    assert (body["kind"], body["groupVersion"]) == ("APIResourceList", "v1")
    resources = {each["name"]: each for each in body["resources"]}
    assert resources["configmaps"]["shortNames"] == ["cm"]
    assert resources["configmaps"]["namespaced"] is True
    assert resources["configmaps"]["kind"] == "ConfigMap"
    assert resources["configmaps"]["singularName"] == "configmap"
    verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    assert sorted(resources["configmaps"]["verbs"]) == verbs
    assert resources["namespaces"]["namespaced"] is False
    assert {"pods/status", "pods/binding", "namespaces/finalize", "serviceaccounts/token"} <= set(resources)


def test_legacy_discovery_of_groups(client: Client) -> None:
    body = client.get("/apis").expect()
    assert body["kind"] == "APIGroupList"
    groups = {each["name"]: each for each in body["groups"]}
    assert {"apps", "batch", "networking.k8s.io", "rbac.authorization.k8s.io", "apiextensions.k8s.io"} <= set(groups)
    assert groups["autoscaling"]["preferredVersion"] == {"groupVersion": "autoscaling/v2", "version": "v2"}
    assert [each["version"] for each in groups["autoscaling"]["versions"]] == ["v2", "v1"]
    assert client.get("/apis/apps").expect()["preferredVersion"]["groupVersion"] == "apps/v1"
    resources = {each["name"]: each for each in client.get("/apis/apps/v1").expect()["resources"]}
    scale = resources["deployments/scale"]
    assert (scale["group"], scale["version"], scale["kind"]) == ("autoscaling", "v1", "Scale")
    assert resources["deployments"]["categories"] == ["all"]


def test_aggregated_discovery_has_the_same_resources_as_the_legacy_one(client: Client) -> None:
    answer = client.request("GET", "/apis", accept=AGGREGATED_DISCOVERY)
    assert answer.expect()["kind"] == "APIGroupDiscoveryList"
    assert answer.headers["Content-Type"].startswith("application/json;g=apidiscovery.k8s.io;v=v2")
    apps = next(each for each in answer.body["items"] if each["metadata"]["name"] == "apps")
    aggregated = {
        name
        for resource in apps["versions"][0]["resources"]
        for name in (
            resource["resource"],
            *(f"{resource['resource']}/{sub['subresource']}" for sub in resource.get("subresources", ())),
        )
    }
    assert aggregated == {each["name"] for each in client.get("/apis/apps/v1").expect()["resources"]}
    core = client.request("GET", "/api", accept=AGGREGATED_DISCOVERY).expect()["items"]
    assert [item["versions"][0]["version"] for item in core] == ["v1"]


def test_openapi_index_leads_to_documents(client: Client) -> None:
    paths = client.get("/openapi/v3").expect()["paths"]
    assert {"api/v1", "apis/apps/v1", "apis/batch/v1", "apis/networking.k8s.io/v1"} <= set(paths)
    url = paths["apis/apps/v1"]["serverRelativeURL"]
    assert url.startswith("/openapi/v3/apis/apps/v1?hash=")
    schemas = client.get(url).expect()["components"]["schemas"]
    spec = schemas["io.k8s.api.apps.v1.DeploymentSpec"]
    assert spec["required"] == ["selector", "template"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-list-map-keys"] == ["name"]


def test_openapi_names_the_query_parameters_of_patch(client: Client) -> None:
    paths = client.get("/openapi/v3/apis/apps/v1").expect()["paths"]
    patch = paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["x-kubernetes-group-version-kind"] == {"group": "apps", "version": "v1", "kind": "Deployment"}
    assert {"dryRun", "fieldValidation", "fieldManager", "force"} <= {each["name"] for each in patch["parameters"]}
    assert "application/strategic-merge-patch+json" in patch["requestBody"]["content"]


def test_a_path_that_is_not_there(client: Client) -> None:
    assert client.get("/apis/nothing.example/v1/things").status == 404
    answer = client.get("/apis/apps/v1/namespaces/default/gadgets")
    assert (answer.status, answer.message) == (404, "the server could not find the requested resource")
    assert answer.body["reason"] == "NotFound"


def test_a_wrong_token_is_refused(client: Client) -> None:
    answer = client.request("GET", "/api/v1/namespaces", headers={"Authorization": "Bearer wrong"})
    assert (answer.status, answer.message, answer.body["reason"]) == (401, "Unauthorized", "Unauthorized")


def test_an_impersonated_user_has_that_users_rights(client: Client, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/secrets"
    answer = client.request("GET", path, headers={"Impersonate-User": "joe"})
    assert answer.status == 403
    assert answer.message == (
        f'secrets is forbidden: User "joe" cannot list resource "secrets" in API group "" in the namespace "{namespace}"'
    )
    masters = {"Impersonate-User": "joe", "Impersonate-Group": "system:masters"}
    assert client.request("GET", path, headers=masters).status == 200
