"""Finding and making the store; what messages may say."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import reconciler.history
from reconciler.errors import StoreError, UsageError
from reconciler.history import SyncRecord, default_path, open_store

Step = Callable[..., SyncRecord]

URLS = "use sqlite:///PATH or postgresql://USER@HOST/DATABASE"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_private(tmp_path: Path, begin: Step) -> None:
    path = tmp_path / "a" / "b" / "history.db"
    before = mode(tmp_path)
    old = os.umask(0)
    try:
        with open_store(f"sqlite:///{path}") as store:
            begin(store, "op-1")
            files = {file.name: mode(file) for file in path.parent.iterdir()}
    finally:
        os.umask(old)
    assert files == {"history.db": 0o600, "history.db-shm": 0o600, "history.db-wal": 0o600}
    assert (mode(tmp_path / "a"), mode(tmp_path / "a" / "b")) == (0o700, 0o700)
    assert mode(tmp_path) == before


def test_the_file_is_synced_and_does_not_block_readers(sqlite_url: str) -> None:
    with open_store(sqlite_url) as store, store._database.reading() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}


def test_the_environment_names_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITOPS_NB_STORE", f"sqlite:///{tmp_path}/env.db")
    with open_store() as store:
        assert store.label == f"history store {tmp_path}/env.db"
    with open_store(f"sqlite:///{tmp_path}/argument.db") as store:
        assert store.label == f"history store {tmp_path}/argument.db"


def test_the_default_is_in_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITOPS_NB_STORE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    with open_store() as store:
        assert store.label == f"history store {default_path()}"
    assert default_path().is_relative_to(tmp_path)
    assert default_path().name == "history.db"


def test_paths_may_hold_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with open_store("sqlite:///~/50%25%20ünï/#x.db") as store:
        assert store.records() == []
    assert (tmp_path / "50% ünï" / "#x.db").is_file()
    monkeypatch.delenv("GITOPS_NB_STORE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "50%25 é?"))
    with open_store() as store:
        assert store.records() == []
    assert default_path().is_file()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("history.db", f"store URL: a path without scheme is not supported; {URLS}"),
        ("mysql://u:hunter2@h/d", f"store URL: mysql:// is not supported; {URLS}"),
        ("postgresql://u:hunter2@h:port/d", f"store URL: it cannot be read; {URLS}"),
        ("sqlite://", "store URL: a history needs a file, and takes no options; use sqlite:///PATH"),
        ("sqlite:///:memory:", "store URL: a history needs a file, and takes no options; use sqlite:///PATH"),
        ("sqlite:////tmp/x.db?mode=rw", "store URL: a history needs a file, and takes no options; use sqlite:///PATH"),
    ],
    ids=["path", "mysql", "port", "no-file", "memory", "options"],
)
def test_a_url_that_is_none(url: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_store(url)
    assert str(caught.value) == message


def test_a_store_that_is_not_there_is_not_made_by_a_look(sqlite_path: Path, sqlite_url: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(sqlite_url, read_only=True)
    assert str(caught.value) == f"history store {sqlite_path}: no such file; check the store's URL"
    sqlite_path.touch()
    with pytest.raises(StoreError, match="holds no history; check the store's URL"):
        open_store(sqlite_url, read_only=True)
    assert sqlite_path.stat().st_size == 0


@pytest.mark.parametrize("below", ["file/history.db", "folder"])
def test_a_place_that_cannot_be_used(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError) as caught:
        open_store(f"sqlite:///{tmp_path}/{below}")
    reason = "Not a directory" if "file" in below else "Is a directory"
    remedy = "choose another place with --store or GITOPS_NB_STORE"
    assert str(caught.value) == f"history store {tmp_path}/{below}: {reason}; {remedy}"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hunter2@127.0.0.1:1/history",
        "postgres://ada:hunter2@127.0.0.1:1/history",
        "postgresql+psycopg://ada@127.0.0.1:1/history?password=hunter2",
    ],
    ids=["userinfo", "short-scheme", "query"],
)
def test_a_server_that_is_down(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(url)
    message = str(caught.value)
    assert message.startswith("history store postgresql://ada@127.0.0.1:1/history: ")
    assert message.endswith("; check the URL and that the server is up")
    assert "\n" not in message
    assert "hunter2" not in message
    assert caught.value.exit_status == 4


@pytest.mark.parametrize("url", ["//ada:refused@127.0.0.1:1/h", "//ada@127.0.0.1:1/h?password=refused"])
def test_a_password_that_a_driver_repeats_is_hidden(url: str) -> None:
    """No driver is known to; this one says "Connection refused", with a password that occurs in it."""
    with pytest.raises(StoreError, match=r"Connection \*\*\*") as caught:
        open_store(f"postgresql:{url}")
    assert "refused" not in str(caught.value)


def test_the_missing_driver_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError) as caught:
        open_store("postgresql://ada:hunter2@127.0.0.1/history")
    where = "history store postgresql://ada@127.0.0.1/history"
    assert str(caught.value) == f"{where}: psycopg is not installed; run pip install 'gitops-nb[postgresql]'"


def test_the_public_names() -> None:
    assert sorted(reconciler.history.__all__) == [
        "DamagedStoreError",
        "EntryKind",
        "HistoryEntry",
        "HistoryStore",
        "HookRecord",
        "ResourceOutcome",
        "SyncRecord",
        "Verification",
        "default_path",
        "open_store",
        "resource_outcomes",
    ]
    assert all(hasattr(reconciler.history, name) for name in reconciler.history.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        reconciler.history.nothing  # noqa: B018


def test_importing_the_package_does_not_import_the_database_toolkit() -> None:
    code = "import sys, reconciler.history; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_file_does_not_load_what_a_server_needs(sqlite_url: str) -> None:
    """PostgreSQL's dialect takes a tenth of what importing the store does."""
    code = (
        "import sys; from reconciler.history import open_store; open_store(sys.argv[1]).close(); "
        "print([name for name in sys.modules if 'postgresql' in name or 'psycopg' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code, sqlite_url], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
