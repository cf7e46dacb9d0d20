"""Git over real transports on loopback: HTTPS by ``git http-backend``, SSH by ``sshd``, and the proxies before them."""

import base64
import datetime
import ipaddress
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)


class Authority:
    """A certificate authority for one test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = self._sign("Test authority", self._key, authority=True)
        self.pem = self._certificate.public_bytes(Encoding.PEM).decode()

    def issue(self, name: str) -> tuple[str, str]:
        """Certificate and key in PEM, for a server on loopback or a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key, authority=False)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return certificate.public_bytes(Encoding.PEM).decode(), private.decode()

    def server_context(self, *, client_certificates: bool = False) -> ssl.SSLContext:
        certificate, key = self.issue("localhost")
        (self.folder / "server.pem").write_text(certificate + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem")
        if client_certificates:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=self.pem)
        return context

    def _sign(self, name: str, key: ec.EllipticCurvePrivateKey, *, authority: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = subject if authority else self._certificate.subject
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(identifier, critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )


@dataclass
class HttpsServer:
    """What a server on loopback saw; ``answer`` may handle a request before Git does, by returning True."""

    port: int
    authority: Authority
    paths: list[str] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    answer: "Callable[[BaseHTTPRequestHandler], bool]" = lambda handler: False

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @cached_property
    def hosts(self) -> dict[str, str]:
        """The data of ``argocd-tls-certs-cm``."""
        return {"127.0.0.1": self.authority.pem, "localhost": self.authority.pem}


@contextmanager
def https_git(
    root: Path, authority: Authority, *, login: str = "", bearer: str = "", client_certificates: bool = False
) -> Iterator[HttpsServer]:
    """Serve the repositories below ``root``; with ``login`` (``user:password``) or ``bearer`` only to who gives it."""
    wanted = {f"Basic {base64.b64encode(login.encode()).decode()}"} if login else set()
    wanted |= {f"Bearer {bearer}"} if bearer else set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: object) -> None:
            pass

        def do_GET(self) -> None:
            self._serve()

        def do_POST(self) -> None:
            self._serve()

        def _serve(self) -> None:
            seen.paths.append(self.path)
            given = self.headers.get("Authorization", "")
            if given:
                seen.authorizations.append(given)
            if seen.answer(self):
                return
            if wanted and given not in wanted:
                respond(self, 401, b"", {"WWW-Authenticate": 'Basic realm="git"'})
                return
            self._backend()

        def _backend(self) -> None:
            path, _, query = self.path.partition("?")
            body = read_body(self)
            environment = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_COUNT": "3",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
                "GIT_CONFIG_KEY_1": "uploadpack.allowAnySHA1InWant",
                "GIT_CONFIG_VALUE_1": "true",
                "GIT_CONFIG_KEY_2": "uploadpack.allowFilter",
                "GIT_CONFIG_VALUE_2": "true",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REMOTE_ADDR": "127.0.0.1",
            }
            done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True)
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line)
            status = int(headers.pop("Status", "200").split()[0])
            respond(self, status, content, headers)

    with serving(Handler, authority.server_context(client_certificates=client_certificates)) as port:
        seen = HttpsServer(port, authority)
        yield seen


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler], context: ssl.SSLContext | None) -> Iterator[int]:
    """A server on a free port of loopback, as long as the block runs."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def finish_request(self, request: Any, client_address: Any) -> None:
            try:
                # The handshake in the connection's own thread.
                wrapped = context.wrap_socket(request, server_side=True) if context else request
            except OSError:
                return
            with wrapped, suppress(OSError):
                super().finish_request(wrapped, client_address)

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def read_body(handler: BaseHTTPRequestHandler) -> bytes:
    if handler.headers.get("Transfer-Encoding") != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    body = b""
    while size := int(handler.rfile.readline(), 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


def respond(handler: BaseHTTPRequestHandler, status: int, content: bytes, headers: dict[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@dataclass(frozen=True)
class SshServer:
    """An ``sshd`` on loopback; ``known_hosts`` names it, ``private_key`` logs in."""

    port: int
    user: str
    known_hosts: str
    private_key: str

    def url(self, path: Path) -> str:
        return f"ssh://{self.user}@127.0.0.1:{self.port}{path}"


@contextmanager
def ssh_git(folder: Path) -> Iterator[SshServer]:
    """Serve all that this user can read, by one ``sshd`` a connection (``-i``), so that no port is taken twice."""
    folder.mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    for name in ("host", "login"):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / name)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    (folder / "config").write_text(
        f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/login.pub\nStrictModes no\nUsePAM no\n"
        f"PermitRootLogin prohibit-password\nPasswordAuthentication no\nPidFile none\n"
        f"SetEnv PATH={os.environ['PATH']}\n"
    )

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            command = [str(SSHD), "-i", "-f", str(folder / "config")]
            subprocess.run(command, stdin=self.request, stdout=self.request, stderr=subprocess.DEVNULL)

    with listening(Handler) as port:
        host = (folder / "host.pub").read_text()
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        yield SshServer(port, user, f"[127.0.0.1]:{port} {host}", (folder / "login").read_text())


@contextmanager
def listening(handler: type[socketserver.BaseRequestHandler]) -> Iterator[int]:
    """A TCP server on a free port of loopback, as long as the block runs."""

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@dataclass
class ProxyServer:
    """What a proxy was asked to connect to, as ``host:port``, and with which login."""

    port: int
    targets: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)


@contextmanager
def http_proxy() -> Iterator[ProxyServer]:
    """A proxy that speaks CONNECT, to who logs in."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            target, login = self._request()
            if not login:
                self.wfile.write(b"HTTP/1.1 407 Login\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
                target, login = self._request()
            seen.logins.append(base64.b64decode(login.removeprefix("Basic ")).decode())
            seen.targets.append(target)
            host, _, port = target.rpartition(":")
            with socket.create_connection((host, int(port))) as upstream:
                self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                relay(self.connection, upstream)

        def _request(self) -> tuple[str, str]:
            target, login = self.rfile.readline().split()[1].decode(), ""
            while line := self.rfile.readline().strip():
                name, _, value = line.decode().partition(": ")
                login = value if name.lower() == "proxy-authorization" else login
            return target, login

    with listening(Handler) as port:
        seen = ProxyServer(port)
        yield seen


@contextmanager
def socks_proxy() -> Iterator[ProxyServer]:
    """A SOCKS5 proxy (RFC 1928) that takes any login (RFC 1929)."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            _, count = self.rfile.read(2)
            methods = self.rfile.read(count)
            chosen = 2 if 2 in methods else 0
            self.wfile.write(bytes([5, chosen]))
            if chosen == 2:
                self.rfile.read(1)
                user = self.rfile.read(self.rfile.read(1)[0])
                password = self.rfile.read(self.rfile.read(1)[0])
                seen.logins.append(f"{user.decode()}:{password.decode()}")
                self.wfile.write(b"\x01\x00")
            kind = self.rfile.read(4)[3]
            length = 4 if kind == 1 else self.rfile.read(1)[0]
            address = self.rfile.read(length)
            host = socket.inet_ntoa(address) if kind == 1 else address.decode()
            port = int.from_bytes(self.rfile.read(2), "big")
            seen.targets.append(f"{host}:{port}")
            with socket.create_connection((host, port)) as upstream:
                self.wfile.write(b"\x05\x00\x00\x01\x7f\x00\x00\x01\x00\x00")
                relay(self.connection, upstream)

    with listening(Handler) as port:
        seen = ProxyServer(port)
        yield seen


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until either side ends."""

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    thread = threading.Thread(target=pump, args=(other, one), daemon=True)
    thread.start()
    pump(one, other)
    thread.join()
