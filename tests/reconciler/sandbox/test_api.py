"""What the API answers without sockets; the words are the real server's, as tests/conformance holds both to them."""

from typing import Any

import pytest

from tests.reconciler.sandbox.clusters import JSON_PATCH, MERGE, STRATEGIC, TestCluster, config_map, deployment, job

MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def test_an_object_is_created_read_changed_and_deleted(cluster: TestCluster) -> None:
    created = cluster.create(MAPS, config_map("a", k="v"))
    metadata = created["metadata"]
    assert (metadata["namespace"], metadata["creationTimestamp"]) == ("default", "2026-05-04T03:02:03Z")
    assert cluster.get(f"{MAPS}/a") == created
    changed = cluster.update(f"{MAPS}/a", {**created, "data": {"k": "w"}})
    assert int(changed["metadata"]["resourceVersion"]) == int(metadata["resourceVersion"]) + 1
    assert cluster.delete(f"{MAPS}/a") == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": {"name": "a", "kind": "configmaps", "uid": metadata["uid"]},
    }
    assert cluster.refuse(404, "GET", f"{MAPS}/a") == 'configmaps "a" not found'


def test_writing_the_same_again_changes_nothing(cluster: TestCluster) -> None:
    created = cluster.create(MAPS, config_map("a", k="v"))
    assert cluster.update(f"{MAPS}/a", created) == created
    assert cluster.patch(f"{MAPS}/a", {"data": {"k": "v"}}) == created
    assert cluster.cluster.store.revision == int(created["metadata"]["resourceVersion"])


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_dry_run_stores_nothing(cluster: TestCluster, method: str) -> None:
    cluster.create(MAPS, config_map("a", k="v"))
    before = cluster.cluster.store.revision
    path = MAPS if method == "POST" else f"{MAPS}/a"
    body = {"POST": config_map("b"), "PUT": config_map("a", k="w"), "PATCH": {"data": {"k": "w"}}, "DELETE": None}[
        method
    ]
    headers = {"content-type": MERGE} if method == "PATCH" else {}
    answer = cluster.send(method, path, body, headers=headers, dryRun="All")
    assert answer.status in (200, 201)
    assert cluster.cluster.store.revision == before
    if method in ("PUT", "PATCH"):
        assert answer.content["data"] == {"k": "w"}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/apis/apps/v1/nonsense", None, 404, "the server could not find the requested resource"),
        ("POST", f"{MAPS}/a", {}, 405, "the server does not allow this method on the requested resource"),
        ("POST", "/api/v1/namespaces/missing/configmaps", config_map("a"), 404, 'namespaces "missing" not found'),
        (
            "POST",
            MAPS,
            {"kind": "Secret", "apiVersion": "v1"},
            400,
            (
                'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): '
                "unknown conversion"
            ),
        ),
        (
            "POST",
            MAPS,
            {"metadata": {"name": "a", "namespace": "other"}},
            400,
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            "POST",
            MAPS,
            {"metadata": {}},
            422,
            'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
        ),
        (
            "POST",
            "/api/v1/namespaces/default/services",
            {"metadata": {"name": "a"}, "spec": {}},
            422,
            'Service "a" is invalid: spec.ports: Required value',
        ),
        (
            "POST",
            DEPLOYMENTS,
            {"metadata": {"name": "a"}, "spec": {}},
            422,
            (
                'Deployment.apps "a" is invalid: [spec.selector: Required value, spec.template.metadata.labels: Invalid '
                "value: null: `selector` does not match template `labels`, spec.template.spec.containers: Required value]"
            ),
        ),
        (
            "POST",
            "/apis/batch/v1/namespaces/default/jobs",
            job(policy="Always"),
            422,
            (
                'Job.batch "once" is invalid: spec.template.spec.restartPolicy: Required value: valid values: '
                '"OnFailure", "Never"'
            ),
        ),
        ("POST", MAPS, b"{", 400, None),
        ("POST", MAPS, [], 400, None),
    ],
)
def test_refusals(cluster: TestCluster, method: str, path: str, body: Any, status: int, message: str | None) -> None:
    told = cluster.refuse(status, method, path, body)
    assert message is None or told == message


def test_paths_that_are_no_resources(cluster: TestCluster) -> None:
    answer = cluster.send("GET", "/nope")
    assert (answer.status, answer.content, answer.content_type) == (
        404,
        "404 page not found\n",
        "text/plain; charset=utf-8",
    )
    assert cluster.send("GET", "/livez").content == "ok"
    assert cluster.get("/version")["gitVersion"].startswith("v1.")


def test_an_object_that_exists_and_a_stale_version_conflict(cluster: TestCluster) -> None:
    created = cluster.create(MAPS, config_map("a", k="v"))
    assert cluster.refuse(409, "POST", MAPS, config_map("a")) == 'configmaps "a" already exists'
    cluster.update(f"{MAPS}/a", config_map("a", k="w"))
    text = 'Operation cannot be fulfilled on configmaps "a": the object has been modified'
    assert cluster.refuse(409, "PUT", f"{MAPS}/a", created).startswith(text)


@pytest.mark.parametrize(
    ("mode", "status", "warned"), [("Strict", 400, False), ("Warn", 201, True), ("Ignore", 201, False)]
)
def test_unknown_fields(cluster: TestCluster, mode: str, status: int, warned: bool) -> None:
    answer = cluster.send("POST", MAPS, {"metadata": {"name": "a"}, "dta": {}}, fieldValidation=mode)
    assert answer.status == status
    assert [value for name, value in answer.headers if name == "Warning"] == (
        ['299 - "unknown field \\"dta\\""'] if warned else []
    )
    if mode == "Strict":
        assert answer.content["message"].endswith('strict decoding error: unknown field "dta"')


def test_patches_by_content_type(cluster: TestCluster) -> None:
    cluster.create(DEPLOYMENTS, deployment())
    path = f"{DEPLOYMENTS}/web"
    assert cluster.patch(path, {"spec": {"replicas": 2}})["spec"]["replicas"] == 2
    operations = [{"op": "replace", "path": "/spec/replicas", "value": 3}]
    assert cluster.patch(path, operations, JSON_PATCH)["spec"]["replicas"] == 3
    containers = {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "example.com/web:2"}]}}}}
    patched = cluster.patch(path, containers, STRATEGIC)
    assert patched["spec"]["template"]["spec"]["containers"][0]["image"] == "example.com/web:2"
    assert patched["metadata"]["generation"] == 4
    told = cluster.refuse(415, "PATCH", path, {}, headers={"content-type": "text/plain"})
    assert told.startswith("the body of the request was in an unknown format - accepted media types include: ")


def test_the_status_is_not_the_spec(cluster: TestCluster) -> None:
    created = cluster.create(DEPLOYMENTS, {**deployment(), "status": {"replicas": 9}})
    assert created["status"] == {}
    path = f"{DEPLOYMENTS}/web"
    changed = {**created, "spec": {**created["spec"], "replicas": 7}, "status": {"replicas": 1}}
    by_status = cluster.update(f"{path}/status", changed)
    assert (by_status["spec"]["replicas"], by_status["status"]) == (1, {"replicas": 1})
    assert by_status["metadata"]["generation"] == 1
    by_spec = cluster.patch(path, {"spec": {"replicas": 5}, "status": {"replicas": 8}})
    assert (by_spec["spec"]["replicas"], by_spec["status"], by_spec["metadata"]["generation"]) == (
        5,
        {"replicas": 1},
        2,
    )
    assert [entry.get("subresource") for entry in by_spec["metadata"]["managedFields"]].count("status") == 1


def test_scale_reads_and_writes_the_replicas(cluster: TestCluster) -> None:
    cluster.create(DEPLOYMENTS, deployment(replicas=2))
    scale = cluster.get(f"{DEPLOYMENTS}/web/scale")
    assert (scale["kind"], scale["spec"], scale["status"]) == (
        "Scale",
        {"replicas": 2},
        {"replicas": 0, "selector": "app=web"},
    )
    assert cluster.patch(f"{DEPLOYMENTS}/web/scale", {"spec": {"replicas": 4}})["spec"] == {"replicas": 4}
    live = cluster.get(f"{DEPLOYMENTS}/web")
    assert live["spec"]["replicas"] == 4
    assert "scale" in [entry.get("subresource") for entry in live["metadata"]["managedFields"]]


def test_a_put_creates_only_where_the_kind_allows_it(cluster: TestCluster) -> None:
    service = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}
    assert cluster.send("PUT", "/api/v1/namespaces/default/services/a", service).status == 201
    assert cluster.send("PUT", f"{MAPS}/a", config_map("a")).status == 404


def test_a_custom_resource_is_only_replaced_by_version(cluster: TestCluster) -> None:
    path = "/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/default"
    project = cluster.get(path)
    del project["metadata"]["resourceVersion"]
    text = 'appprojects.argoproj.io "default" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified'
    assert cluster.refuse(422, "PUT", path, project).startswith(text)
    assert cluster.patch(path, {"metadata": {"labels": {"a": "b"}}})["metadata"]["labels"] == {"a": "b"}


def test_patches_whose_result_cannot_be_decoded_do_not_repeat_it(cluster: TestCluster) -> None:
    cluster.create(MAPS, config_map("a", k="secret"))
    told = cluster.refuse(422, "PATCH", f"{MAPS}/a", {"data": {"k": 1}}, headers={"content-type": MERGE})
    assert told.endswith("json: cannot unmarshal number into Go struct field ConfigMap.data of type string")
    assert "secret" not in told


def test_identities_cannot_be_changed(cluster: TestCluster) -> None:
    cluster.create(MAPS, config_map("a"))
    other = {"metadata": {"name": "a", "uid": "other"}}
    assert "Precondition failed: UID in precondition: other" in cluster.refuse(409, "PUT", f"{MAPS}/a", other)
    told = cluster.refuse(422, "PATCH", f"{MAPS}/a", {"metadata": {"uid": "x"}}, headers={"content-type": MERGE})
    assert told == 'ConfigMap "a" is invalid: metadata.uid: Invalid value: "x": field is immutable'
    renamed = {"metadata": {"name": "b"}}
    text = "the name of the object (b) does not match the name on the URL (a)"
    assert cluster.refuse(400, "PUT", f"{MAPS}/a", renamed) == text


def test_ownership_can_be_given_up(cluster: TestCluster) -> None:
    created = cluster.create(MAPS, config_map("a", k="v"))
    created["metadata"]["managedFields"] = []
    assert "managedFields" not in cluster.update(f"{MAPS}/a", created)["metadata"]


def test_immutable_fields_stay(cluster: TestCluster) -> None:
    cluster.create(DEPLOYMENTS, deployment())
    other = deployment()
    other["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    other["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    told = cluster.refuse(422, "PUT", f"{DEPLOYMENTS}/web", other)
    assert told.endswith('spec.selector: Invalid value: {"matchLabels":{"app":"other"}}: field is immutable')


def test_generated_names_end_at_random(cluster: TestCluster) -> None:
    names = {cluster.create(MAPS, {"metadata": {"generateName": "g-"}})["metadata"]["name"] for _ in range(5)}
    assert len(names) == 5
    assert all(len(name) == 7 and name.startswith("g-") for name in names)


def test_defaults_are_the_servers(cluster: TestCluster) -> None:
    spec = cluster.create(DEPLOYMENTS, deployment())["spec"]
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}}
    assert (spec["revisionHistoryLimit"], spec["progressDeadlineSeconds"]) == (10, 600)
    pod = spec["template"]["spec"]
    assert (pod["restartPolicy"], pod["dnsPolicy"], pod["securityContext"]) == ("Always", "ClusterFirst", {})
    assert pod["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    job_spec = cluster.create("/apis/batch/v1/namespaces/default/jobs", job())["spec"]
    assert (job_spec["backoffLimit"], job_spec["completionMode"], job_spec["suspend"]) == (6, "NonIndexed", False)
    secret = {"metadata": {"name": "s"}, "stringData": {"a": "x"}}
    stored = cluster.create("/api/v1/namespaces/default/secrets", secret)
    assert (stored["type"], stored["data"], "stringData" in stored) == ("Opaque", {"a": "eA=="}, False)


def test_services_get_addresses_of_their_own(cluster: TestCluster) -> None:
    path = "/api/v1/namespaces/default/services"

    def service(name: str, **spec: Any) -> dict[str, Any]:
        return cluster.create(path, {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}})["spec"]  # type: ignore[no-any-return]

    one, two = service("one"), service("two", type="NodePort")
    assert one["clusterIPs"] == [one["clusterIP"]]
    assert one["clusterIP"] != two["clusterIP"]
    assert 30000 <= two["ports"][0]["nodePort"] < 32768
    assert service("none", clusterIP="None")["clusterIP"] == "None"
    assert "clusterIP" not in service("external", type="ExternalName", externalName="example.com")
    taken = {"metadata": {"name": "thief"}, "spec": {"clusterIP": one["clusterIP"], "ports": [{"port": 80}]}}
    assert "provided IP is already allocated" in cluster.refuse(422, "POST", path, taken)
    moved = cluster.get(f"{path}/one")
    moved["spec"]["clusterIP"] = moved["spec"]["clusterIPs"][0] = "10.96.9.9"
    assert "may not change once set" in cluster.refuse(422, "PUT", f"{path}/one", moved)


def test_an_update_that_leaves_the_address_out_keeps_it(cluster: TestCluster) -> None:
    path = "/api/v1/namespaces/default/services"
    body = {"metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}}
    address = cluster.create(path, body)["spec"]["clusterIP"]
    assert cluster.update(f"{path}/a", body)["spec"]["clusterIP"] == address
    local = {**body, "spec": {**body["spec"], "externalTrafficPolicy": "Local"}}  # type: ignore[dict-item]
    told = cluster.refuse(422, "PUT", f"{path}/a", local)
    assert told.endswith(
        'externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services'
    )


def test_a_service_that_is_no_longer_external_loses_what_that_took(cluster: TestCluster) -> None:
    path = "/api/v1/namespaces/default/services"
    cluster.create(path, {"metadata": {"name": "a"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}})
    spec = cluster.patch(f"{path}/a", {"spec": {"type": "ClusterIP"}})["spec"]
    assert sorted(spec["ports"][0]) == ["port", "protocol", "targetPort"]
    assert not {"externalTrafficPolicy", "allocateLoadBalancerNodePorts"} & set(spec)


def test_yaml_bodies_are_read_where_the_client_says_so(cluster: TestCluster) -> None:
    body = b"kind: ConfigMap\nmetadata: {name: y}\ndata: {a: b}\n"
    answer = cluster.send("POST", MAPS, body, headers={"content-type": "application/yaml"})
    assert (answer.status, answer.content["data"]) == (201, {"a": "b"})


def test_answers_that_no_client_could_read_are_not_given(cluster: TestCluster) -> None:
    answer = cluster.send("GET", MAPS, headers={"accept": "application/vnd.kubernetes.protobuf"})
    assert (answer.status, answer.content["reason"]) == (406, "NotAcceptable")


@pytest.mark.parametrize("field", ["dryRun", "fieldValidation"])
def test_options_that_cannot_be_are_refused(cluster: TestCluster, field: str) -> None:
    told = cluster.refuse(422, "POST", MAPS, config_map("a"), **{field: "Nonsense"})
    assert told.startswith(f'CreateOptions.meta.k8s.io "" is invalid: {field}: Unsupported value: ')


def test_metadata_alone_can_be_asked_for(cluster: TestCluster) -> None:
    cluster.create(MAPS, config_map("a", k="v"))
    one = {"accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}
    assert cluster.send("GET", f"{MAPS}/a", headers=one).content["kind"] == "PartialObjectMetadata"
    many = {"accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
    listed = cluster.send("GET", MAPS, headers=many).content
    assert listed["kind"] == "PartialObjectMetadataList"
    assert [sorted(item) for item in listed["items"]] == [["metadata"]]
