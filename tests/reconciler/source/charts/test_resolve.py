"""Charts from Helm repositories and registries, for a run."""

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.errors import GenerationError, RepositoryError, RepositoryUnreachableError, RevisionError
from reconciler.source.charts import ChartRepositories
from reconciler.source.charts.http import HttpClient
from reconciler.source.credentials import CredentialStore
from tests.reconciler.source.charts.secrets import repository_secret
from tests.reconciler.source.charts.servers import (
    CHART_LAYER,
    IMAGE_LAYER,
    Answer,
    Registry,
    Request,
    WebServer,
    chart_files,
    index_of,
    packed,
    packed_chart,
    serve_files,
)
from tests.tools.peers.programs import Peers

StartServer = Callable[..., WebServer]
OpenCharts = Callable[..., ChartRepositories]
PASSWORD = "s3cr3t-canary"
WEB = {version: packed_chart("web", version) for version in ("1.0.0", "1.2.0", "1.10.0", "2.0.0-rc.1", "2.0.0")}
CHARTS = {"web": WEB, "database": {"0.1.0": packed_chart("database", "0.1.0")}}


@pytest.fixture
def charts(certificates: Path, tmp_path: Path) -> Iterator[OpenCharts]:
    """Open `ChartRepositories` of one cache folder with some Secrets; each is a run of its own."""
    authority = (certificates / "ca.crt").read_text()
    opened: list[ChartRepositories] = []

    def start(*secrets: dict[str, object]) -> ChartRepositories:
        store = CredentialStore(secrets, tls_certificates={"127.0.0.1": authority})
        client = HttpClient(certificate_authority=store.certificate_authority, pause_s=0)
        opened.append(ChartRepositories(store, tmp_path / "charts", client=client))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.fixture
def repository(serve: StartServer) -> WebServer:
    """A chart repository open to all."""
    return serve(serve_files(chart_files(CHARTS)))


def _paths(server: WebServer) -> list[str]:
    return [request.path.rpartition("/")[2] for request in server.requests]


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        ("1.2.0", "1.2.0"),
        ("v1.2.0", "1.2.0"),
        ("1.2", "1.2.0"),
        ("1.*", "1.10.0"),
        ("*", "2.0.0"),
        ("<2.0.0", "1.10.0"),
        ("<2.0.0-z", "2.0.0-rc.1"),
        (">=1.0.0, <1.5", "1.2.0"),
        ("2.0.0-rc.1", "2.0.0-rc.1"),
    ],
)
def test_a_version_or_range_is_resolved(charts: OpenCharts, repository: WebServer, wanted: str, version: str) -> None:
    resolved = charts().resolve(f"{repository.url}/charts", "web", wanted)

    assert resolved.version == version
    assert resolved.digest == f"sha256:{hashlib.sha256(WEB[version]).hexdigest()}"
    assert str(resolved) == f"chart web {version} of {repository.url}/charts"


def test_a_chart_is_opened_at_its_folder(charts: OpenCharts, repository: WebServer) -> None:
    run = charts()
    store, root = run.open(run.resolve(f"{repository.url}/charts/", "web", "1.2.0"))

    assert set(store.entries(root)) == {"Chart.yaml", "templates"}
    assert b"version: 1.2.0" in store.read(store.entries(root)["Chart.yaml"][1], limit=1000)


def test_dependencies_get_the_archive_itself(charts: OpenCharts, repository: WebServer) -> None:
    run = charts()

    assert run.archive(f"{repository.url}/charts", "web", "~1.2") == WEB["1.2.0"]
    assert run.archive(f"{repository.url}/charts", "web", "") == WEB["2.0.0"]


def test_a_server_is_asked_once_a_run(charts: OpenCharts, repository: WebServer) -> None:
    run = charts()

    def render(number: int) -> bytes:
        return run.archive(f"{repository.url}/charts", "web", ("1.2.0", "2.0.0")[number % 2])

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(render, range(40)))

    assert answers == [WEB["1.2.0"], WEB["2.0.0"]] * 20
    assert sorted(_paths(repository)) == ["index.yaml", "web-1.2.0.tgz", "web-2.0.0.tgz"]


def test_the_next_run_asks_only_whether_the_index_changed(charts: OpenCharts, repository: WebServer) -> None:
    url = f"{repository.url}/charts"
    charts().archive(url, "web", "1.2.0")
    repository.requests.clear()

    assert charts().archive(url, "web", "1.2.0") == WEB["1.2.0"]
    assert _paths(repository) == ["index.yaml"]
    assert repository.requests[0].headers["if-none-match"]

    newer = {"web": WEB | {"1.2.1": packed_chart("web", "1.2.1")}}
    repository.answer = serve_files(chart_files(newer))
    assert charts().resolve(url, "web", "1.2").version == "1.2.1"


def test_the_cache_is_private_and_verified(charts: OpenCharts, repository: WebServer, tmp_path: Path) -> None:
    url = f"{repository.url}/charts"
    charts().archive(url, "web", "1.2.0")
    files = [path for path in (tmp_path / "charts").rglob("*") if path.is_file()]

    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert {path.parent.stat().st_mode & 0o777 for path in files} == {0o700}
    for path in files:
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    assert charts().archive(url, "web", "1.2.0") == WEB["1.2.0"]
    assert _paths(repository)[-2:] == ["index.yaml", "web-1.2.0.tgz"]


def test_a_cache_that_cannot_be_written_is_done_without(
    charts: OpenCharts, repository: WebServer, tmp_path: Path
) -> None:
    (tmp_path / "charts").write_text("a file in the way")
    run = charts()

    assert run.archive(f"{repository.url}/charts", "web", "1.2.0") == WEB["1.2.0"]
    assert run.archive(f"{repository.url}/charts", "web", "1.2.0") == WEB["1.2.0"]
    assert _paths(repository) == ["index.yaml", "web-1.2.0.tgz"]


def test_an_index_without_digests_is_enough(charts: OpenCharts, serve: StartServer) -> None:
    files = chart_files(CHARTS)
    index = files["/charts/index.yaml"].decode()
    files["/charts/index.yaml"] = "\n".join(line for line in index.split("\n") if "digest" not in line).encode()
    server = serve(serve_files(files))

    run = charts()
    assert run.resolve(f"{server.url}/charts", "web", "1.2.0").digest == ""
    assert run.archive(f"{server.url}/charts", "web", "1.2.0") == WEB["1.2.0"]


def test_a_login_opens_a_private_repository(charts: OpenCharts, serve: StartServer) -> None:
    server = serve(serve_files(chart_files(CHARTS), login=f"robot:{PASSWORD}"))
    url = f"{server.url}/charts"

    run = charts(repository_secret(url, username="robot", password=PASSWORD))
    assert run.archive(url, "web", "1.2.0") == WEB["1.2.0"]
    with pytest.raises(RepositoryError, match=r"refused the credentials; check the repository's Secret"):
        charts().resolve(url, "web", "1.2.0")
    with pytest.raises(RepositoryError, match="refused the credentials") as caught:
        charts(repository_secret(url, username="robot", password=f"{PASSWORD}-wrong")).resolve(url, "web", "1.2.0")
    assert PASSWORD not in str(caught.value)


def test_another_server_gets_the_login_only_where_passed(charts: OpenCharts, serve: StartServer) -> None:
    store = serve(serve_files(chart_files(CHARTS), login=f"robot:{PASSWORD}"))
    index = index_of(CHARTS, url=store.url + "/charts/{name}-{version}.tgz")
    server = serve(serve_files({"/index.yaml": index}, login=f"robot:{PASSWORD}"))
    secret = repository_secret(server.url, username="robot", password=PASSWORD)

    with pytest.raises(RepositoryError, match="refused the credentials"):
        charts(secret).archive(server.url, "web", "1.2.0")
    assert store.authorizations() == [""]
    assert charts(secret).archive(server.url, "web", "1.2.0", pass_credentials=True) == WEB["1.2.0"]
    assert store.authorizations()[-1].startswith("Basic ")


def test_plain_http_is_for_addresses_of_a_secret(charts: OpenCharts, serve: StartServer) -> None:
    server = serve(serve_files(chart_files(CHARTS)), tls=False)
    url = f"{server.url}/charts"

    with pytest.raises(RepositoryError, match="has no TLS"):
        charts().resolve(url, "web", "1.2.0")
    assert charts(repository_secret(url)).resolve(url, "web", "1.2.0").version == "1.2.0"


def test_names_like_a_missing_one_are_suggested(charts: OpenCharts, repository: WebServer) -> None:
    url = f"{repository.url}/charts"

    with pytest.raises(RevisionError, match=r"there is no chart 'databse' in https://.*; did you mean database\?"):
        charts().resolve(url, "databse", "1.0.0")
    with pytest.raises(RevisionError, match=r"no version '1\.3\.0' of chart 'web' .*; did you mean .*1\.2\.0"):
        charts().resolve(url, "web", "1.3.0")
    with pytest.raises(
        RevisionError, match=r"no version '\^7' of chart 'web' .*; the newest are 2\.0\.0, 2\.0\.0-rc\.1, 1\.10\.0"
    ):
        charts().resolve(url, "web", "^7")
    with pytest.raises(RevisionError, match="targetRevision is empty; name a version of chart 'web'"):
        charts().resolve(url, "web", "")


def test_what_is_no_repository_is_said(charts: OpenCharts, serve: StartServer) -> None:
    empty = serve(lambda request: Answer(404))
    page = serve(lambda request: Answer(200, b"<html><p>Welcome"))
    other = serve(lambda request: Answer(200, b"apiVersion: v1\n"))

    with pytest.raises(RepositoryError, match=r"is not a chart repository: it has no index\.yaml; check repoURL"):
        charts().resolve(empty.url, "web", "1.0.0")
    for server in (page, other):
        with pytest.raises(GenerationError, match=r"index\.yaml has no entries; check that repoURL"):
            charts().resolve(server.url, "web", "1.0.0")


def test_a_server_that_is_down_is_tried_once_for_all_applications(charts: OpenCharts, serve: StartServer) -> None:
    server = serve(lambda request: Answer(503))
    run = charts()

    for chart in ("web", "web", "database"):
        with pytest.raises(RepositoryUnreachableError, match="answers with status 503"):
            run.resolve(server.url, chart, "1.0.0")
    assert len(server.requests) == 3, "the attempts of one question"


def test_an_archive_that_is_gone_is_said(charts: OpenCharts, serve: StartServer) -> None:
    server = serve(serve_files({"/index.yaml": index_of(CHARTS)}))

    with pytest.raises(RepositoryError, match=r"web-1\.2\.0\.tgz is not there, although the index of .* names it"):
        charts().archive(server.url, "web", "1.2.0")


def test_value_files_are_fetched_without_credentials(charts: OpenCharts, serve: StartServer) -> None:
    server = serve(lambda request: Answer(200, b"replicas: 2\n"))
    plain = serve(lambda request: Answer(200, b"plain: true\n"), tls=False)
    missing = serve(lambda request: Answer(404))
    run = charts(repository_secret(server.url, username="robot", password=PASSWORD))

    assert run.value_file(f"{server.url}/values.yaml") == b"replicas: 2\n"
    assert server.authorizations() == [""]
    assert run.value_file(f"{plain.url}/values.yaml") == b"plain: true\n"
    with pytest.raises(RepositoryError, match=r"value file https://.*/v\.yaml answers with status 404"):
        run.value_file(f"{missing.url}/v.yaml")
    with pytest.raises(RepositoryError, match="valueFiles: 'ftp://host/v' is not a web address"):
        run.value_file("ftp://host/v")


# Registries: the real one.


def _open(registry: Registry, **fields: str) -> dict[str, object]:
    """For all repositories of a registry."""
    return repository_secret(f"oci://{registry.host}", kind="repo-creds", insecureOCIForceHttp="true", **fields)


@pytest.mark.parametrize(
    ("wanted", "version"), [("1.2.0", "1.2.0"), ("1.*", "1.10.0"), ("*", "2.0.0"), ("3.0.0+build.1", "3.0.0+build.1")]
)
def test_a_chart_comes_from_a_registry(charts: OpenCharts, registry: Registry, wanted: str, version: str) -> None:
    for each, data in WEB.items():
        registry.push("range/web", each, [(CHART_LAYER, data)])
    if "+" in wanted:
        registry.push("range-build/web", "3.0.0_build.1", [(CHART_LAYER, WEB["1.0.0"])])
    name = "range-build/web" if "+" in wanted else "range/web"
    run = charts(_open(registry))

    resolved = run.resolve(registry.host, name, wanted)
    assert resolved.version == version
    assert resolved.digest.startswith("sha256:")
    store, root = run.open(resolved)
    assert "Chart.yaml" in store.entries(root)


def test_both_ways_to_write_a_registry_mean_the_same(charts: OpenCharts, registry: Registry) -> None:
    registry.push("forms/web", "1.2.0", [(CHART_LAYER, WEB["1.2.0"])])
    run = charts(_open(registry))
    enabled = charts(repository_secret(f"https://{registry.host}/forms", enableOCI="true", insecureOCIForceHttp="true"))

    assert run.archive(registry.host, "forms/web", "1.2.0") == WEB["1.2.0"]
    assert run.archive(f"oci://{registry.host}", "forms/web", "1.2.0") == WEB["1.2.0"]
    assert enabled.archive(f"https://{registry.host}/forms", "web", "1.2.0") == WEB["1.2.0"]


def test_a_private_registry_takes_the_token_of_its_service(charts: OpenCharts, private_registry: Registry) -> None:
    private_registry.push("team/web", "1.2.0", [(CHART_LAYER, WEB["1.2.0"])])

    run = charts(_open(private_registry, username="robot", password=PASSWORD))
    assert run.archive(private_registry.host, "team/web", "1.*") == WEB["1.2.0"]
    with pytest.raises(RepositoryError, match=r"token service http://.*/token refused the credentials") as caught:
        charts(_open(private_registry, username="robot", password=f"{PASSWORD}-wrong")).resolve(
            private_registry.host, "team/web", "1.2.0"
        )
    assert PASSWORD not in str(caught.value)
    with pytest.raises(RepositoryError, match="refused the credentials"):
        charts(_open(private_registry)).resolve(private_registry.host, "team/web", "1.2.0")


def test_layers_are_kept_for_the_next_run(charts: OpenCharts, registry: Registry, tmp_path: Path) -> None:
    registry.push("kept/web", "1.2.0", [(CHART_LAYER, WEB["1.2.0"])])
    charts(_open(registry)).archive(registry.host, "kept/web", "1.2.0")

    kept = [path.read_bytes() for path in (tmp_path / "charts").rglob("*") if path.is_file()]
    assert any(data.endswith(WEB["1.2.0"]) for data in kept)
    assert charts(_open(registry)).archive(registry.host, "kept/web", "1.2.0") == WEB["1.2.0"]


def test_missing_tags_and_repositories_are_said(charts: OpenCharts, registry: Registry) -> None:
    registry.push("near/web", "1.2.0", [(CHART_LAYER, WEB["1.2.0"])])
    run = charts(_open(registry))

    with pytest.raises(RevisionError, match=r"no tag '1\.2\.1' in oci://.*/near/web; did you mean 1\.2\.0\?"):
        run.resolve(registry.host, "near/web", "1.2.1")
    with pytest.raises(RevisionError, match=r"no tag '\^3' in oci://.*/near/web; the newest are 1\.2\.0"):
        run.resolve(registry.host, "near/web", "^3")
    with pytest.raises(RevisionError, match="'a b' is not a tag, digest or constraint"):
        run.resolve(registry.host, "near/web", "a b")
    with pytest.raises(RepositoryError, match=r"there is no repository oci://.*/near/wbe; check the address"):
        run.resolve(registry.host, "near/wbe", "1.2.0")
    with pytest.raises(RevisionError, match=r"there is no 'sha256:0+' in oci://"):
        run.resolve(registry.host, "near/web", "sha256:" + "0" * 64)
    with pytest.raises(RepositoryError, match="is not the address of an OCI repository; use oci://host/path"):
        run.resolve(registry.host, "Near/Web", "1.2.0")


def test_plain_manifests_come_from_a_registry(charts: OpenCharts, registry: Registry) -> None:
    files = packed({"./guestbook/svc.yaml": "kind: Service\n", "./kustomization.yaml": "resources: []\n"})
    digest = registry.push(
        "plain/guestbook", "1.0.0", [(IMAGE_LAYER, files)], config="application/vnd.oci.empty.v1+json"
    )
    registry.push("plain/guestbook", "latest", [(IMAGE_LAYER, files)])
    run = charts(_open(registry))
    url = f"oci://{registry.host}/plain/guestbook"

    resolved = run.resolve_artifact(url, "~1")
    assert (resolved.revision, resolved.digest) == ("1.0.0", digest)
    store, root = run.open_artifact(resolved)
    assert list(store.entries(root)) == ["guestbook", "kustomization.yaml"]
    assert run.resolve_artifact(url, digest).digest == digest
    assert run.resolve_artifact(url, "latest").revision == "latest"
    with pytest.raises(RevisionError, match=r"targetRevision is empty; name a tag or digest of oci://"):
        run.resolve_artifact(url, "")


def test_an_uncompressed_layer_is_taken_and_attestations_are_passed_over(
    charts: OpenCharts, registry: Registry
) -> None:
    files = packed({"a.yaml": "a: 1\n"}, compress=False)
    layers = [("application/vnd.in-toto+json", b"{}"), ("application/vnd.oci.image.layer.v1.tar", files)]
    registry.push("plain/attested", "1.0.0", layers)
    run = charts(_open(registry))

    store, root = run.open_artifact(run.resolve_artifact(f"oci://{registry.host}/plain/attested", "1.0.0"))
    assert list(store.entries(root)) == ["a.yaml"]


def test_a_chart_taken_as_an_artifact_has_its_folder_as_root(charts: OpenCharts, registry: Registry) -> None:
    registry.push("plain/web", "1.2.0", [(CHART_LAYER, WEB["1.2.0"])])
    run = charts(_open(registry))

    store, root = run.open_artifact(run.resolve_artifact(f"oci://{registry.host}/plain/web", "1.2.0"))
    assert "Chart.yaml" in store.entries(root)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([], "has 0 layers of files; expected one"),
        ([(IMAGE_LAYER, b"1"), (IMAGE_LAYER, b"2")], "has 2 layers of files; expected one"),
        (
            [("application/vnd.docker.image.rootfs.diff.tar+gzip", b"1")],
            "media type 'application/vnd.docker.* is not taken",
        ),
        ([("text/plain", bytes([number])) for number in range(11)], "has 11 layers; expected at most 10"),
    ],
    ids=["none", "two", "image", "many"],
)
def test_artifacts_of_another_kind_are_refused(
    charts: OpenCharts, registry: Registry, layers: list[tuple[str, bytes]], message: str
) -> None:
    name = f"odd/{hashlib.sha256(message.encode()).hexdigest()[:8]}"
    registry.push(name, "1.0.0", layers)

    with pytest.raises(GenerationError, match=message):
        charts(_open(registry)).resolve_artifact(f"oci://{registry.host}/{name}", "1.0.0")


def test_an_image_index_is_refused(charts: OpenCharts, registry: Registry) -> None:
    digest = registry.push("odd/index", "one", [(CHART_LAYER, WEB["1.2.0"])])
    index = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": 1}],
    }
    registry.push_manifest("odd/index", "1.0.0", index)

    with pytest.raises(GenerationError, match=r"'1\.0\.0' in oci://.*/odd/index is an image index; name the digest"):
        charts(_open(registry)).resolve_artifact(f"oci://{registry.host}/odd/index", "1.0.0")


def test_what_is_no_chart_is_refused_as_one(charts: OpenCharts, registry: Registry) -> None:
    registry.push("odd/manifests", "1.0.0", [(IMAGE_LAYER, packed({"a.yaml": "a: 1\n"}))])

    with pytest.raises(GenerationError, match=r"in oci://.* is not a Helm chart; push it with `helm push`"):
        charts(_open(registry)).resolve(registry.host, "odd/manifests", "1.0.0")


def test_an_index_may_keep_its_charts_in_a_registry(charts: OpenCharts, registry: Registry, serve: StartServer) -> None:
    registry.push("mirror/web", "1.2.0", [(CHART_LAYER, WEB["1.2.0"])])
    index = index_of({"web": {"1.2.0": WEB["1.2.0"]}}, url=f"oci://{registry.host}/mirror/{{name}}:{{version}}")
    server = serve(serve_files({"/index.yaml": index}))
    secret = repository_secret(f"oci://{registry.host}/mirror/web", insecureOCIForceHttp="true")

    assert charts(secret).archive(server.url, "web", "1.2.0") == WEB["1.2.0"]


def test_a_basic_login_opens_a_registry(charts: OpenCharts, serve: StartServer) -> None:
    import json

    layer = {"mediaType": CHART_LAYER, "digest": f"sha256:{hashlib.sha256(WEB['1.2.0']).hexdigest()}", "size": 1}
    manifest = {"config": {"mediaType": "application/vnd.cncf.helm.config.v1+json"}, "layers": [layer]}
    files = {
        "/v2/team/web/manifests/1.2.0": json.dumps(manifest).encode(),
        f"/v2/team/web/blobs/{layer['digest']}": WEB["1.2.0"],
    }
    answer = serve_files(files, login=f"robot:{PASSWORD}")
    server = serve(lambda request: _typed(answer(request)))
    host = server.url.removeprefix("https://")

    run = charts(repository_secret(host, enableOCI="true", username="robot", password=PASSWORD))
    assert run.archive(host, "team/web", "1.2.0") == WEB["1.2.0"]
    assert server.authorizations()[0] == "", "no login before the registry asks"
    assert all(given.startswith("Basic ") for given in server.authorizations()[1:])
    assert PASSWORD not in repr(run.resolve(host, "team/web", "1.2.0"))


def _typed(answer: Answer) -> Answer:
    kind = {"Content-Type": "application/vnd.oci.image.manifest.v1+json"}
    return Answer(answer.status, answer.body, dict(answer.headers) | kind)


def test_a_token_of_the_secret_opens_a_registry(charts: OpenCharts, serve: StartServer) -> None:
    def answer(request: Request) -> Answer:
        if request.headers.get("authorization") != f"Bearer {PASSWORD}":
            return Answer(401, headers={"WWW-Authenticate": 'Bearer realm="https://127.0.0.1:1/token"'})
        return Answer(200, b'{"tags": ["0.1.0"]}') if "/tags/list" in request.path else Answer(404)

    server = serve(answer)
    host = server.url.removeprefix("https://")
    run = charts(repository_secret(host, enableOCI="true", bearerToken=PASSWORD))

    with pytest.raises(RevisionError, match=r"no tag '0\.1\.1' in .*; did you mean 0\.1\.0\?"):
        run.resolve(host, "a/web", "0.1.1")


def test_helm_itself_takes_the_same_versions(
    charts: OpenCharts, repository: WebServer, peers: Peers, certificates: Path, tmp_path: Path
) -> None:
    url = f"{repository.url}/charts"
    run, helm = charts(), peers.path("helm")
    for wanted in ("1.2", "v1.2.0", "1.*", "<2.0.0-z", "^1.0.0, !=1.10.0"):
        shown = subprocess.run(
            [helm, "show", "chart", "web", "--repo", url, "--version", wanted, "--ca-file", certificates / "ca.crt"],
            env={"HOME": str(tmp_path), "PATH": ""},
            capture_output=True,
            text=True,
        )
        assert f"version: {run.resolve(url, 'web', wanted).version}\n" in shown.stdout, (wanted, shown.stderr)


def test_tags_come_in_pages(charts: OpenCharts, serve: StartServer) -> None:
    def answer(request: Request) -> Answer:
        if "/tags/list" not in request.path:
            return Answer(404)
        if "last=" in request.path:
            return Answer(200, b'{"name": "a/web", "tags": ["0.2.0", "0.10.0"]}')
        link = {"Link": '</v2/a/web/tags/list?last=0.1.0&n=1000>; rel="next"'}
        return Answer(200, b'{"name": "a/web", "tags": ["0.1.0"]}', link)

    server = serve(answer)

    with pytest.raises(RevisionError, match=r"no tag '7\.\*' in .*; the newest are 0\.10\.0, 0\.2\.0, 0\.1\.0"):
        charts().resolve(server.url.removeprefix("https://"), "a/web", "7.*")
