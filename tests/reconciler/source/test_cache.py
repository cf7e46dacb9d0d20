import copy
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.errors import GenerationError
from reconciler.model import Application
from reconciler.source import Capabilities, RenderCache, RepositoryCache, Target, generate_manifests
from tests.reconciler.source.support import CHART, application, config_map
from tests.repositories import GitRepository

SECRET = 'apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: "canary-4711"}\n'
FILES = {
    "plain/a.yaml": config_map("a"),
    "plain/notes.txt": "n",
    "deep/a.yaml": config_map("a"),
    "deep/more/b.yaml": config_map("b"),
    "base/kustomization.yaml": "resources: [c.yaml]\n",
    "base/c.yaml": config_map("c"),
    "base/unused.yaml": config_map("unused"),
    "overlay/kustomization.yaml": "resources: [../base]\n",
    "values.yaml": "colour: blue\n",
    "secret/s.yaml": SECRET,
    **CHART,
}
SOURCES: Mapping[str, Mapping[str, object]] = {
    "plain": {"path": "plain"},
    "deep": {"path": "deep", "directory": {"recurse": True}},
    "top": {"path": "deep"},
    "base": {"path": "base"},
    "overlay": {"path": "overlay"},
    "chart": {"path": "chart", "helm": {"valueFiles": ["/values.yaml"]}},
    "secret": {"path": "secret"},
}

Generate = Callable[..., dict[str, Target]]


@pytest.fixture
def origin(git_repository: Callable[[Mapping[str, str]], GitRepository]) -> GitRepository:
    return git_repository(FILES)


@pytest.fixture
def applications(origin: GitRepository) -> dict[str, Application]:
    return {name: application({"repoURL": origin.url, **source}, name=name) for name, source in SOURCES.items()}


@pytest.fixture
def generate(applications: dict[str, Application], tmp_path: Path) -> Iterator[Generate]:
    with RepositoryCache(tmp_path / "mirrors") as repositories:

        def generate(cache: RenderCache | None, **options: object) -> dict[str, Target]:
            repositories.close()
            return {
                name: generate_manifests(entry, repositories=repositories, cache=cache, **options)  # type: ignore[arg-type]
                for name, entry in applications.items()
            }

        yield generate


def rendered(targets: Mapping[str, Target]) -> set[str]:
    return {name for name, target in targets.items() if not target.sources[0].cached}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, set()),
        ({"README.md": "x"}, set()),
        ({"plain/a.yaml": config_map("z")}, {"plain"}),
        ({"plain/notes.txt": "other"}, set()),
        ({"plain/new.txt": "x"}, {"plain"}),
        ({"plain/.argocd-source.yaml": "directory: {recurse: true}\n"}, {"plain"}),
        ({"plain/.argocd-source-plain.yaml": "directory: {recurse: true}\n"}, {"plain"}),
        ({"plain/.argocd-source-other.yaml": "directory: {recurse: true}\n"}, {"plain"}),
        ({"plain/a.yaml": None}, {"plain"}),
        ({"deep/more/b.yaml": config_map("z")}, {"deep"}),
        ({"deep/more/c.yaml": config_map("z")}, {"deep"}),
        ({"deep/z.yaml": config_map("z")}, {"deep", "top"}),
        ({"base/c.yaml": config_map("z")}, {"base", "overlay"}),
        ({"base/unused.yaml": config_map("z")}, set()),
        ({"overlay/kustomization.yaml": "resources: [../base]\nnamePrefix: x-\n"}, {"overlay"}),
        ({"values.yaml": "colour: red\n"}, {"chart"}),
        ({"chart/templates/new.yaml": config_map("z")}, {"chart"}),
        ({"secret/s.yaml": SECRET.replace("4711", "4712")}, {"secret"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
@pytest.mark.parametrize("fresh", [False, True], ids=["same process", "from disk"])
def test_a_commit_redoes_the_renders_that_read_what_it_changed(
    origin: GitRepository,
    generate: Generate,
    tmp_path: Path,
    change: Mapping[str, str | None],
    expected: set[str],
    fresh: bool,
) -> None:
    cache = RenderCache(tmp_path / "renders")
    assert rendered(generate(cache)) == set(SOURCES)
    origin.commit(change)
    if fresh:
        cache = RenderCache(tmp_path / "renders")
        # Renders with Secrets are never on disk.
        expected = expected | {"secret"}
    targets = generate(cache)
    assert rendered(targets) == expected
    plain = generate(None)
    assert {name: target.manifests for name, target in targets.items()} == {
        name: target.manifests for name, target in plain.items()
    }
    assert rendered(generate(cache)) == set()


def test_going_back_finds_the_earlier_render(origin: GitRepository, generate: Generate) -> None:
    cache = RenderCache(persistent=False)
    generate(cache)
    origin.commit({"plain/a.yaml": config_map("z")})
    generate(cache)
    origin.commit({"plain/a.yaml": FILES["plain/a.yaml"]})
    assert rendered(generate(cache)) == set()


def test_capabilities_count_only_where_they_are_asked_for(origin: GitRepository, generate: Generate) -> None:
    origin.commit({"chart/templates/version.yaml": "version: {{ .Capabilities.KubeVersion }}\n" + config_map("v")})
    cache = RenderCache(persistent=False)
    generate(cache, capabilities=Capabilities("v1.36.0"))
    assert rendered(generate(cache, capabilities=Capabilities("v1.37.0"))) == {"chart"}


def test_build_variables_count_only_where_they_are_used(
    origin: GitRepository, applications: dict[str, Application], generate: Generate
) -> None:
    parameters = [{"name": "revision", "value": "$ARGOCD_APP_REVISION"}]
    applications["chart"] = application(
        {"repoURL": origin.url, "path": "chart", "helm": {"parameters": parameters}}, name="chart"
    )
    cache = RenderCache(persistent=False)
    generate(cache)
    origin.commit({"README.md": "x"})
    assert rendered(generate(cache)) == {"chart"}


@pytest.mark.parametrize("kind", ["Secret", "secret"])
def test_secrets_are_never_written(origin: GitRepository, generate: Generate, tmp_path: Path, kind: str) -> None:
    if kind != "Secret":
        # Nothing that a slip of the pen makes of a Secret's kind lets its values out.
        origin.commit({"secret/s.yaml": SECRET.replace("Secret", kind)})
    generate(RenderCache(tmp_path / "renders"))
    files = [path for path in (tmp_path / "renders").rglob("*") if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        text = zlib.decompress(data) if path.parent.parent.name.startswith("results") else data
        assert b"canary-4711" not in text
        assert path.stat().st_mode & 0o777 == 0o600
    folders = [path for path in (tmp_path / "renders").rglob("*") if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in [tmp_path / "renders", *folders]} == {0o700}


def test_a_changed_cache_is_not_believed(generate: Generate, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    generate(RenderCache(tmp_path / "renders"))
    for path in (tmp_path / "renders").rglob("*"):
        if path.is_file():
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
    targets = generate(RenderCache(tmp_path / "renders"))
    assert rendered(targets) == set(SOURCES)
    assert "was changed and is left out" in caplog.text
    assert [obj.manifest["metadata"]["name"] for obj in targets["plain"].manifests] == ["a"]


def test_a_cache_that_cannot_be_written_is_said_once(
    generate: Generate, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    cache = RenderCache(tmp_path / "file" / "renders")
    assert rendered(generate(cache)) == set(SOURCES)
    assert rendered(generate(cache)) == set()
    assert caplog.text.count("cannot be written") == 1


def test_a_failed_render_is_not_kept(origin: GitRepository, generate: Generate) -> None:
    cache = RenderCache(persistent=False)
    generate(cache)
    origin.commit({"plain/a.yaml": "kind: ["})
    for _ in range(2):
        with pytest.raises(Exception, match=r"plain/a\.yaml"):
            generate(cache)
    origin.commit({"plain/a.yaml": FILES["plain/a.yaml"]})
    assert rendered(generate(cache)) == set()


def test_forgetting(generate: Generate, tmp_path: Path) -> None:
    cache = RenderCache(tmp_path / "renders")
    generate(cache)
    cache.forget()
    assert rendered(generate(cache)) == set(SOURCES)


def test_results_are_shared_and_stay_as_they_are(generate: Generate) -> None:
    cache = RenderCache(persistent=False)
    first = generate(cache)
    before = copy.deepcopy({name: target.manifests for name, target in first.items()})
    again = generate(cache)
    assert {name: target.manifests for name, target in again.items()} == before
    assert again["plain"].manifests[0] is first["plain"].manifests[0]


def test_an_unreachable_repository_is_an_error_also_with_a_cache(
    origin: GitRepository, generate: Generate, tmp_path: Path
) -> None:
    cache = RenderCache(persistent=False)
    generate(cache)
    origin.path.rename(tmp_path / "moved")
    with pytest.raises(GenerationError, match="is not a Git repository"):
        generate(cache)
