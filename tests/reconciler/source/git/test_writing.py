import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.errors import RepositoryError, UsageError
from reconciler.source import RepositoryCache
from reconciler.source.credentials import CredentialStore
from reconciler.source.git.repository import Repository
from reconciler.source.git.writing import NEWEST, Author, parse_author, require_branch_name, scratch
from tests.git_servers import SSHD, Authority, https_git, ssh_git
from tests.repositories import GitRepository

ADA = Author("Ada Example", "ada@example.com")
FILES: dict[str, str | bytes] = {"apps/web.yaml": "a: 1\n", "apps/ü b.yaml": "b: 1\n", "run.sh": "#!/bin/sh\n"}


@pytest.fixture
def origin(git_repository: Callable[..., GitRepository]) -> GitRepository:
    repository = git_repository(FILES)
    (repository.path / "run.sh").chmod(0o755)
    repository.commit({})
    return repository


@pytest.fixture
def opened(origin: GitRepository, tmp_path: Path) -> Iterator[Repository]:
    with RepositoryCache(tmp_path / "mirrors", user_settings=False) as cache:
        yield cache.open(origin.url, allow_local=True)


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        found.update(f"{path.relative_to(folder)}\0".encode())
        found.update(path.read_bytes() if path.is_file() else b"")
    return found.hexdigest()


def test_a_commit_becomes_a_new_branch(origin: GitRepository, opened: Repository) -> None:
    before = digest(opened.mirror.path)
    with scratch(opened) as work:
        commit = work.commit(
            opened.resolve("main"),
            {"apps/web.yaml": b"a: 2\r\n", "apps/ü b.yaml": b"", "run.sh": b"#!/bin/sh\ntrue\n"},
            message="Change it\n\nBecause.\n\n",
            author=ADA,
        )
        work.push(commit, "team/change")
    assert origin.git("rev-parse", "refs/heads/team/change") == commit
    assert origin.git("rev-parse", f"{commit}^") == origin.head
    assert origin.git("show", "-s", "--format=%an <%ae>|%cn <%ce>|%B", commit) == f"{ADA}|{ADA}|Change it\n\nBecause."
    assert origin.git("diff", "--name-only", "-z", origin.head, commit).split("\0")[:3] == sorted(FILES)
    assert origin.git("ls-tree", commit, "run.sh").startswith("100755")
    assert origin.git("cat-file", "-s", f"{commit}:apps/web.yaml") == "6", "line ends stay as they are"
    assert digest(opened.mirror.path) == before, "the mirror is what was fetched"


def test_a_commit_can_be_read_before_it_is_pushed(origin: GitRepository, opened: Repository) -> None:
    with scratch(opened) as work:
        commit = work.commit(opened.resolve("main"), {"apps/web.yaml": b"a: 2\n"}, message="x", author=ADA)
        made = work.repository
        entries = made.entries(made.tree_of(made.resolve(NEWEST)))
        assert made.read(made.entries(entries["apps"][1])["web.yaml"][1]) == b"a: 2\n"
        assert made.resolve(NEWEST) == commit
        made.close()
    assert "refs/heads/main" in origin.git("for-each-ref")
    assert "team" not in origin.git("for-each-ref")


def test_a_branch_that_is_there_is_never_moved(origin: GitRepository, opened: Repository) -> None:
    base = opened.resolve("main")
    # Made after the fetch, by somebody else; the new commit would be a fast-forward of it.
    origin.git("branch", "taken", base)
    with scratch(opened) as work:
        commit = work.commit(base, {"apps/web.yaml": b"a: 2\n"}, message="x", author=ADA)
        with pytest.raises(UsageError, match=r"branch taken is in .* already; name another with --branch"):
            work.push(commit, "taken")
    assert origin.git("rev-parse", "taken") == base


def test_what_the_remote_refuses_is_told(origin: GitRepository, opened: Repository) -> None:
    hook = origin.path / ".git" / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    with scratch(opened) as work:
        commit = work.commit(opened.resolve("main"), {"apps/web.yaml": b"a: 2\n"}, message="x", author=ADA)
        with pytest.raises(RepositoryError, match=r"refused branch b: \(hook declined\)"):
            work.push(commit, "b")


def test_only_files_that_are_there_are_changed(opened: Repository) -> None:
    base = opened.resolve("main")
    with scratch(opened) as work:
        for path in ("apps/none.yaml", "apps", "apps/*.yaml", ":(top)run.sh"):
            with pytest.raises(RepositoryError, match="is no file in"):
                work.commit(base, {path: b"x"}, message="x", author=ADA)
        with pytest.raises(RepositoryError, match="nothing would change"):
            work.commit(base, {"apps/web.yaml": b"a: 1\n"}, message="x", author=ADA)


def test_a_shallow_mirror_can_be_built_upon(origin: GitRepository, tmp_path: Path) -> None:
    for number in range(3):
        origin.commit({"apps/web.yaml": f"a: {number}\n"})
    shallow = tmp_path / "shallow"
    origin.git("clone", "--quiet", "--bare", "--depth=1", origin.url, str(shallow))
    with RepositoryCache(tmp_path / "mirrors", user_settings=False) as cache:
        opened = cache.open(shallow.as_uri(), allow_local=True)
        assert opened.is_shallow
        with scratch(opened) as work:
            commit = work.commit(opened.resolve("main"), {"apps/web.yaml": b"a: 9\n"}, message="x", author=ADA)
            work.push(commit, "deep")
    assert origin.git("-C", str(shallow), "rev-parse", "deep") == commit


def test_over_https_with_the_secrets_login(origin: GitRepository, tmp_path: Path) -> None:
    served = tmp_path / "served" / "org" / "shop.git"
    origin.git("clone", "--quiet", "--bare", str(origin.path), str(served))
    origin.git("-C", str(served), "config", "http.receivepack", "true")
    with https_git(tmp_path / "served", Authority(tmp_path / "ca"), login="ci:canary") as server:

        def opened(password: str, folder: str) -> Repository:
            secret = {"metadata": {"name": "x", "labels": {"argocd.argoproj.io/secret-type": "repository"}}}
            data = {"url": f"{server.url}/org/shop.git", "username": "ci", "password": password}
            store = CredentialStore([secret | {"stringData": data}], tls_certificates=server.hosts)
            cache = RepositoryCache(tmp_path / folder, credentials=store, user_settings=False)
            return cache.open(data["url"])

        repository = opened("canary", "mirrors")
        with scratch(repository) as work:
            commit = work.commit(repository.resolve("main"), {"apps/web.yaml": b"a: 9\n"}, message="x", author=ADA)
            work.push(commit, "b")
            assert origin.git("-C", str(served), "rev-parse", "b") == commit
            server.answer = lambda handler: bool(handler.send_error(403)) or True
            with pytest.raises(RepositoryError, match="refused the credentials") as error:
                work.push(commit, "c")
        repository.close()
    assert "canary" not in str(error.value)


@pytest.mark.skipif(SSHD is None, reason="needs sshd")
def test_over_ssh_with_the_secrets_key(origin: GitRepository, tmp_path: Path) -> None:
    with ssh_git(tmp_path / "ssh") as server:
        secret = {"metadata": {"name": "x", "labels": {"argocd.argoproj.io/secret-type": "repository"}}}
        data = {"url": server.url(origin.path), "sshPrivateKey": server.private_key}
        store = CredentialStore([secret | {"stringData": data}], known_hosts=server.known_hosts)
        with RepositoryCache(tmp_path / "mirrors", credentials=store, user_settings=False) as cache:
            repository = cache.open(data["url"])
            with scratch(repository) as work:
                commit = work.commit(repository.resolve("main"), {"apps/web.yaml": b"a: 9\n"}, message="x", author=ADA)
                work.push(commit, "b")
    assert origin.git("rev-parse", "b") == commit


def test_the_author_is_gits_own(opened: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    settings = tmp_path / "gitconfig"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(settings))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    with scratch(opened) as work:
        settings.write_text("[user]\n\tname = Grace\n\temail = grace@example.com\n")
        assert work.configured_author() == Author("Grace", "grace@example.com")
        settings.write_text("[user]\n\tname = Grace\n")
        with pytest.raises(UsageError, match=r"Git knows no author; set user.name and user.email"):
            work.configured_author()
        monkeypatch.setenv("GIT_AUTHOR_EMAIL", "g@example.com")
        assert work.configured_author() == Author("Grace", "g@example.com")


@pytest.mark.parametrize(
    "text", ["", "Ada", "<a@b>", "Ada <a@b>\nx", "Ada <a b>", "Ada <a@b> x", "A\x00 <a@b>", "A <a<b>"]
)
def test_what_is_no_author(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not of the form 'Name <mail@example.com>'"):
        parse_author(text)


@pytest.mark.parametrize(
    "name", ["", "-x", "a..b", "a b", "refs/heads/x", "a:b", "a~1", "x.lock", "HEAD", "a\nb", "@{-1}"]
)
def test_what_is_no_branch(name: str) -> None:
    with pytest.raises(UsageError, match="is not a name that Git allows"):
        require_branch_name(name)


def test_a_branch() -> None:
    assert require_branch_name("retarget/web/feature-x") == "retarget/web/feature-x"
