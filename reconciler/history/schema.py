"""Making the tables, telling whether a database has them, and bringing older ones up to date."""

from sqlalchemy import Connection, column, inspect, select, table, text

from reconciler.errors import StoreError
from reconciler.history.chain import verify_chain
from reconciler.history.errors import DamagedStoreError
from reconciler.history.rows import read_entries
from reconciler.history.tables import BY_OPERATION, KINDS, METADATA, ONE_END, RECORDS, SCHEMA_VERSION, VERSION


def create_tables(connection: Connection) -> None:
    """Make all tables and note their version."""
    METADATA.create_all(connection)
    connection.execute(VERSION.insert().values(version=SCHEMA_VERSION))


def stored_version(connection: Connection, label: str) -> int:
    """The version of the store's tables; 0 in a new database, which has none of them.

    Raises
    ------
    StoreError
        When they are another program's, or of a version that this program does not know.
    DamagedStoreError
        When only some are there.
    """
    names = set(inspect(connection).get_table_names())
    ours = set(METADATA.tables)
    if not names & ours:
        return 0
    if VERSION.name not in names:
        raise StoreError(f"{label}: holds another program's tables; choose another database")
    if not ours <= names:
        gone = ", ".join(sorted(ours - names))
        raise DamagedStoreError(f"{label}: table {gone} is gone; restore it from a copy")
    version = connection.execute(select(VERSION.c.version)).scalar()
    if not isinstance(version, int) or not 1 <= version <= SCHEMA_VERSION:
        remedy = "upgrade gitops-nb" if isinstance(version, int) and version > SCHEMA_VERSION else "restore a copy"
        raise StoreError(f"{label}: has version {version}, this program reads {SCHEMA_VERSION}; {remedy}")
    return version


def migrate(connection: Connection, label: str) -> None:
    """Bring the tables from version 1, which knew no progress, to this one; the records stay as they are.

    The caller holds the only writing transaction, so that a process which dies here leaves version 1.

    Raises
    ------
    DamagedStoreError
        When what is there is not sound: nothing is copied over it.
    """
    if connection.dialect.name == "sqlite":
        _check_sound(connection, label)
        _rebuild(connection)
    else:
        connection.execute(text("ALTER TABLE records DROP CONSTRAINT records_kind_check"))
        connection.execute(text(f"ALTER TABLE records ADD CONSTRAINT records_kind_check CHECK ({KINDS})"))
        connection.execute(text("DROP INDEX records_one_end"))
        connection.execute(ONE_END)
        BY_OPERATION.create(connection)
    connection.execute(VERSION.update().values(version=SCHEMA_VERSION))


def integrity_fault(connection: Connection) -> str:
    """What SQLite finds wrong in its file; empty when nothing is."""
    finding = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()).splitlines()[0]
    return "" if finding == "ok" else finding


def _check_sound(connection: Connection, label: str) -> None:
    fault = integrity_fault(connection) or verify_chain(read_entries(connection)).reason
    if fault:
        raise DamagedStoreError(f"{label}: damaged ({fault}); nothing was written; restore it from a copy")


def _rebuild(connection: Connection) -> None:
    """SQLite cannot change a table's CHECK: the rows move to a new table."""
    for name in ("records_no_update", "records_no_delete"):
        connection.execute(text(f"DROP TRIGGER IF EXISTS {name}"))
    for index in inspect(connection).get_indexes("records"):
        connection.execute(text(f"DROP INDEX {index['name']}"))
    connection.execute(text("ALTER TABLE records RENAME TO records_1"))
    RECORDS.create(connection)
    names = RECORDS.columns.keys()
    old = table("records_1", *map(column, names))
    connection.execute(RECORDS.insert().from_select(names, select(old).order_by(old.c.sequence)))
    connection.execute(text("DROP TABLE records_1"))
