"""An aggregated API whose server does not answer (threats.md, row 33): its objects are unknown, which is not the same as gone."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox import Sandbox
from reconciler.sandbox.faults import ALWAYS, Fault, Refuse, Stale
from tests.faults.harness import Case, Cluster
from tests.faults.invariants import check, check_bounds, check_left
from tests.faults.scenarios import SCENARIOS
from tests.faults.stage import BACKOFF_S, ESTABLISHED_S

DOWN = "the server is currently unable to handle the request"
FAMILY = SCENARIOS["family"]
QUICK = {BACKOFF_S: "0.01", ESTABLISHED_S: "0.3"}


def take_down(sandbox: Sandbox | None, case: Case, *, kinds: bool) -> None:
    """What the API server says of the group while its own server is away: the kinds of before, or none."""
    assert sandbox is not None
    sandbox.faults.set(
        Fault(Stale(f"{case.namespace}.example.com", kinds=kinds), "get", name="/apis", times=ALWAYS),
        *(
            Fault(Refuse(503, DOWN, "ServiceUnavailable"), verb, "widgets", dry_run=dry_run, times=ALWAYS)
            for verb in ("get", "list", "watch", "patch", "delete")
            for dry_run in (False, True)
        ),
    )


def statuses(case: Case) -> dict[str, Any]:
    listed = case.run(words=("app", "list", "-o", "json"), **QUICK)
    return {entry["name"]: (entry["sync"], entry["reason"]) for entry in json.loads(listed.output)}


@pytest.mark.parametrize("kinds", [False, True], ids=["kinds-forgotten", "kinds-remembered"])
def test_33_down_from_the_start(sandboxed: Cluster, tmp_path: Path, kinds: bool) -> None:
    """Neither what is in Git nor what has left it counts as deleted; other Applications are synced."""
    outcome = sandboxed.outcome(FAMILY, tmp_path / "undisturbed")
    with sandboxed.case(FAMILY, tmp_path / "case") as case:
        assert case.run().status == 0
        before = case.objects()
        apps = (case.origin.path / "apps" / "all.yaml").read_text()
        child, other = ((case.origin.path / name / "all.yaml").read_text() for name in ("child", "other"))
        without = "---\n".join(part for part in apps.split("---\n") if "kind: Widget\n" not in part)
        assert without != apps
        changed = other.replace("version: v2", "version: v3")
        case.origin.commit({"apps/all.yaml": without, "other/all.yaml": changed})
        take_down(sandboxed.sandbox, case, kinds=kinds)
        ended = case.run(words=(*FAMILY.words, "--prune"), **QUICK)
        assert ended.status != 0
        check_bounds(case, ended)
        check_left(case)
        found = statuses(case)
        assert {name: status for name, (status, _) in found.items()} == {
            "root": "Unknown",
            "child": "Unknown",
            "other": "Synced",
        }
        for name in ("root", "child"):
            assert "does not answer" in found[name][1] or DOWN in found[name][1]
        assert sandboxed.sandbox is not None
        sandboxed.sandbox.faults.set()
        after = case.objects()
        assert after.keys() == before.keys()
        assert after["ConfigMap/beside"]["data"] == {"version": "v3"}
        untouched = ("Widget/of-root", "Widget/of-child", "ConfigMap/settings", "ConfigMap/last")
        assert [after[key]["metadata"]["resourceVersion"] for key in untouched] == [
            before[key]["metadata"]["resourceVersion"] for key in untouched
        ]
        case.origin.commit({"apps/all.yaml": apps, "child/all.yaml": child, "other/all.yaml": other})
        check(case, outcome, case.run())


@pytest.mark.parametrize(
    ("point", "kinds"), [("dry-run:1", True), ("namespace:1", False)], ids=["kinds-remembered", "kinds-forgotten"]
)
def test_33_down_in_mid_run(sandboxed: Cluster, tmp_path: Path, point: str, kinds: bool) -> None:
    outcome = sandboxed.outcome(FAMILY, tmp_path / "undisturbed")
    with sandboxed.case(FAMILY, tmp_path / "case") as case:
        run = case.start(point=f"stop:{point}", **QUICK)
        assert run.wait().halted
        take_down(sandboxed.sandbox, case, kinds=kinds)
        run.signal(signal.SIGCONT)
        ended = run.wait()
        assert ended.status == 1, ended.errors
        check_bounds(case, ended)
        check_left(case)
        found = statuses(case)
        assert found["other"][0] == "Synced"
        assert "Synced" not in {found[name][0] for name in found.keys() - {"other"}}
        assert sandboxed.sandbox is not None
        sandboxed.sandbox.faults.set()
        check(case, outcome, case.run())
