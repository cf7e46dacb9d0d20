"""Connections to the store's database: URL, files and their modes, transactions, and errors in our words."""

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from reconciler.errors import StoreError, UsageError
from reconciler.history.errors import DamagedStoreError

T = TypeVar("T")

_EXAMPLES: Final = "sqlite:///PATH or postgresql://USER@HOST/DATABASE"
_WRITING: Final = "gitops_nb_writing"
_ADVISORY_LOCK: Final = 0x6769746F70736E62
"""The bytes of "gitopsnb": the one lock under which PostgreSQL stores are appended to."""
_LOCK: Final = text("SELECT pg_advisory_xact_lock(:key)")

_SQLITE_DAMAGE: Final = re.compile(
    r"malformed|not a database|file is encrypted|unsupported file format|no such (?:table|column)|corrupt|Could not decode"
)


@dataclass(frozen=True, slots=True)
class Database:
    """An engine and how messages call it: ``label`` never holds a password.

    ``writer`` has the connections of ``engine`` and begins transactions that write.
    """

    engine: Engine
    writer: Engine
    label: str
    read_only: bool
    busy_timeout_s: float

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store."""
        with self._translated(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer shares, so that two runs never append to the same entry."""
        if self.read_only:
            raise StoreError(f"{self.label}: opened read-only; open the store without read_only to record")
        with self._translated(), self.writer.begin() as connection:
            if not self.is_sqlite:
                connection.execute(text(f"SET LOCAL lock_timeout = {round(self.busy_timeout_s * 1000)}"))
                connection.execute(_LOCK, {"key": _ADVISORY_LOCK})
            yield connection

    def transact(self, work: Callable[[Connection], T]) -> T:
        """Do idempotent work in a writing transaction; once more when the connection breaks, committed or not."""
        try:
            with self.writing() as connection:
                return work(connection)
        except ConnectionLostError:
            with self.writing() as connection:
                return work(connection)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except ConnectionLostError:
            raise
        except DBAPIError as error:
            if error.connection_invalidated:
                raise ConnectionLostError(f"{self.label}: {self._cause(error)}; run it again") from error
            raise self._store_error(error) from error
        except SQLAlchemyError as error:
            raise StoreError(f"{self.label}: {type(error).__name__}; check the store's URL") from error

    def _store_error(self, error: DBAPIError) -> StoreError:
        cause = self._cause(error)
        if "database is locked" in cause or "lock timeout" in cause:
            return StoreError(f"{self.label}: another process writes for over {self.busy_timeout_s:g} s; try again")
        if self.is_sqlite and _SQLITE_DAMAGE.search(cause):
            return DamagedStoreError(f"{self.label}: damaged ({cause}); nothing was written; restore it from a copy")
        if "readonly" in cause or "read-only" in cause:
            return StoreError(
                f"{self.label}: cannot be written ({cause}); check the file's and folder's owner and mode"
            )
        if "is full" in cause:
            return StoreError(f"{self.label}: {cause}; free some space there")
        remedy = "check the path and its mode" if self.is_sqlite else "check the URL and that the server is up"
        return StoreError(f"{self.label}: {cause}; {remedy}")

    def _cause(self, error: DBAPIError) -> str:
        """The driver's first line; statements and parameters stay out, they hold what is recorded."""
        lines = str(error.orig).strip().splitlines()
        cause = lines[0] if lines else type(error).__name__
        url = self.engine.url
        for password in (url.password, url.query.get("password")):
            cause = cause.replace(str(password), "***") if password else cause
        return cause


class ConnectionLostError(StoreError):
    """The connection broke in mid-transaction: whether it was committed can only be seen by looking."""

    retryable = True


def connect(url: str, *, read_only: bool, busy_timeout_s: float) -> Database:
    """Prepare the connection to a store; a file's folder and the file are made here, private to their owner.

    Raises
    ------
    UsageError
        When the URL is none, or of a database that is not supported.
    StoreError
        When the file cannot be made or a driver is missing.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, read_only=read_only, busy_timeout_s=busy_timeout_s)
    return _postgresql(parsed, read_only=read_only, busy_timeout_s=busy_timeout_s)


def _parse(url: str) -> URL:
    scheme = url.partition("://")[0]
    if "://" not in url or scheme.partition("+")[0] not in ("sqlite", "postgresql", "postgres"):
        named = f"{scheme}://" if "://" in url else "a path without scheme"
        raise UsageError(f"store URL: {named} is not supported; use {_EXAMPLES}")
    try:
        parsed = make_url(url.replace("postgres://", "postgresql://", 1) if scheme == "postgres" else url)
    except (ArgumentError, ValueError):
        # The text of the URL, and of the error about it, may hold a password.
        raise UsageError(f"store URL: it cannot be read; use {_EXAMPLES}") from None
    if parsed.get_backend_name() == "sqlite" and (parsed.database in (None, "", ":memory:") or parsed.query):
        raise UsageError("store URL: a history needs a file, and takes no options; use sqlite:///PATH")
    return parsed


def _sqlite(url: URL, *, read_only: bool, busy_timeout_s: float) -> Database:
    path = Path(str(url.database)).expanduser()
    label = f"history store {path}"
    if not read_only:
        _make_private_file(path, label)
    elif not path.is_file():
        raise StoreError(f"{label}: no such file; check the store's URL")
    query = {"uri": "true", "mode": "ro" if read_only else "rw"}
    file_url = URL.create("sqlite+pysqlite", database=f"file:{quote(str(path.absolute()))}", query=query)
    engine = create_engine(file_url, hide_parameters=True, connect_args={"timeout": busy_timeout_s})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine, _writer(engine), label, read_only, busy_timeout_s)


def _writer(engine: Engine) -> Engine:
    writer: Engine = engine.execution_options(**{_WRITING: True})
    return writer


def _make_private_file(path: Path, label: str) -> None:
    try:
        missing = [folder for folder in path.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
        # SQLite gives the files beside it the same mode.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(f"{label}: {error.strerror}; choose another place with --store or GITOPS_NB_STORE") from error


def _configure_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own implicit transactions are off; they begin in _begin_sqlite.
    connection.isolation_level = None
    for pragma in ("synchronous = FULL", "trusted_schema = OFF", "cell_size_check = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE takes the write lock at once: a reader that turns writer later could not be made to wait.
    immediate = connection.get_execution_options().get(_WRITING, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def use_write_ahead_log(database: Database) -> None:
    """Readers and the writer do not wait for each other; a store that is busy or damaged just stays as it is."""
    with suppress(sqlite3.Error, DBAPIError), database.engine.connect() as connection:
        # On the driver's connection, since the mode cannot be changed within a transaction.
        driver = connection.connection.dbapi_connection
        assert driver is not None
        driver.cursor().execute("PRAGMA journal_mode = WAL")


def _postgresql(url: URL, *, read_only: bool, busy_timeout_s: float) -> Database:
    # Neither the password nor the query, which may hold one too.
    address = URL.create("postgresql", url.username, None, url.host, url.port, url.database)
    label = f"history store {address.render_as_string()}"
    options: dict[str, Any] = {"connect_timeout": max(2, round(busy_timeout_s))}
    if read_only:
        options["options"] = "-c default_transaction_read_only=on"
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            hide_parameters=True,
            pool_pre_ping=True,
            connect_args=options,
        )
    except ModuleNotFoundError as error:
        raise StoreError(f"{label}: psycopg is not installed; run pip install 'gitops-nb[postgresql]'") from error
    return Database(engine, _writer(engine), label, read_only, busy_timeout_s)
