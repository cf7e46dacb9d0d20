"""Servers for charts."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.source.charts.http import HttpClient
from tests.controlplane.certificates import write_certificates
from tests.reconciler.source.charts.servers import Answer, Registry, Request, TokenService, WebServer, running_registry
from tests.tools.peers.programs import Peers

StartServer = Callable[..., WebServer]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A throw-away authority (ca.crt) and a certificate for 127.0.0.1 and localhost."""
    folder = tmp_path_factory.mktemp("certificates")
    write_certificates(folder)
    return folder


@pytest.fixture
def serve(certificates: Path) -> Iterator[StartServer]:
    """Start servers; ``tls`` False for plain HTTP."""
    servers: list[WebServer] = []

    def start(answer: Callable[[Request], Answer], *, tls: bool = True) -> WebServer:
        servers.append(WebServer(answer, certificates if tls else None))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def client(certificates: Path) -> Iterator[HttpClient]:
    """A client that trusts the authority and does not wait between attempts."""
    authority = (certificates / "ca.crt").read_text()
    client = HttpClient(certificate_authority=lambda host: authority, timeout_s=20, pause_s=0)
    yield client
    client.close()


@pytest.fixture(scope="session")
def registry(peers: Peers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry open to all: keep to repositories of your own."""
    with running_registry(peers.path("registry"), tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="session")
def private_registry(peers: Peers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry whose token service knows ``robot`` with the password ``s3cr3t-canary``."""
    folder = tmp_path_factory.mktemp("private-registry")
    tokens = TokenService(folder, login="robot:s3cr3t-canary")
    try:
        with running_registry(peers.path("registry"), folder, tokens) as running:
            yield running
    finally:
        tokens.server.close()
