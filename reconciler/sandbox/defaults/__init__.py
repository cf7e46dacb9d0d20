"""What the API server fills in before it validates and stores an object of a built-in kind."""

from reconciler.sandbox.defaults.kinds import apply_defaults

__all__ = ["apply_defaults"]
