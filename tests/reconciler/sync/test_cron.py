"""Answers are those of robfig/cron v3.0.1, with which 20,000 random schedules were compared, too."""

from datetime import datetime

import pytest

from reconciler.sync.cron import ScheduleError, parse_schedule


@pytest.mark.parametrize(
    ("schedule", "moment", "following"),
    [
        ("0 22 * * *", "2026-05-01T21:59:59", "2026-05-01T22:00:00"),
        ("0 22 * * *", "2026-05-01T22:00:00", "2026-05-02T22:00:00"),
        ("*/15 8-10 * * *", "2026-05-01T08:45:30", "2026-05-01T09:00:00"),
        ("*/15 8-10 * * *", "2026-05-01T10:45:00", "2026-05-02T08:00:00"),
        ("5/20 * * * *", "2026-05-01T08:25:00", "2026-05-01T08:45:00"),
        ("30 9 * * mon-FRI", "2026-05-01T09:30:00", "2026-05-04T09:30:00"),
        ("0 0 1 jan,jul *", "2026-05-01T00:00:00", "2026-07-01T00:00:00"),
        ("0 0 29 2 *", "2026-05-01T00:00:00", "2028-02-29T00:00:00"),
        # Both days given: one is enough. With a star in either: both.
        ("0 0 13 * 5", "2026-05-01T00:00:00", "2026-05-08T00:00:00"),
        ("0 0 13 * *", "2026-05-01T00:00:00", "2026-05-13T00:00:00"),
        ("0 0 */1 * 5", "2026-05-01T00:00:00", "2026-05-08T00:00:00"),
        ("0 0 */2 * 5", "2026-05-01T00:00:00", "2026-05-03T00:00:00"),
        ("0 0 ? * 5", "2026-05-01T00:00:00", "2026-05-08T00:00:00"),
        ("1,,2 * * * *", "2026-05-01T00:01:00", "2026-05-01T00:02:00"),
        ("0 0 31 2,4 *", "2026-05-01T00:00:00", None),
        (", * * * *", "2026-05-01T00:00:00", None),
        ("59 23 31 12 *", "2026-12-31T23:59:00", "2027-12-31T23:59:00"),
    ],
)
def test_the_next_time(schedule: str, moment: str, following: str | None) -> None:
    expected = datetime.fromisoformat(following) if following else None
    assert parse_schedule(schedule).after(datetime.fromisoformat(moment)) == expected


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ("", "expected 5 fields"),
        ("0 22 * *", "expected 5 fields .* found 4"),
        ("0 0 22 * * *", "found 6"),
        ("@daily", "expected 5 fields"),
        ("CRON_TZ=Asia/Tokyo 0 22 * * *", "give the time zone as timeZone"),
        ("0 22 * * 7", "day of week: '7' is not a range within 0 to 6"),
        ("60 * * * *", "minute: '60' is not a range within 0 to 59"),
        ("* 24 * * *", "hour: '24'"),
        ("* * 0 * *", "day of month: '0' is not a range within 1 to 31"),
        ("* * * 13 *", "month: '13'"),
        ("* * * * fri-mon", "day of week: 'fri-mon' is not a range"),
        ("*/0 * * * *", r"the step of '\*/0' must not be 0"),
        ("1-2-3 * * * *", "more than one / or -"),
        ("1/2/3 * * * *", "more than one / or -"),
        ("jan * * * *", "minute: 'jan' is not a number"),
        ("1.5 * * * *", "'1.5' is not a number"),
        ("* * L * *", "'L' is not a number"),
        ("١ * * * *", "is not a number"),
        ("* " * 600, "1200 characters"),
    ],
)
def test_what_is_no_schedule(schedule: str, message: str) -> None:
    with pytest.raises(ScheduleError, match=message):
        parse_schedule(schedule)
