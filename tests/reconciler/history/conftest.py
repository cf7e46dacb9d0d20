"""A store in a fresh SQLite file, and one in a fresh database of a real PostgreSQL server."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from reconciler.history import HistoryStore, ResourceOutcome, SyncRecord, open_store
from reconciler.terms import OperationPhase

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
def begin() -> Callable[..., SyncRecord]:
    """Begin an operation of which only the interesting fields are said."""

    def begin_operation(store: HistoryStore, operation_id: str, **changes: Any) -> SyncRecord:
        fields: dict[str, Any] = {"application": "shop", "namespace": "argocd", "started_at": NOON}
        return store.begin(operation_id=operation_id, **(fields | changes))

    return begin_operation


@pytest.fixture
def end() -> Callable[..., SyncRecord]:
    """End an operation well, a minute after it began."""

    def end_operation(store: HistoryStore, operation_id: str, **changes: Any) -> SyncRecord:
        fields: dict[str, Any] = {
            "phase": OperationPhase.SUCCEEDED,
            "message": "successfully synced (all tasks run)",
            "finished_at": NOON + timedelta(minutes=1),
        }
        return store.end(operation_id, **(fields | changes))

    return end_operation


@pytest.fixture
def outcome() -> ResourceOutcome:
    return ResourceOutcome(
        group="apps",
        version="v1",
        kind="Deployment",
        namespace="web",
        name="shop",
        phase="Sync",
        wave=2,
        action="apply",
        status="Synced",
        message='a "quoted" <b> ünïcode\nline \x00 \ud800',
    )


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def sqlite_url(sqlite_path: Path) -> str:
    return f"sqlite:///{sqlite_path}"


def _server_programs() -> Path:
    """The folder of initdb and pg_ctl; Debian keeps them off the PATH."""
    folders = [Path(found).resolve().parent for found in [shutil.which("pg_ctl")] if found]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    reason = "PostgreSQL's server programs are missing: apt-get install postgresql"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def _unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    account = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Path]:
    """The folder with the socket of a running server that trusts whoever reaches the socket."""
    programs, account = _server_programs(), _unprivileged()
    # Not under pytest's own folder: another account cannot enter it, and a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if account:
        os.chown(folder, account["user"], account["group"])
    data, log = folder / "data", folder / "log"

    def run(program: str, *arguments: str | Path) -> None:
        command = [programs / program, "-D", data, *arguments]
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        subprocess.run(
            command, check=True, stdout=subprocess.DEVNULL, cwd=folder, env=environment, timeout=120, **account
        )

    try:
        run("initdb", "--username=gitops", "--auth=trust", "--encoding=UTF8", "--no-sync")
        run("pg_ctl", "start", "-w", "-l", log, "-o", f"-k {folder} -c listen_addresses= -c fsync=off")
        try:
            yield folder
        finally:
            run("pg_ctl", "stop", "-w", "-m", "immediate")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgresql_url(postgresql_server: Path) -> str:
    import psycopg

    name = f"history_{uuid4().hex}"
    with psycopg.connect(host=str(postgresql_server), user="gitops", dbname="postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return f"postgresql://gitops@/{name}?host={postgresql_server}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def store_url(request: pytest.FixtureRequest) -> str:
    """Every kind of database in turn."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def store(store_url: str) -> Iterator[HistoryStore]:
    with open_store(store_url) as opened:
        yield opened
