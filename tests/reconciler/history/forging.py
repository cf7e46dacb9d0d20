"""Changing a store behind its back."""

import sqlite3
from pathlib import Path


def forge(path: Path, statement: str) -> None:
    """Execute a statement that the store itself refuses."""
    connection = sqlite3.connect(path)
    try:
        for trigger in ("records_no_update", "records_no_delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        connection.execute(statement)
        connection.commit()
    finally:
        connection.close()
