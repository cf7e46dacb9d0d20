"""Hostile and misused chart servers and registries (threats 6, 8, 32, 36)."""

import contextlib
import gzip
import hashlib
import json
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError, RepositoryError, RepositoryUnreachableError
from reconciler.source.charts import ChartRepositories
from reconciler.source.charts.http import HttpClient
from reconciler.source.credentials import CredentialStore
from tests.controlplane.certificates import write_certificates
from tests.reconciler.source.charts.secrets import repository_secret
from tests.reconciler.source.charts.servers import (
    CHART_CONFIG,
    CHART_LAYER,
    Answer,
    Request,
    WebServer,
    chart_files,
    index_of,
    packed_chart,
    serve_files,
)

PASSWORD = "s3cr3t-canary"
CHART = packed_chart("web", "1.0.0")
CHARTS = {"web": {"1.0.0": CHART}}

StartServer = Callable[..., WebServer]
OpenCharts = Callable[..., ChartRepositories]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    write_certificates(folder)
    return folder


@pytest.fixture
def serve(certificates: Path) -> Iterator[StartServer]:
    servers: list[WebServer] = []

    def start(answer: Callable[[Request], Answer]) -> WebServer:
        servers.append(WebServer(answer, certificates))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def charts(certificates: Path, tmp_path: Path) -> Iterator[OpenCharts]:
    """`ChartRepositories` that know a login for each of the given URLs."""
    authority = (certificates / "ca.crt").read_text()
    opened: list[ChartRepositories] = []

    def start(*urls: str, timeout_s: float = 20, max_index_bytes: int = 10**6, **options: Any) -> ChartRepositories:
        secrets = [
            repository_secret(url, enableOCI=str("://" not in url).lower(), username="robot", password=PASSWORD)
            for url in urls
        ]
        store = CredentialStore(
            secrets, tls_certificates=dict.fromkeys(("127.0.0.1", "localhost", "charts.example"), authority)
        )
        client = HttpClient(
            certificate_authority=store.certificate_authority, timeout_s=timeout_s, attempts=1, pause_s=0, **options
        )
        opened.append(ChartRepositories(store, tmp_path / "cache", client=client, max_index_bytes=max_index_bytes))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def _clean(error: BaseException, folder: Path) -> None:
    """No error and no file of the cache holds the password."""
    text, cause = "", error.__cause__
    while cause is not None:
        text, cause = text + repr(cause), cause.__cause__
    assert PASSWORD not in f"{error}{error!r}{text}"
    for path in folder.rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()


# Row 6: credentials of one host sent to another.


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_takes_no_credentials_along(
    serve: StartServer, charts: OpenCharts, status: int, tmp_path: Path
) -> None:
    thief = serve(serve_files(chart_files(CHARTS)))
    server = serve(lambda request: Answer(status, headers={"Location": thief.url + request.path}))

    run = charts(f"{server.url}/charts")
    assert run.resolve(f"{server.url}/charts", "web", "1.0.0").version == "1.0.0"
    assert server.authorizations()[0].startswith("Basic ")
    assert thief.authorizations() == [""]
    _clean(RuntimeError(), tmp_path)


@pytest.mark.parametrize("place", ["https://localhost:{port}", "//localhost:{port}"])
def test_another_name_of_the_same_machine_is_another_host(serve: StartServer, charts: OpenCharts, place: str) -> None:
    def answer(request: Request) -> Answer:
        if request.headers["host"].startswith("localhost"):
            return serve_files(chart_files(CHARTS))(request)
        return Answer(302, headers={"Location": place.format(port=server.port) + request.path})

    server = serve(answer)
    charts(f"{server.url}/charts").resolve(f"{server.url}/charts", "web", "1.0.0")

    assert [bool(given) for given in server.authorizations()] == [True, False]


def test_the_way_back_is_no_way_around(serve: StartServer, charts: OpenCharts) -> None:
    """Thief in the middle: our server redirects there, and it redirects on to a third."""
    third = serve(serve_files(chart_files(CHARTS)))
    thief = serve(lambda request: Answer(302, headers={"Location": third.url + request.path}))
    server = serve(lambda request: Answer(302, headers={"Location": thief.url + request.path}))

    charts(f"{server.url}/charts", f"{third.url}/other").resolve(f"{server.url}/charts", "web", "1.0.0")
    assert thief.authorizations() == third.authorizations() == [""]


@pytest.mark.parametrize(
    "location",
    ["http://127.0.0.1:1/x", "file:///etc/passwd", "ftp://127.0.0.1/x", f"https://robot:{PASSWORD}@127.0.0.1/x",
     "https://127.0.0.1\\@evil/", "gopher://x", "data:text/plain,x"],
)  # fmt: skip
def test_redirects_to_odd_places_are_refused(
    serve: StartServer, charts: OpenCharts, location: str, tmp_path: Path
) -> None:
    server = serve(lambda request: Answer(302, headers={"Location": location}))

    with pytest.raises(RepositoryError) as caught:
        charts(server.url).resolve(server.url, "web", "1.0.0")
    _clean(caught.value, tmp_path)


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://127.0.0.1:1/x.tgz", "ftp://host/x.tgz", "https://a@b/x.tgz"]
)
def test_an_index_cannot_name_odd_places(serve: StartServer, charts: OpenCharts, url: str) -> None:
    server = serve(serve_files({"/index.yaml": index_of(CHARTS, url=url)}))

    with pytest.raises(RepositoryError, match=r"is not a web address|has no TLS|holds a user name"):
        charts().archive(server.url, "web", "1.0.0")


def test_a_registry_cannot_send_the_login_elsewhere(serve: StartServer, charts: OpenCharts, tmp_path: Path) -> None:
    thief = serve(lambda request: Answer(200, b'{"token": "t"}'))
    realm = f"https://localhost:{thief.port}/token"
    challenge = {"WWW-Authenticate": f'Bearer realm="{realm}",service="x"'}
    server = serve(lambda request: Answer(401, headers=challenge))
    host = f"127.0.0.1:{server.port}"

    with pytest.raises(RepositoryError, match="refused the credentials") as caught:
        charts(host).resolve(host, "team/web", "1.0.0")
    assert thief.authorizations() == [""], "an anonymous token is all that is asked for"
    assert server.authorizations() == ["", "Bearer t"]
    _clean(caught.value, tmp_path)


@pytest.mark.parametrize("challenge", ['Basic realm="x"', 'Bearer realm="{url}/token"'])
def test_only_the_registry_itself_asks_for_a_login(serve: StartServer, charts: OpenCharts, challenge: str) -> None:
    def steal(request: Request) -> Answer:
        return Answer(401, headers={"WWW-Authenticate": challenge.format(url=thief.url)})

    thief = serve(steal)
    server = serve(lambda request: Answer(307, headers={"Location": thief.url + request.path}))
    host = f"127.0.0.1:{server.port}"

    with pytest.raises(RepositoryError, match="refused the credentials"):
        charts(host).resolve(host, "team/web", "1.0.0")
    assert set(thief.authorizations()) == {""}


def test_blobs_on_another_server_are_fetched_without_the_login(serve: StartServer, charts: OpenCharts) -> None:
    digest = f"sha256:{hashlib.sha256(CHART).hexdigest()}"
    store = serve(lambda request: Answer(200, CHART))
    manifest = {
        "config": {"mediaType": CHART_CONFIG},
        "layers": [{"mediaType": CHART_LAYER, "digest": digest, "size": 9}],
    }

    def answer(request: Request) -> Answer:
        if "authorization" not in request.headers:
            return Answer(401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        if "/blobs/" in request.path:
            return Answer(307, headers={"Location": f"{store.url}/{digest}?signature=1"})
        return Answer(200, json.dumps(manifest).encode())

    server = serve(answer)
    host = f"127.0.0.1:{server.port}"
    assert charts(host).archive(host, "team/web", "1.0.0") == CHART
    assert store.authorizations() == [""]


@pytest.mark.parametrize("token", ["a\r\nX-Evil: 1", "a\nb", "\x00", "é"])
def test_a_token_cannot_add_headers(serve: StartServer, charts: OpenCharts, token: str) -> None:
    def answer(request: Request) -> Answer:
        if request.path.startswith("/token"):
            return Answer(200, json.dumps({"token": token}).encode())
        return Answer(401, headers={"WWW-Authenticate": f'Bearer realm="{server.url}/token"'})

    server = serve(answer)
    host = f"127.0.0.1:{server.port}"
    with pytest.raises(RepositoryError, match="holds characters that no header can carry"):
        charts(host).resolve(host, "team/web", "1.0.0")
    assert not any("x-evil" in request.headers for request in server.requests)


# Row 8: servers that do not end.


def _endless(stream: Any, stopped: threading.Event) -> None:
    block = b"entries:\n" * 8192
    while not stopped.is_set():
        stream.write(block)


def _drip(stream: Any, stopped: threading.Event) -> None:
    while not stopped.wait(0.02):
        stream.write(b" ")


@pytest.mark.parametrize("headers", [{}, {"Transfer-Encoding": "identity"}, {"Content-Length": str(10**15)}])
def test_an_endless_answer_is_cut_off(serve: StartServer, charts: OpenCharts, headers: dict[str, str]) -> None:
    server = serve(lambda request: Answer(200, headers=headers, stream=_endless))
    run = charts(max_index_bytes=2**20)

    tracemalloc.start()
    try:
        with pytest.raises(RepositoryError, match=r"index\.yaml answers with more than 1048576 bytes, the limit here"):
            run.resolve(server.url, "web", "1.0.0")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * 2**20


def test_a_compressed_bomb_is_cut_off(serve: StartServer, charts: OpenCharts) -> None:
    bomb = gzip.compress(b"\0" * (64 * 2**20))
    server = serve(lambda request: Answer(200, bomb, {"Content-Encoding": "gzip"}))
    run = charts(max_index_bytes=2**20)

    tracemalloc.start()
    try:
        with pytest.raises(RepositoryError, match="answers with more than 1048576 bytes"):
            run.resolve(server.url, "web", "1.0.0")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * 2**20


def test_a_server_that_sends_a_byte_now_and_then_is_left(serve: StartServer, charts: OpenCharts) -> None:
    server = serve(lambda request: Answer(200, stream=_drip))
    start = time.monotonic()

    with pytest.raises(RepositoryUnreachableError, match=r"takes more than 0\.3 s, the limit of one download"):
        charts(timeout_s=0.3).resolve(server.url, "web", "1.0.0")
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nX: "], ids=["no handshake", "headers"])
def test_a_server_that_never_comes_to_the_point_is_left(charts: OpenCharts, sent: bytes, certificates: Path) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    stopped = threading.Event()

    def hang() -> None:
        connection, _ = listener.accept()
        with connection:
            if sent:
                import ssl

                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(certificates / "serving.crt", certificates / "serving.key")
                with context.wrap_socket(connection, server_side=True) as secure:
                    secure.sendall(sent)
                    while not stopped.wait(0.02):
                        secure.sendall(b"x")
            stopped.wait()

    thread = threading.Thread(target=_quietly, args=(hang,), daemon=True)
    thread.start()
    start = time.monotonic()
    try:
        with pytest.raises(RepositoryUnreachableError, match=r"takes more than 0\.3 s|cannot be reached"):
            charts(timeout_s=0.3).resolve(f"https://127.0.0.1:{listener.getsockname()[1]}", "web", "1.0.0")
        assert time.monotonic() - start < 5
    finally:
        stopped.set()
        listener.close()
        thread.join()


def _quietly(run: Callable[[], None]) -> None:
    with contextlib.suppress(OSError):
        run()


def test_a_million_tags_are_refused(serve: StartServer, charts: OpenCharts) -> None:
    page = json.dumps({"tags": [f"0.0.{number}" for number in range(50_000)]}).encode()

    def answer(request: Request) -> Answer:
        if "/tags/list" not in request.path:
            return Answer(404)
        return Answer(200, page, {"Link": f'<{request.path}&again>; rel="next"'})

    server = serve(answer)
    with pytest.raises(RepositoryError, match="has more than 100000 tags; name an exact tag or digest"):
        charts().resolve(f"127.0.0.1:{server.port}", "team/web", "1.*")
    assert len(server.requests) == 3


def test_pages_of_tags_that_never_end_are_left(
    serve: StartServer, charts: OpenCharts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.source.charts.oci._MAX_PAGES", 20)
    server = serve(lambda request: Answer(200, b'{"tags": []}', {"Link": f'<{request.path}>; rel="next"'}))

    with pytest.raises(RepositoryError, match="lists its tags on more than 20 pages"):
        charts().resolve(f"127.0.0.1:{server.port}", "team/web", "^1")
    assert len(server.requests) == 20


def test_tags_are_not_listed_by_another_server(serve: StartServer, charts: OpenCharts) -> None:
    other = serve(lambda request: Answer(200, b'{"tags": ["1.0.0"]}'))
    link = {"Link": f'<{other.url}/v2/team/web/tags/list>; rel="next"'}
    server = serve(lambda request: Answer(200, b'{"tags": []}', link))

    with pytest.raises(RepositoryError, match="continues its list of tags on another server"):
        charts().resolve(f"127.0.0.1:{server.port}", "team/web", "^1")
    assert other.requests == []


# Content that is not what was promised.


def test_an_archive_of_another_digest_is_refused(serve: StartServer, charts: OpenCharts, tmp_path: Path) -> None:
    files = chart_files(CHARTS) | {"/charts/web-1.0.0.tgz": packed_chart("web", "6.6.6")}
    server = serve(serve_files(files))

    with pytest.raises(
        RepositoryError, match=r"gave other bytes than its index says \(digest sha256:.*\), which is refused"
    ):
        charts().archive(f"{server.url}/charts", "web", "1.0.0")
    assert not any(b"6.6.6" in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("lie", ["manifest by digest", "manifest by header", "blob"])
def test_a_registry_that_swaps_content_is_refused(serve: StartServer, charts: OpenCharts, lie: str) -> None:
    manifest = json.dumps(
        {
            "config": {"mediaType": CHART_CONFIG},
            "layers": [{"mediaType": CHART_LAYER, "digest": f"sha256:{hashlib.sha256(b'x').hexdigest()}", "size": 1}],
        }
    ).encode()
    told = {"Docker-Content-Digest": f"sha256:{'0' * 64}"} if lie == "manifest by header" else {}
    server = serve(lambda request: Answer(200, CHART) if "/blobs/" in request.path else Answer(200, manifest, told))
    revision = f"sha256:{'1' * 64}" if lie == "manifest by digest" else "1.0.0"

    with pytest.raises(RepositoryError, match=r"gave (another manifest|other bytes than those of).*which is refused"):
        charts().archive(f"127.0.0.1:{server.port}", "team/web", revision)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"<html>", b"{" * 100_000, b'{"layers": 1}', b'{"layers": [1]}', b'{"layers": [{}]}',
     b'{"layers": [{"digest": "sha256:../../x", "size": 1}]}', b'{"layers": [{"digest": "md5:1", "size": -1}]}'],
)  # fmt: skip
def test_a_manifest_that_is_none_is_refused(serve: StartServer, charts: OpenCharts, body: bytes) -> None:
    server = serve(lambda request: Answer(200, body))

    with pytest.raises(GenerationError, match=r"no registry's answer|has no layers|without a valid digest and size"):
        charts().resolve(f"127.0.0.1:{server.port}", "team/web", "1.0.0")


@pytest.mark.parametrize(
    "name", ["../x", "a/../b", "a?b", "a#b", "a b", "A", "a%2f..", "a\nb", "-a", "", "a//b", "a:1.0"]
)
def test_names_of_charts_in_a_registry_are_names(serve: StartServer, charts: OpenCharts, name: str) -> None:
    server = serve(lambda request: Answer(404))

    with pytest.raises(RepositoryError, match="is not the address of an OCI repository"):
        charts().resolve(f"127.0.0.1:{server.port}", name, "1.0.0")
    assert server.requests == []


@pytest.mark.parametrize("revision", ["../x", "a/b", "a?b", "-x", "sha256:abc", "a" * 129, "x y", "\x00"])
def test_revisions_in_a_registry_are_tags_or_digests(serve: StartServer, charts: OpenCharts, revision: str) -> None:
    server = serve(lambda request: Answer(404))

    with pytest.raises(GenerationError, match="is not a tag, digest or constraint"):
        charts().resolve(f"127.0.0.1:{server.port}", "team/web", revision)
    assert server.requests == []


# Row 32: requests to inner addresses.


def _resolver(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """A resolver that gives another address at every look-up."""
    asked: list[str] = []

    def look_up(host: str, port: int, *words: Any, **more: Any) -> list[Any]:
        asked.append(host)
        address = addresses[min(len(asked), len(addresses)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return asked


def test_a_name_that_leads_to_the_metadata_service_is_refused(
    charts: OpenCharts, monkeypatch: pytest.MonkeyPatch
) -> None:
    _resolver(monkeypatch, "169.254.169.254")

    with pytest.raises(
        RepositoryError, match=r"charts\.example is a link-local or metadata address; name another host"
    ):
        charts().value_file("http://charts.example/latest/meta-data")


def test_the_address_that_was_judged_is_the_one_connected_to(
    serve: StartServer, charts: OpenCharts, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(lambda request: Answer(302, headers={"Location": f"https://charts.example:{server.port}/again"}))
    asked = _resolver(monkeypatch, "127.0.0.1", "169.254.169.254")

    # The certificate is not for that name; the connection was made with the first answer all the same.
    with pytest.raises(RepositoryError, match=r"certificate of charts\.example is not trusted"):
        charts().value_file(f"https://charts.example:{server.port}/values.yaml")
    assert asked == ["charts.example"]


def test_a_redirect_is_judged_again(serve: StartServer, charts: OpenCharts, monkeypatch: pytest.MonkeyPatch) -> None:
    server = serve(lambda request: Answer(302, headers={"Location": "https://localhost/x"}))
    _resolver(monkeypatch, "127.0.0.1", "169.254.169.254")

    with pytest.raises(RepositoryError, match="localhost is a link-local or metadata address"):
        charts().value_file(f"{server.url}/values.yaml")


def test_loopback_is_refused_where_inner_addresses_are(serve: StartServer, charts: OpenCharts) -> None:
    server = serve(lambda request: Answer(200, b"x"))

    with pytest.raises(RepositoryError, match=r"127\.0\.0\.1 is an inner address, which is not allowed here"):
        charts(allow_inner=False).value_file(f"{server.url}/values.yaml")
    assert server.requests == []


def test_a_proxy_is_no_way_to_the_metadata_service(charts: OpenCharts, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{listener.getsockname()[1]}")

    with listener, pytest.raises(RepositoryError, match=r"169\.254\.169\.254 is a link-local or metadata address"):
        charts().value_file("http://169.254.169.254/latest/meta-data")


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "127.1", "0177.0.0.1"])
def test_odd_spellings_of_an_address_are_judged_as_that_address(charts: OpenCharts, host: str) -> None:
    with pytest.raises(RepositoryError, match=r"is an inner address|cannot be reached"):
        charts(allow_inner=False).value_file(f"https://{host}:9/values.yaml")


# Row 36: credentials in views.


def test_no_error_and_no_file_holds_a_password(serve: StartServer, charts: OpenCharts, tmp_path: Path) -> None:
    answers = [Answer(401), Answer(403), Answer(500), Answer(200, b"\xff"), Answer(302, headers={"Location": "x://"})]
    for answer in answers:
        server = serve(lambda request, answer=answer: answer)
        with pytest.raises(GenerationError) as caught:
            charts(server.url).resolve(server.url, "web", "1.0.0")
        assert server.authorizations()[0].startswith("Basic ")
        _clean(caught.value, tmp_path)
