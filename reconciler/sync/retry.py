"""Retries of a failed sync: how often, and how far apart.

Source: RetryStrategy and NextRetryAt in pkg/apis/application/v1alpha1/types.go, autoSync and processRequestedAppOperation in
controller/appcontroller.go, and the sync call of server/application/application.go of Argo CD 3.6.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from reconciler.errors import SpecError, Violation
from reconciler.model.application import Retry
from reconciler.sync.durations import parse_seconds_or_duration

AUTOMATED_LIMIT: Final = 5
"""Retries of an automated sync where the Application says nothing; a manual one has none then."""
DEFAULT_WAIT: Final = timedelta(seconds=5)
DEFAULT_FACTOR: Final = 2
DEFAULT_MAX_WAIT: Final = timedelta(minutes=3)
UNLIMITED: Final = -1
_LONGEST_WAIT_S: Final = 10.0 * 365 * 86400
"""Where ``maxDuration`` is 0, which is none, the wait grows beyond what a date can hold."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How a failed operation is tried again.

    A ``limit`` below zero is no limit. ``refresh``: a retry resolves the target revision again rather than trying the same
    commit. ``max_wait`` of zero or less is no limit.
    """

    limit: int = 0
    wait: timedelta = DEFAULT_WAIT
    factor: int = DEFAULT_FACTOR
    max_wait: timedelta = DEFAULT_MAX_WAIT
    refresh: bool = False

    def may_retry(self, retries: int) -> bool:
        """Whether one more may follow ``retries`` retries."""
        return self.limit < 0 or retries < self.limit

    def wait_before(self, retry: int) -> timedelta:
        """How long to wait before a retry; the first is 1.

        Upstream counts the retry before it waits: the first wait is ``duration`` times ``factor``, ten seconds by default, and
        not ``duration``, as the comment there says.
        """
        try:
            seconds = self.wait.total_seconds() * float(self.factor) ** retry
        except OverflowError:
            seconds = _LONGEST_WAIT_S
        if self.max_wait > timedelta():
            seconds = min(seconds, self.max_wait.total_seconds())
        return timedelta(seconds=max(0.0, min(seconds, _LONGEST_WAIT_S)))

    def wait_after(self, retries: int) -> timedelta | None:
        """How long to wait after an attempt that failed just now; None when there is no retry left.

        A time to wait for would be another one as soon as the clock is set; upstream has one (NextRetryAt).

        Parameters
        ----------
        retries
            Retries that were made before; 0 after the first attempt of all.
        """
        return self.wait_before(retries + 1) if self.may_retry(retries) else None


def retry_policy(retry: Retry | None, *, automated: bool, limit: int | None = None) -> RetryPolicy:
    """The policy of ``spec.syncPolicy.retry``.

    Parameters
    ----------
    automated
        Without a policy an automated sync is tried `AUTOMATED_LIMIT` times again, a manual one not at all.
    limit
        In place of the Application's, such as that of a command line; below zero is no limit.

    Raises
    ------
    SpecError
        For durations that are none, with every violation.
    """
    if retry is None:
        return RetryPolicy(limit=limit if limit is not None else AUTOMATED_LIMIT if automated else 0)
    violations: list[Violation] = []
    backoff = retry.backoff
    wait = _duration(backoff.duration if backoff else "", DEFAULT_WAIT, "duration", violations)
    max_wait = _duration(backoff.max_duration if backoff else "", DEFAULT_MAX_WAIT, "maxDuration", violations)
    factor = backoff.factor if backoff and backoff.factor is not None else DEFAULT_FACTOR
    if violations:
        raise SpecError("retry", violations)
    return RetryPolicy(retry.limit if limit is None else limit, wait, factor, max_wait, retry.refresh)


def _duration(text: str, default: timedelta, field: str, violations: list[Violation]) -> timedelta:
    if not text:
        return default
    try:
        return parse_seconds_or_duration(text)
    except ValueError as error:
        violations.append(Violation(f"spec.syncPolicy.retry.backoff.{field}", str(error)))
        return default
