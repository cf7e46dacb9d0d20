"""The engine is tried through the command line."""

from tests.reconciler.cli.conftest import call

__all__ = ["call"]
