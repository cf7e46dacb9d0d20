"""Other clusters, by Argo CD's cluster Secrets."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from urllib3.exceptions import InsecureRequestWarning

from reconciler.cluster import Connection, connect, discover
from reconciler.cluster.cluster_secrets import parse_cluster, parse_clusters
from reconciler.cluster.clusters import ClusterSecrets, connect_cluster, known_clusters, read_cluster_secrets
from reconciler.errors import ClusterError, ClusterUnreachableError, NotFoundError, SpecError
from reconciler.sandbox import Sandbox
from reconciler.terms import IN_CLUSTER_SERVER


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(called: str = "second", /, *, config: Any = None, **data: str) -> dict[str, Any]:
    fields = {"server": "https://10.0.0.2:6443", "name": "second", **data}
    if config is not None:
        fields["config"] = config if isinstance(config, str) else json.dumps(config)
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": called,
            "namespace": "argocd",
            "resourceVersion": "1",
            "labels": {"argocd.argoproj.io/secret-type": "cluster", "env": "test"},
        },
        "data": {key: encoded(value) for key, value in fields.items()},
    }


def of(sandbox: Sandbox, name: str, **config: Any) -> dict[str, Any]:
    tls = {"insecure": False, "caData": encoded(sandbox.ca_file.read_text())}
    return secret(
        name, server=sandbox.url, name=name, config={"bearerToken": sandbox.token, "tlsClientConfig": tls, **config}
    )


def test_a_record() -> None:
    record = parse_cluster(
        secret(
            server="https://10.0.0.2:6443/",
            namespaces="web, shop,",
            clusterResources="true",
            project="team",
            shard="3",
            config={"bearerToken": "t", "tlsClientConfig": {"serverName": "api"}, "proxyUrl": "socks5://10.1.1.1:1080"},
        )
    )
    assert (record.server, record.name, record.secret_name) == ("https://10.0.0.2:6443", "second", "second")
    assert (record.namespaces, record.cluster_resources) == (("web", "shop"), True)
    assert (record.project, record.shard, record.labels["env"]) == ("team", 3, "test")
    assert (record.bearer_token.reveal(), record.server_name) == ("t", "api")


def test_a_cluster_without_a_name_is_called_by_its_server() -> None:
    assert parse_cluster(secret(name="")).name == "https://10.0.0.2:6443"
    record = parse_cluster({**secret(), "data": {"server": encoded("https://a")}})
    assert (record.name, record.shard, record.namespaces) == ("https://a", None, ())


def test_namespaces_that_a_cluster_is_limited_to() -> None:
    limited, whole = parse_cluster(secret(namespaces="web")), parse_cluster(secret())
    both = parse_cluster(secret(namespaces="web", clusterResources="true"))
    assert [limited.manages(name) for name in ("web", "shop", "")] == [True, False, False]
    assert [both.manages(name) for name in ("web", "shop", "")] == [True, False, True]
    assert [whole.manages(name) for name in ("web", "")] == [True, True]


WRONG = {
    "no server": ({"server": ""}, "server: must be the URL of an API server, such as https://10.0.0.1:6443"),
    "another scheme": ({"server": "file:///etc"}, "server: must be the URL of an API server"),
    "a line break": ({"server": "https://a\nb"}, "server: must be the URL of an API server"),
    "a bad port": ({"server": "https://a:x"}, "server: must be the URL of an API server"),
    "a login in the URL": ({"server": "https://u:p@a"}, "server: must hold no login, query or fragment"),
    "config that is no JSON": ({"config": "{"}, "config: must be a JSON object"),
    "config that is a list": ({"config": []}, "config: must be a JSON object"),
    "deep config": ({"config": "[" * 100_000}, "config: must be a JSON object"),
    "a token that is no text": ({"config": {"bearerToken": 7}}, "config.bearerToken: must be a text"),
    "a token of two lines": (
        {"config": {"bearerToken": "a\r\nX: y"}},
        "config.bearerToken: must be a text without control",
    ),
    "tls that is none": ({"config": {"tlsClientConfig": "x"}}, "config.tlsClientConfig: must be an object"),
    "ca that is no base64": (
        {"config": {"tlsClientConfig": {"caData": "%"}}},
        "config.tlsClientConfig.caData: must be base64",
    ),
    "both insecure and a ca": (
        {"config": {"tlsClientConfig": {"insecure": True, "caData": "YQ=="}}},
        "config.tlsClientConfig: insecure and caData exclude each other",
    ),
    "a certificate alone": (
        {"config": {"tlsClientConfig": {"certData": "YQ=="}}},
        "config.tlsClientConfig: certData and keyData belong together",
    ),
    "a proxy of another kind": ({"config": {"proxyUrl": "ftp://a"}}, "config.proxyUrl: must begin with http://"),
    "an argument that is no text": (
        {"config": {"execProviderConfig": {"command": "a", "args": [1]}}},
        "config.execProviderConfig.args: must be a list of texts",
    ),
}


@pytest.mark.parametrize(("fields", "message"), WRONG.values(), ids=WRONG)
def test_secrets_that_hold_no_cluster(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_cluster(secret(**fields))
    assert str(caught.value).startswith(f"cluster Secret second: {message}")


def test_one_wrong_secret_keeps_no_other_back() -> None:
    broken = secret("a-broken")
    broken["data"]["config"] = "%"
    records, problems = parse_clusters([broken, secret("b-good")])
    assert [record.secret_name for record in records] == ["b-good"]
    assert problems == ("cluster Secret a-broken: data.config: must be base64 of a UTF-8 text",)


@pytest.fixture
def second() -> Iterator[Sandbox]:
    with Sandbox() as cluster:
        yield cluster


def marker(sandbox: Sandbox, name: str) -> None:
    path = "/api/v1/namespaces/default/configmaps"
    connect(kubeconfig=sandbox.kubeconfig).request("POST", path, body={"metadata": {"name": name}})


def has(connection: Connection, name: str) -> bool:
    found = connection.get("/api/v1/namespaces/default/configmaps")
    return name in [item["metadata"]["name"] for item in found["items"]]


def test_two_clusters_by_name_and_by_server(sandbox: Sandbox, second: Sandbox) -> None:
    marker(sandbox, "first")
    marker(second, "second")
    here = connect(kubeconfig=sandbox.kubeconfig)
    body = of(second, "spoke")
    del body["metadata"]["resourceVersion"]
    here.request("POST", "/api/v1/namespaces/argocd/secrets", body=body)
    clusters = ClusterSecrets(here, lambda: read_cluster_secrets(here, namespace="argocd"))
    for where in ({"name": "spoke"}, {"server": second.url}, {"server": f"{second.url}/"}):
        there = clusters.connect(**where)
        assert has(there, "second")
        assert not has(there, "first")
        assert there is clusters.connect(name="spoke")
    assert discover(clusters.connect(name="spoke")).preferred("apps", "Deployment") is not None
    for where in ({"name": "in-cluster"}, {"server": IN_CLUSTER_SERVER}, {"server": here.server}):
        assert clusters.connect(**where) is here
    assert [(record.server, record.name) for record in clusters.records] == [
        (second.url, "spoke"),
        (IN_CLUSTER_SERVER, "in-cluster"),
    ]
    assert known_clusters(clusters.records) == {"in-cluster": IN_CLUSTER_SERVER, "spoke": second.url}


def test_the_connected_cluster_is_asked_for_no_secret(sandbox: Sandbox) -> None:
    def read() -> list[Any]:
        raise AssertionError("read")

    clusters = ClusterSecrets(connect(kubeconfig=sandbox.kubeconfig), read)
    assert clusters.connect(name="in-cluster") is clusters.connect(server=IN_CLUSTER_SERVER)


def test_unknown_and_ambiguous_names(sandbox: Sandbox) -> None:
    twin = secret("twin", server="https://10.0.0.3:6443")
    broken = secret("broken", server="x")
    clusters = ClusterSecrets(connect(kubeconfig=sandbox.kubeconfig), lambda: [secret(), twin, broken])
    with pytest.raises(
        NotFoundError, match=r"several clusters are named second: https://10.0.0.2:6443, https://10.0.0.3"
    ):
        clusters.connect(name="second")
    with pytest.raises(NotFoundError) as caught:
        clusters.connect(name="third")
    assert str(caught.value).startswith(
        "no cluster third is known; there are in-cluster, second. Not readable: cluster Secret broken: server: must be"
    )
    assert clusters.connect(server="https://10.0.0.3:6443").server == "https://10.0.0.3:6443"


def test_a_changed_secret_makes_a_new_connection_and_the_same_one_none(sandbox: Sandbox) -> None:
    entry = secret()
    clusters = ClusterSecrets(connect(kubeconfig=sandbox.kubeconfig), lambda: [entry])
    first = clusters.connect(name="second")
    clusters.forget()
    assert clusters.connect(name="second") is first
    entry["metadata"]["resourceVersion"] = "2"
    clusters.forget()
    assert clusters.connect(name="second") is not first


def test_a_server_that_another_authority_vouches_for_is_refused(sandbox: Sandbox, second: Sandbox) -> None:
    tls = {"caData": encoded(sandbox.ca_file.read_text())}
    there = connect_cluster(parse_cluster(of(second, "spoke", tlsClientConfig=tls)))
    with pytest.raises(ClusterUnreachableError, match=r"cluster spoke at https://127.0.0.1:"):
        there.get("/version")
    insecure = connect_cluster(parse_cluster(of(second, "spoke", tlsClientConfig={"insecure": True})))
    with pytest.warns(InsecureRequestWarning):
        assert insecure.get("/version")["major"] == "1"


def test_a_server_name_is_what_the_certificate_is_checked_for(second: Sandbox) -> None:
    tls = {"caData": encoded(second.ca_file.read_text()), "serverName": "localhost"}
    assert connect_cluster(parse_cluster(of(second, "spoke", tlsClientConfig=tls))).get("/version")["major"] == "1"
    wrong = connect_cluster(parse_cluster(of(second, "spoke", tlsClientConfig=tls | {"serverName": "example.com"})))
    with pytest.raises(ClusterUnreachableError):
        wrong.get("/version")


def test_a_client_certificate_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.sandbox.tls import make_certificate

    certificate, key = make_certificate(tmp_path)
    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(private))
    tls = {"certData": encoded(certificate.read_text()), "keyData": encoded(key.read_text())}
    connect_cluster(parse_cluster(secret(config={"tlsClientConfig": tls})))
    assert list(private.iterdir()) == []
    with pytest.raises(
        ClusterError, match=r"a certificate or key of its Secret cannot be used; see config.tlsClientConfig"
    ):
        connect_cluster(parse_cluster(secret(config={"tlsClientConfig": tls | {"keyData": encoded("no key")}})))
    assert list(private.iterdir()) == []


def test_aws_logins_are_refused_with_what_to_do() -> None:
    record = parse_cluster(secret(config={"awsAuthConfig": {"clusterName": "prod", "roleARN": "arn"}}))
    with pytest.raises(ClusterError) as caught:
        connect_cluster(record)
    assert str(caught.value) == (
        "cluster second: awsAuthConfig is not supported; give its Secret a bearerToken, or an execProviderConfig with a "
        "command that you allow, such as aws eks get-token"
    )
