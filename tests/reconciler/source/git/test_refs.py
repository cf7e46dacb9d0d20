from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from reconciler.source.git.refs import git_folder, parse_advertised, read_refs
from reconciler.source.git.revisions import HEAD_REF
from tests.repositories import GitRepository


@pytest.fixture
def origin(git_repository: Callable[[Mapping[str, str]], GitRepository]) -> GitRepository:
    return git_repository({"a.yaml": "a: 1\n"})


def refs_of(path: Path) -> dict[str, str] | None:
    folder = git_folder(path)
    assert folder is not None
    return read_refs(folder)


def as_git_tells(repository: GitRepository, path: Path) -> dict[str, str]:
    lines = repository.git("-C", str(path), "ls-remote", "--quiet", str(path)).splitlines()
    return parse_advertised("\n".join(lines))


def test_they_are_what_git_tells(origin: GitRepository, tmp_path: Path) -> None:
    origin.git("tag", "packed")
    origin.git("branch", "moved")
    origin.git("pack-refs", "--all")
    origin.commit({"a.yaml": "a: 2\n"})
    origin.git("branch", "--force", "moved")
    origin.git("tag", "--annotate", "--message=x", "deep/er/v1")
    origin.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    origin.git("update-ref", "refs/pull/1/head", origin.head)
    origin.git("update-ref", "refs/remotes/origin/main", origin.head)
    (origin.path / ".git" / "refs" / "heads" / "stale.lock").write_text("x")
    origin.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"), "HEAD~1")
    origin.git("clone", "--quiet", "--bare", str(origin.path), str(tmp_path / "bare.git"))
    for path in (origin.path, tmp_path / "tree", tmp_path / "bare.git"):
        found = refs_of(path)
        assert found == as_git_tells(origin, path)
        assert found[HEAD_REF] == origin.git("-C", str(path), "rev-parse", "HEAD")


def test_a_head_without_a_commit(origin: GitRepository) -> None:
    origin.git("checkout", "--quiet", "--orphan", "empty")
    assert refs_of(origin.path) == {"refs/heads/main": origin.git("rev-parse", "main")}


def test_what_files_do_not_tell(origin: GitRepository, tmp_path: Path) -> None:
    (origin.path / ".git" / "reftable").mkdir()
    assert refs_of(origin.path) is None
    for name in ("plain", "only-head"):
        (tmp_path / name).mkdir()
    (tmp_path / "only-head" / "HEAD").write_text("ref: refs/heads/main\n")
    assert git_folder(tmp_path / "plain") is None
    assert git_folder(tmp_path / "only-head") is None
    (tmp_path / "plain" / ".git").write_text("nothing")
    assert git_folder(tmp_path / "plain") is None


def test_what_is_no_ref_is_passed_over(origin: GitRepository) -> None:
    heads = origin.path / ".git" / "refs" / "heads"
    (heads / "broken").write_text("no id\n")
    (heads / "empty").write_text("")
    (heads / "loop").write_text("ref: refs/heads/loop\n")
    assert refs_of(origin.path) == {"refs/heads/main": origin.head, HEAD_REF: origin.head}
    listing = (
        f"{'1' * 40}\tHEAD\nwarning: x\n{'2' * 40}\trefs/tags/v1\n{'3' * 40}\trefs/tags/v1^{{}}\n{'4' * 40}\trefs/x\n"
    )
    assert parse_advertised(listing) == {HEAD_REF: "1" * 40, "refs/tags/v1": "2" * 40}
