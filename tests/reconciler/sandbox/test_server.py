"""Over real sockets: TLS, the token, and who is let in at all."""

import http.client
import json
import ssl
import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from reconciler.errors import UsageError
from reconciler.sandbox import Sandbox
from tests.reconciler.sandbox.clusters import config_map

NAMESPACES = "/api/v1/namespaces"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(latency_s=0) as sandbox:
        yield sandbox


def connect(sandbox: Sandbox) -> http.client.HTTPSConnection:
    address = urlsplit(sandbox.url)
    context = ssl.create_default_context(cafile=str(sandbox.ca_file))
    return http.client.HTTPSConnection(str(address.hostname), address.port, timeout=10, context=context)


def ask(sandbox: Sandbox, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = connect(sandbox)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    result = answer.status, answer.read()
    connection.close()
    return result


def test_the_server_listens_on_loopback_alone(running: Sandbox) -> None:
    assert running.url.startswith("https://127.0.0.1:")


def test_the_kubeconfig_is_private_and_holds_all_it_takes(running: Sandbox) -> None:
    assert stat.S_IMODE(running.kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(running.kubeconfig.parent.stat().st_mode) == 0o700
    config = json.loads(running.kubeconfig.read_text())
    assert config["clusters"][0]["cluster"]["server"] == running.url
    assert config["users"][0]["user"]["token"] == running.token
    assert stat.S_IMODE((running.kubeconfig.parent / "server.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, 200),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic {token}"}, 401),
        ({"Authorization": ""}, 401),
        ({"Host": "localhost:{port}"}, 200),
        ({"Host": "LOCALHOST"}, 200),
        ({"Host": "[::1]:{port}"}, 200),
        ({"Host": "sandbox.example.com"}, 403),
        ({"Host": "127.0.0.1.example.com:{port}"}, 403),
        ({"Host": "localhost@example.com"}, 403),
        ({"Origin": "https://example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
    ],
)
def test_who_is_let_in(running: Sandbox, change: dict[str, str], status: int) -> None:
    port = str(urlsplit(running.url).port)
    values = {key: text.format(token=running.token, port=port) for key, text in change.items()}
    answered, body = ask(running, NAMESPACES, {"Authorization": f"Bearer {running.token}", **values})
    assert answered == status
    if status != 200:
        assert json.loads(body)["kind"] == "Status"
        assert running.token not in body.decode()


def test_health_needs_no_token_and_nothing_else_goes_without(running: Sandbox) -> None:
    assert ask(running, "/readyz", {}) == (200, b"ok")
    assert ask(running, "/version", {})[0] == 401
    assert ask(running, "/sandbox/instance", {})[0] == 401
    assert ask(running, "/readyz", {"Host": "example.com"})[0] == 403


def test_requests_share_a_connection(running: Sandbox) -> None:
    connection = connect(running)
    headers = {"Authorization": f"Bearer {running.token}", "Content-Type": "application/json"}
    connection.request("POST", f"{NAMESPACES}/default/configmaps", json.dumps(config_map("kept")), headers)
    first = connection.getresponse()
    assert (first.status, json.loads(first.read())["metadata"]["name"]) == (201, "kept")
    socket = connection.sock
    connection.request("HEAD", f"{NAMESPACES}/default/configmaps/kept", headers=headers)
    second = connection.getresponse()
    assert (second.status, second.read(), connection.sock is socket) == (200, b"", True)
    connection.close()


def test_a_body_that_is_too_large_is_refused(running: Sandbox) -> None:
    connection = connect(running)
    headers = {"Authorization": f"Bearer {running.token}"}
    connection.request("POST", f"{NAMESPACES}/default/configmaps", b" " * (3 * 1024 * 1024 + 1), headers)
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["reason"]) == (413, "RequestEntityTooLarge")
    connection.close()


def test_a_watch_streams_until_its_time_is_over(running: Sandbox) -> None:
    connection = connect(running)
    headers = {"Authorization": f"Bearer {running.token}"}
    path = f"{NAMESPACES}/default/configmaps?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dseen"
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("transfer-encoding")) == (200, "chunked")

    def create(api: object) -> None:
        from reconciler.sandbox.api import Api
        from reconciler.sandbox.writes import WriteOptions

        assert isinstance(api, Api)
        resource = api.cluster.catalog.find("", "v1", "configmaps")
        assert resource is not None
        api.writer.create(resource, "default", config_map("seen"), WriteOptions())

    running.call(create)
    events = [json.loads(line) for line in answer]
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in events] == [("ADDED", "seen")]
    connection.close()


def test_stopping_ends_watches_and_removes_the_folder() -> None:
    sandbox = Sandbox().start()
    connection = connect(sandbox)
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    connection.request("GET", f"{NAMESPACES}?watch=1", headers=headers)
    assert connection.getresponse().status == 200
    folder = sandbox.kubeconfig.parent
    sandbox.stop()
    connection.close()
    assert not folder.exists()
    with pytest.raises(UsageError, match="the sandbox is not running"):
        _ = sandbox.kubeconfig


def test_a_folder_of_ones_own_is_kept(tmp_path: Path) -> None:
    with Sandbox(directory=tmp_path) as sandbox:
        assert sandbox.kubeconfig.parent == tmp_path
    assert (tmp_path / "server.crt").exists()


def test_negative_latency_is_refused() -> None:
    with pytest.raises(UsageError, match=r"latency_s is -1; give a number of seconds that is not negative"):
        Sandbox(latency_s=-1)
