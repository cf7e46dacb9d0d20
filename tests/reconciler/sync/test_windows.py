from datetime import UTC, datetime, timedelta

import pytest

from reconciler.model import Application, parse_application
from reconciler.model.project import SyncWindow
from reconciler.sync.windows import WindowDecision, assigned_windows, decide_sync


def application(**destination: str) -> Application:
    return parse_application(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "web"},
            "spec": {
                "project": "team",
                "destination": destination or {"server": "https://here", "namespace": "shop"},
                "source": {"repoURL": "https://a/b", "path": "."},
            },
        }
    )


WEB = application()


def window(kind: str = "deny", schedule: str = "0 10 * * *", duration: str = "2h", **more: object) -> SyncWindow:
    return SyncWindow.model_validate(
        {"kind": kind, "schedule": schedule, "duration": duration, "applications": ["*"]} | more
    )


def at(text: str) -> datetime:
    """A time of May 1st 2026, in UTC."""
    return datetime.fromisoformat(f"2026-05-01T{text}").replace(tzinfo=UTC)


def decide(*windows: SyncWindow, now: str, manual: bool = False, started: str = "") -> WindowDecision:
    return decide_sync(windows, WEB, at(now), manual=manual, started_at=at(started) if started else None)


def test_without_windows_every_sync_may_run() -> None:
    assert decide(now="11:00").permitted
    assert decide(window(applications=["other"]), now="11:00").permitted


@pytest.mark.parametrize(
    ("now", "permitted"),
    [
        ("09:59:59.999999", True),
        ("10:00:00", False),
        ("10:00:00.000001", False),
        ("11:59:59.999999", False),
        ("12:00:00", True),
    ],
)
def test_a_deny_window_blocks_from_its_start_to_its_end(now: str, permitted: bool) -> None:
    assert decide(window(), now=now).permitted is permitted


@pytest.mark.parametrize(
    ("now", "permitted"),
    [("10:00:00", False), ("10:00:00.000001", True), ("11:59:59.999999", True), ("12:00:00", False)],
)
def test_an_allow_window_is_open_strictly_between(now: str, permitted: bool) -> None:
    assert decide(window("allow"), now=now).permitted is permitted


ALLOW, DENY = window("allow"), window("deny", "0 11 * * *", "10m")


@pytest.mark.parametrize(
    ("windows", "now", "reason", "opens"),
    [
        ([ALLOW], "09:00", "no allow window being active (allow:0 10 * * *:2h)", "10:00"),
        ([ALLOW], "10:30", "", ""),
        ([ALLOW, window("allow", "0 20 * * *")], "10:30", "", ""),
        ([ALLOW, DENY], "11:05", "an active deny window (deny:0 11 * * *:10m)", "11:10"),
        ([ALLOW, DENY], "11:15", "", ""),
        ([DENY], "11:15", "", ""),
        ([DENY, window("deny", "5 11 * * *", "30m")], "11:02", "an active deny window (deny:0 11 * * *:10m)", "11:35"),
        ([window("deny", "* * * * *", "1h")], "11:02", "an active deny window (deny:* * * * *:1h)", ""),
    ],
)
def test_deny_beats_allow_and_one_allow_is_enough(windows: list[SyncWindow], now: str, reason: str, opens: str) -> None:
    decision = decide(*windows, now=now)
    assert decision.reason == (f"sync is blocked by {reason}" if reason else "")
    assert decision.opens_at == (at(opens) if opens else None)
    assert decision.assigned == tuple(windows)


def test_the_next_opening_may_be_days_ahead() -> None:
    decision = decide(window("allow", "0 10 29 2 *"), now="09:00")
    assert decision.opens_at is None, "more than 400 days away"
    decision = decide(window("allow", "0 10 * * sun"), now="09:00")
    assert decision.opens_at == datetime(2026, 5, 3, 10, tzinfo=UTC)


def test_the_next_opening_is_one() -> None:
    windows = [ALLOW, DENY, window("deny", "*/7 9-10 * * *", "3m"), window("allow", "30 9 * * *", "20m")]
    for minute in range(0, 600, 7):
        now = at("04:00") + timedelta(minutes=minute)
        decision = decide_sync(windows, WEB, now, manual=False)
        assert decision.permitted is (decision.opens_at is None)
        if decision.opens_at is not None:
            assert decision.opens_at > now
            after = decision.opens_at + timedelta(seconds=1)
            assert decide_sync(windows, WEB, after, manual=False).permitted


@pytest.mark.parametrize(
    ("windows", "permitted"),
    [
        ([window(manualSync=True)], True),
        ([window()], False),
        ([window(manualSync=True), window(schedule="30 10 * * *")], False),
        ([window("allow", "0 20 * * *", manualSync=True)], True),
        ([window("allow", "0 20 * * *", manualSync=True), window("allow", "0 21 * * *")], False),
        # Denied by a window that lets manual syncs pass: the allow windows do not count.
        ([window(manualSync=True), window("allow", "0 20 * * *")], True),
    ],
)
def test_manual_syncs_pass_where_all_blocking_windows_say_so(windows: list[SyncWindow], permitted: bool) -> None:
    assert decide(*windows, now="11:00", manual=True).permitted is permitted
    automated = decide(*windows, now="11:00")
    assert not automated.permitted
    assert automated.reason.endswith("a manual sync may pass") is permitted


def allow(*, overrun: bool) -> SyncWindow:
    return window("allow", "0 10 * * *", "1h", syncOverrun=overrun)


def deny(*, overrun: bool) -> SyncWindow:
    return window("deny", "0 11 * * *", "1h", syncOverrun=overrun)


@pytest.mark.parametrize(
    ("windows", "goes_on"),
    [
        # The transitions of docs/user-guide/sync_windows.md, in its order.
        ([deny(overrun=True)], True),
        ([deny(overrun=False)], False),
        ([allow(overrun=True), deny(overrun=True)], True),
        ([allow(overrun=True), deny(overrun=False)], False),
        ([allow(overrun=False), deny(overrun=True)], True),
        ([allow(overrun=False), deny(overrun=False)], False),
        ([allow(overrun=True)], True),
        ([allow(overrun=True), allow(overrun=True)], True),
        ([allow(overrun=True), allow(overrun=False)], False),
    ],
)
def test_an_operation_that_began_in_time(windows: list[SyncWindow], goes_on: bool) -> None:
    decision = decide(*windows, now="11:30", started="10:30")
    assert (decision.permitted, decision.overrun) == (goes_on, goes_on)
    assert not decide(*windows, now="11:30").permitted
    assert not decide(*windows, now="11:30", started="11:10").permitted, "it was not permitted when it began"


@pytest.mark.parametrize(
    ("zone", "now", "active"),
    [
        ("Europe/Amsterdam", "2026-05-01T08:30:00", True),  # 10:30 in summer
        ("Europe/Amsterdam", "2026-01-05T08:30:00", False),
        ("Europe/Amsterdam", "2026-01-05T09:30:00", True),
        ("America/New_York", "2026-05-01T14:30:00", True),
        ("UTC", "2026-05-01T10:30:00", True),
        ("Nowhere/There", "2026-05-01T10:30:00", True),
        ("../../etc/passwd", "2026-05-01T10:30:00", True),
    ],
)
def test_time_zones(zone: str, now: str, active: bool) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    decision = decide_sync([window(timeZone=zone)], WEB, moment, manual=False)
    assert decision.permitted is not active


def test_the_offset_of_the_present_applies_to_the_start_as_well() -> None:
    # Clocks went from 02:00 to 03:00 half an hour ago: there was no 02:30, and summer time puts it at 00:30 UTC.
    now = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    night = window(schedule="30 2 * * *", duration="2h", timeZone="Europe/Amsterdam")
    decision = decide_sync([night], WEB, now, manual=False)
    assert decision.active == (night,)
    assert decision.opens_at == datetime(2026, 3, 29, 2, 30, tzinfo=UTC)


def test_any_zone_may_say_the_time() -> None:
    from zoneinfo import ZoneInfo

    tokyo = at("11:00").astimezone(ZoneInfo("Asia/Tokyo"))
    assert not decide_sync([window()], WEB, tokyo, manual=False).permitted


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (window(schedule="0 10 * * 7"), "schedule: day of week: '7' is not a range"),
        (window(duration="2"), "'2' is not a duration"),
        (window("block"), "kind 'block' is neither allow nor deny"),
        (window("allow", "0 0 30 2 *"), "schedule: there is no such day"),
    ],
)
def test_a_window_that_cannot_be_read_blocks(bad: SyncWindow, problem: str) -> None:
    for windows in ([bad], [ALLOW, bad]):
        decision = decide(*windows, now="10:30", manual=True)
        assert not decision.permitted
        assert problem in decision.reason
        assert decision.reason.startswith(f"sync window {bad.kind}:{bad.schedule}:{bad.duration} cannot be read")
    assert decide(bad.model_copy(update={"applications": ("other",)}), now="10:30").permitted, "it is for another"


@pytest.mark.parametrize(
    ("lists", "matches"),
    [
        ({}, False),
        ({"applications": ["w*"]}, True),
        ({"applications": ["other", "web"]}, True),
        ({"namespaces": ["shop"]}, True),
        ({"namespaces": ["other"]}, False),
        ({"clusters": ["https://he*"]}, True),
        ({"clusters": ["here"]}, False),
        ({"applications": ["x"], "namespaces": ["shop"]}, True),
        ({"applications": ["x"], "namespaces": ["shop"], "andOperator": True}, False),
        ({"applications": ["web"], "namespaces": ["shop"], "andOperator": True}, True),
        ({"applications": ["web"], "clusters": ["x"], "namespaces": ["shop"], "andOperator": True}, False),
        ({"clusters": ["*"], "namespaces": ["shop"], "andOperator": True}, True),
        ({"andOperator": True}, False),
        ({"applications": ["!web"]}, False),
    ],
)
def test_which_windows_are_for_an_application(lists: dict[str, object], matches: bool) -> None:
    entry = window(**({"applications": []} | lists))
    assert assigned_windows([entry], WEB) == ((entry,) if matches else ())


def test_a_cluster_is_matched_as_the_destination_names_it() -> None:
    entry = window(applications=[], clusters=["prod-*"])
    assert assigned_windows([entry], application(name="prod-1", namespace="shop")) == (entry,)
