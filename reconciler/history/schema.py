"""Making the tables, and telling whether a database has them."""

from sqlalchemy import Connection, inspect, select

from reconciler.errors import StoreError
from reconciler.history.errors import DamagedStoreError
from reconciler.history.tables import METADATA, SCHEMA_VERSION, VERSION


def create_tables(connection: Connection) -> None:
    """Make all tables and note their version."""
    METADATA.create_all(connection)
    connection.execute(VERSION.insert().values(version=SCHEMA_VERSION))


def has_tables(connection: Connection, label: str) -> bool:
    """Whether the store's tables are there; a new database has none of them.

    Raises
    ------
    StoreError
        When they are another program's, or of another version.
    DamagedStoreError
        When only some are there.
    """
    names = set(inspect(connection).get_table_names())
    ours = set(METADATA.tables)
    if not names & ours:
        return False
    if VERSION.name not in names:
        raise StoreError(f"{label}: holds another program's tables; choose another database")
    if not ours <= names:
        gone = ", ".join(sorted(ours - names))
        raise DamagedStoreError(f"{label}: table {gone} is gone; restore it from a copy")
    version = connection.execute(select(VERSION.c.version)).scalar()
    if version != SCHEMA_VERSION:
        remedy = "upgrade gitops-nb" if isinstance(version, int) and version > SCHEMA_VERSION else "restore a copy"
        raise StoreError(f"{label}: has version {version}, this program reads {SCHEMA_VERSION}; {remedy}")
    return True
