import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.errors import GenerationError, RepositoryError, RepositoryUnreachableError, RevisionError
from reconciler.source import RepositoryCache
from reconciler.source.files.tree import TooLargeError
from tests.repositories import GitRepository

MakeRepository = Callable[[Path | Mapping[str, str | bytes]], GitRepository]


@pytest.fixture
def origin(git_repository: MakeRepository) -> GitRepository:
    return git_repository({"a.yaml": "a: 1\n"})


def test_what_a_revision_names(origin: GitRepository, repositories: RepositoryCache) -> None:
    first = origin.head
    origin.git("tag", "v1")
    origin.git("tag", "--annotate", "--message=x", "v1-annotated")
    origin.git("tag", "--annotate", "--message=x", "nested", "v1-annotated")
    origin.git("branch", "feature/login")
    second = origin.commit({"a.yaml": "a: 2\n"})
    origin.git("update-ref", "refs/pull/7/head", first)
    repository = repositories.open(origin.url, allow_local=True)
    expected = {
        "": second,
        "HEAD": second,
        "main": second,
        "refs/heads/main": second,
        "feature/login": first,
        "v1": first,
        "v1-annotated": first,
        "nested": first,
        "refs/tags/v1-annotated": first,
        "refs/pull/7/head": first,
        first: first,
        first.upper(): first,
        first[:7]: first,
    }
    assert {text: repository.resolve(text) for text in expected} == expected


def test_a_commit_that_no_branch_reaches_is_fetched_by_its_id(
    origin: GitRepository, repositories: RepositoryCache
) -> None:
    lost = origin.commit({"a.yaml": "a: 2\n"})
    origin.git("reset", "--hard", "--quiet", "HEAD~1")
    origin.git("config", "uploadpack.allowAnySHA1InWant", "true")
    assert repositories.open(str(origin.path), allow_local=True).resolve(lost) == lost


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("mian", "did you mean main?"),
        ("origin/main", "did you mean main?"),
        ("release-2", "did you mean release-1?"),
        ("zzz", "there are: main, release-1"),
        ("0" * 40, "there are: main, release-1"),
        ("abcdef1", "there are: main, release-1"),
        ("refs/heads/none", "there are: main, release-1"),
        ("refs/pull/1/head", "there are: main, release-1"),
    ],
)
def test_an_unknown_revision_names_near_ones(
    origin: GitRepository, repositories: RepositoryCache, asked: str, hint: str
) -> None:
    origin.git("branch", "release-1")
    with pytest.raises(RevisionError) as caught:
        repositories.open(str(origin.path), allow_local=True).resolve(asked)
    assert str(caught.value) == f"revision '{asked}' is not in {origin.path}; {hint}"


def test_only_the_first_branches_are_listed(origin: GitRepository, repositories: RepositoryCache) -> None:
    for number in range(8):
        origin.git("branch", f"b{number}")
    with pytest.raises(RevisionError, match=r"there are: b0, b1, b2, b3, b4 and 4 more$"):
        repositories.open(str(origin.path), allow_local=True).resolve("zzz")


def test_a_branch_and_a_tag_of_one_name_must_agree(origin: GitRepository, repositories: RepositoryCache) -> None:
    origin.git("tag", "both")
    origin.git("branch", "both")
    assert repositories.open(str(origin.path), allow_local=True).resolve("both") == origin.head
    origin.git("checkout", "--quiet", "refs/heads/both")
    moved = origin.commit({"a.yaml": "a: 2\n"})
    origin.git("update-ref", "refs/heads/both", moved)
    with RepositoryCache(origin.path.parent / "fresh") as cache:
        repository = cache.open(str(origin.path), allow_local=True)
        with pytest.raises(
            RevisionError, match=r"is a branch and a tag in .*; write refs/heads/both or refs/tags/both"
        ):
            repository.resolve("both")
        assert repository.resolve("refs/heads/both") == moved


def test_a_constraint_chooses_among_tags(origin: GitRepository, repositories: RepositoryCache) -> None:
    commits = {}
    tags = (
        "v1.0.0",
        "1.2.0",
        "1.2.10",
        "1.10.0",
        "v2.0.0-rc.1",
        "notes",
        "app/3.1.0",
        "app/v3.2.0",
        "app/2024.1",
        "3.9.0x",
    )
    for tag in tags:
        commits[tag] = origin.commit({"a.yaml": f"a: {tag}\n"})
        origin.git("tag", "--annotate", "--message=x", tag)
    origin.git("branch", "9.0.0")
    repository = repositories.open(origin.url, allow_local=True)
    expected = {
        ("*", ""): "1.10.0",
        ("1.2.*", ""): "1.2.10",
        ("1.2.x", ""): "1.2.10",
        ("~1.2", ""): "1.2.10",
        ("^1", ""): "1.10.0",
        (">=1.0.0 <1.10", ""): "1.2.10",
        ("<1.1 || ~1.2", ""): "1.2.10",
        ("1.0.0 - 1.2.5", ""): "1.2.0",
        ("*-0", ""): "v2.0.0-rc.1",
        (">=2-0", ""): "v2.0.0-rc.1",
        ("v1.0.0", ""): "v1.0.0",
        ("v1.x", ""): "1.10.0",
        ("*", "app/"): "app/2024.1",
        ("<2024", "app/"): "app/v3.2.0",
        ("3.1.0", "app/"): "app/3.1.0",
        ("v3.2.0", "app/"): "app/v3.2.0",
        (">=1.2", "v"): "",
        ("*-0", "v"): "v2.0.0-rc.1",
        ("tes", "no"): "notes",
    }
    found = {}
    for revision, prefix in expected:
        try:
            found[revision, prefix] = repository.resolve(revision, prefix)
        except RevisionError:
            found[revision, prefix] = ""
    assert found == {asked: commits.get(tag, "") for asked, tag in expected.items()}
    assert repository.resolve("main", "app/") == repository.resolve("main") == origin.head


def test_a_constraint_that_no_tag_satisfies(origin: GitRepository, repositories: RepositoryCache) -> None:
    for tag in ("0.1.0", "0.3.0", "0.2.0", "app-0.4.0", "x"):
        origin.git("tag", tag)
    origin.git("branch", "1.x")
    repository = repositories.open(str(origin.path), allow_local=True)
    with pytest.raises(RevisionError) as caught:
        repository.resolve(">=1.0.0 <2")
    assert str(caught.value) == (
        f"no tag in {origin.path} satisfies '>=1.0.0 <2'; the newest versions are: 0.3.0, 0.2.0, 0.1.0"
    )
    with pytest.raises(RevisionError, match=r"no tag that begins with 'app-' in .* the newest versions are: 0\.4\.0$"):
        repository.resolve("^1", "app-")
    with pytest.raises(
        RevisionError, match=r"no tag that begins with 'y' in .* the newest versions are: none is a version$"
    ):
        repository.resolve("^1", "y")
    with pytest.raises(RevisionError, match=r"revision 'app-0\.9\.0' is not in .*; did you mean app-0\.4\.0"):
        repository.resolve("0.9.0", "app-")
    assert repository.resolve("1.x") == origin.head, "where no tag satisfies it, it may be the name of a branch"


def test_the_annotated_tag_that_was_asked_for(origin: GitRepository, repositories: RepositoryCache) -> None:
    origin.git("tag", "light")
    origin.git("tag", "--annotate", "--message=x", "1.2.3")
    tag = origin.git("rev-parse", "refs/tags/1.2.3")
    repository = repositories.open(str(origin.path), allow_local=True)
    asked = ("1.2.3", "refs/tags/1.2.3", "^1", "light", "main", "HEAD", origin.head)
    assert [repository.annotated_tag(text) for text in asked] == [tag, tag, tag, "", "", "", ""]
    assert repository.read_object(tag, kind="tag").startswith(b"object " + origin.head.encode())


def test_a_tag_of_a_file_is_no_revision(origin: GitRepository, repositories: RepositoryCache) -> None:
    origin.git("tag", "file", "HEAD:a.yaml")
    with pytest.raises(RevisionError, match="revision 'file' is not in"):
        repositories.open(str(origin.path), allow_local=True).resolve("file")


def test_an_empty_repository(tmp_path: Path, git_repository: MakeRepository, repositories: RepositoryCache) -> None:
    origin = git_repository({})
    bare = tmp_path / "empty.git"
    origin.git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    with pytest.raises(RevisionError, match="has no commits yet"):
        repositories.open(str(bare), allow_local=True).resolve("HEAD")


def test_a_head_that_names_no_branch(origin: GitRepository, repositories: RepositoryCache) -> None:
    origin.git("symbolic-ref", "HEAD", "refs/heads/gone")
    repository = repositories.open(str(origin.path), allow_local=True)
    assert repository.resolve("main")
    with pytest.raises(RevisionError, match="names no branch; set targetRevision: main"):
        repository.resolve("HEAD")


def test_revision_metadata(origin: GitRepository, repositories: RepositoryCache) -> None:
    origin.commit({"a.yaml": "a: 2\n"}, "Raise a\n\nFor a reason.")
    repository = repositories.open(str(origin.path), allow_local=True)
    metadata = repository.revision_metadata(repository.resolve("main"))
    assert metadata.author == "Ada Example <ada@example.com>"
    assert metadata.date == datetime(2026, 1, 1, 12, 1, tzinfo=UTC)
    assert metadata.message == "Raise a\n\nFor a reason."
    with pytest.raises(RevisionError, match="is not in"):
        repository.revision_metadata("1" * 40)


def test_what_is_no_repository(tmp_path: Path, repositories: RepositoryCache) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(RepositoryError, match=r"plain is not a Git repository; check repoURL$"):
        repositories.open(str(tmp_path / "plain"), allow_local=True)
    with pytest.raises(RepositoryError, match="is not a Git repository: there is no such folder"):
        repositories.open(str(tmp_path / "none"), allow_local=True)


@pytest.mark.parametrize("url", ["https://127.0.0.1:1/org/repo", "ssh://git@127.0.0.1:1/org/repo"])
def test_a_server_that_does_not_answer(url: str, repositories: RepositoryCache) -> None:
    if url.startswith("ssh") and shutil.which("ssh") is None:
        url = url.replace("ssh://git@", "https://")
    with pytest.raises(RepositoryUnreachableError, match=r"127\.0\.0\.1:1/org/repo cannot be") as caught:
        repositories.open(url)
    assert caught.value.exit_status == 4
    assert "\n" not in str(caught.value)


def test_a_fetch_that_takes_too_long_is_ended(
    tmp_path: Path, origin: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = tmp_path / "bin" / "git"
    shim.parent.mkdir()
    real = shutil.which("git")
    shim.write_text(f'#!/bin/sh\ncase "$1" in fetch) sleep 60 & wait;; *) exec {real} "$@";; esac\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent), prepend=os.pathsep)
    with (
        RepositoryCache(tmp_path / "mirrors", fetch_timeout_s=0.3) as cache,
        pytest.raises(RepositoryUnreachableError, match=r"did not answer within 0\.3 s"),
    ):
        cache.open(str(origin.path), allow_local=True)


def test_one_fetch_a_run(origin: GitRepository, tmp_path: Path) -> None:
    with RepositoryCache(tmp_path / "mirrors") as cache:
        first = cache.open(str(origin.path), allow_local=True).resolve("main")
        second = origin.commit({"a.yaml": "a: 2\n"})
        assert cache.open(str(origin.path), allow_local=True).resolve("main") == first
    with RepositoryCache(tmp_path / "mirrors") as cache:
        assert cache.open(str(origin.path), allow_local=True, fetch=False).resolve("main") == first
        assert cache.open(str(origin.path), allow_local=True).resolve("main") == second


def test_without_fetching_the_mirror_must_be_there(origin: GitRepository, repositories: RepositoryCache) -> None:
    with pytest.raises(RepositoryError, match="is not in the cache yet; run once with fetching on"):
        repositories.open(str(origin.path), allow_local=True, fetch=False)


def test_branches_follow_the_remote(origin: GitRepository, tmp_path: Path) -> None:
    origin.git("branch", "topic")
    with RepositoryCache(tmp_path / "mirrors") as cache:
        cache.open(str(origin.path), allow_local=True)
    origin.git("branch", "--delete", "topic")
    origin.git("branch", "topic/deeper")
    forced = origin.git("commit-tree", "HEAD^{tree}", "-m", "rewritten")
    origin.git("update-ref", "refs/heads/main", forced)
    with RepositoryCache(tmp_path / "mirrors") as cache:
        repository = cache.open(str(origin.path), allow_local=True)
        assert repository.resolve("main") == forced
        assert repository.resolve("topic/deeper")
        with pytest.raises(RevisionError, match="revision 'topic' is not in"):
            repository.resolve("topic")


def test_a_damaged_mirror_is_moved_aside_and_fetched_again(origin: GitRepository, tmp_path: Path) -> None:
    with RepositoryCache(tmp_path / "mirrors") as cache:
        cache.open(str(origin.path), allow_local=True)
    (mirror,) = (path for path in (tmp_path / "mirrors").iterdir() if path.is_dir())
    shutil.rmtree(mirror / "objects")
    with RepositoryCache(tmp_path / "mirrors") as cache:
        assert cache.open(str(origin.path), allow_local=True).resolve("main") == origin.head
    assert mirror.with_name(f"{mirror.name}.damaged").is_dir()


def test_the_mirrors_are_private(origin: GitRepository, tmp_path: Path) -> None:
    with RepositoryCache(tmp_path / "mirrors") as cache:
        cache.open(str(origin.path), allow_local=True)
    folders = [tmp_path / "mirrors", *(path for path in (tmp_path / "mirrors").iterdir() if path.is_dir())]
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in folders] == [0o700, 0o700]


def test_threads_share_one_repository(origin: GitRepository, repositories: RepositoryCache) -> None:
    def read(_: int) -> tuple[str, bytes]:
        repository = repositories.open(str(origin.path), allow_local=True)
        blob = repository._header(f"{repository.resolve('main')}:a.yaml").object_id
        return repository.resolve("main"), repository.read_object(blob, kind="blob")

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(read, range(64))) == {(origin.head, b"a: 1\n")}


def test_a_reader_that_died_is_started_again(origin: GitRepository, repositories: RepositoryCache) -> None:
    repository = repositories.open(str(origin.path), allow_local=True)
    reader = repository._reader
    blob = repository._header(f"{repository.resolve('main')}:a.yaml").object_id
    assert repository.read(blob) == b"a: 1\n"
    processes = list(reader._processes.values())
    assert len(processes) == 2, "one for headers, one for contents"
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert repository.read(blob) == b"a: 1\n"
    assert repository.sizes([blob]) == [5]
    assert not {process.pid for process in reader._processes.values()} & {process.pid for process in processes}


def test_reading_loads_no_library(origin: GitRepository, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from reconciler.source import RepositoryCache\n"
        "with RepositoryCache(Path(sys.argv[1])) as cache:\n"
        "    repository = cache.open(sys.argv[2], allow_local=True)\n"
        "    print(list(repository.entries(repository.tree_of(repository.resolve('main')))), 'git' in sys.modules)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "mirrors"), str(origin.path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "['a.yaml'] False\n"


def test_many_objects_in_one_exchange(origin: GitRepository, repositories: RepositoryCache) -> None:
    texts = {f"many/{index:03}.txt": f"{index}\n" * (index * 50) for index in range(150)}
    origin.commit(texts)
    repository = repositories.open(str(origin.path), allow_local=True)
    commit = repository.resolve("main")
    folder = repository.entries(repository._header(f"{commit}:many").object_id)
    ids = [object_id for _, object_id in folder.values()]
    assert repository.read_all(ids) == [text.encode() for text in texts.values()]
    assert repository.sizes(ids) == [len(text) for text in texts.values()]
    with pytest.raises(TooLargeError, match=r"\(object [0-9a-f]{12}\) has \d+ bytes; the limit is 1000$"):
        repository.read_all(ids, limit=1000)
    assert repository.read_all(ids[:3]) == [text.encode() for text in list(texts.values())[:3]], (
        "the answers stay in step"
    )
    with pytest.raises(RepositoryError, match=r"^object 111111111111 of .* cannot be read: the mirror is incomplete"):
        repository._reader.read_all([ids[0], "1" * 40, ids[1]], kind="blob")
    assert repository.read(ids[2]) == texts["many/002.txt"].encode(), "the answers stay in step"
    with pytest.raises(GenerationError, match="is a commit, expected a blob"):
        repository.read(commit)


def test_a_shallow_checkout(origin: GitRepository, tmp_path: Path, repositories: RepositoryCache) -> None:
    head = origin.commit({"a.yaml": "a: 2\n"})
    origin.git("clone", "--quiet", "--depth=1", origin.url, str(tmp_path / "shallow"))
    assert repositories.open(str(tmp_path / "shallow"), allow_local=True).resolve("main") == head


def test_a_worktree_and_a_bare_repository(origin: GitRepository, tmp_path: Path, repositories: RepositoryCache) -> None:
    origin.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    origin.git("clone", "--quiet", "--bare", origin.url, str(tmp_path / "bare.git"))
    for path in ("tree", "bare.git"):
        assert repositories.open(str(tmp_path / path), allow_local=True).resolve("main") == origin.head


def test_nothing_is_fetched_when_nothing_changed(
    origin: GitRepository, repositories: RepositoryCache, commands: Callable[[], list[str]]
) -> None:
    origin.git("tag", "--annotate", "--message=x", "v1")
    origin.git("pack-refs", "--all")
    origin.git("branch", "topic")
    assert repositories.open(str(origin.path), allow_local=True).resolve("v1") == origin.head
    assert commands().count("fetch") == 1
    repositories.expire()
    assert repositories.open(str(origin.path), allow_local=True).resolve("topic") == origin.head
    assert commands() == [], "refs are files, and the reader stays"
    repositories.expire()
    moved = origin.commit({"a.yaml": "a: 2\n"})
    repository = repositories.open(str(origin.path), allow_local=True)
    assert commands() == ["fetch"]
    assert repository.resolve("main") == repository.resolve("HEAD") == moved
    assert repository.resolve("topic") == origin.git("rev-parse", "HEAD~1")
    assert commands() == []


def test_many_applications_ask_once(
    origin: GitRepository, repositories: RepositoryCache, commands: Callable[[], list[str]]
) -> None:
    for _ in range(3):
        repositories.open(str(origin.path), allow_local=True).resolve("main")
    assert commands() == ["init", "fetch", "cat-file"]


def test_a_repository_that_cannot_be_had_is_asked_once(
    tmp_path: Path, repositories: RepositoryCache, commands: Callable[[], list[str]]
) -> None:
    (tmp_path / "plain").mkdir()
    for _ in range(3):
        with pytest.raises(RepositoryError, match=r"plain is not a Git repository; check repoURL$"):
            repositories.open(str(tmp_path / "plain"), allow_local=True)
    asked = commands()
    assert asked.count("fetch") <= 3
    with pytest.raises(RepositoryError, match="is not a Git repository"):
        repositories.open(str(tmp_path / "plain"), allow_local=True)
    assert commands() == []


def test_a_pull_request_is_fetched_again_in_the_next_run(origin: GitRepository, repositories: RepositoryCache) -> None:
    origin.git("update-ref", "refs/pull/7/head", origin.head)
    assert repositories.open(str(origin.path), allow_local=True).resolve("refs/pull/7/head") == origin.head
    moved = origin.git("commit-tree", "HEAD^{tree}", "-m", "pushed")
    origin.git("update-ref", "refs/pull/7/head", moved)
    repositories.expire()
    assert repositories.open(str(origin.path), allow_local=True).resolve("refs/pull/7/head") == moved


def test_objects_that_cannot_be_read_are_fetched_again(origin: GitRepository, tmp_path: Path) -> None:
    with RepositoryCache(tmp_path / "mirrors") as cache:
        cache.open(str(origin.path), allow_local=True)
    for pack in (tmp_path / "mirrors").glob("*/objects/pack/*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(pack.read_bytes()[:40])
    with RepositoryCache(tmp_path / "mirrors") as cache:
        repository = cache.open(str(origin.path), allow_local=True)
        assert repository.entries(repository.tree_of(origin.head))
    with (
        RepositoryCache(tmp_path / "mirrors") as cache,
        pytest.raises(RepositoryError, match="the mirror is incomplete"),
    ):
        cache.open(str(origin.path), allow_local=True).read("1" * 40)


@pytest.mark.parametrize("lock", ["refs/heads/main.lock", "packed-refs.lock", "refs/heads/gone.lock", "shallow.lock"])
def test_a_lock_that_a_killed_run_left(origin: GitRepository, tmp_path: Path, lock: str) -> None:
    origin.git("branch", "gone")
    with RepositoryCache(tmp_path / "mirrors") as cache:
        mirror = cache.open(str(origin.path), allow_local=True).reading()[0]
    (mirror / lock).touch()
    origin.git("branch", "--delete", "gone")
    moved = origin.commit({"a.yaml": "a: 2\n"})
    with RepositoryCache(tmp_path / "mirrors") as cache:
        repository = cache.open(str(origin.path), allow_local=True)
        assert repository.resolve("main") == moved
        with pytest.raises(RevisionError):
            repository.resolve("gone")
    assert not mirror.with_name(f"{mirror.name}.damaged").exists()


def test_packs_are_put_together(origin: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.source.git.mirror.MAX_PACKS", 3)
    with RepositoryCache(tmp_path / "mirrors") as cache:
        for number in range(6):
            head = origin.commit({"a.yaml": f"a: {number}\n"})
            cache.expire()
            repository = cache.open(str(origin.path), allow_local=True)
            assert repository.entries(repository.tree_of(repository.resolve("main")))
            assert repository.resolve("main") == head
    assert len(list((tmp_path / "mirrors").glob("*/objects/pack/*.pack"))) <= 4


def test_a_repository_of_another_user(
    origin: GitRepository, repositories: RepositoryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with pytest.raises(RepositoryError, match=r"belongs to another user; add it to Git's safe\.directory$"):
        repositories.open(str(origin.path), allow_local=True)
