"""What evaluating a jq expression says."""

from dataclasses import dataclass

Steps = tuple[str | int, ...]
"""Where a value lies in an object: names of fields and indexes of list items, from the root."""


@dataclass(frozen=True, slots=True)
class JqOutcome:
    """What ``del(<expression>)`` removes of each object, or why that cannot be told.

    ``paths`` has one entry an object, in their order: the places that are there and would go, sorted.
    """

    paths: tuple[tuple[Steps, ...], ...] = ()
    error: str = ""
