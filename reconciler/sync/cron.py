"""Schedules of sync windows: five fields of cron, as the parser that Argo CD uses reads them.

Source: github.com/robfig/cron v3, parser.go and spec.go, with the options Minute, Hour, Dom, Month and Dow. No library of
Python's reads the same: cronsim, croniter and others take ``7`` for Sunday, and do not agree on when the two day fields add up.

A star is ``*`` or ``?``. ``*/2`` is none, so that with it both day fields are alternatives; names are for months and days of the
week; ``5/15`` goes on to the end of the range. ``7``, ``@daily``, ``fri-mon`` and ``TZ=`` are errors.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_NAMES: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS: Final = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_DAYS: Final = {name: number for number, name in enumerate(_DAY_NAMES)}
_NUMBER: Final = re.compile(r"\+?\d{1,9}", re.ASCII)
_MAX_LENGTH: Final = 1000
_YEARS: Final = 5
"""How far ahead a time is looked for."""


class ScheduleError(ValueError):
    """A text that is no schedule."""


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    names: Mapping[str, int]


_FIELDS: Final = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of month", 1, 31, {}),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Minutes of the calendar, without a time zone; ``either_day``: one of the two day fields is enough."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def after(self, moment: datetime) -> datetime | None:
        """The first time later than ``moment``, both without a zone; None when there is none within five years."""
        if not self.minutes or not self.hours:
            return None
        for day in self._dates(moment.date()):
            if day > moment.date():
                return datetime(day.year, day.month, day.day, self.hours[0], self.minutes[0])
            hours = self.hours[bisect_left(self.hours, moment.hour) :]
            minutes = self.minutes[bisect_right(self.minutes, moment.minute) :]
            if hours and hours[0] == moment.hour and minutes:
                return datetime(day.year, day.month, day.day, hours[0], minutes[0])
            later = hours[1:] if hours and hours[0] == moment.hour else hours
            if later:
                return datetime(day.year, day.month, day.day, later[0], self.minutes[0])
        return None

    def _dates(self, first: date) -> Iterator[date]:
        day = first
        while day.year <= first.year + _YEARS:
            if day.month not in self.months:
                # The first day of the next month.
                day = (day.replace(day=28) + timedelta(days=4)).replace(day=1)
                continue
            if self._holds(day):
                yield day
            day += timedelta(days=1)

    def _holds(self, day: date) -> bool:
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return in_month or in_week if self.either_day else in_month and in_week


def parse_schedule(text: str) -> Schedule:
    """Read a schedule such as ``0 22 * * 1-5``.

    Raises
    ------
    ScheduleError
        With the field that is wrong.
    """
    if len(text) > _MAX_LENGTH:
        raise ScheduleError(f"a schedule of {len(text)} characters is none")
    parts = text.split()
    if len(parts) != len(_FIELDS):
        hint = "; give the time zone as timeZone" if text.startswith(("TZ=", "CRON_TZ=")) else ""
        raise ScheduleError(
            f"expected 5 fields (minute, hour, day of month, month, day of week), found {len(parts)}{hint}"
        )
    found = [_parse_field(part, field) for part, field in zip(parts, _FIELDS, strict=True)]
    minutes, hours, days, months, weekdays = (frozenset(values) for values, _ in found)
    starred = found[2][1] or found[4][1]
    return Schedule(tuple(sorted(minutes)), tuple(sorted(hours)), days, months, weekdays, either_day=not starred)


def _parse_field(text: str, field: _Field) -> tuple[set[int], bool]:
    """The values, and whether a star is among them."""
    values: set[int] = set()
    starred = False
    for part in filter(None, text.split(",")):
        found, star = _parse_range(part, field)
        values.update(found)
        starred = starred or star
    return values, starred


def _parse_range(text: str, field: _Field) -> tuple[range, bool]:
    base, *steps = text.split("/")
    bounds = base.split("-")
    star = bounds[0] in ("*", "?")
    if len(steps) > 1 or (len(bounds) > 2 and not star):
        raise ScheduleError(f"{field.name}: {text!r} has more than one / or -")
    low, high = field.low, field.high
    if not star:
        low = _value(bounds[0], field)
        high = _value(bounds[-1], field)
    step = 1
    if steps:
        step = _number(steps[0], field)
        if len(bounds) == 1:
            high = field.high
    if not field.low <= low <= high <= field.high:
        raise ScheduleError(f"{field.name}: {text!r} is not a range within {field.low} to {field.high}")
    if step == 0:
        raise ScheduleError(f"{field.name}: the step of {text!r} must not be 0")
    return range(low, high + 1, step), star and step == 1


def _value(text: str, field: _Field) -> int:
    named = field.names.get(text.lower())
    return _number(text, field) if named is None else named


def _number(text: str, field: _Field) -> int:
    if not _NUMBER.fullmatch(text):
        raise ScheduleError(f"{field.name}: {text!r} is not a number")
    return int(text)
