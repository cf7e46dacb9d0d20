"""The store's own error."""

from reconciler.errors import StoreError


class DamagedStoreError(StoreError):
    """The store answers, and what it holds is not what was recorded; it is never written to."""

    exit_status = 1
