"""The git repositories that tests make are the same everywhere."""

from collections.abc import Callable
from pathlib import Path

from tests.repositories import GitRepository


def test_the_same_files_give_the_same_commits(git_repository: Callable[..., GitRepository]) -> None:
    one, two = git_repository({"a/b.yaml": "x: 1\n"}), git_repository({"a/b.yaml": "x: 1\n"})
    assert one.head == two.head
    assert one.commit({"c": "1"}, "More") == two.commit({"c": "1"}, "More")
    assert one.git("log", "--format=%an %ae %aI %s") == (
        "Ada Example ada@example.com 2026-01-01T12:01:00+00:00 More\n"
        "Ada Example ada@example.com 2026-01-01T12:00:00+00:00 Add everything"
    )
    assert one.url == f"file://{one.path}"


def test_a_folder_becomes_a_repository_and_files_can_go(
    git_repository: Callable[..., GitRepository], tmp_path: Path
) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "kept").write_bytes(b"\x00\xff")
    (tmp_path / "from" / "lost").write_text("x")
    repository = git_repository(tmp_path / "from")
    before = repository.head
    after = repository.commit({"lost": None}, "Remove")
    assert after != before
    assert repository.git("ls-tree", "--name-only", "HEAD") == "kept"
    assert repository.git("status", "--porcelain") == ""
