"""Row 2 of the catalogue: a revision as an option or a path (CVE-2023-41040, CVE-2026-67325, CVE-2026-67323)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from reconciler.errors import RevisionError
from reconciler.source import RepositoryCache
from reconciler.source.git.repository import Repository
from reconciler.source.git.revisions import parse_revision
from reconciler.source.versions import is_constraint
from tests.repositories import GitRepository

HOSTILE = [
    "--output=sentinel",
    "--output",
    "--upl",
    "--upload-pack=touch sentinel",
    "-n1",
    "-",
    "../../../etc/passwd",
    "..",
    "refs/../../config",
    "refs/heads/../../HEAD",
    "/etc/passwd",
    "main\nHEAD",
    "main\0",
    "main\r\n",
    "x" * 4096,
    "main..HEAD",
    "main...HEAD",
    "main^{tree}",
    "main~1",
    "main:a.yaml",
    ":/message",
    "@{-1}",
    "main@{upstream}",
    "@",
    "refs/heads/*",
    "a b",
    "a\\b",
    "[a]",
    "HEAD^",
    "a.lock",
    ".hidden",
    "a//b",
    "refs/reconciler/other",
    "refs/heads/-x",
    "$HOME",
    "`id`",
    "a\u202eb",
    "\ud800",
]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> GitRepository:
    return GitRepository.create(tmp_path_factory.mktemp("revisions") / "origin", {"a.yaml": "a: 1\n"})


@pytest.fixture(scope="module")
def repository(origin: GitRepository) -> Iterator[Repository]:
    with RepositoryCache(origin.path.parent / "mirrors") as cache:
        yield cache.open(str(origin.path), allow_local=True)


@pytest.mark.parametrize("revision", HOSTILE)
def test_a_hostile_revision_is_refused(
    revision: str, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = files_of(repository)
    with pytest.raises(RevisionError) as caught:
        repository.resolve(revision)
    assert caught.value.exit_status == 2
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600
    assert list(tmp_path.iterdir()) == []
    assert files_of(repository) == before


@pytest.mark.parametrize("prefix", [text for text in HOSTILE if text not in ("@", "-", "--upl", "--output")])
def test_a_hostile_tag_prefix_is_refused(prefix: str, repository: Repository) -> None:
    before = files_of(repository)
    for revision in ("1.0.0", "*", "x"):
        with pytest.raises(RevisionError) as caught:
            repository.resolve(revision, prefix)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 600
    assert files_of(repository) == before


@given(st.text(max_size=60))
@example("main")
@example("HEAD")
def test_a_revision_is_a_commit_of_the_repository_or_an_error(
    origin: GitRepository, repository: Repository, revision: str
) -> None:
    try:
        found = repository.resolve(revision)
    except RevisionError as error:
        found = str(error)
    assert found == origin.head or (found.isprintable() and " " in found)


@given(st.text(alphabet="-=./@{}~^:*\\ \nabc0129", max_size=40))
def test_what_passes_the_grammar_is_no_option_and_no_expression(revision: str) -> None:
    try:
        parsed = parse_revision(revision, "x")
    except RevisionError:
        return
    assert not parsed.startswith("-")
    if is_constraint(parsed):
        # Compared with the names of tags, here.
        assert set(parsed) <= set("0129abc.-~^*= ")
        return
    assert not set("~^:*\\ \n") & set(parsed)
    assert ".." not in parsed
    assert "@{" not in parsed


def files_of(repository: Repository) -> list[str]:
    return sorted(str(path) for path in repository._mirror.path.parent.rglob("*"))
