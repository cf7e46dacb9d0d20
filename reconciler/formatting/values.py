"""Field values for people: one line each, secrets masked, what is absent told from what is null."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Any

from reconciler.diff.records import ABSENT, Masked
from reconciler.formatting.characters import clipped, visible
from reconciler.manifest.yaml import dump_document

VALUE_LIMIT = 400
"""Characters of a value in a table."""

_OURS = ("(masked ", "(absent")


def plain_value(value: Any, *, absent: Any = None) -> Any:
    """A value, or a whole record, as JSON data: the one way in which anything of ours becomes JSON.

    A mask becomes its text, ``(masked 1a2b3c4d)``, as inside masked objects; a record its attributes by name, an enum its
    value, a time RFC 3339, a set a sorted list.

    Parameters
    ----------
    absent
        What stands for a value that is not there.
    """
    if isinstance(value, str | int | float) and not isinstance(value, Enum):
        return value
    if isinstance(value, Masked):
        return str(value)
    if value is ABSENT:
        return absent
    if is_dataclass(value) and not isinstance(value, type):
        shown = [entry.name for entry in fields(value) if entry.repr]
        return {name: plain_value(getattr(value, name), absent=absent) for name in shown}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): plain_value(inner, absent=absent) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [plain_value(inner, absent=absent) for inner in items]
    return value


def format_value(value: Any, *, limit: int = VALUE_LIMIT) -> str:
    """One line: ``(absent)``, ``(masked 1a2b3c4d)``, a string as YAML would have it, anything else as JSON.

    A string that could be taken for a mask, for an absent value, for a number or for nothing at all stands in quotes.
    """
    if value is ABSENT:
        return "(absent)"
    if isinstance(value, Masked):
        return visible(str(value))
    if isinstance(value, str):
        return clipped(visible(_quoted(value) if value.startswith(_OURS) else format_scalar(value)), limit)
    return clipped(visible(json.dumps(plain_value(value), ensure_ascii=False, default=str)), limit)


def format_instant(instant: datetime | None) -> str:
    """``2026-11-23 14:05:09Z``, in UTC to the second; empty for None."""
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z" if instant else ""


def format_duration(seconds: float | None) -> str:
    """``0.4 s``, ``12 s``, ``3 min 05 s``, ``2 h 10 min``; empty for None."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def counted(count: int, noun: str, plural: str = "") -> str:
    """``1 field``, ``3 fields``."""
    return f"{count} {noun if count == 1 else plural or noun + 's'}"


def short_revision(revision: str) -> str:
    """The first seven characters of a commit's hash; any other revision as it is."""
    is_hash = len(revision) in (40, 64) and all(character in "0123456789abcdef" for character in revision)
    return revision[:7] if is_hash else visible(revision)


@lru_cache(maxsize=4096)
def format_scalar(text: str) -> str:
    """The string as one line of YAML, in quotes where it would be read as something else; not yet `visible`."""
    if "\n" in text:
        return _quoted(text)
    return dump_document(text).removesuffix("\n").removesuffix("\n...")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
