"""The lock of an Application, on every cluster: who gets it, and what it costs."""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.cluster import Discovery
from reconciler.cluster.connection import Access, Connection
from reconciler.cluster.lease import LockHeldError, ask_run_to_end, read_noted_head
from reconciler.cluster.lease_process import own_process
from reconciler.cluster.lease_record import LeaseRecord
from reconciler.errors import (
    ClusterError,
    ClusterUnreachableError,
    ForbiddenError,
    InvalidObjectError,
    NotFoundError,
    SyncError,
)
from tests.conformance.client import Client
from tests.reconciler.cluster.leases import Runs, Time, Watched, lease, path

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
OUT_OF_REACH = ClusterUnreachableError("cluster test cannot be reached")


def test_what_a_held_lease_says(runs: Runs, client: Client) -> None:
    lock = runs.lock(clock=lambda: NOON)
    lock.acquire()
    held = lease(client, runs.namespace)
    metadata, spec = held["metadata"], held["spec"]
    assert lock.place == f"Lease {runs.namespace}/gitops-nb.{runs.namespace}.shop"
    assert metadata["labels"] == {"app.kubernetes.io/managed-by": "gitops-nb"}
    assert metadata["annotations"] == {
        "gitops-nb/application": f"{runs.namespace}/shop",
        "gitops-nb/operation-id": "op-1",
        "gitops-nb/process": own_process(),
    }
    assert spec.pop("holderIdentity").startswith("alice_")
    assert spec == {
        "leaseDurationSeconds": 60,
        "acquireTime": "2026-03-01T12:00:00.000000Z",
        "renewTime": "2026-03-01T12:00:00.000000Z",
    }
    lock.release()
    assert lease(client, runs.namespace)["spec"]["holderIdentity"] == ""


def test_it_costs_two_requests(runs: Runs) -> None:
    costs = []
    for new in (True, False, True):
        watched = Watched(runs.connection)
        with runs.lock(connection=watched, new=new) as lock:
            for _ in range(50):
                lock.check()
        costs.append(watched.methods)
    assert costs == [["POST", "PATCH"], ["PATCH", "PATCH"], ["POST", "GET", "PATCH", "PATCH"]]


def test_the_first_lock_of_all_costs_one_more(runs: Runs) -> None:
    watched = Watched(runs.connection)
    with runs.lock(connection=watched):
        pass
    assert watched.methods == ["PATCH", "POST", "PATCH"]


def test_another_run_is_told_who_holds_it(runs: Runs) -> None:
    holders, time = Time(), Time()
    holder = runs.lock("op-1", clock=lambda: NOON + timedelta(seconds=holders.now - 1000), monotonic=holders)
    holder.acquire()

    def go_on() -> None:
        holders.now += 40
        holder.check()

    time.meanwhile = [lambda: None, go_on]
    with pytest.raises(LockHeldError) as caught:
        runs.lock("op-2", monotonic=time, wait=time.wait).acquire()
    assert time.waits == 2
    assert str(caught.value) == (
        f"{runs.namespace}/shop is locked by alice since 2026-03-01T12:00:00.000000Z (operation op-1); "
        "try again when that run has ended, or wait for it with wait_s"
    )
    assert isinstance(caught.value, SyncError)
    assert (caught.value.holder, caught.value.operation_id) == ("alice", "op-1")
    holder.check()


def test_another_run_waits_as_long_as_it_is_told(runs: Runs) -> None:
    holders, time = Time(), Time()
    clock = iter(NOON + timedelta(seconds=number) for number in range(100))
    holder = runs.lock("op-1", monotonic=holders, clock=lambda: next(clock))
    holder.acquire()

    def go_on() -> None:
        holders.now += 40
        holder.check()

    time.meanwhile = [go_on] * 12 + [holder.release]
    with runs.lock("op-2", monotonic=time, wait=time.wait, wait_s=300) as lock:
        lock.check()
    # One pause is a tenth of the duration.
    assert (time.now, time.waits) == (1000 + 13 * 6, 13)
    holder = runs.lock("op-3", monotonic=holders, clock=lambda: next(clock))
    holder.acquire()
    time.meanwhile = [go_on] * 40
    with pytest.raises(LockHeldError, match="operation op-3"):
        runs.lock("op-4", monotonic=time, wait=time.wait, wait_s=120).acquire()
    assert time.now == 1000 + 13 * 6 + 120


def test_a_released_lock_is_taken_at_once(runs: Runs) -> None:
    with runs.lock("op-1"):
        pass
    with runs.lock("op-2") as lock:
        lock.check()


def test_the_head_of_the_history_stays_on_the_lease(runs: Runs) -> None:
    def noted() -> str:
        return read_noted_head(runs.connection, runs.discovery, namespace=runs.namespace, application="shop")

    assert noted() == ""
    with runs.lock("op-1") as lock:
        assert lock.noted_head == ""
        lock.head = "d1"
    assert noted() == "d1"
    with runs.lock("op-2") as lock:
        assert lock.noted_head == "d1"
    # A run that wrote no history leaves it as it was.
    assert noted() == "d1"


class AnswersLost(Watched):
    """Every change is made, its answer lost, and the request repeated, as a connection does on a time-out."""

    def request(self, method: str, path: str, **how: Any) -> Any:
        if method in {"POST", "PATCH"}:
            super().request(method, path, **how)
        return super().request(method, path, **how)


def test_answers_that_are_lost(runs: Runs, caplog: pytest.LogCaptureFixture) -> None:
    time = Time()
    connection = AnswersLost(runs.connection)
    with caplog.at_level(logging.WARNING):
        for operation in ("op-1", "op-2"):
            with runs.lock(operation, connection=connection, monotonic=time) as lock:
                time.now += 40
                lock.check()
    with runs.lock("op-3") as lock:
        lock.check()
    assert not caplog.messages


class ActsAs:
    """The way to the API server of somebody else."""

    def __init__(self, access: Access, user: str) -> None:
        self._access, self.user = access, user
        self.server, self.pool = access.server, access.pool

    def headers(self) -> dict[str, str]:
        return {**self._access.headers(), "Impersonate-User": self.user}


def test_a_user_who_may_not_lock(runs: Runs) -> None:
    mallory = Connection(ActsAs(runs.connection._access, "mallory"), name="test")
    with pytest.raises(ForbiddenError) as caught:
        runs.lock(connection=mallory).acquire()
    name = f"gitops-nb.{runs.namespace}.shop"
    assert str(caught.value) == (
        f'{runs.namespace}/shop cannot be locked: leases.coordination.k8s.io "{name}" is forbidden: User "mallory" '
        f'cannot patch resource "leases" in API group "coordination.k8s.io" in the namespace "{runs.namespace}"; '
        f"a sync needs get, create and patch on leases.coordination.k8s.io in namespace {runs.namespace}"
    )
    assert caught.value.exit_status == 3


def test_an_application_that_only_a_file_holds(runs: Runs, client: Client) -> None:
    """Its namespace does not exist; its Lease still has a name of its own."""
    nowhere = f"{runs.namespace}-nowhere"
    name = f"gitops-nb.{nowhere}.shop"
    try:
        for operation in ("op-1", "op-2"):
            with runs.lock(operation, namespace=nowhere) as lock:
                lock.head = operation
                assert lock.place == f"Lease default/{name}"
                assert lease(client, "default", name)["metadata"]["annotations"]["gitops-nb/operation-id"] == operation
        assert read_noted_head(runs.connection, runs.discovery, namespace=nowhere, application="shop") == "op-2"
    finally:
        client.delete(path("default", name)).expect()


def test_the_lease_goes_with_its_application(runs: Runs, client: Client) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}}
    owner = client.create(f"/api/v1/namespaces/{runs.namespace}/configmaps", body).expect(201)
    with runs.lock(owner={"apiVersion": "v1", "kind": "ConfigMap", **owner}):
        (reference,) = lease(client, runs.namespace)["metadata"]["ownerReferences"]
        assert (reference["kind"], reference["uid"]) == ("ConfigMap", owner["metadata"]["uid"])
        assert "blockOwnerDeletion" not in reference


def test_a_lease_that_others_have_changed(runs: Runs, client: Client) -> None:
    """Its annotations are gone, so that it cannot be taken without a look; they do not stay away."""
    with runs.lock("op-1"):
        pass
    client.patch(path(runs.namespace), {"metadata": {"annotations": None}, "spec": None}).expect()
    with runs.lock("op-2") as lock:
        lock.check()
        assert lease(client, runs.namespace)["metadata"]["annotations"]["gitops-nb/operation-id"] == "op-2"


def test_an_api_server_that_refuses_every_change(runs: Runs) -> None:
    with runs.lock("op-1"):
        pass
    watched = Watched(runs.connection)

    def refuse(method: str) -> None:
        if method == "PATCH":
            watched.methods.append("refused")
            raise InvalidObjectError("denied by a webhook", status=422)

    watched.before = refuse
    with pytest.raises(SyncError, match=r"cannot be locked: the API server refuses to change Lease test-"):
        runs.lock("op-2", connection=watched).acquire()
    assert watched.methods == ["refused", "GET", "refused", "GET"]


def test_a_cluster_that_serves_no_leases(runs: Runs) -> None:
    without = replace(runs, discovery=Discovery(()))
    with pytest.raises(NotFoundError, match="no lock without Leases: "):
        without.lock().acquire()


def test_an_error_in_the_block_gives_the_lock_back(runs: Runs, client: Client) -> None:
    with pytest.raises(ClusterError), runs.lock():
        raise ClusterError("boom")
    assert lease(client, runs.namespace)["spec"]["holderIdentity"] == ""


def test_a_run_is_asked_to_end_and_sees_it_when_it_renews(runs: Runs) -> None:
    asked: list[str] = []
    now = Time()
    lock = runs.lock("op-7", monotonic=now, on_asked_to_end=lambda: asked.append("end"))
    assert ask(runs) is None
    lock.acquire()
    found = ask(runs)
    assert found is not None
    assert (found.operation_id, found.holder) == ("op-7", "alice")
    lock.check()
    assert asked == []
    now.now += 40
    lock.check()
    assert asked == ["end"]
    lock.release()
    assert ask(runs) is None
    # What was asked of one run is not asked of the next.
    later = runs.lock("op-8", monotonic=now, on_asked_to_end=lambda: asked.append("again"))
    later.acquire()
    now.now += 40
    later.check()
    assert asked == ["end"]


def ask(runs: Runs) -> LeaseRecord | None:
    return ask_run_to_end(runs.connection, runs.discovery, namespace=runs.namespace, application="shop")
