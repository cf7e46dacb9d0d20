"""Requests to an API server: what comes back, and what goes wrong, in one line and without what may be secret."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cluster.connection import Connection, _error, connect
from reconciler.errors import (
    ClusterError,
    ClusterUnreachableError,
    ConflictError,
    ForbiddenError,
    InvalidObjectError,
    NotFoundError,
    UsageError,
)

CANARY = "hunter2-canary"


def status(message: str, reason: str = "Invalid", **extra: Any) -> bytes:
    return json.dumps({"kind": "Status", "apiVersion": "v1", "message": message, "reason": reason, **extra}).encode()


KINDS = {
    400: InvalidObjectError,
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    405: ClusterError,
    409: ConflictError,
    410: ClusterError,
    413: InvalidObjectError,
    415: InvalidObjectError,
    422: InvalidObjectError,
    429: ClusterUnreachableError,
    500: ClusterError,
    502: ClusterUnreachableError,
    503: ClusterUnreachableError,
    504: ClusterUnreachableError,
}
EXITS = {401: 3, 403: 3, 404: 2, 409: 1, 422: 2, 500: 1, 503: 4}


@pytest.mark.parametrize(("code", "kind"), KINDS.items())
def test_the_error_of_a_status(code: int, kind: type[ClusterError]) -> None:
    error = _error(code, status('pods "a" is wrong', "SomeReason"), "GET /api/v1/pods/a")
    assert type(error) is kind
    assert (str(error), error.status, error.reason) == ('pods "a" is wrong', code, "SomeReason")
    assert error.exit_status == EXITS.get(code, error.exit_status)


BODIES = {
    "a page of a proxy": f"<html>{CANARY}</html>".encode(),
    "plain text": CANARY.encode(),
    "nothing": b"",
    "no text at all": b"\xff\xfe" + CANARY.encode(),
    "the object itself": json.dumps({"kind": "Secret", "data": {"password": CANARY}, "message": CANARY}).encode(),
    "a list": json.dumps([CANARY]).encode(),
    "a Status without a message": json.dumps({"kind": "Status", "details": CANARY}).encode(),
    "a Status with a null message": json.dumps({"kind": "Status", "message": None, "reason": CANARY}).encode(),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_is_never_repeated(body: bytes) -> None:
    error = _error(500, body, "PATCH /api/v1/namespaces/web/secrets/db")
    assert str(error) == "PATCH /api/v1/namespaces/web/secrets/db was answered with status 500"
    assert CANARY not in f"{error!r} {error.reason} {error.args}"


def test_only_message_and_reason_of_a_status_are_used() -> None:
    body = status("it is wrong", details={"causes": [{"message": CANARY}]}, metadata={"note": CANARY})
    assert str(_error(422, body, "PATCH /x")) == "it is wrong"


PATCH = "failed to create typed patch object (web/db; /v1, Kind=Secret): "
CONVERT = "failed to convert new object (web/db; /v1, Kind=Secret) to proper version: "
OTHER_TYPE = "got a value of another type"
# What a kube-apiserver 1.37 answers to a server-side apply of a Secret that does not fit.
MISFITS = {
    "a number": (
        f"{PATCH}.data.password: expected string, got &value.valueUnstructured{{Value:{CANARY}}}",
        f"{PATCH}.data.password: expected string, {OTHER_TYPE}",
    ),
    "a map": (
        f'{PATCH}.data.a: expected string, got &value.valueUnstructured{{Value:map[string]interface {{}}{{"{CANARY}":1}}}}',
        f"{PATCH}.data.a: expected string, {OTHER_TYPE}",
    ),
    "a list with a line break": (
        f"{PATCH}.data: expected map, got &{{[a b\n  .x: {CANARY}]}}",
        f"{PATCH}.data: expected map, {OTHER_TYPE}",
    ),
    "several": (
        f"{PATCH}errors:\n  .data.a: expected string, got {CANARY}\n  .data.b: expected string, got {CANARY}",
        f"{PATCH}errors: .data.a: expected string, {OTHER_TYPE}",
    ),
    "an unknown field": (f"{PATCH}.dat: field not declared in schema", f"{PATCH}.dat: field not declared in schema"),
    "not base64": (f"{CONVERT}illegal base64 data at byte 7", f"{CONVERT}illegal base64 data at byte 7"),
}


@pytest.mark.parametrize(("message", "shown"), MISFITS.values(), ids=MISFITS)
def test_an_object_that_does_not_fit_the_schema(message: str, shown: str) -> None:
    error = _error(500, status(message, ""), "PATCH /x")
    assert type(error) is InvalidObjectError
    assert str(error) == shown


@given(st.text(), st.sampled_from(["string", "map", "list", "numeric", "boolean"]))
def test_whatever_the_value_is_it_is_left_out(value: str, wanted: str) -> None:
    secret = f"{CANARY}{value}{CANARY}"
    error = _error(
        500, status(f"failed to create typed patch object: .data.x: expected {wanted}, got {secret}"), "PATCH /x"
    )
    assert str(error) == f"failed to create typed patch object: .data.x: expected {wanted}, got a value of another type"


def test_a_message_is_one_line() -> None:
    assert str(_error(422, status("one\n  two\r\n\tthree"), "PATCH /x")) == "one two three"


# Over a real socket.

Answer = tuple[int, bytes]


class Handler(BaseHTTPRequestHandler):
    answers: dict[str, Answer]
    seen: list[tuple[str, str, dict[str, str], bytes]]
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.seen.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        code, body = self.answers[self.path.partition("?")[0]]
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PATCH = do_POST = do_DELETE = answer  # noqa: N815 - the names that the base class calls

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""


def kubeconfig(server: str, **user: str) -> str:
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "contexts": [{"name": "test", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "users": [{"name": "u", "user": user}],
        }
    )


@contextmanager
def serving(answers: dict[str, Answer], path: Path) -> Iterator[tuple[Connection, type[Handler]]]:
    handler = type("Answers", (Handler,), {"answers": answers, "seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        path.write_text(kubeconfig(f"http://127.0.0.1:{server.server_address[1]}/", token=CANARY))
        connection = connect(kubeconfig=path)
        try:
            yield connection, handler
        finally:
            connection._access.pool.clear()
            server.shutdown()
            thread.join()


def test_a_request(tmp_path: Path) -> None:
    with serving({"/api/v1/pods": (200, b'{"kind": "PodList"}')}, tmp_path / "config") as (connection, handler):
        body = {"metadata": {"name": "a"}}
        query = {"fieldManager": "argocd-controller", "force": "true"}
        found = connection.request(
            "PATCH", "/api/v1/pods", query=query, body=body, content_type="application/apply-patch+yaml"
        )
        assert found == {"kind": "PodList"}
        ((method, path, headers, sent),) = handler.seen
        assert (method, path) == ("PATCH", "/api/v1/pods?fieldManager=argocd-controller&force=true")
        assert (headers["Content-Type"], headers["Accept"]) == ("application/apply-patch+yaml", "application/json")
        assert headers["authorization"] == f"Bearer {CANARY}"
        assert json.loads(sent) == body
        assert (connection.name, connection.server) == ("test", connection.server.rstrip("/"))


def test_an_empty_answer_is_none(tmp_path: Path) -> None:
    with serving({"/x": (200, b"")}, tmp_path / "config") as (connection, _):
        assert connection.get("/x") is None


def test_an_answer_that_is_not_json(tmp_path: Path) -> None:
    with serving({"/x": (200, CANARY.encode())}, tmp_path / "config") as (connection, _):
        with pytest.raises(ClusterError, match="GET /x was answered with something that is not JSON") as caught:
            connection.get("/x")
        assert CANARY not in str(caught.value)


def test_an_error_over_the_wire(tmp_path: Path) -> None:
    answers = {"/x": (403, status('secrets is forbidden: User "ada" cannot list', "Forbidden"))}
    with serving(answers, tmp_path / "config") as (connection, _):
        with pytest.raises(ForbiddenError, match=r'^secrets is forbidden: User "ada" cannot list$'):
            connection.get("/x")
        with pytest.raises(ForbiddenError, match=r"^secrets is forbidden"):
            connection.stream("/x", query={"watch": "true"}, idle_timeout_s=5)


def test_the_lines_of_a_watch(tmp_path: Path) -> None:
    lines = b'{"type": "ADDED"}\n\n{"type": "DELETED"}\n{"type": "cut o'
    with serving({"/x": (200, lines)}, tmp_path / "config") as (connection, _):
        stream = connection.stream("/x", query={"watch": "true"}, idle_timeout_s=5)
        assert list(stream) == [{"type": "ADDED"}, {"type": "DELETED"}]


def test_a_watch_that_turns_into_nonsense_ends(tmp_path: Path) -> None:
    with serving({"/x": (200, b'{"type": "ADDED"}\nnonsense\n{"type": "LATE"}\n')}, tmp_path / "config") as (
        connection,
        _,
    ):
        assert list(connection.stream("/x", query={}, idle_timeout_s=5)) == [{"type": "ADDED"}]


def test_nobody_answers(tmp_path: Path) -> None:
    with serving({}, tmp_path / "config") as (connection, _):
        server = connection.server
    with pytest.raises(ClusterUnreachableError) as caught:
        connection.get("/x")
    assert str(caught.value) == (
        f"cluster test at {server} cannot be reached: [Errno 111] Connection refused; check --context and that the server runs"
    )
    assert caught.value.retryable


# Kubeconfigs that cannot be used.

CONTEXT = "contexts: [{name: a, context: {cluster: c, user: u}}]\ncurrent-context: a\n"
SERVER = "server: https://127.0.0.1"
USER = f"users: [{{name: u, user: {{token: {CANARY}}}}}]\n"
UNUSABLE = {
    "empty": ("", "file is empty"),
    "text": ("hello", "not a kubeconfig"),
    "a list": ("- a", "not a kubeconfig"),
    "not YAML": (f"users:\n- user: {{token: {CANARY}\n", "while parsing a flow mapping"),
    "no current context": ("clusters: []\nusers: []\ncontexts: []\n", "Expected key current-context"),
    "no such cluster": (f"{CONTEXT}clusters: []\n{USER}", "Expected object with name c in"),
    "no server": (f"{CONTEXT}clusters: [{{name: c, cluster: {{}}}}]\n{USER}", "the cluster of context a has no server"),
    "a broken certificate": (
        f"{CONTEXT}clusters: [{{name: c, cluster: {{{SERVER}, certificate-authority-data: '{CANARY}!'}}}}]\n{USER}",
        "Invalid base64-encoded string",
    ),
    "a user of another shape": (
        f"{CONTEXT}clusters: [{{name: c, cluster: {{{SERVER}}}}}]\nusers: [{{name: u, user: {CANARY}}}]\n",
        "not a kubeconfig",
    ),
}


@pytest.mark.parametrize(("text", "expected"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_kubeconfig_that_cannot_be_used(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        connect(kubeconfig=file)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert expected in message
    assert message.endswith("; give --kubeconfig and --context, or start the sandbox with: gitops-nb sandbox start")
    assert "\n" not in message
    assert CANARY not in message


def test_a_context_that_is_not_there(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(kubeconfig("https://127.0.0.1"))
    with pytest.raises(UsageError, match="Expected object with name prod in"):
        connect(kubeconfig=file, context="prod")


def test_a_kubeconfig_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent: Invalid kube-config file\. No configuration found"):
        connect(kubeconfig=tmp_path / "absent")


def test_a_folder_in_place_of_a_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Is a directory"):
        connect(kubeconfig=tmp_path)


def test_the_variable_names_the_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "config"
    file.write_text(kubeconfig("https://127.0.0.1:6443"))
    monkeypatch.setenv("KUBECONFIG", str(file))
    assert connect().server == "https://127.0.0.1:6443"
