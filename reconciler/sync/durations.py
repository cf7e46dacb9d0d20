"""Durations as Go writes them: ``1h30m``, ``2.5s``, ``-1m``."""

import re
from datetime import timedelta
from typing import Final

_UNITS_S: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_WHOLE: Final = re.compile(rf"[+-]?(?:{_PART.pattern})+", re.ASCII)
_SECONDS: Final = re.compile(r"[+-]?\d+", re.ASCII)
_MAX_S: Final = 2**63 / 1e9
_MAX_LENGTH: Final = 100


def parse_duration(text: str) -> timedelta:
    """A duration with units; a lone ``0`` needs none. What is shorter than a microsecond is lost.

    Source: time.ParseDuration of Go.

    Raises
    ------
    ValueError
        For any other text, and for more than Go's 292 years.
    """
    if len(text) <= _MAX_LENGTH and text.lstrip("+-") == "0" and len(text) <= 2:
        return timedelta()
    if len(text) > _MAX_LENGTH or not _WHOLE.fullmatch(text):
        raise ValueError(f"{text[:_MAX_LENGTH]!r} is not a duration such as 30s, 5m or 1h30m")
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in _PART.findall(text))
    if seconds >= _MAX_S:
        raise ValueError(f"{text!r} is longer than 292 years")
    return timedelta(seconds=-seconds if text.startswith("-") else seconds)


def parse_seconds_or_duration(text: str) -> timedelta:
    """As `parse_duration`; a number without a unit is seconds (parseStringToDuration in types.go of Argo CD 3.6)."""
    if len(text) <= _MAX_LENGTH and _SECONDS.fullmatch(text):
        seconds = int(text)
        if abs(seconds) >= _MAX_S:
            raise ValueError(f"{text!r} is longer than 292 years")
        return timedelta(seconds=seconds)
    return parse_duration(text)
