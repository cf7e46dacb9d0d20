"""Cluster Secrets that execute, leak, or lead elsewhere."""

import base64
import json
import pickle
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.output import plain
from reconciler.cluster.cluster_secrets import ClusterRecord, parse_cluster
from reconciler.cluster.clusters import connect_cluster
from reconciler.cluster.exec_credentials import ExecCredential, require_allowed
from reconciler.errors import ClusterError, ForbiddenError

CANARY = "hunter2-canary"
VERSION = "client.authentication.k8s.io/v1"


def record(server: str = "https://10.0.0.2:6443", **config: Any) -> ClusterRecord:
    data = {"server": server, "name": "second", "config": json.dumps(config)}
    return parse_cluster(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "second", "resourceVersion": "1"},
            "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
        }
    )


def script(folder: Path, body: str, name: str = "login") -> Path:
    file = folder / name
    file.write_text(f"#!{sys.executable}\nimport json, os, pathlib, sys, time\n{body}\n")
    file.chmod(0o755)
    return file


def logging_in(command: str, **more: Any) -> ClusterRecord:
    return record(execProviderConfig={"command": command, "apiVersion": VERSION, **more})


def test_no_command_runs_that_is_not_allowed_by_name(tmp_path: Path) -> None:
    sentinel = tmp_path / "ran"
    file = script(tmp_path, f"pathlib.Path({str(sentinel)!r}).touch()")
    for allowed in (frozenset[str](), frozenset({"login"}), frozenset({f"{file} "}), frozenset({str(tmp_path)})):
        with pytest.raises(ForbiddenError) as caught:
            connect_cluster(logging_in(str(file)), exec_allowed=allowed)
        assert str(caught.value) == (
            f"cluster second: its Secret logs in by running {file}, which is not allowed; allow this command by name, or "
            "give the Secret a bearerToken or a client certificate"
        )
    assert not sentinel.exists()


REFUSED = {
    "a relative path": ("./login", VERSION, "the command ./login is not there"),
    "a path upwards": ("../login", VERSION, r"the command \.\./login is not there"),
    "nothing of that name": (
        "gitops-nb-no-such-command",
        VERSION,
        "the command gitops-nb-no-such-command is not there",
    ),
    "another protocol": ("sh", "client.authentication.k8s.io/v1alpha1", "execProviderConfig.apiVersion is client"),
}


@pytest.mark.parametrize(("command", "version", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_although_it_is_allowed(
    command: str, version: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path, "")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ClusterError, match=message):
        connect_cluster(logging_in(command, apiVersion=version), exec_allowed=frozenset({command}))


def credential(file: Path, **more: Any) -> ExecCredential:
    provider = logging_in(str(file), **more).exec_provider
    assert provider is not None
    return ExecCredential(
        provider, require_allowed(provider, frozenset({str(file)}), cluster="second"), cluster="second"
    )


def answer(status: str) -> str:
    return f"print(json.dumps(dict(kind='ExecCredential', apiVersion={VERSION!r}, status={status})))"


def test_an_allowed_command_gets_next_to_no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    monkeypatch.setenv("LD_PRELOAD", "")
    file = script(tmp_path, answer("dict(token=','.join(sorted(os.environ)))"))
    names = credential(file, env={"CLUSTER": "x"}).token().reveal().split(",")
    assert {"CLUSTER", "KUBERNETES_EXEC_INFO", "PATH"} <= set(names)
    assert {"AWS_SECRET_ACCESS_KEY", "LD_PRELOAD", "KUBECONFIG"}.isdisjoint(names)


def test_a_token_is_asked_for_once_and_again_when_it_expires(tmp_path: Path) -> None:
    count = f"file = pathlib.Path({str(tmp_path / 'count')!r}); file.write_text(file.read_text() + 'x' if file.exists() else 'x')"
    for expires, runs in (("2999-01-01T00:00:00Z", 1), ("2001-01-01T00:00:00Z", 3)):
        (tmp_path / "count").unlink(missing_ok=True)
        file = script(tmp_path, f"{count}\n{answer(f'dict(token={CANARY!r}, expirationTimestamp={expires!r})')}")
        asked = credential(file)
        assert [asked.token().reveal() for _ in range(3)] == [CANARY] * 3
        assert (tmp_path / "count").read_text() == "x" * runs


NONSENSE = {
    "fails": f"print({CANARY!r}); print({CANARY!r}, file=sys.stderr); sys.exit(3)",
    "prints no JSON": f"print({CANARY!r})",
    "prints a list": f"print(json.dumps([{CANARY!r}]))",
    "gives no token": answer(f"dict(clientKeyData={CANARY!r})"),
    "gives a header of its own": answer(f"dict(token='a\\r\\nX-Canary: {CANARY}')"),
    "gives a number": answer("dict(token=7)"),
    "gives no status": answer("None"),
}


@pytest.mark.parametrize("body", NONSENSE.values(), ids=NONSENSE)
def test_what_a_command_prints_is_never_repeated(body: str, tmp_path: Path) -> None:
    with pytest.raises(
        ClusterError, match=r"cluster second: the command .* (ended with status 3|gave no|did not)"
    ) as caught:
        credential(script(tmp_path, body)).token()
    assert CANARY not in str(caught.value)


def test_a_login_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.cluster.exec_credentials.TIMEOUT_S", 0.2)
    with pytest.raises(ClusterError, match=r"the login of cluster second took more than 0 s and was ended"):
        credential(script(tmp_path, "time.sleep(60)")).token()


def test_credentials_are_not_printed_pickled_or_put_into_json() -> None:
    found = record(
        username=CANARY,
        password=CANARY,
        bearerToken=CANARY,
        proxyUrl=f"http://u:{CANARY}@10.0.0.1",
        tlsClientConfig={key: base64.b64encode(CANARY.encode()).decode() for key in ("caData", "certData", "keyData")},
        execProviderConfig={"command": "c", "env": {"TOKEN": CANARY}},
    )
    assert CANARY not in repr(found)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(found)
    with pytest.raises(TypeError):
        json.dumps(plain(found))


class Recorder(BaseHTTPRequestHandler):
    seen: list[dict[str, str]]
    location = ""

    def do_GET(self) -> None:
        self.seen.append(dict(self.headers))
        self.send_response(302 if self.location else 200)
        if self.location:
            self.send_header("Location", self.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


@contextmanager
def recording(location: str = "") -> Iterator[tuple[str, list[dict[str, str]]]]:
    seen: list[dict[str, str]] = []
    handler = type("Handler", (Recorder,), {"seen": seen, "location": location})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
        server.shutdown()
        thread.join()


def test_a_redirect_takes_no_login_along() -> None:
    with recording() as (elsewhere, taken), recording(f"{elsewhere}/x") as (url, seen):
        connection = connect_cluster(record(url, bearerToken=CANARY))
        with pytest.raises(ClusterError, match="GET /version was answered with status 302"):
            connection.get("/version")
        connection._access.pool.clear()
    assert taken == []
    assert [headers["Authorization"] for headers in seen] == [f"Bearer {CANARY}"]


def test_a_password_login() -> None:
    with recording() as (url, seen):
        connection = connect_cluster(record(url, username="ada", password=CANARY))
        assert connection.get("/version") is None
        connection._access.pool.clear()
    assert base64.b64decode(seen[0]["Authorization"].removeprefix("Basic ")).decode() == f"ada:{CANARY}"


def test_nothing_is_on_the_command_line_of_a_login(tmp_path: Path) -> None:
    file = script(tmp_path, answer("dict(token=pathlib.Path('/proc/self/cmdline').read_text().replace(chr(0), ' '))"))
    shown = credential(file, args=["get-token"], env={"TOKEN": CANARY}).token().reveal()
    assert shown.split()[-1] == "get-token"
    assert CANARY not in shown
