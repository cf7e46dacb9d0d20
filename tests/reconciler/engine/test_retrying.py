"""Attempts of one operation are apart as long as the policy says, whatever the wall clock does meanwhile."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.engine import Reconciler
from reconciler.engine.requests import SyncRequest
from reconciler.engine.stopping import Stopping
from reconciler.history import open_store
from reconciler.sync.records import SyncResult
from reconciler.sync.retry import RetryPolicy
from tests.reconciler.engine.families import Family, family

__all__ = ["family"]

REFUSED = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {value: 1}\n"
HOOK = """\
apiVersion: batch/v1
kind: Job
metadata: {generateName: before-, annotations: {argocd.argoproj.io/hook: PreSync}}
spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: b, command: ["false"]}]}}, backoffLimit: 0}
"""
POLICY = RetryPolicy(wait=timedelta(seconds=4), factor=3)


class Waits(Stopping):
    """Waits are noted, and over at once."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return False


class Jumping:
    """A clock that is put forward or back whenever it is read."""

    def __init__(self, by: timedelta) -> None:
        self._by = by
        self._shown = datetime(2026, 3, 1, 12, 0, 0, 250_000, UTC)

    def __call__(self) -> datetime:
        self._shown += self._by
        return self._shown


def run(
    family: Family, clock: Callable[[], datetime], folder: Path, *, limit: int = 3
) -> tuple[SyncResult, list[float]]:
    with open_store(f"sqlite:///{folder}/history.db") as store:
        engine = Reconciler(family.engine.connection, sources=family.engine.sources, store=store)
        engine.clock = clock
        waits = Waits()
        request = SyncRequest(retry=replace(POLICY, limit=limit), stopping=waits)
        outcome = engine.run_sync(engine.reconcile(family.root()), request)
        assert [record.attempt for record in store.records()] == list(range(limit + 1, 0, -1))
        return outcome.result, waits.seconds


@pytest.mark.parametrize(
    "by", [timedelta(hours=-1), timedelta(hours=1), timedelta(0)], ids=["back", "forward", "still"]
)
def test_a_wait_is_as_long_as_the_policy_says(family: Family, by: timedelta, tmp_path: Path) -> None:
    family.write({"apps/all.yaml": REFUSED})
    result, waits = run(family, Jumping(by), tmp_path)
    assert (result.phase, waits) == ("Failed", [12.0, 36.0, 108.0])


def test_names_made_from_the_time_differ_also_by_a_clock_that_stands_still(family: Family, tmp_path: Path) -> None:
    family.write({"apps/all.yaml": HOOK})
    result, waits = run(family, Jumping(timedelta(0)), tmp_path, limit=1)
    assert waits == [12.0, 0.75]
    jobs = family.client.get("/apis/batch/v1/namespaces/default/jobs").expect()["items"]
    assert [job["metadata"]["name"].rpartition("-")[2] for job in jobs] == ["1772366400", "1772366401"]
    assert [entry.key.name for entry in result.results] == [jobs[-1]["metadata"]["name"]]
