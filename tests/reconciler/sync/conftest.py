"""Operations are run against both clusters."""

from tests.reconciler.sync.running import place

__all__ = ["place"]
