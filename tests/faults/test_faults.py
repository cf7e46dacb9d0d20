"""What goes wrong in the cluster while a run is at work (threats.md, part 2); the row is in the test's id."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.history import open_store
from reconciler.sandbox import Sandbox
from reconciler.sandbox.faults import ALWAYS, STORAGE_FULL, Cut, Delay, Expire, Fault, Lag, Refuse, Repeat, Reset
from tests.faults.harness import Cluster
from tests.faults.invariants import check, check_bounds, check_hooks, check_left, check_operations
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.stage import IDLE_S, LEASE_S, PAGE

WEBHOOK = 'Internal error occurred: failed calling webhook "guard.example.com": context deadline exceeded'


@dataclass(frozen=True)
class Row:
    """Faults, how the run ends that meets them, and words of what it says.

    ``met`` is how often the first fault's requests must have come at least. ``exits`` are exit statuses; more than one where
    the fault hits what may be repeated or not.
    """

    id: str
    scenario: str
    faults: Sequence[Fault]
    exits: tuple[int, ...] = (0,)
    says: str = ""
    phase: str = ""
    variables: tuple[tuple[str, str], ...] = ()


def sandbox_of(cluster: Cluster) -> Sandbox:
    assert cluster.sandbox is not None
    return cluster.sandbox


LATE = tuple({IDLE_S: "0.5"}.items())
PAGED = tuple({PAGE: "2"}.items())
ROWS = [
    Row("02-unreachable-from-the-start", "waves", [Fault(Reset(), times=ALWAYS)], (4,), "cannot be reached"),
    Row("03-watch-cut", "waves", [Fault(Cut(), "watch", "deployments", times=3)]),
    Row("03-watch-cut-after-an-event", "hooks", [Fault(Cut(after=1), "watch", "jobs", times=3)]),
    Row("03-watch-silent", "waves", [Fault(Cut(silent=True), "watch", "deployments", times=2)], variables=LATE),
    Row("03-watch-of-a-hook-silent", "hooks", [Fault(Cut(silent=True), "watch", "jobs", times=2)], variables=LATE),
    Row("03-watch-refused", "waves", [Fault(Refuse(503), "watch", times=3)]),
    Row("04-watch-410-as-an-event", "waves", [Fault(Expire(), "watch", "deployments", times=2)]),
    Row("04-watch-410-after-an-event", "hooks", [Fault(Expire(after=1), "watch", "jobs", times=2)]),
    Row("04-watch-410-as-the-answer", "hooks", [Fault(Refuse(410, reason="Expired"), "watch", times=2)]),
    Row(
        "04-page-410",
        "waves",
        [Fault(Refuse(410, reason="Expired"), "list", "configmaps", having="continue")],
        variables=PAGED,
    ),
    Row("05-stale-list", "waves", [Fault(Lag(4), "list", "deployments", at=2, times=2)]),
    Row("05-stale-list-of-hooks", "hooks", [Fault(Lag(3), "list", "jobs", at=2, times=3)]),
    Row("05-late-events", "waves", [Fault(Delay(0.3), "watch", "deployments", times=2)]),
    Row("06-repeated-events", "waves", [Fault(Repeat(3), "watch", times=ALWAYS)]),
    Row("06-repeated-events-of-hooks", "hooks", [Fault(Repeat(3), "watch", times=ALWAYS)]),
    Row("06-repeated-events-of-prunes", "deletion", [Fault(Repeat(3), "watch", times=ALWAYS)]),
    Row("07-retry-after", "waves", [Fault(Refuse(429, retry_after_s=1), "patch", "configmaps")]),
    Row("07-retry-after-lists", "waves", [Fault(Refuse(429, retry_after_s=1), "list", times=2)]),
    *(
        Row(f"08-{status}-at-{verb}-{at}", scenario, [Fault(Refuse(status), verb, at=at)], exits, phase=phase)
        for status, exits, phase in ((500, (0, 1, 4), "any"), (503, (0,), ""), (504, (0,), ""))
        for scenario, verb, at in (
            ("waves", "list", 1),
            ("waves", "patch", 3),
            ("waves", "delete", 1),
            ("hooks", "create", 1),
            ("hooks", "get", 4),
        )
    ),
    Row("08-burst-of-503", "waves", [Fault(Refuse(503), "write", at=2, times=3)]),
    *(
        Row(
            f"09-answer-lost-{scenario}-{verb}-{resource}-{at}",
            scenario,
            [Fault(Reset(committed=True), verb, resource, at=at)],
        )
        for scenario, verb, resource, at in (
            ("waves", "patch", "configmaps", 1),
            ("waves", "patch", "deployments", 1),
            ("waves", "delete", "configmaps", 1),
            ("waves", "delete", "configmaps", 2),
            ("waves", "create", "leases", 1),
            ("waves", "patch", "leases", 1),
            ("waves", "patch", "applications", 1),
            ("hooks", "patch", "applications", 1),
            ("hooks", "create", "jobs", 1),
            ("hooks", "create", "jobs", 2),
            ("hooks", "create", "jobs", 4),
            ("hooks", "patch", "jobs", 1),
            ("hooks", "delete", "jobs", 1),
            ("family", "patch", "customresourcedefinitions", 1),
            ("family", "patch", "namespaces", 1),
            ("family", "patch", "applications", 1),
            ("deletion", "patch", "applications", 1),
            ("deletion", "delete", "applications", 1),
            ("deletion", "patch", "applications", 2),
            ("deletion", "create", "jobs", 1),
        )
    ),
    Row("10-conflict-at-an-apply", "waves", [Fault(Refuse(409, reason="Conflict"), "patch", "configmaps", times=3)]),
    Row("10-conflict-at-a-finalizer", "hooks", [Fault(Refuse(409, reason="Conflict"), "patch", "jobs", times=3)]),
    Row("10-conflict-at-a-prune", "waves", [Fault(Refuse(409, reason="Conflict"), "delete", "configmaps", times=2)]),
    Row(
        "11-forbidden-in-mid-run",
        "waves",
        [Fault(Refuse(403, 'services "web" is forbidden: no more', "Forbidden"), "patch", "services", times=ALWAYS)],
        (1,),
        'services "web" is forbidden: no more',
        "Failed",
    ),
    Row(
        "11-forbidden-to-create-a-hook",
        "hooks",
        [Fault(Refuse(403, "jobs is forbidden: no more", "Forbidden"), "create", "jobs", at=2, times=ALWAYS)],
        (1,),
        "jobs is forbidden: no more",
        "Failed",
    ),
    Row("12-admission-slow", "waves", [Fault(Delay(1.0), "patch", "configmaps", times=2)]),
    Row(
        "12-admission-down",
        "waves",
        [Fault(Refuse(500, WEBHOOK), "patch", "services", times=ALWAYS)],
        (1,),
        'failed calling webhook "guard.example.com"',
        "Failed",
    ),
    Row(
        "12-admission-without-dry-run",
        "waves",
        [Fault(Refuse(400, "admission webhook does not support dry run"), "patch", "services", dry_run=True)],
        (1,),
        "does not support dry run",
        "Failed",
    ),
    *(
        Row(
            f"13-storage-full-{scenario}-{at}",
            scenario,
            [
                Fault(Refuse(500, STORAGE_FULL), verb, resource, at=at, times=ALWAYS)
                for verb, resource in (("patch", "configmaps"), ("create", "jobs"), ("patch", "services"))
            ],
            (1,),
            "database space exceeded",
            "Failed",
        )
        for scenario, at in (("waves", 1), ("waves", 2), ("hooks", 1))
    ),
    Row(
        "15-too-large",
        "waves",
        [Fault(Refuse(413, "Request entity too large: limit is 3145728"), "patch", "configmaps", dry_run=True)],
        (1,),
        "Request entity too large",
        "Failed",
    ),
    Row(
        "15-too-large-for-etcd",
        "waves",
        [Fault(Refuse(500, "etcdserver: request is too large"), "patch", "services", times=ALWAYS)],
        (1,),
        "request is too large",
        "Failed",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_row(sandboxed: Cluster, tmp_path: Path, row: Row) -> None:
    scenario = SCENARIOS[row.scenario]
    outcome = sandboxed.outcome(scenario, tmp_path / "undisturbed")
    faults = sandbox_of(sandboxed).faults
    with sandboxed.case(scenario, tmp_path / "case") as case:
        faults.set(*row.faults)
        ended = case.run(**dict(row.variables))
        met = faults.met()
        faults.set()
        assert any(count >= fault.at for count, fault in zip(met, row.faults, strict=True)), f"not met: {met}"
        assert ended.status in row.exits, ended.errors
        assert row.says in ended.output + ended.errors
        check_bounds(case, ended)
        if row.phase == "Failed":
            check_operations(case, ended, phase="Failed")
            check_left(case)
        check(case, outcome, case.run())


@pytest.mark.parametrize("point", ["dry-run:1", "apply-sent:2", "wave-end:1", "prune-before:1", "status-write:1"])
@pytest.mark.parametrize("down_s", [0.0, 1.0], ids=["at-once", "down-for-a-second"])
def test_01_restart_in_the_middle(sandboxed: Cluster, tmp_path: Path, point: str, down_s: float) -> None:
    outcome = sandboxed.outcome(SCENARIOS["waves"], tmp_path / "undisturbed")
    with sandboxed.case(SCENARIOS["waves"], tmp_path / "case") as case:
        run = case.start(point=f"stop:{point}")
        assert run.wait().halted
        sandbox_of(sandboxed).restart(down_s=down_s)
        run.signal(signal.SIGCONT)
        ended = run.wait()
        assert ended.status == 0, ended.errors
        case.await_cluster()
        check_operations(case, ended)
        check(case, outcome, case.run())


@pytest.mark.parametrize("point", ["hook-wait:1", "hook-create:2", "hook-finalizer:1"])
def test_01_restart_while_hooks_run(sandboxed: Cluster, tmp_path: Path, point: str) -> None:
    outcome = sandboxed.outcome(SCENARIOS["hooks"], tmp_path / "undisturbed")
    with sandboxed.case(SCENARIOS["hooks"], tmp_path / "case") as case:
        run = case.start(point=f"stop:{point}")
        assert run.wait().halted
        sandbox_of(sandboxed).restart(down_s=0.5)
        run.signal(signal.SIGCONT)
        ended = run.wait()
        assert ended.status == 0, ended.errors
        case.await_cluster()
        check(case, outcome, case.run())


def test_10_an_object_that_took_the_name_is_not_pruned(sandboxed: Cluster, tmp_path: Path) -> None:
    with sandboxed.case(SCENARIOS["waves"], tmp_path / "case") as case:
        run = case.start(point="stop:prune-before:1")
        assert run.wait().halted
        path = case.path("ConfigMap", "old-early")
        before = case.client.get(path).expect()["metadata"]["uid"]
        case.client.delete(path).expect()
        case.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "old-early"}}, manager="somebody")
        run.signal(signal.SIGCONT)
        ended = run.wait()
        assert ended.status == 0, ended.errors
        assert case.client.get(path).expect()["metadata"]["uid"] != before
        check_operations(case, ended)
        check_left(case)


def test_10_a_hook_of_that_name_by_somebody_else(sandboxed: Cluster, tmp_path: Path) -> None:
    """It came after the plan was made: it is not taken for this operation's, and not run a second time either."""
    with sandboxed.case(SCENARIOS["hooks"], tmp_path / "case") as case:
        run = case.start(point="stop:hook-create:3")
        assert run.wait().halted
        job = case.client.get(case.path("Job", "migrate"))
        assert job.status == 404
        spec = {
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "busybox:1"}]}}
        }
        case.client.create(case.path("Job"), {"metadata": {"name": "migrate"}, "spec": spec}).expect(201)
        run.signal(signal.SIGCONT)
        ended = run.wait()
        assert ended.status == 1
        assert "exists and is not of this operation; sync again" in ended.output + ended.errors
        check_operations(case, ended, phase="Failed")
        again = case.run()
        assert again.status == 0, again.errors
        check_operations(case, again)
        check_hooks(case)


def test_14_restored_from_an_older_backup(sandboxed: Cluster, tmp_path: Path) -> None:
    """Versions go backwards: the next run compares afresh and does the work again."""
    outcome = sandboxed.outcome(SCENARIOS["waves"], tmp_path / "undisturbed")
    with sandboxed.case(SCENARIOS["waves"], tmp_path / "case") as case:
        saved = sandbox_of(sandboxed).save()
        assert case.run().status == 0
        sandbox_of(sandboxed).restore(saved)
        case.await_cluster()
        assert case.client.get(case.path("ConfigMap", "settings")).expect()["data"]["version"] == "v1"
        ended = case.run()
        assert ended.status == 0, ended.errors
        assert case.state() == outcome.state
        check_left(case)


def test_14_restored_in_the_middle(sandboxed: Cluster, tmp_path: Path) -> None:
    outcome = sandboxed.outcome(SCENARIOS["waves"], tmp_path / "undisturbed")
    with sandboxed.case(SCENARIOS["waves"], tmp_path / "case") as case:
        saved = sandbox_of(sandboxed).save()
        run = case.start(point="stop:wave-end:1")
        assert run.wait().halted
        sandbox_of(sandboxed).restore(saved)
        case.await_cluster()
        run.signal(signal.SIGCONT)
        first = run.wait()
        assert "Traceback" not in first.errors
        ended = case.run()
        assert ended.status == 0, ended.errors
        assert case.state() == outcome.state
        check_left(case)


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT], ids=["terminate", "interrupt"])
@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("waves", "fetch:1"),
        ("waves", "lock:2"),
        ("waves", "record-begin:2"),
        ("waves", "dry-run:1"),
        ("waves", "apply-before:1"),
        ("waves", "apply-sent:2"),
        ("waves", "wave-end:1"),
        ("waves", "prune-after:1"),
        ("hooks", "hook-create:2"),
        ("hooks", "hook-wait:1"),
        ("hooks", "hook-finalizer:1"),
        ("hooks", "apply-after:1"),
        ("family", "namespace:1"),
        ("deletion", "prune-after:1"),
        ("deletion", "hook-wait:1"),
    ],
    ids=str,
)
def test_22_stopped_by_a_signal(
    sandboxed: Cluster, tmp_path: Path, name: str, point: str, sent: signal.Signals
) -> None:
    """Nothing new is begun, the outcome is recorded, the lock is given back, all within 5 s; the next run does the rest."""
    outcome = sandboxed.outcome(SCENARIOS[name], tmp_path / "undisturbed")
    with sandboxed.case(SCENARIOS[name], tmp_path / "case") as case:
        run = case.start(point=f"stop:{point}")
        assert run.wait().halted
        run.signal(sent)
        run.signal(signal.SIGCONT)
        begun = time.monotonic()
        ended = run.wait()
        assert time.monotonic() - begun < 5
        assert ended.status == 130, (ended.status, ended.errors)
        assert ended.errors.splitlines()[-1] == "interrupted"
        check_bounds(case, ended)
        check_left(case)
        with open_store(f"sqlite:///{case.folder}/history.db") as store:
            assert [record.phase for record in store.records() if record.phase == "Running"] == []
        check(case, outcome, case.run())


def test_23_two_runs_at_once(sandboxed: Cluster, tmp_path: Path) -> None:
    """The second says who is at it, and since when."""
    outcome = sandboxed.outcome(SCENARIOS["hooks"], tmp_path / "undisturbed")
    with sandboxed.case(SCENARIOS["hooks"], tmp_path / "case") as case:
        first = case.start(point="stop:hook-wait:1", **{LEASE_S: "30"})
        assert first.wait().halted
        second = case.start(**{LEASE_S: "3"})
        first.signal(signal.SIGCONT)
        ended = second.wait()
        assert first.wait().status == 0
        if ended.status != 0:
            assert " is locked by " in ended.errors
            assert " since 20" in ended.errors
        check(case, outcome, case.run())


@pytest.mark.parametrize("point", ["apply-before:1", "wave-end:1", "prune-before:1", "record-end:1"])
def test_23_halted_longer_than_its_lease(sandboxed: Cluster, tmp_path: Path, point: str) -> None:
    """Another run takes the lock and does the work; what the halted one does when it goes on changes nothing."""
    overtaken(sandboxed, SCENARIOS["waves"], tmp_path, point)


@pytest.mark.parametrize("point", ["hook-create:2", "hook-wait:2", "hook-finalizer:1", "wave-end:2", "hook-create:4"])
def test_23_halted_longer_than_its_lease_at_a_hook(sandboxed: Cluster, tmp_path: Path, point: str) -> None:
    overtaken(sandboxed, SCENARIOS["hooks"], tmp_path, point)


@pytest.mark.parametrize(("point", "name"), [("hook-create:1", "Job/before-"), ("hook-create:5", "Job/during")])
def test_23_halted_between_its_last_check_and_the_creation_of_a_hook(
    sandboxed: Cluster, tmp_path: Path, point: str, name: str
) -> None:
    """Nothing in Kubernetes can refuse this request; the run sees at once that it came too late, and takes it back."""
    overtaken(sandboxed, SCENARIOS["hooks"], tmp_path, point, withdrawn=name)


def overtaken(cluster: Cluster, scenario: Scenario, folder: Path, point: str, *, withdrawn: str = "") -> None:
    outcome = cluster.outcome(scenario, folder / "undisturbed")
    with cluster.case(scenario, folder / "case") as case:
        halted = case.start(point=f"stop:{point}", **{LEASE_S: "1"})
        assert halted.wait().halted
        second = case.run(**{LEASE_S: "1"})
        assert second.status == 0, second.errors
        versions = case.managed_versions()
        halted.signal(signal.SIGCONT)
        late = halted.wait()
        check_bounds(case, late)
        assert case.managed_versions() == versions, "the late run wrote"
        case.withdrawn |= {withdrawn}
        check(case, outcome, case.run())


def test_24_argo_cd_is_asked_for_an_operation(sandboxed: Cluster, tmp_path: Path) -> None:
    outcome = sandboxed.outcome(SCENARIOS["waves"], tmp_path / "undisturbed")
    with sandboxed.case(SCENARIOS["waves"], tmp_path / "case") as case:
        path, versions = case.path("Application", "shop"), case.managed_versions()
        case.client.patch(path, {"operation": {"sync": {"revision": "main"}}}).expect()
        refused = case.run()
        assert refused.status == 1
        assert "Argo CD is at an operation of its own (requested)" in refused.errors
        assert case.managed_versions() == versions
        case.client.patch(path, {"operation": None}).expect()
        check(case, outcome, case.run())


def test_33_a_definition_that_goes_in_mid_run(sandboxed: Cluster, tmp_path: Path) -> None:
    """Its objects fail, the others go on, and nothing counts as deleted."""
    outcome = sandboxed.outcome(SCENARIOS["family"], tmp_path / "undisturbed")
    with sandboxed.case(SCENARIOS["family"], tmp_path / "case") as case:
        run = case.start(point="stop:namespace:1")
        assert run.wait().halted
        definition = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.{case.namespace}.example.com"
        case.client.delete(definition).expect()
        run.signal(signal.SIGCONT)
        ended = run.wait()
        assert ended.status == 1
        check_bounds(case, ended)
        check(case, outcome, case.run())


def test_34_held_by_a_finalizer_of_somebody(sandboxed: Cluster, tmp_path: Path) -> None:
    """The run waits to its limit and names the finalizer; it removes none."""
    outcome = sandboxed.outcome(SCENARIOS["waves"], tmp_path / "undisturbed")
    with sandboxed.case(SCENARIOS["waves"], tmp_path / "case") as case:
        path = case.path("ConfigMap", "old-late")
        case.client.patch(path, {"metadata": {"finalizers": ["example.com/mine"]}}).expect()
        ended = case.run(words=(*case.scenario.words, "--timeout", "2"))
        assert ended.status == 1
        assert "example.com/mine" in ended.output + ended.errors
        check_operations(case, ended, phase="Failed")
        assert case.client.get(path).expect()["metadata"]["finalizers"] == ["example.com/mine"]
        case.client.patch(path, {"metadata": {"finalizers": None}}).expect()
        check(case, outcome, case.run())


def test_36_an_immutable_field_in_the_middle(sandboxed: Cluster, tmp_path: Path) -> None:
    """Nothing is written at all: the dry run tells before."""
    outcome = sandboxed.outcome(SCENARIOS["waves"], tmp_path / "undisturbed")
    with sandboxed.case(SCENARIOS["waves"], tmp_path / "case") as case:
        versions = case.managed_versions()
        good = (case.origin.path / "app" / "all.yaml").read_text()
        case.origin.commit({"app/all.yaml": good.replace("app: web", "app: other")})
        ended = case.run()
        assert ended.status == 1
        assert "field is immutable" in ended.output
        check_operations(case, ended, phase="Failed")
        assert case.managed_versions() == versions
        case.origin.commit({"app/all.yaml": good})
        check(case, outcome, case.run())


def test_26_pushed_while_it_runs(sandboxed: Cluster, tmp_path: Path) -> None:
    """The run keeps the commit that it began with."""
    with sandboxed.case(SCENARIOS["waves"], tmp_path / "case") as case:
        began = case.origin.head
        run = case.start(point="stop:apply-before:1")
        assert run.wait().halted
        case.origin.commit({"app/all.yaml": ""})
        case.origin.git("gc", "--quiet", "--prune=now")
        run.signal(signal.SIGCONT)
        ended = run.wait()
        assert ended.status == 0, ended.errors
        status = case.client.get(case.path("Application", "shop")).expect()["status"]
        assert status["operationState"]["syncResult"]["revision"] == began
        assert case.client.get(case.path("ConfigMap", "last")).expect()["data"] == {"version": "v2"}
        check_left(case)
