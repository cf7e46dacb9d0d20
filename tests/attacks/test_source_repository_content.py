"""Row 4 of the catalogue: a checkout that runs code or writes outside (CVE-2024-32002, CVE-2018-11235, CVE-2019-19604,
CVE-2023-49569), and row 10: symbolic links out (CVE-2022-31036, GHSA-q4w5-4gq2-98vm, GHSA-6gcg-hp2x-q54h,
GHSA-6jqw-jwf5-rp8h)."""

import hashlib
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError, ReconcilerError
from reconciler.source import RepositoryCache, Target, generate_manifests
from tests.reconciler.source.support import CHART, application, config_map
from tests.repositories import GitRepository

MakeRepository = Callable[[Mapping[str, str | bytes]], GitRepository]
KUSTOMIZATION = {"app/kustomization.yaml": "resources: [a.yaml]\n"}


@pytest.fixture
def render(repositories: RepositoryCache) -> Callable[..., Target]:
    def render(origin: GitRepository, path: str = "app", **options: Any) -> Target:
        source = {"repoURL": origin.url, "path": path, **options}
        return generate_manifests(application(source), repositories=repositories)

    return render


@pytest.fixture
def repositories(tmp_path: Path) -> Any:
    with RepositoryCache(tmp_path / "mirrors") as cache:
        yield cache


def test_submodules_are_never_fetched(
    git_repository: MakeRepository, render: Callable[..., Target], tmp_path: Path
) -> None:
    sentinel = tmp_path / "sentinel"
    for number, url in enumerate((f"ext::sh -c touch% {sentinel}", f"--upload-pack=touch {sentinel}", "../../..")):
        origin = git_repository(
            {
                "app/a.yaml": config_map("a"),
                ".gitmodules": f'[submodule "x"]\n\tpath = app/x{number}\n\turl = {url}\n\tupdate = !touch {sentinel}\n',
            }
        )
        origin.git("update-index", "--add", "--cacheinfo", f"160000,{origin.head},app/x{number}")
        origin.git("commit", "--quiet", "--message=x")
        assert len(render(origin, directory={"recurse": True}).manifests) == 1
    assert not sentinel.exists()


def test_filters_and_attributes_do_nothing(
    git_repository: MakeRepository, render: Callable[..., Target], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sentinel = tmp_path / "sentinel"
    settings = tmp_path / "gitconfig"
    settings.write_text(
        f'[filter "evil"]\n\tsmudge = touch {sentinel}\n\tprocess = touch {sentinel}\n\trequired = true\n'
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    files: dict[str, str | bytes] = {
        ".gitattributes": "* filter=evil diff=evil merge=evil text working-tree-encoding=UTF-16\n"
    }
    origin = git_repository(KUSTOMIZATION | {"app/a.yaml": config_map("a")} | CHART)
    (origin.path / ".gitattributes").write_text(
        str(files[".gitattributes"]).replace(" working-tree-encoding=UTF-16", "")
    )
    origin.git("add", ".gitattributes")
    origin.git("commit", "--quiet", "--message=x")
    assert len(render(origin).manifests) == 1
    assert len(render(origin, "chart").manifests) == 1
    assert not sentinel.exists()


@pytest.mark.parametrize("name", ["..", ".", ".git", ".GIT", "a/b", ""])
@pytest.mark.parametrize("tool", ["directory", "kustomize", "helm"])
def test_a_crafted_tree_is_refused(
    name: str, tool: str, git_repository: MakeRepository, render: Callable[..., Target], tmp_path: Path
) -> None:
    origin = git_repository(KUSTOMIZATION | {"app/a.yaml": config_map("a")} | CHART)
    path = {"directory": "app", "kustomize": "app", "helm": "chart"}[tool]
    folder = origin.git("rev-parse", f"HEAD:{path}")
    blob = origin.git("rev-parse", "HEAD:app/a.yaml")
    crafted = write_tree(origin, [*read_tree(origin, folder), ("100644", name, blob)])
    root = write_tree(origin, [("40000", path, crafted)])
    commit = origin.git("commit-tree", root, "-m", "crafted")
    origin.git("update-ref", "refs/heads/main", commit)
    before = fingerprint(tmp_path, leave_out="mirrors")
    options = {"directory": {"directory": {"recurse": True}}, "kustomize": {}, "helm": {}}[tool]
    with pytest.raises(ReconcilerError, match=r"which is refused|is damaged on its server"):
        render(origin, path, **options)
    assert fingerprint(tmp_path, leave_out="mirrors") == before


OUTSIDE = [
    "/etc/passwd",
    "../../../outside",
    "../../../../../../../etc/passwd",
    "deeper/../../../../outside",
    "../../../origin-x/secret",
]


@pytest.mark.parametrize("target", OUTSIDE)
@pytest.mark.parametrize(
    ("files", "link", "path", "options"),
    [
        ({"app/a.yaml": config_map("a")}, "app/b.yaml", "app", {}),
        ({"app/a.yaml": config_map("a")}, "app/notes.txt", "app", {}),
        ({"other/a.yaml": config_map("a")}, "app", "app", {}),
        ({"other/a.yaml": config_map("a")}, "top", "top/deeper", {}),
        (KUSTOMIZATION, "app/a.yaml", "app", {}),
        ({"app/kustomization.yaml": "resources: [../base]\n"}, "base", "app", {}),
        ({"app/kustomization.yaml": "configMapGenerator: [{name: x, files: [data/x]}]\n"}, "app/data", "app", {}),
        (CHART, "chart/templates/b.yaml", "chart", {}),
        (CHART, "chart/charts", "chart", {}),
        (CHART, "values.yaml", "chart", {"helm": {"valueFiles": ["/values.yaml"]}}),
        (CHART, "secret", "chart", {"helm": {"fileParameters": [{"name": "x", "path": "../secret"}]}}),
    ],
)  # fmt: skip
def test_a_link_out_of_the_repository_is_refused(
    target: str,
    files: dict[str, str],
    link: str,
    path: str,
    options: dict[str, Any],
    git_repository: MakeRepository,
    render: Callable[..., Target],
) -> None:
    origin = git_repository(files)
    for canary in ("outside", "origin-x"):
        (origin.path.parent / canary).mkdir(exist_ok=True)
    (origin.path / link).parent.mkdir(parents=True, exist_ok=True)
    (origin.path / link).symlink_to(target)
    origin.commit({})
    with pytest.raises(
        GenerationError, match=r"the symbolic link .* leaves the repository, which is refused"
    ) as caught:
        render(origin, path, **options)
    assert target not in str(caught.value), "what a link says is content"


def test_a_link_swapped_on_disk_changes_nothing(git_repository: MakeRepository, render: Callable[..., Target]) -> None:
    origin = git_repository({"app/a.yaml": config_map("a"), "inside.yaml": config_map("b")})
    (origin.path / "app/b.yaml").symlink_to("../inside.yaml")
    origin.commit({})
    (origin.path / "app/b.yaml").unlink()
    (origin.path / "app/b.yaml").symlink_to("/etc/passwd")
    assert [sourced.manifest["metadata"]["name"] for sourced in render(origin).manifests] == ["a", "b"]


def test_a_bomb_of_links_ends(git_repository: MakeRepository, render: Callable[..., Target]) -> None:
    origin = git_repository(CHART)
    for level in range(12):
        folder = origin.path / f"chart/templates/l{level}"
        folder.mkdir()
        for number in range(4):
            (folder / f"x{number}").symlink_to(f"../l{level + 1}")
    (origin.path / "chart/templates/l12").mkdir()
    origin.commit({"chart/templates/l12/a.yaml": "# nothing\n"})
    with pytest.raises(GenerationError, match=r"one of more than 5000|more than 20000 files"):
        render(origin, "chart")


def test_no_folder_stays_behind(
    git_repository: MakeRepository, render: Callable[..., Target], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    origin = git_repository(
        KUSTOMIZATION | {"app/a.yaml": config_map("a"), "bad/kustomization.yaml": "resources: [../bad]\n"}
    )
    render(origin)
    with pytest.raises(GenerationError):
        render(origin, "bad")
    assert list((tmp_path / "temporary").iterdir()) == []


def read_tree(origin: GitRepository, tree: str) -> list[tuple[str, str, str]]:
    entries = []
    for line in origin.git("ls-tree", tree).splitlines():
        mode, _, rest = line.split(" ", 2)
        object_id, name = rest.split("\t")
        entries.append((mode.lstrip("0"), name, object_id))
    return entries


def write_tree(origin: GitRepository, entries: list[tuple[str, str, str]]) -> str:
    """A tree object with any names at all."""
    data = b"".join(f"{mode} {name}\0".encode() + bytes.fromhex(object_id) for mode, name, object_id in entries)
    command = ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"]
    return subprocess.run(command, cwd=origin.path, input=data, capture_output=True, check=True).stdout.decode().strip()


def fingerprint(folder: Path, *, leave_out: str) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if leave_out not in path.parts:
            digest.update(f"{path} {path.read_bytes() if path.is_file() else ''}".encode())
    return digest.hexdigest()
