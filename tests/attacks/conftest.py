"""The engine, with an Application whose project is narrow."""

from tests.attacks.fenced import fenced
from tests.reconciler.cli.conftest import call
from tests.reconciler.engine.places import shop

__all__ = ["call", "fenced", "shop"]
