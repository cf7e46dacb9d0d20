"""The API server's rules on objects, with its own words for what breaks them."""

from reconciler.sandbox.validation.kinds import validate_create, validate_update
from reconciler.sandbox.validation.names import validate_metadata

__all__ = ["validate_create", "validate_metadata", "validate_update"]
