"""Row 1 of the catalogue: addresses that run a helper or are an option (CVE-2022-24439, CVE-2023-40267, CVE-2026-42215,
GHSA-w8jc-g24h-crhw, CVE-2025-21613); and row 3, text that would reach Git's configuration (CVE-2026-44244, CVE-2026-67326,
CVE-2026-69097, CVE-2026-78676, CVE-2025-48384)."""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import RepositoryError, RevisionError
from reconciler.source import RepositoryCache
from reconciler.source.git.urls import parse_repository_url
from tests.repositories import GitRepository

HELPERS = [
    *(
        f"{helper}::{rest}"
        for helper in ("ext", "EXT", "fd", "git-remote-ext", "::", "http")
        for rest in ("sh -c id", "")
    ),
    "ext::sh -c touch% /tmp/pwned",
    " ext::sh -c id",
    "transport::https://host/repo",
]
OPTIONS = [
    "--upload-pack=touch x",
    "-u",
    "--",
    "-oProxyCommand=id",
    "--config=core.sshCommand=id",
    "--upl=x",
    "-c core.pager=x",
]
SCHEMES = [
    f"{scheme}://host/repo"
    for scheme in (
        "http",
        "git",
        "git+ssh",
        "ssh+git",
        "ftp",
        "ftps",
        "rsync",
        "svn",
        "javascript",
        "data",
        "unix",
        "HTTP",
        "x-y.z",
    )
]
HOSTS = [
    "ssh://-oProxyCommand=id/repo",
    "ssh://user@-oProxyCommand=id/repo",
    "-oProxyCommand=id:repo",
    "user@-oProxyCommand=id:repo",
    "https://-host/repo",
    "https:///repo",
    "https://host",
    "https://host/",
    "https://ho st/repo",
    "https://host:0/repo",
    "https://host:99999/repo",
    "https://host:2 2/repo",
    "https://host:-1/repo",
    "https://[::1/repo",
    "https://höst/repo",
    "https://host;id/repo",
    "https://$(id)/repo",
]
PATHS = [
    "https://host/../repo",
    "https://host/a/./b",
    "https://host/repo?upload-pack=x",
    "https://host/repo#x",
    "https://host/a b",
    "https://host/`id`",
    "git@host:-oProxyCommand=id",
    "git@host:--upload-pack=x",
    "ssh://host/a\\b",
    "git@host:a|b",
]
CONTROL = [
    "https://host/repo\n[core]\nhooksPath=/tmp/x",
    "https://host/repo\r",
    "https://host/re\0po",
    "https://host/re\x1bpo",
    "git@host:repo\nhost2",
    "https://host\n.evil/repo",
    "https://host/\u202erepo",
    "/srv/repo\n[core]",
    "",
    " ",
    "https://" + "a" * 5000,
]
USERS = [
    "https://user:secret@host/repo",
    "ssh://-l@host/repo",
    "https://us er@host/repo",
    "-l@host:repo",
    "ssh://us$er@host/repo",
]
LOCAL = ["/srv/repo", "file:///srv/repo", "./repo", "../repo", "repo", "C:\\repo", "//host/share", "file:/srv/repo"]
REFUSED = [
    *HELPERS,
    *OPTIONS,
    *SCHEMES,
    *HOSTS,
    *PATHS,
    *CONTROL,
    *USERS,
    "file://host/repo",
    "file://user@localhost/x",
]


def test_there_are_enough_cases() -> None:
    assert len(REFUSED) + len(LOCAL) >= 60


@pytest.mark.parametrize("url", REFUSED)
@pytest.mark.parametrize("allow_local", [False, True])
def test_an_address_that_is_refused(url: str, allow_local: bool) -> None:
    if allow_local and is_folder_name(url):
        assert parse_repository_url(url, allow_local=True).fetch_address.startswith("/")
        return
    with pytest.raises(RepositoryError) as caught:
        parse_repository_url(url, allow_local=allow_local)
    assert caught.value.exit_status == 2
    assert str(caught.value).isprintable()
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 500


def is_folder_name(url: str) -> bool:
    """Whether nothing in a text speaks against a local folder of that name."""
    return bool(url.strip()) and url.isprintable() and ":" not in url.partition("/")[0] and not url.startswith("-")


@pytest.mark.parametrize("url", LOCAL)
def test_a_local_address_is_refused_where_it_is_not_allowed(url: str) -> None:
    with pytest.raises(RepositoryError):
        parse_repository_url(url)


@given(st.text(max_size=80) | st.from_regex(r"(https|ssh|ext|file)(://|::)[-a-z@:/.%]{0,20}", fullmatch=True))
def test_whatever_is_accepted_is_no_option_and_no_helper(url: str) -> None:
    try:
        address = parse_repository_url(url).fetch_address
    except RepositoryError:
        return
    assert not address.startswith("-")
    assert "::" not in address.partition("/")[0]
    assert address.isprintable()
    assert address.startswith(("https://", "ssh://")) or ":" in address.partition("/")[0]


@pytest.fixture
def recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[list[str]]]:
    """A ``git`` on PATH that notes its arguments and goes on as the real one."""
    log = tmp_path / "argv"
    shim = tmp_path / "shim" / "git"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" END >>{log}\nexec {shutil.which("git")} "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(shim.parent), prepend=os.pathsep)

    def calls() -> list[list[str]]:
        commands: list[list[str]] = [[]]
        for argument in log.read_text().split("\0"):
            if argument == "END":
                commands.append([])
            else:
                commands[-1].append(argument)
        return [command for command in commands if command]

    return calls


def test_nothing_of_the_users_is_on_gits_command_line(
    recorded: Callable[[], list[list[str]]],
    git_repository: Callable[[Mapping[str, str]], GitRepository],
    tmp_path: Path,
) -> None:
    origin = git_repository({"-a.yaml": "a: 1\n"})
    origin.git("branch", "topic")
    with RepositoryCache(tmp_path / "mirrors") as cache:
        repository = cache.open(str(origin.path), allow_local=True)
        for revision in ("topic", "--output=x", "HEAD", "-x", origin.head, "abcdef0", "refs/pull/--upload-pack=x/head"):
            try:
                repository.revision_metadata(repository.resolve(revision))
            except RevisionError:
                continue
    commands = recorded()
    assert commands
    for command in commands:
        assert not any("--output" in argument or "--upload-pack" in argument for argument in command), command
        assert not any(str(origin.path) in argument for argument in command), command
        if command[0] == "fetch":
            position = command.index("--end-of-options")
            assert all(argument.startswith("-") for argument in command[1:position])
            assert not any(argument.startswith("-") for argument in command[position + 1 :])


@pytest.mark.parametrize("name", ["plain", "[core]hooksPath=x", 'quote"', "semi;colon", "$HOME", "%s", "-dash"])
def test_the_mirrors_configuration_holds_nothing_of_the_address(
    name: str, git_repository: Callable[[Mapping[str, str]], GitRepository], tmp_path: Path
) -> None:
    made = git_repository({"a.yaml": "a: 1\n"})
    origin = made.path.rename(made.path.parent / name)
    with RepositoryCache(tmp_path / "mirrors") as cache:
        repository = cache.open(str(origin), allow_local=True)
        configuration = repository._mirror.path / "config"
        before = configuration.read_bytes()
        assert repository.resolve("main")
        assert name.encode() not in before
        assert b"remote" not in before
    with RepositoryCache(tmp_path / "mirrors") as cache:
        cache.open(str(origin), allow_local=True).resolve("main")
        assert configuration.read_bytes() == before


def test_hooks_of_mirror_and_user_do_not_run(
    git_repository: Callable[[Mapping[str, str]], GitRepository], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin = git_repository({"a.yaml": "a: 1\n"})
    sentinel = tmp_path / "sentinel"
    hooks = tmp_path / "hooks"
    settings = tmp_path / "gitconfig"
    settings.write_text(f"[core]\n\thooksPath = {hooks}\n\tfsmonitor = {hooks}/fsmonitor\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    with RepositoryCache(tmp_path / "mirrors") as cache:
        mirror = cache.open(str(origin.path), allow_local=True)._mirror.path
    for folder in (hooks, mirror / "hooks", origin.path / ".git" / "hooks"):
        folder.mkdir(exist_ok=True)
        for hook in (
            "reference-transaction",
            "post-checkout",
            "post-merge",
            "pre-auto-gc",
            "fsmonitor",
            "update",
            "post-update",
        ):
            (folder / hook).write_text(f"#!/bin/sh\ntouch {sentinel}\n")
            (folder / hook).chmod(0o755)
    expected = origin.git("commit-tree", "HEAD^{tree}", "-m", "next")
    (origin.path / ".git" / "refs" / "heads" / "main").write_text(f"{expected}\n")
    with RepositoryCache(tmp_path / "mirrors") as cache:
        assert cache.open(str(origin.path), allow_local=True).resolve("main") == expected
    assert not sentinel.exists()
