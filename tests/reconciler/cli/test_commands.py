"""The verbs that write, from the first sync of an Application to its end, on both clusters."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.cluster import applications
from tests.reconciler.cli.conftest import Call
from tests.reconciler.cli.places import Place, config_map, place

__all__ = ["place"]

COMMAND = Path(sys.executable).with_name("gitops-nb")


def test_a_plan_is_kept_compared_and_carried_out(place: Place, tmp_path: Path) -> None:
    file = str(tmp_path / "plan.json")
    status, out, err = place.app("plan", "web", "--out", file)
    assert status == 0
    assert f"+ create    ConfigMap {place.namespace}/web" in out
    assert err == f"the plan is in {file}; carry it out with: gitops-nb app sync --plan {file}\n"
    assert place.app("plan", "--compare-with", file) == (0, "", "the plan is the same\n")
    assert place.app("sync", "--plan", file, "--prune")[2] == (
        "error: --plan says what is done; leave out --prune, or make another plan\n"
    )
    assert place.app("sync", "other", "--plan", file)[2] == (
        "error: --plan: the plan is of Application web; name no other\n"
    )
    assert place.app("sync", "web", "--plan", file, "--quiet")[0] == 0
    assert place.value("web") == "1"
    status, out, err = place.app("plan", "--compare-with", file)
    assert (status, err) == (1, "")
    assert out.splitlines()[1].split()[:5] == ["changed", "ConfigMap", f"{place.namespace}/web", "apply", "unchanged"]
    status, out, err = place.app("sync", "--plan", file)
    assert (status, out) == (1, "")
    assert err.startswith("error: web: the plan is out of date: ConfigMap ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON; give a file that plan --output json wrote"),
        ("[]", "not a plan; give a file that plan --output json wrote"),
        (b"\xff", "not a text; give a file that app plan --out wrote"),
    ],
)
def test_what_is_no_plan(call: Call, tmp_path: Path, content: str | bytes, message: str) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    for words in (("sync", "--plan"), ("plan", "--compare-with")):
        status, out, err = call("app", *words, str(file))
        assert (status, out) == (2, "")
        assert err.startswith(f"error: {file}: ")
        assert message.split(";")[0] in err


def test_a_part_is_synced(place: Place) -> None:
    both = f"{config_map('web', '1', tier='front')}---\n{config_map('more', '1')}"
    place.write(web=both)
    assert place.app("sync", "web", "--label", "tier=front", "--quiet")[0] == 0
    assert (place.value("web"), place.value("more")) == ("1", None)
    assert place.app("sync", "web", "--resource", "!:ConfigMap:web", "--quiet")[0] == 0
    assert place.value("more") == "1"
    status, out, err = place.app("sync", "web", "--resource", "apps:Deployment:*")
    assert (status, out) == (2, "")
    assert err == "error: web has no resource that --resource apps:Deployment:* chooses\n"


def test_an_application_is_set_and_unset(place: Place) -> None:
    status, out, err = place.app("set", "web", "--revision", "main", "--sync-policy", "automated", "--self-heal")
    assert (status, err) == (0, "web is changed; see gitops-nb app diff web\n")
    assert [line.split()[0] for line in out.splitlines()] == ["PATH", "spec.source.targetRevision", "spec.syncPolicy"]
    spec = place.application("web")["spec"]
    assert spec["source"] == {"repoURL": place.origin.url, "path": "web", "targetRevision": "main"}
    assert spec["syncPolicy"] == {"automated": {"selfHeal": True}}
    assert place.app("set", "web", "--revision", "main") == (0, "", "web is so already; nothing was changed\n")
    status, out, _ = place.app("set", "web", "--self-heal=false", "--path", "api", "--dry-run", "-o", "json")
    assert json.loads(out) == [
        {"path": "spec.source.path", "before": "web", "after": "api"},
        {"path": "spec.syncPolicy.automated.selfHeal", "before": True, "after": False},
    ]
    assert place.application("web")["spec"] == spec
    status, out, err = place.app("set", "web", "--dest-name", "elsewhere")
    assert (status, out) == (2, "")
    assert err == "error: Application web: spec.destination: server and name are exclusive; keep one\n"
    assert place.app("set", "web", "--kustomize-image", "a:1", "--kustomize-image", "b:1", "--quiet")[0] == 0
    status, out, err = place.app("unset", "web", "--kustomize-image", "a")
    assert (status, out.splitlines()[1].split()) == (
        0,
        ["spec.source.kustomize.images", '["a:1",', '"b:1"]', '["b:1"]'],
    )
    assert place.application("web")["spec"]["source"]["kustomize"] == {"images": ["b:1"]}
    assert place.app("unset", "web", "--ref")[2] == "web is so already; nothing was changed\n"
    assert place.app("set", "absent", "--path", "x")[0] == 2


def test_a_change_in_the_meantime_is_not_lost(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from reconciler.cli import setting

    checked = setting.check_edited
    others = iter(["theirs"])

    def check(document: Any) -> None:
        for label in others:
            place.patch("web", {"metadata": {"labels": {"since": label}}})
        checked(document)

    monkeypatch.setattr(setting, "check_edited", check)
    assert place.app("set", "web", "--project", "other", "--quiet")[0] == 0
    after = place.application("web")
    assert (after["spec"]["project"], after["metadata"]["labels"]["since"]) == ("other", "theirs")


def test_a_deletion_takes_the_objects_along(place: Place) -> None:
    place.create("api")
    assert place.app("sync", "web", "api", "--quiet")[0] == 0
    status, out, err = place.app("delete", "web", "--dry-run")
    assert (status, err) == (0, "dry run: nothing was deleted\n")
    assert out.splitlines() == [
        f"Deletion of {place.namespace}/web — 1 wave: 1 to prune",
        f"  - prune  ConfigMap {place.namespace}/web",
    ]
    end = "wait for its end, or end it with: gitops-nb app terminate-op web"
    refused = f"Argo CD is at an operation of its own (requested); {end}"
    place.patch("web", {"operation": {"sync": {}}})
    status, out, err = place.app("delete", "web", "--dry-run")
    assert (status, err) == (0, "dry run: nothing was deleted\n")
    assert out.splitlines()[-1] == f"The deletion would be refused: {refused}"
    status, out, err = place.app("delete", "web", "--dry-run", "-o", "wide")
    assert (status, err) == (0, f"The deletion would be refused: {refused}\ndry run: nothing was deleted\n")
    assert json.loads(place.app("delete", "web", "--dry-run", "-o", "json")[1])["problems"] == [refused]
    status, out, err = place.app("delete", "web", "--yes")
    assert (status, err) == (1, f"error: web cannot be deleted: {refused}\n")
    place.patch("web", {"operation": None})
    status, out, err = place.app("delete", "web", "--yes")
    assert (status, err.splitlines()[-1]) == (0, "Application web is deleted")
    assert "successfully deleted" in out
    assert (place.value("web"), place.value("api")) == (None, "1")
    assert place.client.get(place.applications("web")).status == 404
    assert place.app("delete", "-l", "team=api", "--cascade=false", "-y", "--quiet")[0] == 0
    assert (place.value("api"), place.client.get(place.applications("api")).status) == ("1", 404)


def test_a_deletion_is_asked_for(place: Place) -> None:
    """A real terminal: what goes is shown, and only a yes deletes."""
    assert place.app("sync", "web", "--quiet")[0] == 0
    for typed, expected in (("n\n", 1), ("y\n", 0)):
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [COMMAND, *place.words("app", "delete", "web")],
            stdin=theirs,
            stderr=theirs,
            stdout=subprocess.PIPE,
            text=True,
        )
        shown = b""
        with process:
            while b"[y/n] " not in shown:
                shown += os.read(ours, 4096)
            assert f"- prune  ConfigMap {place.namespace}/web" in shown.decode()
            os.write(ours, typed.encode())
            process.communicate(timeout=60)
        for end in (ours, theirs):
            os.close(end)
        assert process.returncode == expected
        assert (place.value("web") is None) == (expected == 0)


def test_deletions_are_approved(place: Place) -> None:
    status, out, err = place.app("confirm-deletion", "web")
    assert (status, out) == (0, "")
    approved = place.application("web")["metadata"]["annotations"]["argocd.argoproj.io/deletion-approved"]
    assert err == f"deletions of web that were asked for until {approved} are approved\n"


def while_waiting(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Make a change once, after the wait has seen the Application as it was."""
    await_application, changes = applications.await_application, [change]

    def watched(*args: Any, until: Callable[[Any], bool], **how: Any) -> bool:
        def seen(live: Any) -> bool:
            over = until(live)
            if changes and not over:
                changes.pop()()
            return over

        return await_application(*args, until=seen, **how)

    monkeypatch.setattr(applications, "await_application", watched)


def test_an_operation_of_argo_cd_is_ended(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, err = place.app("terminate-op", "web")
    assert (status, out, err) == (1, "", "error: web: no operation is at work that could be ended\n")
    place.patch("web", {"operation": {"sync": {"prune": True}}})
    assert place.app("terminate-op", "web") == (0, "", "the operation of web had not begun, and is taken back\n")
    assert "operation" not in place.application("web")
    running = {"phase": "Running", "startedAt": "2026-11-23T10:00:00Z", "operation": {"sync": {}}}
    place.patch("web", {"operation": {"sync": {}}, "status": {"operationState": running}})
    status, out, err = place.app("wait", "web", "--operation", "--timeout", "0.2")
    assert (status, err.splitlines()[-1]) == (1, "error: web: its operation is still at work after 0.2 s")
    assert place.app("terminate-op", "web")[0] == 0
    assert place.application("web")["status"]["operationState"]["phase"] == "Terminating"
    ended = {"operation": None, "status": {"operationState": {"phase": "Failed"}}}
    while_waiting(monkeypatch, lambda: place.patch("web", ended))
    status, out, err = place.app("wait", "web", "--operation", "--timeout", "30")
    assert (status, err) == (0, "web: waiting for the end of its operation\n")


def test_a_run_of_ours_is_asked_to_end(place: Place) -> None:
    lease = {
        "metadata": {"name": f"gitops-nb.{place.namespace}.web", "annotations": {"gitops-nb/operation-id": "op-7"}},
        "spec": {"holderIdentity": "ada_1", "acquireTime": "2026-11-23T10:00:00.000000Z"},
    }
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{place.namespace}/leases"
    place.client.create(leases, lease).expect(201)
    status, out, err = place.app("terminate-op", "web")
    assert (status, out) == (0, "")
    assert err == "the operation op-7 of web, begun by ada, ends within seconds\n"
    asked = place.client.get(f"{leases}/gitops-nb.{place.namespace}.web").expect()["metadata"]["annotations"]
    assert asked["gitops-nb/terminate"] == "ada_1"


def test_waiting_for_an_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert place.app("wait", "gone", "--delete") == (0, "", "gone is gone\n")
    status, out, err = place.app("wait", "web", "--delete", "--timeout", "0.2")
    assert (status, out, err) == (1, "", "error: web is still there after 0.2 s\n")
    while_waiting(monkeypatch, lambda: place.client.delete(place.applications("web")))
    assert place.app("wait", "web", "--delete", "--timeout", "30") == (0, "", "web is gone\n")


def test_waiting_for_a_state(place: Place) -> None:
    status, out, err = place.app("wait", "web", "--timeout", "0.2")
    assert (status, out) == (1, "")
    assert err == f"error: web is OutOfSync and Missing after 0.2 s; waiting for ConfigMap {place.namespace}/web\n"
    assert place.app("sync", "web", "--quiet")[0] == 0
    status, out, _ = place.app("wait", "web", "--resource", ":ConfigMap:web", "-o", "json")
    assert [(row["name"], row["sync"], row["health"]) for row in json.loads(out)] == [("web", "Synced", "Healthy")]
    assert status == 0


def test_reconciling_does_what_the_policies_ask_for(place: Place) -> None:
    place.create("api", syncPolicy={"automated": {}})
    status, out, err = place.call(*place.words("reconcile", "--dry-run"))
    assert (status, err) == (0, "dry run: nothing was synced\n")
    assert [line.split()[:2] for line in out.splitlines()] == [
        ["NAME", "DECISION"],
        ["api", "sync"],
        ["web", "nothing"],
    ]
    assert place.value("api") is None
    status, out, err = place.call(*place.words("reconcile", "-o", "json"))
    found = {row["name"]: (row["decision"], row["reason"]) for row in json.loads(out)}
    assert status == 0
    assert found == {"api": ("synced", "out of sync"), "web": ("nothing", "no automated sync policy")}
    assert (place.value("api"), place.value("web")) == ("1", None)
    place.create("none", syncPolicy={"automated": {}})
    status, out, err = place.call(*place.words("reconcile", "api", "none"))
    assert status == 1
    assert out.splitlines()[2].split()[:2] == ["none", "failed"]
    assert "there is no 'none'" in out


def test_what_a_closed_window_keeps_from_being_synced_is_said_beforehand(place: Place) -> None:
    place.create("api", project="closed", syncPolicy={"automated": {}})
    window = {"kind": "deny", "schedule": "* * * * *", "duration": "1h", "applications": ["api"]}
    everything = {"sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}], "syncWindows": [window]}
    place.client.create(
        place.applications().replace("applications", "appprojects"),
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": "closed"},
            "spec": everything,
        },
    ).expect(201)
    said = [place.call(*place.words("reconcile", "api", "-o", "json", *how)) for how in (["--dry-run"], [])]
    assert [status for status, _, _ in said] == [0, 0]
    before, after = [json.loads(out)[0] for _, out, _ in said]
    assert (before["decision"], before["reason"]) == (after["decision"], after["reason"])
    assert before["decision"] == "nothing"
    assert before["reason"].startswith("api cannot be synced: sync is blocked by an active deny window (")


def test_a_deletion_that_waits_for_approval_says_how_to_give_it(place: Place) -> None:
    asked = config_map("more", "1").replace(
        '"labels"', '"annotations": {"argocd.argoproj.io/sync-options": "Prune=confirm"}, "labels"'
    )
    place.write(web=f"{config_map('web', '1')}---\n{asked}")
    assert place.app("sync", "web", "--quiet")[0] == 0
    place.write(web=config_map("web", "1"))
    status, _, err = place.app("sync", "web", "--prune", "--timeout", "1")
    assert status == 1
    assert f"Waiting for pruning confirmation of ConfigMap {place.namespace}/more" in err
    assert "; approve it with: gitops-nb app confirm-deletion web" in err
    assert place.value("more") == "1"
