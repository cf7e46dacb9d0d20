"""The options by which a failed sync is tried again."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.errors import SpecError, UsageError

if TYPE_CHECKING:
    from reconciler.model import Application
    from reconciler.sync.retry import RetryPolicy

RetryLimit = Annotated[
    int | None,
    typer.Option(
        "--retry-limit", help="How often a failed sync is tried again; below 0 without end. Else as its spec says."
    ),
]
RetryBackoffDuration = Annotated[
    str | None,
    typer.Option("--retry-backoff-duration", metavar="DURATION", help="What the waits grow from, such as 5s."),
]
RetryBackoffMaxDuration = Annotated[
    str | None, typer.Option("--retry-backoff-max-duration", metavar="DURATION", help="The longest wait, such as 3m.")
]
RetryBackoffFactor = Annotated[
    int | None, typer.Option("--retry-backoff-factor", help="By what each wait is longer than the one before.", min=1)
]
RetryRefresh = Annotated[
    bool, typer.Option("--retry-refresh", help="Try the newest revision again, not the one that failed.")
]


@dataclass(frozen=True, slots=True)
class RetryWords:
    """The options as they were given; None where they were not."""

    limit: int | None = None
    duration: str | None = None
    max_duration: str | None = None
    factor: int | None = None
    refresh: bool = False

    def policy(self, application: "Application") -> "RetryPolicy":
        """The policy of an Application with what was given in its place.

        Raises
        ------
        UsageError
            For a duration that is none, and for a backoff without retries.
        SpecError
            For an Application whose policy cannot be read.
        """
        from reconciler.model.application import Backoff, Retry
        from reconciler.sync.retry import retry_policy

        there = application.spec.sync_policy.retry
        if self == RetryWords():
            return retry_policy(there, automated=False)
        if self.limit is None and there is None:
            raise UsageError("there are no retries to say more about; say how many with --retry-limit")
        base = there or Retry()
        backoff = base.backoff or Backoff()
        merged = Retry(
            limit=base.limit if self.limit is None else self.limit,
            backoff=Backoff(
                duration=self.duration or backoff.duration,
                factor=self.factor if self.factor is not None else backoff.factor,
                max_duration=self.max_duration or backoff.max_duration,
            ),
            refresh=self.refresh or base.refresh,
        )
        try:
            return retry_policy(merged, automated=False)
        except SpecError as error:
            if not (self.duration or self.max_duration):
                raise
            raise UsageError("; ".join(violation.message for violation in error.violations)) from error
