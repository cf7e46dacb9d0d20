"""The tables that ``kubectl get`` prints."""

from reconciler.sandbox.tables.maker import TableMaker, partial, table_maker

__all__ = ["TableMaker", "partial", "table_maker"]
