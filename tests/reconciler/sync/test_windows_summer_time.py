"""Sync windows where clocks are changed: both sides of both changes, in the zone of the window.

As Argo CD has it, one offset, that of the present, applies to the whole calculation. So a window in the hour that is left out
is open for what is left of it after the change, and one in the hour that comes twice is open twice.
"""

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model import parse_application
from reconciler.model.project import SyncWindow
from reconciler.sync.windows import decide_sync

WEB = parse_application(
    {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "web"},
        "spec": {
            "project": "team",
            "destination": {"server": "https://here", "namespace": "shop"},
            "source": {"repoURL": "https://a/b", "path": "."},
        },
    }
)
AMSTERDAM, NEW_YORK = "Europe/Amsterdam", "America/New_York"
OPEN = [
    # From 02:00 to 03:00 on March 29th, at 01:00 UTC.
    (AMSTERDAM, "0 3 * * *", "1h", "2026-03-28T02:00", "2026-03-28T03:00"),
    (AMSTERDAM, "0 3 * * *", "1h", "2026-03-29T01:00", "2026-03-29T02:00"),
    (AMSTERDAM, "30 2 * * *", "1h", "2026-03-29T01:00", "2026-03-29T01:30"),
    (AMSTERDAM, "0 22 * * *", "8h", "2026-03-28T21:00", "2026-03-29T04:00"),
    (AMSTERDAM, "30 1 * * *", "1h", "2026-03-29T00:30", "2026-03-29T01:00"),
    # From 03:00 to 02:00 on October 25th, at 01:00 UTC.
    (AMSTERDAM, "30 2 * * *", "1h", "2026-10-25T00:30", "2026-10-25T01:00"),
    (AMSTERDAM, "30 2 * * *", "1h", "2026-10-25T01:30", "2026-10-25T02:30"),
    (AMSTERDAM, "0 22 * * *", "8h", "2026-10-24T20:00", "2026-10-25T05:00"),
    (AMSTERDAM, "0 3 * * *", "1h", "2026-10-25T02:00", "2026-10-25T03:00"),
    # From 02:00 to 03:00 on March 8th, at 07:00 UTC; back on November 1st, at 06:00 UTC.
    (NEW_YORK, "30 2 * * *", "1h", "2026-03-08T07:00", "2026-03-08T07:30"),
    (NEW_YORK, "30 1 * * *", "20m", "2026-11-01T05:30", "2026-11-01T05:50"),
    (NEW_YORK, "30 1 * * *", "20m", "2026-11-01T06:30", "2026-11-01T06:50"),
    # Here no clock is changed.
    ("UTC", "0 22 * * *", "8h", "2026-03-28T22:00", "2026-03-29T06:00"),
    ("Asia/Kolkata", "30 2 * * *", "1h", "2026-03-28T21:00", "2026-03-28T22:00"),
]


def window(kind: str, schedule: str, duration: str, zone: str) -> SyncWindow:
    said = {"kind": kind, "schedule": schedule, "duration": duration, "timeZone": zone, "applications": ["*"]}
    return SyncWindow.model_validate(said)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize("kind", ["allow", "deny"])
@pytest.mark.parametrize("off", [timedelta(seconds=1), timedelta(seconds=300)], ids=["1s", "300s"])
@pytest.mark.parametrize(("zone", "schedule", "duration", "begins", "ends"), OPEN)
def test_open_from_its_start_to_its_end(
    zone: str, schedule: str, duration: str, begins: str, ends: str, off: timedelta, kind: str
) -> None:
    """Whose clock is wrong by five minutes decides for that moment, not for another hour."""
    windows = [window(kind, schedule, duration, zone)]

    def is_open(moment: datetime) -> bool:
        permitted = decide_sync(windows, WEB, moment, manual=False).permitted
        return permitted if kind == "allow" else not permitted

    moments = [utc(begins) - off, utc(begins) + off, utc(ends) - off, utc(ends) + off]
    assert [is_open(moment) for moment in moments] == [False, True, True, False]


@pytest.mark.parametrize(
    ("schedule", "duration", "now", "opens"),
    [
        ("0 22 * * *", "8h", "2026-10-25T00:30", "2026-10-25T05:00"),
        ("0 22 * * *", "8h", "2026-10-25T04:30", "2026-10-25T05:00"),
        ("0 22 * * *", "8h", "2026-03-29T00:30", "2026-03-29T04:00"),
        ("0 22 * * *", "8h", "2026-03-29T03:30", "2026-03-29T04:00"),
    ],
)
def test_it_says_when_a_night_of_another_length_ends(schedule: str, duration: str, now: str, opens: str) -> None:
    decision = decide_sync([window("deny", schedule, duration, AMSTERDAM)], WEB, utc(now), manual=False)
    assert decision.opens_at == utc(opens)
    after = utc(opens) + timedelta(seconds=1)
    assert decide_sync([window("deny", schedule, duration, AMSTERDAM)], WEB, after, manual=False).permitted


@pytest.mark.parametrize("day", ["2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25"])
def test_the_next_opening_is_one_around_a_change(day: str) -> None:
    windows = [window("allow", "30 2 * * *", "45m", AMSTERDAM), window("deny", "0 22 * * *", "4h30m", AMSTERDAM)]
    for minute in range(0, 24 * 60, 37):
        now = utc(f"{day}T00:00") + timedelta(minutes=minute)
        decision = decide_sync(windows, WEB, now, manual=False)
        assert decision.permitted is (decision.opens_at is None)
        if decision.opens_at is not None:
            assert decision.opens_at > now
            assert decide_sync(windows, WEB, decision.opens_at + timedelta(seconds=1), manual=False).permitted


AT_A_CHANGE = [
    # The window would have begun in the half hour or the hour that is left out.
    (AMSTERDAM, "allow", "30 2 * * *", "1h", "2026-03-28T20:00", "2026-03-29T01:00"),
    ("America/St_Johns", "allow", "30 2 * * *", "1h", "2026-03-07T22:00", "2026-03-08T05:30"),
    ("Australia/Lord_Howe", "allow", "15 2 * * *", "30m", "2026-10-03T08:00", "2026-10-03T15:30"),
    # From midnight to one.
    ("America/Havana", "allow", "15 0 * * *", "1h", "2026-03-07T22:00", "2026-03-08T05:00"),
    ("Asia/Beirut", "allow", "30 0 * * *", "45m", "2026-03-28T14:00", "2026-03-28T22:00"),
    ("Africa/Cairo", "allow", "15 0 * * *", "1h", "2026-04-23T14:00", "2026-04-23T22:00"),
    ("America/Santiago", "allow", "15 0 * * *", "1h", "2026-09-05T20:00", "2026-09-06T04:00"),
    # The window would have ended there.
    (AMSTERDAM, "deny", "0 22 * * *", "4h30m", "2026-03-28T22:00", "2026-03-29T01:00"),
    ("Australia/Lord_Howe", "deny", "0 22 * * *", "4h15m", "2026-10-03T13:00", "2026-10-03T15:30"),
    ("America/Havana", "deny", "0 20 * * *", "4h20m", "2026-03-08T02:00", "2026-03-08T05:00"),
    # It had ended before clocks were put back, and is open once more from the change on.
    (AMSTERDAM, "allow", "0 1 * * *", "90m", "2026-10-25T00:40", "2026-10-25T01:00"),
    ("Australia/Lord_Howe", "allow", "30 1 * * *", "20m", "2026-04-04T14:55", "2026-04-04T15:00"),
    ("America/Havana", "allow", "0 23 * * *", "80m", "2026-11-01T04:30", "2026-11-01T05:00"),
]


@pytest.mark.parametrize(("zone", "kind", "schedule", "duration", "now", "opens"), AT_A_CHANGE)
def test_an_opening_at_the_change_itself(
    zone: str, kind: str, schedule: str, duration: str, now: str, opens: str
) -> None:
    windows = [window(kind, schedule, duration, zone)]
    second = timedelta(seconds=1)
    assert not decide_sync(windows, WEB, utc(opens) - second, manual=False).permitted
    assert decide_sync(windows, WEB, utc(opens) + second, manual=False).permitted
    assert decide_sync(windows, WEB, utc(now), manual=False).opens_at == utc(opens)


CHANGES = {
    AMSTERDAM: ("2026-03-29T01:00", "2026-10-25T01:00"),
    "Australia/Lord_Howe": ("2026-10-03T15:30", "2026-04-04T15:00"),
    "America/Havana": ("2026-03-08T05:00", "2026-11-01T05:00"),
    "Asia/Beirut": ("2026-03-28T22:00", "2026-10-24T21:00"),
    "America/St_Johns": ("2026-03-08T05:30", "2026-11-01T04:30"),
}


@pytest.mark.parametrize("duration", ["30m", "75m", "4h"])
@pytest.mark.parametrize("minute", [0, 15, 30])
@pytest.mark.parametrize(("zone", "change"), [(zone, each) for zone, both in CHANGES.items() for each in both])
def test_no_earlier_moment_is_open(zone: str, change: str, minute: int, duration: str) -> None:
    """Every quarter of an hour until then is looked at; windows begin and end, and clocks change, at none but these."""
    for windows in (
        [window("allow", f"{minute} * * * *", "10m", zone), window("deny", f"{minute} 20-23,0 * * *", duration, zone)],
        [window("allow", f"{minute} 0-3/3 * * *", duration, zone)],
    ):
        for hours in (-5, -1, 0):
            now = utc(change) + timedelta(hours=hours, seconds=-20)
            opens = decide_sync(windows, WEB, now, manual=False).opens_at
            quarter = now.replace(second=0, minute=now.minute // 15 * 15)
            while opens is not None and (quarter := quarter + timedelta(minutes=15)) < opens:
                assert not decide_sync(windows, WEB, quarter + timedelta(seconds=1), manual=False).permitted
            assert opens is None or decide_sync(windows, WEB, opens + timedelta(seconds=1), manual=False).permitted
