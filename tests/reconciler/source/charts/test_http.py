"""The HTTP client: TLS, statuses, redirects, proxies, compression."""

import gzip
import socket
import ssl
import threading
from collections.abc import Callable

import pytest

from reconciler.errors import RepositoryError, RepositoryUnreachableError
from reconciler.source.charts.addresses import parse_address, refusal
from reconciler.source.charts.http import Access, HttpClient
from reconciler.source.charts.proxies import is_direct, proxy_for
from reconciler.source.credentials import RepositoryCredentials, SecretText
from tests.reconciler.source.charts.servers import Answer, WebServer, client_certificate

StartServer = Callable[..., WebServer]
PLAIN = Access(plain_http=True)


def _get(client: HttpClient, url: str, access: Access = PLAIN, *, limit: int = 1000, compressed: bool = False) -> bytes:
    return client.get(parse_address(url), access, limit=limit, compressed=compressed).body


def test_a_server_is_trusted_by_the_authority_of_its_host(serve: StartServer, client: HttpClient) -> None:
    server = serve(lambda request: Answer(200, b"charts"))

    assert _get(client, server.url) == b"charts"
    assert server.requests[0].headers["user-agent"] == "gitops-nb"


def test_a_server_without_a_known_authority_is_refused(serve: StartServer) -> None:
    server = serve(lambda request: Answer(200, b"charts"))

    with pytest.raises(RepositoryError, match=r"certificate of 127\.0\.0\.1 is not trusted .*argocd-tls-certs-cm"):
        _get(HttpClient(pause_s=0), server.url)
    assert server.requests == []


def test_insecure_checks_no_certificate_of_its_own_server(serve: StartServer) -> None:
    server = serve(lambda request: Answer(200, b"charts"))
    address = parse_address(server.url)

    access = Access(address.origin, RepositoryCredentials(server.url, "helm", insecure=True))
    assert _get(HttpClient(), server.url, access) == b"charts"
    with pytest.raises(RepositoryError, match="not trusted"):
        _get(HttpClient(), server.url, Access(("https", "elsewhere", 443), access.credentials))


def test_a_client_certificate_is_shown_to_its_own_server_only(serve: StartServer, client: HttpClient) -> None:
    certificate, key = client_certificate()
    server = serve(lambda request: Answer(200, b"charts"))
    server.context.load_verify_locations(cadata=certificate)
    server.context.verify_mode = ssl.CERT_REQUIRED
    address = parse_address(server.url)
    pair = RepositoryCredentials(server.url, "helm", tls_client_cert=certificate, tls_client_key=SecretText(key))

    assert _get(client, server.url, Access(address.origin, pair)) == b"charts"
    with pytest.raises(RepositoryError):
        _get(client, server.url, Access(("https", "elsewhere", 443), pair))
    assert len(server.requests) == 1


def test_a_client_certificate_that_is_none_is_refused(serve: StartServer, client: HttpClient) -> None:
    broken = RepositoryCredentials(
        "https://x", "helm", tls_client_cert="not PEM", tls_client_key=SecretText("canary-key")
    )
    server = serve(lambda request: Answer(200, b""))

    with pytest.raises(RepositoryError, match="tlsClientCertData and tlsClientCertKey") as caught:
        _get(client, server.url, Access(parse_address(server.url).origin, broken))
    assert "canary-key" not in str(caught.value)


def test_plain_http_needs_to_be_allowed(serve: StartServer, client: HttpClient) -> None:
    server = serve(lambda request: Answer(200, b"charts"), tls=False)

    with pytest.raises(RepositoryError, match=r"has no TLS, which is refused; use https://"):
        _get(client, server.url, Access())
    assert server.requests == []
    assert _get(client, server.url) == b"charts"


def test_a_redirect_from_tls_to_plain_http_is_refused(serve: StartServer, client: HttpClient) -> None:
    plain = serve(lambda request: Answer(200, b"charts"), tls=False)
    server = serve(lambda request: Answer(302, headers={"Location": plain.url}))

    with pytest.raises(RepositoryError, match="redirects to an address without TLS"):
        _get(client, server.url)
    assert plain.requests == []


def test_redirects_are_followed_a_few_times(serve: StartServer, client: HttpClient) -> None:
    server = serve(
        lambda request: Answer(200, b"end") if request.path == "/3" else
        Answer(307, headers={"Location": f"/{int(request.path[1:]) + 1}"})
    )  # fmt: skip
    endless = serve(lambda request: Answer(301, headers={"Location": "/again"}))

    assert _get(client, f"{server.url}/0") == b"end"
    with pytest.raises(RepositoryError, match="redirects more than 5 times"):
        _get(client, endless.url)
    assert len(endless.requests) == 6


def test_a_server_that_fails_is_asked_again(serve: StartServer, client: HttpClient) -> None:
    answers = [Answer(503), Answer(429), Answer(200, b"charts")]
    server = serve(lambda request: answers.pop(0))
    down = serve(lambda request: Answer(503))
    broken = serve(lambda request: Answer(500))

    assert _get(client, server.url) == b"charts"
    with pytest.raises(RepositoryUnreachableError, match="answers with status 503; the server fails"):
        _get(client, down.url)
    assert len(down.requests) == 3
    with pytest.raises(RepositoryUnreachableError, match="status 500"):
        _get(client, broken.url)
    assert len(broken.requests) == 1


def test_no_server_is_unreachable(client: HttpClient) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(RepositoryUnreachableError, match=rf"https://127\.0\.0\.1:{port}/ cannot be reached"):
            _get(client, f"https://127.0.0.1:{port}")


def test_text_may_come_compressed(serve: StartServer, client: HttpClient) -> None:
    packed = gzip.compress(b"a" * 900)
    server = serve(lambda request: Answer(200, packed, {"Content-Encoding": request.headers["accept-encoding"]}))

    assert _get(client, server.url, compressed=True) == b"a" * 900
    assert _get(client, server.url) == packed


@pytest.mark.parametrize("cut", [10, -4])
def test_gzip_that_is_cut_or_damaged_is_refused(serve: StartServer, client: HttpClient, cut: int) -> None:
    packed = gzip.compress(bytes(range(256)))
    server = serve(lambda request: Answer(200, packed[:cut], {"Content-Encoding": "gzip"}))
    broken = serve(lambda request: Answer(200, b"plain", {"Content-Encoding": "gzip"}))

    with pytest.raises(RepositoryError, match="gzip that is cut short"):
        _get(client, server.url, compressed=True)
    with pytest.raises(RepositoryError, match="damaged gzip"):
        _get(client, broken.url, compressed=True)


class _Proxy:
    """A proxy that tunnels every CONNECT to one port, and notes what it was asked."""

    def __init__(self, target: int) -> None:
        self.asked: list[str] = []
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        connection, _ = self._listener.accept()
        with connection, socket.create_connection(("127.0.0.1", self._target)) as target:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(4096)
            self.asked.append(head.decode())
            connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            back = threading.Thread(target=_pump, args=(target, connection), daemon=True)
            back.start()
            _pump(connection, target)
            back.join()

    def close(self) -> None:
        self._listener.close()
        self._thread.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def test_a_proxy_gets_its_own_login_and_nothing_of_the_request(serve: StartServer, client: HttpClient) -> None:
    server = serve(lambda request: Answer(200, b"charts"))
    proxy = _Proxy(server.port)
    url = f"https://localhost.localdomain:{server.port}/index.yaml"
    credentials = RepositoryCredentials(
        url, "helm", insecure=True, proxy=SecretText(f"http://via:p%40ss@127.0.0.1:{proxy.port}")
    )
    address = parse_address(url)

    answer = client.get(
        address, Access(address.origin, credentials), limit=100, headers={"Authorization": "Basic c2VjcmV0"}
    )
    client.close()
    proxy.close()

    assert answer.body == b"charts"
    assert proxy.asked[0].startswith(f"CONNECT localhost.localdomain:{server.port} HTTP/1.")
    assert "Basic dmlhOnBAc3M=" in proxy.asked[0], "via:p@ss"
    assert "c2VjcmV0" not in proxy.asked[0]
    assert server.authorizations() == ["Basic c2VjcmV0"]


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("charts.example", "", False),
        ("charts.example", "example", True),
        ("charts.example", "charts.example:443", True),
        ("charts.example", "charts.example:8443", False),
        ("example", ".example", False),
        ("charts.example", " other , .example", True),
        ("charts.example", "*.example", True),
        ("badexample", "example", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("fd00::1", "[fd00::1]:443", True),
        ("charts.example", "*", True),
        ("localhost", "", True),
        ("127.0.0.9", "", True),
    ],
)
def test_no_proxy_reads_as_in_go(host: str, no_proxy: str, direct: bool) -> None:
    assert is_direct(host, 443, no_proxy) is direct


def test_the_environment_s_proxy_serves_where_the_secret_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", "inner.example")
    own = RepositoryCredentials(
        "https://x", "helm", proxy=SecretText("http://own.example:1"), no_proxy="direct.example"
    )

    assert proxy_for(parse_address("https://charts.example"), None) == "http://proxy.example:3128"
    assert proxy_for(parse_address("https://inner.example"), None) == ""
    assert proxy_for(parse_address("https://inner.example"), own) == "http://own.example:1"
    assert proxy_for(parse_address("https://direct.example"), own) == ""


def test_a_proxy_of_another_kind_is_refused_without_its_login() -> None:
    socks = RepositoryCredentials("https://x", "helm", proxy=SecretText("socks5://via:canary@proxy.example:1080"))

    with pytest.raises(RepositoryError, match=r"proxy for charts\.example is neither http:// nor https://") as caught:
        proxy_for(parse_address("https://charts.example"), socks)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/x",
        "https://user:canary@host/x",
        "https://host\n/x",
        "https://ho st/x",
        "https://host:0/",
        "https://host:99999/",
        "https:///x",
        "https://host\\@evil/x",
        "//host/x",
        "https://host@evil/",
        "https://[::1/",
    ],
)
def test_odd_addresses_are_refused(url: str) -> None:
    with pytest.raises(RepositoryError, match="repoURL: ") as caught:
        parse_address(url)
    assert "canary" not in str(caught.value)


def test_an_address_shows_no_query_and_encodes_what_it_must() -> None:
    address = parse_address("HTTPS://Charts.Example:443/a b?token=canary#part")

    assert str(address) == "https://charts.example/a%20b"
    assert address.url == "https://charts.example/a%20b?token=canary"
    assert str(address.join("../x.tgz")) == "https://charts.example/x.tgz"


@pytest.mark.parametrize(
    "ip",
    ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "100.100.100.200",
     "224.0.0.1", "ff02::1", "0.0.0.0", "::", "255.255.255.255", "2002:a9fe:a9fe::1", "fe80::1%eth0"],
)  # fmt: skip
def test_metadata_and_other_odd_addresses_are_never_connected_to(ip: str) -> None:
    assert refusal(ip, allow_inner=True)


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd12::1", "100.64.0.1"])
def test_inner_addresses_need_to_be_allowed(ip: str) -> None:
    assert refusal(ip, allow_inner=True) == ""
    assert "inner address" in refusal(ip, allow_inner=False)


def test_public_addresses_are_allowed() -> None:
    assert refusal("93.184.216.34", allow_inner=False) == refusal("2606:2800:220:1::1", allow_inner=False) == ""


def test_path_and_query_are_asked_for_as_given(serve: StartServer, client: HttpClient) -> None:
    server = serve(lambda request: Answer(200, request.path.encode()))

    assert _get(client, f"{server.url}/a%2Fb?c=d#e") == b"/a%2Fb?c=d"
