"""What happens to the cluster while a run stands at a point (threats.md, part 2); the row is in the test's name."""

import signal
import time
from pathlib import Path

import pytest

from reconciler.history import open_store
from tests.faults.harness import Cluster, sandbox_of
from tests.faults.invariants import check, check_bounds, check_hooks, check_left, check_operations
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.stage import LEASE_S


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
