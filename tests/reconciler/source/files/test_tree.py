from collections.abc import Callable, Mapping, Sequence

import pytest

from reconciler.errors import GenerationError, RevisionError
from reconciler.source import RepositoryCache
from reconciler.source.files.tree import READ_TOGETHER, TOGETHER_BYTES, Kind, TooLargeError, Tree
from reconciler.source.files.workspace import Workspace
from reconciler.source.observations import Looked
from tests.reconciler.source.support import tree_at
from tests.repositories import GitRepository

FILES = {"app/a.yaml": "a", "app/deep/b.yaml": "b", "base/c.yaml": "c", "top.yaml": "t"}
LINKS = {
    "app/file": "../top.yaml",
    "app/folder": "../base",
    "chain": "chain2",
    "chain2": "app/folder/c.yaml",
    "app/gone": "nothing",
    "loop": "loop2",
    "loop2": "loop",
    "app/self": ".",
}


@pytest.fixture
def tree(git_repository: Callable[[Mapping[str, str | bytes]], GitRepository], repositories: RepositoryCache) -> Tree:
    origin = git_repository(FILES)
    for link, target in LINKS.items():
        (origin.path / link).symlink_to(target)
    revision = origin.commit({})
    return tree_at(repositories.open(origin.url, allow_local=True), revision)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", ("", Kind.FOLDER)),
        ("app/a.yaml", ("app/a.yaml", Kind.FILE)),
        ("app/file", ("top.yaml", Kind.FILE)),
        ("app/folder/c.yaml", ("base/c.yaml", Kind.FILE)),
        ("chain", ("base/c.yaml", Kind.FILE)),
        ("app/self/self/a.yaml", ("app/a.yaml", Kind.FILE)),
        ("app/gone", None),
        ("app/a.yaml/x", None),
        ("none", None),
    ],
)
def test_finding_follows_links(tree: Tree, path: str, found: tuple[str, Kind] | None) -> None:
    entry = tree.find(path)
    assert (None if entry is None else (entry.path, entry.kind)) == found


def test_a_loop_of_links_ends(tree: Tree) -> None:
    with pytest.raises(GenerationError, match=r"^'loop' in .* goes through more than 40 symbolic links"):
        tree.find("loop")


def test_walking(tree: Tree) -> None:
    app = tree.folder("app", field="f")
    assert [path for path, _ in tree.walk(app, recurse=False)] == ["a.yaml", "file"]
    assert [path for path, _ in tree.walk(app, recurse=True)] == ["a.yaml", "deep/b.yaml", "file"]
    assert tree.read(dict(tree.walk(app, recurse=False))["file"]) == b"t"


@pytest.mark.parametrize("paths", [["app/a.yaml", "app/b.yaml", "app/deep/b.yaml"], ["app/self/a.yaml", "app/a.yaml"]])
def test_what_was_found_before_changes_no_look(tree: Tree, paths: list[str]) -> None:
    """What a render looked at decides when it is done again."""

    def looks(names: list[str], *, before: str = "") -> set[Looked]:
        looked: set[Looked] = set()
        fresh = Tree(tree._root.store, tree._root.object_id, name="x", revision="1", looked=looked)
        if before:
            assert fresh.find(before)
            looked.clear()
        for name in names:
            fresh.find(name)
        return looked

    for before in ("", "app", "app/deep", "app/self", "app/folder"):
        assert looks(paths, before=before) == {look for path in paths for look in looks([path])}


def test_reading_many_files(tree: Tree) -> None:
    files = list(tree.walk(tree.folder("app", field="f"), recurse=True))
    looked: set[Looked] = set()
    other = Tree(tree._root.store, tree._root.object_id, name="x", revision="1", looked=looked)
    assert list(other.contents(files)) == [(name, tree.read(file)) for name, file in files]
    assert looked == {("file", file.path, file.object_id) for _, file in files}
    assert other.sizes([file for _, file in files]) == [1] * len(files)


def test_large_files_are_read_one_by_one(
    git_repository: Callable[[Mapping[str, str | bytes]], GitRepository],
    repositories: RepositoryCache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = {f"{index:02}": "x" * (index * TOGETHER_BYTES // 20) for index in range(40)}
    origin = git_repository(texts)
    repository = repositories.open(origin.url, allow_local=True)
    asked: list[int] = []
    read_all = repository.read_all

    def noting(object_ids: Sequence[str], *, limit: int) -> list[bytes]:
        found = read_all(object_ids, limit=limit)
        asked.append(sum(map(len, found)))
        return found

    monkeypatch.setattr(repository, "read_all", noting)
    tree = tree_at(repository, origin.head)
    files = list(tree.walk(tree.folder("", field="f"), recurse=True))
    assert {name: len(data) for name, data in tree.contents(files)} == {name: len(text) for name, text in texts.items()}
    assert max(asked) <= READ_TOGETHER * TOGETHER_BYTES
    few = [named for named in files if named[0] in ("01", "30", "35")]
    with pytest.raises(
        TooLargeError, match=rf"^35 in .* has {len(texts['35'])} bytes; the limit is {len(texts['30'])}$"
    ):
        list(tree.contents(few, limit=len(texts["30"])))


def test_what_is_no_folder(tree: Tree) -> None:
    with pytest.raises(RevisionError, match=r"^f: 'top.yaml' in .* is a file; name the folder that holds it"):
        tree.folder("top.yaml", field="f")
    with pytest.raises(RevisionError, match=r"there is no 'ap' in .*; did you mean app\?"):
        tree.folder("ap", field="f")


def test_a_workspace_holds_copies_in_the_place_of_links(tree: Tree) -> None:
    with Workspace(tree) as workspace:
        entry = tree.find("app/file")
        assert entry
        workspace.add("app/file", entry)
        workspace.add_folder("copy", tree.folder("app/folder", field="f"), field="f")
        folder = workspace.folder
        assert (folder / "app/file").read_text() == "t"
        assert (folder / "copy/c.yaml").read_text() == "c"
        assert not any(path.is_symlink() for path in folder.rglob("*"))
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_a_folder_that_holds_itself_is_refused(tree: Tree) -> None:
    with (
        Workspace(tree) as workspace,
        pytest.raises(GenerationError, match=r"'x/self' in .* holds itself through a symbolic link"),
    ):
        workspace.add_folder("x", tree.folder("app", field="f"), field="f")
