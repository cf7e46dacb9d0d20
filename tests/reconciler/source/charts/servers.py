"""Real servers on loopback for charts: HTTP with and without TLS, chart repositories, a registry with its token service."""

import base64
import contextlib
import hashlib
import io
import json
import re
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import urllib3

CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
IMAGE_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class Request:
    """What a client sent; header names in lower case."""

    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What a server sends: a body, or a function that writes to the connection as long as it likes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Callable[[Any, threading.Event], None] | None = None


class WebServer:
    """Answers by ``answer``; notes every request. With ``certificates`` (a folder of `write_certificates`) over TLS."""

    def __init__(self, answer: Callable[[Request], Answer], certificates: Path | None = None) -> None:
        self.answer = answer
        self.requests: list[Request] = []
        self.stopped = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_GET(self) -> None:
                request = Request(self.path, {name.lower(): value for name, value in self.headers.items()})
                outer.requests.append(request)
                outer._send(self, outer.answer(request))

            def log_message(self, *words: Any) -> None:
                """Nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that goes away, or does not trust us, is what some tests are about."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.scheme = "http"
        if certificates is not None:
            self.scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates / "serving.crt", certificates / "serving.key")
            self.context = context
            # The handshake is made by the thread of the request.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def close(self) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def authorizations(self) -> list[str]:
        """The ``Authorization`` headers of all requests, empty where there was none."""
        return [request.headers.get("authorization", "") for request in self.requests]

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        with contextlib.suppress(OSError):
            handler.send_response(answer.status)
            for name, value in answer.headers.items():
                handler.send_header(name, value)
            if answer.stream is None:
                handler.send_header("Content-Length", str(len(answer.body)))
            handler.end_headers()
            if answer.stream is None:
                handler.wfile.write(answer.body)
            else:
                handler.close_connection = True
                answer.stream(handler.wfile, self.stopped)


def serve_files(files: Mapping[str, bytes], *, login: str = "") -> Callable[[Request], Answer]:
    """Files by path, with an ETag each; ``login`` is ``user:password`` of basic authentication."""
    expected = "Basic " + base64.b64encode(login.encode()).decode()

    def answer(request: Request) -> Answer:
        if login and request.headers.get("authorization") != expected:
            return Answer(401, headers={"WWW-Authenticate": 'Basic realm="charts"'})
        data = files.get(request.path.partition("?")[0])
        if data is None:
            return Answer(404)
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        if request.headers.get("if-none-match") == tag:
            return Answer(304, headers={"ETag": tag})
        return Answer(200, data, {"ETag": tag})

    return answer


def packed(files: Mapping[str, str | bytes], *, compress: bool = True) -> bytes:
    """A tar archive of files by path."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz" if compress else "w") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def packed_chart(name: str, version: str, *, extra: Mapping[str, str] | None = None) -> bytes:
    """A chart of one ConfigMap, as ``helm package`` makes it."""
    template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n"
    files = {"Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\n", "templates/cm.yaml": template}
    return packed({f"{name}/{path}": text for path, text in (files | dict(extra or {})).items()})


def index_of(charts: Mapping[str, Mapping[str, bytes]], *, url: str = "{name}-{version}.tgz") -> bytes:
    """An index in the form that Helm writes; ``charts`` is name to version to archive."""
    lines = ["apiVersion: v1", "entries:"]
    for name, versions in sorted(charts.items()):
        lines.append(f"  {name}:")
        for version, data in versions.items():
            lines += [
                "  - apiVersion: v2",
                f"    digest: {hashlib.sha256(data).hexdigest()}",
                f"    name: {name}",
                "    urls:",
                f"    - {url.format(name=name, version=version)}",
                f"    version: {version}",
            ]
    return "\n".join([*lines, 'generated: "2026-01-01T00:00:00Z"', ""]).encode()


def chart_files(charts: Mapping[str, Mapping[str, bytes]], *, prefix: str = "/charts") -> dict[str, bytes]:
    """The files of a chart repository by path."""
    archives = {
        f"{prefix}/{name}-{version}.tgz": data
        for name, versions in charts.items()
        for version, data in versions.items()
    }
    return {f"{prefix}/index.yaml": index_of(charts), **archives}


class TokenService:
    """Gives out the tokens that a registry with ``auth: token`` takes, to one login or to everybody."""

    def __init__(self, folder: Path, *, login: str = "") -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self._login = "Basic " + base64.b64encode(login.encode()).decode() if login else ""
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = _self_signed(self._key)
        self.bundle = folder / "tokens.crt"
        self.bundle.write_bytes(self._certificate)
        self.server = WebServer(self._answer)

    def _answer(self, request: Request) -> Answer:
        given = request.headers.get("authorization", "")
        if self._login and given != self._login:
            return Answer(401)
        scope = re.search(r"scope=repository%3A([^&]*)%3Apull", request.path)
        name = scope[1].replace("%2F", "/") if scope else ""
        return Answer(200, json.dumps({"token": self.token(name, ["pull"])}).encode())

    def token(self, repository: str, actions: list[str]) -> str:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

        certificate = x509.load_pem_x509_certificate(self._certificate).public_bytes(serialization.Encoding.DER)
        header = {"alg": "ES256", "typ": "JWT", "x5c": [base64.b64encode(certificate).decode()]}
        claims = {
            "iss": "tests", "sub": "robot", "aud": "registry", "exp": 4102444800, "nbf": 0, "iat": 0, "jti": "1",
            "access": [{"type": "repository", "name": repository, "actions": actions}],
        }  # fmt: skip
        signed = f"{_base64(json.dumps(header).encode())}.{_base64(json.dumps(claims).encode())}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{signed}.{_base64(r.to_bytes(32) + s.to_bytes(32))}"


def client_certificate() -> tuple[str, str]:
    """A certificate that is its own authority, and its key, as PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return _self_signed(key).decode(), pem.decode()


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _self_signed(key: Any) -> bytes:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.x509.oid import NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokens")])
    now = datetime.now(UTC) - timedelta(minutes=5)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


class Registry:
    """The distribution registry itself, in memory; pushes by the plain calls of the API."""

    def __init__(self, host: str, tokens: TokenService | None = None) -> None:
        self.host = host
        self._tokens = tokens
        self._http = urllib3.PoolManager(retries=False)

    def push_blob(self, repository: str, data: bytes) -> str:
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        start = self._call("POST", f"http://{self.host}/v2/{repository}/blobs/uploads/", repository)
        location = start.headers["Location"]
        separator = "&" if "?" in location else "?"
        self._call("PUT", f"{location}{separator}digest={digest}", repository, data, "application/octet-stream")
        return digest

    def push(self, repository: str, tag: str, layers: list[tuple[str, bytes]], *, config: str = CHART_CONFIG) -> str:
        """Push an artifact; its manifest's digest."""
        described = [
            {"mediaType": kind, "digest": self.push_blob(repository, data), "size": len(data)} for kind, data in layers
        ]
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": config, "digest": self.push_blob(repository, b"{}"), "size": 2},
            "layers": described,
        }
        return self.push_manifest(repository, tag, manifest)

    def push_manifest(self, repository: str, tag: str, manifest: Mapping[str, Any]) -> str:
        data = json.dumps(manifest).encode()
        url = f"http://{self.host}/v2/{repository}/manifests/{tag}"
        self._call("PUT", url, repository, data, str(manifest["mediaType"]))
        return "sha256:" + hashlib.sha256(data).hexdigest()

    def _call(self, method: str, url: str, repository: str, data: bytes = b"", kind: str = "") -> Any:
        headers = {"Content-Type": kind} if kind else {}
        if self._tokens is not None:
            headers["Authorization"] = f"Bearer {self._tokens.token(repository, ['pull', 'push'])}"
        response = self._http.request(method, url, body=data, headers=headers)
        assert response.status in (201, 202), (response.status, response.data)
        return response


@contextlib.contextmanager
def running_registry(program: Path, folder: Path, tokens: TokenService | None = None) -> Iterator[Registry]:
    """Start the registry on a free port; it says which in its log."""
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "info", "formatter": "json"},
        "storage": {"inmemory": {}},
        "http": {"addr": "127.0.0.1:0", "secret": "tests", "relativeurls": False},
        "catalog": {"maxentries": 1000},
    }
    if tokens is not None:
        config["auth"] = {
            "token": {
                "realm": f"{tokens.server.url}/token",
                "service": "registry",
                "issuer": "tests",
                "rootcertbundle": str(tokens.bundle),
            }
        }
    file = folder / "registry.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "OTEL_TRACES_EXPORTER": "none"}
    process = subprocess.Popen(
        [program, "serve", file], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment
    )
    log = process.stderr
    assert log is not None
    try:
        said = []
        for line in log:
            said.append(line)
            if match := re.search(r"listening on (127\.0\.0\.1:\d+)", line):
                break
        else:
            raise AssertionError(f"the registry did not start: {''.join(said)}")
        drain = threading.Thread(target=log.read, daemon=True)
        drain.start()
        yield Registry(match[1], tokens)
    finally:
        process.kill()
        process.wait()
        drain.join()
        log.close()
