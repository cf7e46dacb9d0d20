"""Finding the history store."""

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from platformdirs import user_data_path

if TYPE_CHECKING:
    from reconciler.history.store import HistoryStore


def open_store(url: str | None = None, *, read_only: bool = False, busy_timeout_s: float = 10.0) -> "HistoryStore":
    """Open the history store, making it where there is none.

    Parameters
    ----------
    url
        ``sqlite:///PATH`` or ``postgresql://USER@HOST/DATABASE``; None means the environment variable
        ``GITOPS_NB_STORE`` and, where that is not set, ``history.db`` in the user's data folder.
    read_only
        Never change the store, as for a look at one that may be damaged.
    busy_timeout_s
        Seconds to wait for another writer.

    Returns
    -------
    HistoryStore
        To be used as a context manager, or closed.

    Raises
    ------
    UsageError
        When the URL is none of these.
    StoreError
        When the store cannot be reached or made.
    DamagedStoreError
        When it is no longer a store.
    """
    # SQLAlchemy is slow to import, and most commands need no history.
    from reconciler.history.database import connect
    from reconciler.history.store import HistoryStore

    location = url or os.environ.get("GITOPS_NB_STORE") or f"sqlite:///{quote(str(default_path()))}"
    store = HistoryStore(connect(location, read_only=read_only, busy_timeout_s=busy_timeout_s))
    try:
        store.prepare()
    except BaseException:
        store.close()
        raise
    return store


def default_path() -> Path:
    """Where the history is kept when nothing else is said."""
    return user_data_path("gitops-nb", appauthor=False) / "history.db"
