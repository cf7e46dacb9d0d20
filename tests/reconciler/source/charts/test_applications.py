"""Applications whose sources are charts and artifacts, rendered whole."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError, RepositoryUnreachableError
from reconciler.source import Capabilities, Generator, RenderCache, RepositoryCache, SourceType
from reconciler.source.charts import ChartRepositories
from reconciler.source.charts.http import HttpClient
from reconciler.source.credentials import CredentialStore
from tests.reconciler.source.charts.secrets import repository_secret
from tests.reconciler.source.charts.servers import (
    CHART_LAYER,
    IMAGE_LAYER,
    Registry,
    WebServer,
    chart_files,
    packed,
    packed_chart,
    serve_files,
)
from tests.reconciler.source.support import application, config_map
from tests.repositories import GitRepository

COLOUR = {
    "templates/colour.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: colour}\n"
    "data: {colour: {{ .Values.colour | default `none` }}}\n"
}
NEEDY = {
    "Chart.yaml": (
        "apiVersion: v2\nname: needy\nversion: 1.0.0\ndependencies:\n"
        '- {{name: web, version: "1.x", repository: "{url}"}}\n'
    ),
    "templates/own.yaml": config_map("own"),
}


def chart(version: str) -> bytes:
    return packed_chart("web", version, extra=COLOUR)


class Shop:
    """A chart repository that tests may add to, and what renders with it; each `run` asks anew."""

    def __init__(self, server: WebServer, files: dict[str, bytes], authority: str, folder: Path) -> None:
        self.url = f"{server.url}/charts"
        self.server = server
        self._files = files
        self._authority = authority
        self._folder = folder
        self.cache = RenderCache(folder / "renders")
        self.secrets: list[dict[str, Any]] = []

    def publish(self, *versions: str) -> None:
        self._files.update(chart_files({"web": {version: chart(version) for version in versions}}))

    def run(self) -> Generator:
        store = CredentialStore(self.secrets, tls_certificates={"127.0.0.1": self._authority})
        client = HttpClient(certificate_authority=store.certificate_authority, pause_s=0)
        charts = ChartRepositories(store, self._folder / "charts", client=client)
        self._opened = RepositoryCache(self._folder / "mirrors")
        return Generator(self._opened, capabilities=Capabilities("v1.37.0"), charts=charts, cache=self.cache)


@pytest.fixture
def shop(serve: Callable[..., WebServer], certificates: Path, tmp_path: Path) -> Iterator[Shop]:
    files: dict[str, bytes] = {}
    shop = Shop(serve(serve_files(files)), files, (certificates / "ca.crt").read_text(), tmp_path)
    shop.publish("1.0.0", "1.2.0", "2.0.0")
    yield shop
    shop._opened.close()


def names(target: Any) -> list[str]:
    return [sourced.manifest["metadata"]["name"] for sourced in target.manifests]


def test_a_chart_of_a_range_is_rendered_again_when_a_newer_version_appears(shop: Shop) -> None:
    entry = application({"repoURL": shop.url, "chart": "web", "targetRevision": "1.*"})
    first = shop.run().generate(entry)
    assert (first.revisions, first.sources[0].source_type, names(first)) == (
        ("1.2.0",),
        SourceType.HELM,
        ["web", "colour"],
    )
    again = shop.run().generate(entry)
    assert (again.sources[0].cached, again.manifests) == (True, first.manifests)
    shop.publish("1.0.0", "1.2.0", "1.3.0")
    newer = shop.run().generate(entry)
    assert newer.revisions == ("1.3.0",)
    assert shop.run().generate(entry, revisions=["1.0.0"]).revisions == ("1.0.0",)


def test_value_files_of_another_source(
    shop: Shop, git_repository: Callable[[Mapping[str, str]], GitRepository]
) -> None:
    values = git_repository({"env/prod.yaml": "colour: blue\n", "other.yaml": "x: y\n"})
    entry = application(
        {
            "repoURL": shop.url,
            "chart": "web",
            "targetRevision": "1.2.0",
            "helm": {"valueFiles": ["$values/env/prod.yaml"]},
        },
        {"repoURL": values.url, "ref": "values"},
    )
    target = shop.run().generate(entry)
    assert target.revisions == ("1.2.0", values.head)
    assert target.sources[1].source_type is None
    assert target.manifests[1].manifest["data"] == {"colour": "blue"}
    assert ("$values/env/prod.yaml", values.git("rev-parse", "HEAD:env/prod.yaml")) in target.sources[0].files

    values.commit({"other.yaml": "x: z\n"})
    assert shop.run().generate(entry).sources[0].cached
    values.commit({"env/prod.yaml": "colour: red\n"})
    changed = shop.run().generate(entry)
    assert not changed.sources[0].cached
    assert changed.manifests[1].manifest["data"] == {"colour": "red"}


def test_a_dependency_of_a_chart_in_git_comes_from_its_repository(
    shop: Shop, git_repository: Callable[[Mapping[str, str]], GitRepository]
) -> None:
    files = {
        f"chart/{name}": text.format(url=shop.url) if name == "Chart.yaml" else text for name, text in NEEDY.items()
    }
    origin = git_repository(files)
    entry = application({"repoURL": origin.url, "path": "chart"})
    first = shop.run().generate(entry)
    assert sorted(names(first)) == ["colour", "own", "web"]
    assert shop.run().generate(entry).sources[0].cached
    # Without a lock the range decides, and a newer version that it admits is another render.
    shop.publish("1.0.0", "1.2.0", "1.4.0")
    assert not shop.run().generate(entry).sources[0].cached


def test_plain_manifests_and_charts_of_a_registry(registry: Registry, shop: Shop) -> None:
    url = f"oci://{registry.host}/team/plain"
    shop.secrets = [
        repository_secret(f"oci://{registry.host}", kind="repo-creds", type="oci", insecureOCIForceHttp="true"),
    ]
    layer = packed({"app/a.yaml": config_map("a"), "app/deep/b.yaml": config_map("b")})
    digest = registry.push(
        "team/plain", "v1", [(IMAGE_LAYER, layer)], config="application/vnd.oci.image.config.v1+json"
    )
    entry = application({"repoURL": url, "path": "app", "targetRevision": "v1", "directory": {"recurse": True}})
    target = shop.run().generate(entry)
    assert (target.revisions, names(target)) == ((digest,), ["a", "b"])
    assert shop.run().generate(entry).sources[0].cached

    registry.push("team/web", "1.2.0", [(CHART_LAYER, chart("1.2.0"))])
    packaged = application({"repoURL": f"oci://{registry.host}/team/web", "path": ".", "targetRevision": "1.2.0"})
    assert names(shop.run().generate(packaged)) == ["web", "colour"]


def test_without_servers_they_are_refused() -> None:
    generator = Generator(RepositoryCache())
    entry = application({"repoURL": "https://charts.example.com", "chart": "web", "targetRevision": "1.0.0"})
    with pytest.raises(GenerationError, match=r"^spec\.source\.chart: chart repositories and registries are off here"):
        generator.generate(entry)


def test_a_repository_that_does_not_answer(shop: Shop) -> None:
    entry = application({"repoURL": shop.url, "chart": "web", "targetRevision": "1.*"})
    shop.run().generate(entry)
    shop.server.close()
    with pytest.raises(RepositoryUnreachableError, match="charts"):
        shop.run().generate(entry)
