"""Row 14 of the catalogue: remote references that run commands (GHSA-9v9p-x54c-58gc, CVE-2026-113708); row 15: kustomize as
a launcher (GHSA-fw5c-w8rc-j7fx, CVE-2026-113709, CVE-2022-24877, GHSA-j77r-2fxf-5jrw, GHSA-7pwf-jg34-hxwp)."""

import http.server
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError, ReconcilerError
from reconciler.source import RepositoryCache, Target, generate_manifests
from reconciler.source.kustomize.remotes import RemoteBase, parse_remote, require_allowed
from reconciler.source.settings import parse_source_settings
from tests.reconciler.source.support import application, config_map
from tests.repositories import GitRepository

REMOTE = [
    "https://user:secret@example.com/org/repo//base?ref=main",
    "http://127.0.0.1:{port}/a.yaml",
    "ssh://git@example.com/org/repo",
    "file:///etc/passwd",
    "git::https://example.com/repo",
    "git@github.com:org/repo",
    "github.com/org/repo//base",
    "GitHub.com/org/repo",
    "gh:org/repo",
    "example.com/org/repo.git?ref=--upload-pack=touch x",
    "ext::sh -c id",
    "org-1234@github.com:org/repo",
    "s3::https://bucket/x",
]
FIELDS = [
    "resources: [{url}]",
    "Resources: [{url}]",
    "RESOURCES: [{url}]",
    "re\u017fources: [{url}]",
    "bases: [{url}]",
    "components: [{url}]",
    "crds: [{url}]",
    "configurations: [{url}]",
    "generators: [{url}]",
    "transformers: [{url}]",
    "validators: [{url}]",
    "openapi: {{path: {url}}}",
    "OpenAPI: {{Path: {url}}}",
    "patches: [{{path: {url}}}]",
    "patches: [{{PATH: {url}, target: {{kind: ConfigMap}}}}]",
    "patchesStrategicMerge: [{url}]",
    "patchesJson6902: [{{path: {url}, target: {{version: v1, kind: ConfigMap, name: a}}}}]",
    "replacements: [{{path: {url}}}]",
    "configMapGenerator: [{{name: x, files: [{url}]}}]",
    "configMapGenerator: [{{name: x, Files: [{url}]}}]",
    "configMapGenerator: [{{name: x, envs: [{url}]}}]",
    "configMapGenerator: [{{name: x, env: {url}}}]",
    "secretGenerator: [{{name: x, files: [{url}]}}]",
]


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[int, list[str]]]:
    """A web server of our own and the paths it was asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(config_map("remote").encode())

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running.server_port, asked
        running.shutdown()
        thread.join()


@pytest.fixture
def render(
    git_repository: Callable[[Mapping[str, str]], GitRepository], tmp_path: Path
) -> Iterator[Callable[..., Target]]:
    with RepositoryCache(tmp_path / "mirrors") as cache:

        def render(files: Mapping[str, str] | GitRepository, *, path: str = "app", **options: Any) -> Target:
            origin = files if isinstance(files, GitRepository) else git_repository(files)
            source = {"repoURL": origin.url, "path": path, **options}
            return generate_manifests(application(source), repositories=cache)

        yield render


@pytest.mark.parametrize("field", FIELDS)
def test_a_remote_reference_is_refused_before_the_build(
    field: str,
    render: Callable[..., Target],
    git_repository: Callable[[Mapping[str, str]], GitRepository],
    server: tuple[int, list[str]],
) -> None:
    port, asked = server
    texts = [field.format(url=f'"{url.format(port=port)}"') for url in REMOTE]
    files = {f"app{number}/kustomization.yaml": f"{text}\n" for number, text in enumerate(texts)}
    origin = git_repository(files)
    for file in files:
        # With = in it, a generator's file is key=path; what follows is the path.
        with pytest.raises(
            GenerationError, match=r"is remote, which is refused; copy it|'--upload-pack=touch x' is not in"
        ) as caught:
            render(origin, path=file.partition("/")[0])
        assert str(caught.value).startswith(f"{file}: ")
        assert "secret@" not in str(caught.value)
    assert asked == []


@pytest.mark.parametrize(
    "text",
    [
        "patchesStrategicMerge: ['http://127.0.0.1:{port}/a: b']\n",
        "transformers: ['http://127.0.0.1:{port}/a: b']\n",
        "transformers:\n- |-\n  apiVersion: builtin\n  kind: PatchTransformer\n  metadata: {{name: x}}\n  path: http://127.0.0.1:{port}/x\n",
        "generators:\n- |-\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n  metadata: {{name: x}}\n  Files: ['http://127.0.0.1:{port}/x']\n",
        "generators: [config.yaml]\n",
        "resources: [../base]\n",
    ],
)
def test_a_remote_reference_in_a_less_usual_place(
    text: str, render: Callable[..., Target], server: tuple[int, list[str]]
) -> None:
    port, asked = server
    url = f"http://127.0.0.1:{port}/x"
    files = {
        "app/kustomization.yaml": text.format(port=port),
        "app/config.yaml": f"apiVersion: builtin\nkind: SecretGenerator\nmetadata: {{name: x}}\nenvs: ['{url}']\n",
        "base/kustomization.yaml": f"resources: ['{url}']\n",
    }
    with pytest.raises(GenerationError, match="is remote, which is refused"):
        render(files)
    assert asked == []


@pytest.mark.parametrize(
    "option", [{"components": ["https://example.com/x"]}, {"patches": [{"path": "http://127.0.0.1:{port}/x"}]}]
)
def test_a_remote_reference_of_the_application(
    option: dict[str, Any], render: Callable[..., Target], server: tuple[int, list[str]]
) -> None:
    with pytest.raises(GenerationError, match="is remote, which is refused"):
        render({"app/kustomization.yaml": "resources: [a.yaml]\n", "app/a.yaml": config_map("a")}, kustomize=option)
    assert server[1] == []


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"app/kustomization.yaml": "helmCharts: [{name: x, repo: 'https://example.com'}]\n"},
            "helmCharts needs Helm inflation",
        ),
        ({"app/kustomization.yaml": "HelmCharts: [{name: x}]\n"}, "helmCharts needs Helm inflation"),
        ({"app/kustomization.yaml": "helmGlobals: {configHome: /tmp}\n"}, "helmGlobals needs Helm inflation"),
        (
            {
                "app/kustomization.yaml": "generators: [g.yaml]\n",
                "app/g.yaml": "apiVersion: builtin\nkind: HelmChartInflationGenerator\nmetadata: {name: x}\nname: x\n",
            },
            "HelmChartInflationGenerator needs Helm inflation",
        ),
        (
            {
                "app/kustomization.yaml": "generators: [g.yaml]\n",
                "app/g.yaml": (
                    "apiVersion: example.com/v1\nkind: Exec\nmetadata:\n  name: x\n  annotations:\n"
                    "    config.kubernetes.io/function: 'exec: {path: ./run.sh}'\n"
                ),
                "app/run.sh": "#!/bin/sh\ntouch SENTINEL\n",
            },
            "^kustomize build of app: ",
        ),
        (
            {
                "app/kustomization.yaml": "transformers: [t.yaml]\n",
                "app/t.yaml": "apiVersion: example.com/v1\nkind: Plugin\nmetadata: {name: x}\n",
                "app/plugin/example.com/v1/plugin/Plugin": "#!/bin/sh\ntouch SENTINEL\n",
            },
            "^kustomize build of app: ",
        ),
        (
            {"app/kustomization.yaml": "resources: [../secret.yaml]\n", "secret.yaml": config_map("a")},
            "^kustomize build of app: ",
        ),
        ({"app/kustomization.yaml": "resources: [../../secret.yaml]\n"}, "leaves the repository"),
        ({"app/kustomization.yaml": "resources: [/etc]\n"}, "is absolute"),
        ({"app/kustomization.yaml": "configMapGenerator: [{name: x, files: [x=/etc/passwd]}]\n"}, "is absolute"),
        ({"app/kustomization.yaml": "resources: [.]\n"}, "bases refer to each other: 'app' -> 'app'"),
        (
            {"app/kustomization.yaml": "resources: [../a]\n", "a/kustomization.yaml": "components: [../app]\n"},
            "bases refer to each other: 'app' -> 'a' -> 'app'",
        ),
        (
            {
                f"{'app' if level == 0 else f'b{level}'}/kustomization.yaml": f"resources: [../b{level + 1}]\n"
                for level in range(60)
            },
            "bases are nested more than 50 deep",
        ),
    ],
)
def test_kustomize_launches_nothing(
    files: dict[str, str], message: str, render: Callable[..., Target], tmp_path: Path
) -> None:
    sentinel = tmp_path / "sentinel"
    with pytest.raises(GenerationError, match=message):
        render({name: text.replace("SENTINEL", str(sentinel)) for name, text in files.items()})
    assert not sentinel.exists()


def test_the_environment_of_the_build_is_empty(render: Callable[..., Target], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY", "secret-7f3a")
    files = {
        "app/kustomization.yaml": "configMapGenerator: [{name: x, envs: [vars.env]}]\n",
        "app/vars.env": "CANARY\nHOME\n",
    }
    data = render(files).manifests[0].manifest["data"]
    assert data["CANARY"] == ""
    assert data["HOME"] != str(Path.home())


def test_a_hostile_kustomization_is_an_error_of_ours(render: Callable[..., Target]) -> None:
    for text in (
        "resources: 7\n",
        "patches: {a: b}\n",
        "resources: [[a]]\n",
        "? [a]\n: b\n",
        "a: &a [*a]\n",
        "{" * 2000,
        "namePrefix: [1]\n",
    ):
        with pytest.raises(ReconcilerError):
            render({"app/kustomization.yaml": text})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "kustomize version '../../bin/sh' is not registered"),
        ({"kustomize.path.v1": "/bin/sh"}, "is not registered; set .* or use one of: v1"),
    ],
)
def test_an_application_names_no_program(
    settings: dict[str, str], message: str, git_repository: Callable[[Mapping[str, str]], GitRepository], tmp_path: Path
) -> None:
    origin = git_repository({"app/kustomization.yaml": ""})
    source = {"repoURL": origin.url, "path": "app", "kustomize": {"version": "../../bin/sh"}}
    with RepositoryCache(tmp_path / "mirrors") as cache, pytest.raises(GenerationError, match=message):
        generate_manifests(application(source), repositories=cache, settings=parse_source_settings(settings))


@pytest.mark.parametrize("url", [each for each in REMOTE if "127.0.0.1" not in each])
def test_a_pattern_of_the_operators_allows_no_more_than_it_says(url: str, tmp_path: Path) -> None:
    remote_bases = ("https://example.com/org/*", "http://example.com/*")
    field = "app/kustomization.yaml: resources[0]"

    def judge() -> None:
        require_allowed(parse_remote(url, field=field, only_file=False), url, remote_bases, field=field)

    with pytest.raises(GenerationError, match=f"^{re.escape(field)}: ") as caught:
        judge()
    assert "secret" not in str(caught.value)


def test_a_revision_in_an_address_is_no_option(
    git_repository: Callable[[Mapping[str, str]], GitRepository], tmp_path: Path
) -> None:
    origin = git_repository({"app/kustomization.yaml": ""})
    sentinel = tmp_path / "sentinel"
    remote = parse_remote(f"{origin.url}//app?ref=--upload-pack=touch%20{sentinel}", field="f", only_file=False)
    assert isinstance(remote, RemoteBase)
    with RepositoryCache(tmp_path / "mirrors") as cache, pytest.raises(ReconcilerError):
        cache.open(remote.url, allow_local=True).resolve(remote.revision)
    assert not sentinel.exists()
