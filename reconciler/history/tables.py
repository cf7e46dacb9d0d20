"""The store's tables, the same on SQLite and PostgreSQL."""

from typing import Final

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    event,
)

SCHEMA_VERSION: Final = 2

METADATA: Final = MetaData()

VERSION: Final = Table(
    "gitops_nb_store",
    METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
)

KINDS: Final = "kind IN ('begin', 'progress', 'end', 'abandoned')"

RECORDS: Final = Table(
    "records",
    METADATA,
    Column("sequence", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("operation_id", Text, nullable=False),
    Column("kind", Text, CheckConstraint(KINDS, name="records_kind_check"), nullable=False),
    Column("application", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("payload", Text, nullable=False),
    # Unique: two rows after the same one would be a fork.
    Column("previous_digest", Text, nullable=False, unique=True),
    Column("digest", Text, nullable=False, unique=True),
    Index("records_by_application", "namespace", "application", "sequence"),
)
BY_OPERATION: Final = Index("records_by_operation", RECORDS.c.operation_id, RECORDS.c.sequence)


def _unique(name: str, where: str) -> DDL:
    """A partial index, of the same text in both databases: as an `Index` each would load PostgreSQL's whole dialect."""
    return DDL(f"CREATE UNIQUE INDEX {name} ON records (operation_id) WHERE {where}")  # type: ignore[no-untyped-call]


ONE_BEGIN: Final = _unique("records_one_begin", "kind = 'begin'")
ONE_END: Final = _unique("records_one_end", "kind IN ('end', 'abandoned')")

MANIFESTS: Final = Table(
    "manifests",
    METADATA,
    Column("digest", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("encoding", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

_APPEND_ONLY: Final = "records are append-only"


def _sqlite_trigger(verb: str) -> str:
    body = f"BEGIN SELECT RAISE(ABORT, '{_APPEND_ONLY}'); END"
    return f"CREATE TRIGGER records_no_{verb.lower()} BEFORE {verb} ON records {body}"


_POSTGRESQL_FUNCTION: Final = (
    "CREATE FUNCTION records_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_APPEND_ONLY}'; END $$"
)
_POSTGRESQL_TRIGGER: Final = (
    "CREATE TRIGGER records_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON records "
    "FOR EACH STATEMENT EXECUTE FUNCTION records_append_only()"
)
_STATEMENTS: Final = {
    "sqlite": (_sqlite_trigger("UPDATE"), _sqlite_trigger("DELETE")),
    "postgresql": (_POSTGRESQL_FUNCTION, _POSTGRESQL_TRIGGER),
}
for _dialect, _statements in _STATEMENTS.items():
    for _statement in _statements:
        _ddl = DDL(_statement)  # type: ignore[no-untyped-call]
        event.listen(RECORDS, "after_create", _ddl.execute_if(dialect=_dialect))
for _index in (ONE_BEGIN, ONE_END):
    event.listen(RECORDS, "after_create", _index)
