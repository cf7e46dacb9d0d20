"""Sync windows of a project: when an Application may be synced, and why not now.

Source: SyncWindows in pkg/apis/application/v1alpha1/types.go, syncWindowPreventsSync in controller/sync.go, and
docs/user-guide/sync_windows.md of Argo CD 3.6.

As there, a window is active strictly between its start and its end, and one offset of its time zone, that of the present,
applies to the whole calculation. Where the code grants more than the documentation says, the documentation counts:

- A schedule that never comes, such as February 30, is a mistake that blocks. In the code such a window is always active.
- A ``deny`` window counts from its very start.
- A window whose ``kind`` is neither ``allow`` nor ``deny`` blocks. In the code it is passed over.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import chain
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from reconciler.globs import glob_matches
from reconciler.model import Application
from reconciler.model.project import SyncWindow
from reconciler.sync.cron import Schedule, ScheduleError, parse_schedule
from reconciler.sync.durations import parse_duration

ALLOW: Final = "allow"
DENY: Final = "deny"
LOOK_AHEAD: Final = timedelta(days=400)
MAX_BOUNDARIES: Final = 2000
"""Starts and ends of windows that are looked at to find the next opening."""
_INSTANT: Final = timedelta(microseconds=1)
_APART: Final = timedelta(days=7)
"""Nowhere are clocks changed twice within this time."""


@dataclass(frozen=True, slots=True)
class WindowDecision:
    """Whether a sync may run; ``reason`` is empty when it may.

    ``assigned`` are the windows that are for the Application, ``active`` those of them that are open. ``opens_at`` is when a
    sync of this kind may begin, None when it may now, and when no such time is found within `LOOK_AHEAD`. ``overrun``: it may
    go on only because it began earlier.
    """

    reason: str = ""
    assigned: tuple[SyncWindow, ...] = ()
    active: tuple[SyncWindow, ...] = ()
    opens_at: datetime | None = None
    overrun: bool = False

    @property
    def permitted(self) -> bool:
        return not self.reason


def assigned_windows(windows: Iterable[SyncWindow], application: Application) -> tuple[SyncWindow, ...]:
    """The windows that are for an Application: any of the three lists matches, with ``andOperator`` all that are there.

    Clusters are matched by what stands in ``spec.destination``, server or name, not by what it resolves to.
    """
    return tuple(window for window in windows if _is_for(window, application))


def decide_sync(
    windows: Iterable[SyncWindow],
    application: Application,
    now: datetime,
    *,
    manual: bool,
    started_at: datetime | None = None,
) -> WindowDecision:
    """Whether an Application may be synced.

    An active ``deny`` wins; where there are ``allow`` windows one of them has to be active; ``manualSync`` of all windows that
    are in the way lets a manual sync pass. A window that cannot be read blocks.

    Parameters
    ----------
    now
        The present, aware of its zone.
    manual
        Whether somebody asked for it, rather than automation.
    started_at
        For an operation that runs already: with ``syncOverrun`` of all windows that are in the way it goes on, if it was
        permitted when it began.
    """
    assigned = assigned_windows(windows, application)
    parsed, problem = _parse(assigned)
    if problem:
        return WindowDecision(problem, assigned)
    judge = _Judge(parsed, manual=manual)
    blocking = judge.blocking(now, offset_at=now)
    active = tuple(window.window for window in parsed if window.is_active(now, offset_at=now))
    if not blocking:
        return WindowDecision("", assigned, active)
    if (
        started_at is not None
        and all(window.window.sync_overrun for window in blocking)
        and not judge.blocking(started_at, offset_at=now)
    ):
        return WindowDecision("", assigned, active, overrun=True)
    return WindowDecision(_reason(blocking, manual=manual), assigned, active, judge.next_opening(now))


def describe_window(window: SyncWindow) -> str:
    """A window for people, as ``argocd app get`` shows it: ``deny:0 2 * * *:1h``."""
    zone = f" {window.time_zone}" if window.time_zone else ""
    return f"{window.kind}:{window.schedule}:{window.duration}{zone}"


@dataclass(frozen=True, slots=True)
class _Window:
    window: SyncWindow
    schedule: Schedule
    duration: timedelta
    zone: tzinfo

    def is_active(self, moment: datetime, *, offset_at: datetime) -> bool:
        """Whether ``moment`` lies in the window, with the zone's offset at ``offset_at``."""
        local = self._local(moment, offset_at)
        start = self._started(local)
        # The first moment belongs to a deny window: a run that begins on the minute is one that it is meant for.
        return start is not None and (start < local or (start == local and self.window.kind == DENY))

    def boundaries(self, moment: datetime) -> Iterator[datetime]:
        """When the window next starts and ends, if no clock is changed before then; only what is after ``moment`` counts."""
        local = self._local(moment, moment)
        for start, end in ((self.schedule.after(local), timedelta()), (self._started(local), self.duration)):
            if start is not None:
                yield moment + (start + end - local)

    def _started(self, local: datetime) -> datetime | None:
        """The first start whose window has not ended."""
        return self.schedule.after(local - self.duration)

    def _local(self, moment: datetime, offset_at: datetime) -> datetime:
        return moment.astimezone(UTC).replace(tzinfo=None) + self._offset(offset_at)

    def _offset(self, at: datetime) -> timedelta:
        return at.astimezone(self.zone).utcoffset() or timedelta()


class _Judge:
    """Answers for one set of windows and one kind of sync."""

    def __init__(self, windows: Sequence[_Window], *, manual: bool) -> None:
        self._windows = windows
        self._manual = manual

    def blocking(self, moment: datetime, *, offset_at: datetime) -> tuple[_Window, ...]:
        """The windows that are in the way; none when a sync may run."""
        active = [window for window in self._windows if window.is_active(moment, offset_at=offset_at)]
        denying = tuple(window for window in active if window.window.kind == DENY)
        allowing = tuple(window for window in self._windows if window.window.kind == ALLOW)
        if denying:
            found = denying
        elif allowing and not any(window in active for window in allowing):
            found = allowing
        else:
            return ()
        return () if self._manual and all(window.window.manual_sync for window in found) else found

    def next_opening(self, now: datetime) -> datetime | None:
        zones = {window.zone for window in self._windows}
        # A window may begin or end by the change itself: the hour of its start or of its end is left out, or comes again.
        changes = sorted({change for zone in zones for change in _clock_changes(zone, now, now + LOOK_AHEAD)})
        moment = now
        for _ in range(MAX_BOUNDARIES):
            boundaries = chain(changes, *(window.boundaries(moment) for window in self._windows))
            following = [each for each in boundaries if each > moment]
            if not following or min(following) > now + LOOK_AHEAD:
                return None
            moment = min(following)
            # Behind the boundary, since windows are open at both ends.
            after = moment + _INSTANT
            if not self.blocking(after, offset_at=after):
                return moment
        return None


def _parse(windows: Sequence[SyncWindow]) -> tuple[tuple[_Window, ...], str]:
    """The windows, and what is wrong with the first that cannot be read."""
    parsed = []
    for window in windows:
        try:
            parsed.append(_parse_window(window))
        except ValueError as error:
            return (), f"sync window {describe_window(window)} cannot be read and blocks: {error}"
    return tuple(parsed), ""


def _parse_window(window: SyncWindow) -> _Window:
    if window.kind not in (ALLOW, DENY):
        raise ValueError(f"kind {window.kind!r} is neither allow nor deny")
    try:
        schedule = parse_schedule(window.schedule)
    except ScheduleError as error:
        raise ValueError(f"schedule: {error}") from error
    if schedule.after(_SOME_TIME) is None:
        raise ValueError("schedule: there is no such day")
    return _Window(window, schedule, parse_duration(window.duration), _zone(window.time_zone))


_SOME_TIME: Final = datetime(2024, 1, 1)


def _zone(name: str) -> tzinfo:
    """The time zone; an unknown one is UTC, as upstream."""
    try:
        return ZoneInfo(name) if name not in ("", "UTC") else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _clock_changes(zone: tzinfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """When the clocks of a zone are changed after ``begin``, to the second."""
    step = int(_APART.total_seconds())
    for before in range(int(begin.timestamp()), int(end.timestamp()), step):
        after, old = before + step, _offset_s(zone, before)
        if _offset_s(zone, after) == old:
            continue
        while after - before > 1:
            middle = (before + after) // 2
            if _offset_s(zone, middle) == old:
                before = middle
            else:
                after = middle
        yield datetime.fromtimestamp(after, UTC)


def _offset_s(zone: tzinfo, at_s: int) -> float:
    return (datetime.fromtimestamp(at_s, zone).utcoffset() or timedelta()).total_seconds()


def _is_for(window: SyncWindow, application: Application) -> bool:
    destination = application.spec.destination
    lists = (
        (window.applications, (application.name,)),
        (window.clusters, tuple(filter(None, (destination.name, destination.server)))),
        (window.namespaces, (destination.namespace,)),
    )
    answers = [
        any(pattern == "*" or glob_matches(pattern, text) for pattern in patterns for text in texts)
        for patterns, texts in lists
        if patterns
    ]
    return bool(answers) and (all(answers) if window.and_operator else any(answers))


def _reason(blocking: Sequence[_Window], *, manual: bool) -> str:
    shown = ", ".join(describe_window(window.window) for window in blocking)
    kind = blocking[0].window.kind
    what = f"an active deny window ({shown})" if kind == DENY else f"no allow window being active ({shown})"
    passes = not manual and all(each.window.manual_sync for each in blocking)
    hint = "; a manual sync may pass" if passes else ""
    return f"sync is blocked by {what}{hint}"
