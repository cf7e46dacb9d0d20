"""The options by which a failed sync is tried again."""

from datetime import timedelta
from typing import Any

import pytest

from reconciler.cli.retrying import RetryWords
from reconciler.errors import SpecError, UsageError
from reconciler.model import Application, parse_application


def application(retry: dict[str, Any] | None = None) -> Application:
    return parse_application(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "shop"},
            "spec": {
                "project": "default",
                "destination": {"name": "in-cluster"},
                "source": {"repoURL": "https://git.example/shop", "path": "app"},
                "syncPolicy": {"retry": retry} if retry else {},
            },
        }
    )


SPEC = {"limit": 4, "backoff": {"duration": "7s", "factor": 3, "maxDuration": "1m"}, "refresh": True}
POLICIES: dict[str, tuple[RetryWords, dict[str, Any] | None, tuple[int, float, int, float, bool]]] = {
    "nothing said": (RetryWords(), None, (0, 5, 2, 180, False)),
    "as the spec says": (RetryWords(), SPEC, (4, 7, 3, 60, True)),
    "a limit": (RetryWords(limit=2), None, (2, 5, 2, 180, False)),
    "a limit in place of the spec's": (RetryWords(limit=0), SPEC, (0, 7, 3, 60, True)),
    "a wait beside the spec's": (RetryWords(duration="1m"), SPEC, (4, 60, 3, 60, True)),
    "everything": (RetryWords(-1, "2s", "1h", 5, refresh=True), None, (-1, 2, 5, 3600, True)),
}


@pytest.mark.parametrize(("words", "spec", "expected"), POLICIES.values(), ids=POLICIES)
def test_the_policy(
    words: RetryWords, spec: dict[str, Any] | None, expected: tuple[int, float, int, float, bool]
) -> None:
    policy = words.policy(application(spec))
    limit, wait_s, factor, longest_s, refresh = expected
    assert (policy.limit, policy.factor, policy.refresh) == (limit, factor, refresh)
    assert (policy.wait, policy.max_wait) == (timedelta(seconds=wait_s), timedelta(seconds=longest_s))


def test_what_is_refused() -> None:
    with pytest.raises(UsageError, match="say how many with --retry-limit"):
        RetryWords(duration="5s").policy(application())
    with pytest.raises(UsageError, match=r"^'5x' is not a duration such as 30s, 5m or 1h30m$"):
        RetryWords(limit=1, duration="5x").policy(application())
    with pytest.raises(SpecError, match="'9x' is not a duration"):
        RetryWords().policy(application({"limit": 1, "backoff": {"duration": "9x"}}))
