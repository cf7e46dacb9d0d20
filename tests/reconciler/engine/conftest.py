"""The engine is tried through the command line."""

from tests.reconciler.cli.conftest import call
from tests.reconciler.engine.places import shop

__all__ = ["call", "shop"]
