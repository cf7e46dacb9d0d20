from datetime import timedelta

import pytest

from reconciler.errors import SpecError
from reconciler.model.application import Backoff, Retry
from reconciler.sync.retry import RetryPolicy, retry_policy


def waits(policy: RetryPolicy) -> list[float]:
    """Seconds before each retry, of the first ten."""
    found = []
    for retries in range(10):
        wait = policy.wait_after(retries)
        if wait is None:
            break
        found.append(wait.total_seconds())
    return found


def test_without_a_policy_only_automated_syncs_are_tried_again() -> None:
    assert waits(retry_policy(None, automated=True)) == [10, 20, 40, 80, 160]
    assert waits(retry_policy(None, automated=False)) == []


def test_the_command_lines_limit_counts() -> None:
    assert len(waits(retry_policy(None, automated=False, limit=2))) == 2
    assert len(waits(retry_policy(Retry(limit=1), automated=False, limit=3))) == 3
    assert waits(retry_policy(None, automated=True, limit=0)) == []


def test_the_applications_policy_is_for_both_kinds() -> None:
    retry = Retry(limit=3, backoff=Backoff(duration="1", factor=3, max_duration="20s"), refresh=True)
    for automated in (True, False):
        policy = retry_policy(retry, automated=automated)
        assert waits(policy) == [3, 9, 20]
        assert policy.refresh


def test_an_empty_policy_means_no_retry_even_if_automated() -> None:
    assert waits(retry_policy(Retry(), automated=True)) == []


def test_a_limit_below_zero_is_none() -> None:
    assert waits(retry_policy(Retry(limit=-1), automated=False)) == [10, 20, 40, 80, 160, 180, 180, 180, 180, 180]


@pytest.mark.parametrize(
    ("backoff", "expected"),
    [
        (Backoff(factor=1), [5, 5]),
        (Backoff(factor=0), [0, 0]),
        (Backoff(factor=-2), [0, 20]),
        (Backoff(duration="-5s"), [0, 0]),
        (Backoff(duration="0"), [0, 0]),
        (Backoff(duration="2m", max_duration="0"), [240, 480]),
        (Backoff(duration="2m"), [180, 180]),
        (Backoff(duration="1h", factor=10**9, max_duration="0"), [315360000, 315360000]),
    ],
)
def test_backoffs(backoff: Backoff, expected: list[float]) -> None:
    assert waits(retry_policy(Retry(limit=2, backoff=backoff), automated=False)) == expected


def test_a_huge_number_of_retries_does_not_overflow() -> None:
    policy = retry_policy(Retry(limit=-1, backoff=Backoff(factor=10**9, max_duration="0")), automated=False)
    assert policy.wait_before(10**6) == timedelta(days=3650)


def test_durations_that_are_none_come_together() -> None:
    retry = Retry(limit=1, backoff=Backoff(duration="soon", max_duration="1d"))
    with pytest.raises(SpecError) as error:
        retry_policy(retry, automated=True)
    assert [violation.path for violation in error.value.violations] == [
        "spec.syncPolicy.retry.backoff.duration",
        "spec.syncPolicy.retry.backoff.maxDuration",
    ]
