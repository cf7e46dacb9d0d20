"""Row 9 of the catalogue: paths out of the repository (CVE-2022-24348, GHSA-63qx-x74g-jcr7, GHSA-h6h5-6fmq-rh28,
GHSA-r9cr-hvjj-496v, CVE-2026-5422, CVE-2026-35397); row 5: variables of the process (CVE-2026-67322)."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import GenerationError
from reconciler.source import RepositoryCache, Target, generate_manifests
from reconciler.source.files.paths import resolve_path
from tests.reconciler.source.support import CHART, application
from tests.repositories import GitRepository

CANARY = "canary-7f3a"
OUTSIDE = [
    "../canary",
    "../origin-x/canary",
    "../../../../../../../../etc/passwd",
    "a/../../canary",
    "./../canary",
    "..",
    "x/../..",
]
ABSOLUTE = ["/etc/passwd", "//etc/passwd"]


@pytest.fixture
def render(
    git_repository: Callable[[Mapping[str, str]], GitRepository], tmp_path: Path
) -> Iterator[Callable[..., Target]]:
    """Render the chart in ``chart`` of a repository that has canaries beside it."""
    origin = git_repository(CHART)
    for name in ("canary", "origin-x/canary"):
        (origin.path.parent / name).parent.mkdir(exist_ok=True)
        (origin.path.parent / name).write_text(f"text: {CANARY}\n")
    with RepositoryCache(tmp_path / "mirrors") as cache:

        def render(path: str = "chart", **options: Any) -> Target:
            return generate_manifests(application({"repoURL": origin.url, "path": path, **options}), repositories=cache)

        yield render


@pytest.mark.parametrize("path", [*OUTSIDE, *ABSOLUTE])
def test_the_path_of_a_source(path: str, render: Callable[..., Target]) -> None:
    with pytest.raises(
        GenerationError, match=r"^spec\.source\.path: '.*' (leaves the repository|is absolute)"
    ) as caught:
        render(path)
    assert repr(path) in str(caught.value), "the message repeats the path as written"


@pytest.mark.parametrize("path", [f"../{path}" for path in OUTSIDE])
@pytest.mark.parametrize(
    "options",
    [
        lambda path: {"valueFiles": [path]},
        lambda path: {"valueFiles": [path], "ignoreMissingValueFiles": True},
        lambda path: {"fileParameters": [{"name": "x", "path": path}]},
        lambda path: {"valueFiles": ["/x/../" + path]},
    ],
)
def test_files_of_a_chart(path: str, options: Callable[[str], dict[str, Any]], render: Callable[..., Target]) -> None:
    with pytest.raises(GenerationError, match="leaves the repository") as caught:
        render(helm=options(path))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("path", ["/etc/passwd", "//etc/passwd", "/../etc/passwd", "file:///etc/passwd"])
def test_absolute_paths_stay_in_the_repository(path: str, render: Callable[..., Target]) -> None:
    with pytest.raises(
        GenerationError, match=r"valueFiles\[0\]: .*(there is no|leaves the repository|the scheme file is not allowed)"
    ) as caught:
        render(helm={"valueFiles": [path]})
    assert "root:" not in str(caught.value)


@pytest.fixture
def linked(
    git_repository: Callable[[Mapping[str, str]], GitRepository], tmp_path: Path
) -> Iterator[Callable[..., Target]]:
    """Render the chart of a repository with links to canaries outside; ``$values`` is the same repository."""
    origin = git_repository(CHART | {"chart/envs/a.yaml": "a: 1\n"})
    outside = origin.path.parent / "outside"
    outside.mkdir()
    (outside / "canary.yaml").write_text(f"text: {CANARY}\n")
    (origin.path / "chart/envs/link.yaml").symlink_to(outside / "canary.yaml")
    (origin.path / "chart/envs/folder").symlink_to("../../../outside")
    (origin.path / "chart/envs/first.yaml").symlink_to("second.yaml")
    (origin.path / "chart/envs/second.yaml").symlink_to("../../../outside/canary.yaml")
    (origin.path / "chart/.helmignore").write_text("envs\n")
    origin.commit({})
    with RepositoryCache(tmp_path / "mirrors") as cache:

        def render(*names: str, **options: Any) -> Target:
            source = {"repoURL": origin.url, "path": "chart", "helm": {"valueFiles": list(names), **options}}
            values = {"repoURL": origin.url, "ref": "values"}
            return generate_manifests(application(source, values), repositories=cache)

        yield render


@pytest.mark.parametrize(
    "name",
    [
        "envs/link.yaml",
        "envs/folder/canary.yaml",
        "envs/first.yaml",
        "envs/*.yaml",
        "envs/l*.yaml",
        "envs/f*/*.yaml",
        "envs/*/canary.yaml",
        "envs/**",
        "**/link.yaml",
        "$values/chart/envs/link.yaml",
        "$values/chart/envs/*k.yaml",
        "$values/../outside/canary.yaml",
        "$values/../outside/*.yaml",
        "../../outside/*.yaml",
        "/../outside/*.yaml",
    ],
)
def test_links_and_patterns(name: str, linked: Callable[..., Target]) -> None:
    for options in ({}, {"ignoreMissingValueFiles": True}):
        with pytest.raises(GenerationError, match="leaves the repository") as caught:
            linked(name, **options)
        assert CANARY not in str(caught.value)


def test_patterns_pass_over_links_that_they_do_not_name(linked: Callable[..., Target]) -> None:
    assert '"a":1' in linked("envs/[a].yaml", "**/a.yaml").manifests[0].manifest["data"]["values"]
    for pattern in ("**/canary.yaml", "{..,envs}/{../..,x}/outside/*.yaml", "$values/{..,x}/outside/*.yaml"):
        assert CANARY not in str(linked(pattern, ignoreMissingValueFiles=True).manifests)


@pytest.mark.parametrize("text", ["a: b\n  SECRET-TEXT: [", "SECRET-TEXT", "- SECRET-TEXT", "\tSECRET-TEXT: x"])
def test_a_file_that_is_no_yaml_is_not_repeated(
    text: str, git_repository: Callable[[Mapping[str, str]], GitRepository], tmp_path: Path
) -> None:
    origin = git_repository(CHART | {"chart/bad.yaml": text})
    source = {"repoURL": origin.url, "path": "chart", "helm": {"valueFiles": ["bad.yaml"]}}
    with (
        RepositoryCache(tmp_path / "mirrors") as cache,
        pytest.raises(GenerationError, match=r"chart/bad\.yaml") as caught,
    ):
        generate_manifests(application(source), repositories=cache)
    assert "SECRET-TEXT" not in str(caught.value)


SEGMENTS = st.sampled_from(["..", ".", "", "a", "b-x", "...", " ", "-", "c.yaml", "~", "$x"])


@given(
    st.lists(SEGMENTS, max_size=8),
    st.lists(SEGMENTS.filter(lambda part: part not in ("..", ".", "")), max_size=3),
    st.booleans(),
)
def test_a_resolved_path_is_inside(parts: list[str], base: list[str], from_root: bool) -> None:
    try:
        resolved = resolve_path("/".join(base), "/".join(parts), field="f", from_root=from_root)
    except GenerationError:
        return
    assert not resolved.startswith("/")
    assert not {"..", "."} & set(resolved.split("/"))
    assert Path("/repo", resolved).resolve().is_relative_to("/repo")


@pytest.mark.parametrize("name", ["CANARY_VARIABLE", "HOME", "PATH"])
def test_variables_of_the_process_are_not_read(
    name: str, render: Callable[..., Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, CANARY) if name != "PATH" else None
    parameters = [{"name": "x", "value": f"a${name}-b${{{name}}}c"}]
    target = render(helm={"parameters": parameters, "releaseName": "web"})
    assert '"x":"a-bc"' in target.manifests[0].manifest["data"]["values"]
    with pytest.raises(GenerationError, match=r"is a local repository|is not a Git repository"):
        generate_manifests(application({"repoURL": f"${name}/repo", "path": "a"}), repositories=RepositoryCache())
