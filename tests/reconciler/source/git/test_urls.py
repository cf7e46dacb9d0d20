from pathlib import Path

import pytest

from reconciler.errors import RepositoryError
from reconciler.source.git.urls import parse_repository_url


@pytest.mark.parametrize(
    ("text", "address", "shown"),
    [
        ("https://github.com/org/repo", "https://github.com/org/repo", "https://github.com/org/repo"),
        ("https://github.com/org/repo.git", "https://github.com/org/repo.git", "https://github.com/org/repo.git"),
        ("HTTPS://Host:8443/a/b", "https://Host:8443/a/b", "https://Host:8443/a/b"),
        (
            "https://org@dev.azure.com/org/_git/x%20y",
            "https://dev.azure.com/org/_git/x%20y",
            "https://dev.azure.com/org/_git/x%20y",
        ),
        ("ssh://git@host:2222/org/repo", "ssh://git@host:2222/org/repo", "ssh://git@host:2222/org/repo"),
        ("git@github.com:org/repo.git", "git@github.com:org/repo.git", "git@github.com:org/repo.git"),
        ("host:/srv/git/repo", "ssh://host/srv/git/repo", "ssh://host/srv/git/repo"),
        ("ssh://git@[::1]/repo", "ssh://git@[::1]/repo", "ssh://git@[::1]/repo"),
    ],
)
def test_addresses_of_servers(text: str, address: str, shown: str) -> None:
    url = parse_repository_url(text)
    assert (url.fetch_address, str(url), url.is_local) == (address, shown, False)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/srv/repo", "/srv/repo"),
        ("file:///srv/a%20b", "/srv/a b"),
        ("file://localhost/srv/repo", "/srv/repo"),
        ("/", "/"),
    ],
)
def test_local_paths(text: str, path: str) -> None:
    assert parse_repository_url(text, allow_local=True).fetch_address == path


def test_a_relative_path_is_taken_from_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_repository_url("./repo", allow_local=True).path == str(tmp_path / "repo")
    assert parse_repository_url(".", allow_local=True).path == str(tmp_path)


def test_local_repositories_are_refused_unless_allowed() -> None:
    for text in ("/srv/repo", "file:///srv/repo", "repo", "../repo"):
        with pytest.raises(RepositoryError, match="is a local repository, which is not allowed here"):
            parse_repository_url(text)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("https://host/org/repo", "https://HOST:443/org/repo.git/"),
        ("https://user@host/org/repo", "https://host/org/repo"),
        ("ssh://git@host/org/repo", "ssh://git@host:22/org/repo.git"),
        ("ssh://git@host/org/repo", "git@host:/org/repo"),
    ],
)
def test_one_repository_has_one_mirror(left: str, right: str) -> None:
    assert parse_repository_url(left).key == parse_repository_url(right).key


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("https://host/org/repo", "ssh://host/org/repo"),
        ("https://host/org/repo", "https://host:8443/org/repo"),
        ("https://host/repo", "https://host/repo-x"),
        ("git@host:org/repo", "git@host:/org/repo"),
    ],
)
def test_other_repositories_have_other_mirrors(left: str, right: str) -> None:
    assert parse_repository_url(left).key != parse_repository_url(right).key


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(RepositoryError, match="holds a password; remove it") as caught:
        parse_repository_url("https://user:hunter2@host/repo")
    assert "hunter2" not in str(caught.value)
    assert "user" not in str(caught.value)


def test_a_token_as_user_name_is_not_shown() -> None:
    url = parse_repository_url("https://ghp_secret@github.com/org/repo")
    assert url.user == "ghp_secret"
    assert "ghp_secret" not in f"{url} {url.fetch_address}"
