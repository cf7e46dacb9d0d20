"""``app sync`` of one Application and of several side by side, on both clusters."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests.conformance.client import Client
from tests.reconciler.cli.places import Place, config_map, place

__all__ = ["place"]

COMMAND = Path(sys.executable).with_name("gitops-nb")
CONFIRMED = '"annotations": {"argocd.argoproj.io/sync-options": "Prune=confirm"}, "labels"'
FOR_EVER = """
apiVersion: batch/v1
kind: Job
metadata: {name: for-ever-%s, annotations: {argocd.argoproj.io/hook: PreSync}}
spec:
  template: {spec: {restartPolicy: Never, containers: [{name: a, image: alpine, command: [sleep, infinity]}]}}
"""


@contextmanager
def approved_once_the_other_is_synced(place: Place) -> Iterator[None]:
    """Somebody approves the deletions of web as soon as there is what api applies."""

    def approve() -> None:
        with closing(Client(place.client.kubeconfig)) as client:
            client.wait_for(f"/api/v1/namespaces/{place.namespace}/configmaps", "api", lambda found: True)
            approval = {"argocd.argoproj.io/deletion-approved": datetime.now(UTC).isoformat()}
            client.patch(place.applications("web"), {"metadata": {"annotations": approval}}).expect(200)

    approving = threading.Thread(target=approve)
    approving.start()
    yield
    approving.join()


def test_several_applications_are_synced(place: Place) -> None:
    place.create("api")
    place.create("none")
    status, out, err = place.app("sync", "web", "none", "api", "-o", "json")
    assert status == 1
    assert [result["application"] for result in json.loads(out)] == ["web", "api"]
    assert "error: none: spec.source.path: there is no 'none'" in err
    assert (place.value("web"), place.value("api")) == ("1", "1")
    place.write(web=config_map("web", "2"), api=config_map("api", "2"))
    assert place.app("sync", "-l", "team in (web, x)", "--quiet")[0] == 0
    assert (place.value("web"), place.value("api")) == ("2", "1")
    status, out, err = place.app("sync", "-l", "team=nobody")
    assert (status, out) == (2, "")
    assert err == f"error: -l team=nobody: no Application in namespace {place.namespace} has such labels\n"
    assert place.app("list", "-l", "team==api", "-o", "name") == (0, "api\n", "")
    assert place.app("sync", "-l", "===")[0] == 2


def test_one_does_not_wait_for_another(place: Place) -> None:
    """The first has to be approved, and is when the second is synced."""
    place.create("api")
    confirmed = config_map("more", "1").replace('"labels"', CONFIRMED)
    place.write(web=f"{config_map('web', '1')}---\n{confirmed}")
    assert place.app("sync", "web", "--quiet")[0] == 0
    place.write(web=config_map("web", "2"))
    with approved_once_the_other_is_synced(place):
        status, out, err = place.app("sync", "web", "api", "--prune", "--wait", "--timeout", "60")
    assert (status, place.value("web"), place.value("more"), place.value("api")) == (0, "2", None, "1")
    assert out.index(f"{place.namespace}/web") < out.index(f"{place.namespace}/api")
    lines = err.splitlines()
    assert lines[-2:] == ["web is Synced and Healthy", "api is Synced and Healthy"]
    assert any(line[10:].startswith("api  Sync ") for line in lines)
    assert all(line[10:].startswith(("web  ", "api  ")) for line in lines[:-2])


def test_a_bad_choice_for_one_keeps_none_of_the_others_back(place: Place) -> None:
    place.create("api")
    status, out, err = place.app("sync", "api", "web", "--resource", ":ConfigMap:web", "-o", "json", "--quiet")
    assert (status, err) == (1, "")
    assert [result["application"] for result in json.loads(out)] == ["web"]
    assert (place.value("web"), place.value("api")) == ("1", None)
    status, out, err = place.app("sync", "api", "web", "--resource", ":ConfigMap:web")
    assert "error: api: api has no resource that --resource :ConfigMap:web chooses" in err.splitlines()


def test_several_as_a_dry_run_and_at_another_revision(place: Place) -> None:
    place.create("api")
    status, out, _ = place.app("sync", "web", "api", "--dry-run", "-o", "json")
    assert (status, [result["options"]["dry_run"] for result in json.loads(out)]) == (0, [True, True])
    assert (place.value("web"), place.value("api")) == (None, None)
    assert "status" not in place.application("web")
    first = place.origin.git("rev-parse", "HEAD").strip()
    place.write(web=config_map("web", "2"), api=config_map("api", "2"))
    assert place.app("sync", "web", "api", "--revision", first, "--quiet")[0] == 0
    assert (place.value("web"), place.value("api")) == ("1", "1")


def test_several_at_another_revision_do_not_wait_for_one_another(place: Place) -> None:
    """The first has to be approved, and is when the second is synced."""
    place.create("api")
    place.write(web=config_map("web", "0"))
    asked = place.origin.git("rev-parse", "HEAD").strip()
    confirmed = config_map("more", "1").replace('"labels"', CONFIRMED)
    place.write(web=f"{config_map('web', '1')}---\n{confirmed}", api=config_map("api", "2"))
    assert place.app("sync", "web", "--quiet")[0] == 0
    words = ("--revision", asked, "--prune", "--wait", "--timeout", "60")
    with approved_once_the_other_is_synced(place):
        status, _, err = place.app("sync", "web", "api", *words)
    assert (status, place.value("web"), place.value("more"), place.value("api")) == (0, "0", None, "1")
    # What is told is of the revision that was asked for, and the status of what the Application itself asks for.
    assert err.splitlines()[-2:] == ["web is Synced and Healthy", "api is Synced and Healthy"]
    newest = place.origin.git("rev-parse", "HEAD").strip()
    for name in ("web", "api"):
        written = place.application(name)["status"]
        assert (written["sync"]["status"], written["sync"]["revision"]) == ("OutOfSync", newest)
        assert written["operationState"]["operation"]["sync"]["revision"] == asked
        assert written["history"][-1]["revision"] == asked


def test_a_revision_that_one_of_several_does_not_have(place: Place) -> None:
    place.create("api")
    place.patch("api", {"spec": {"source": {"path": "later"}}})
    first = place.origin.git("rev-parse", "HEAD").strip()
    place.write(later=config_map("api", "2"), web=config_map("web", "2"))
    status, _, err = place.app("sync", "api", "web", "--revision", first)
    assert (status, place.value("web"), place.value("api")) == (1, "1", None)
    (error,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert error.startswith("error: api: spec.source.path: there is no 'later'")
    # A status tells of the Application's own target, where the folder is.
    assert place.application("api")["status"]["sync"]["status"] == "OutOfSync"
    assert "conditions" not in place.application("api")["status"]


HOOKS = """---
apiVersion: v1
kind: ConfigMap
metadata: {name: pre, annotations: {argocd.argoproj.io/hook: PreSync}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: post, annotations: {argocd.argoproj.io/hook: PostSync}}
"""


def test_a_sync_by_the_strategy_apply_runs_no_hooks(place: Place, tmp_path: Path) -> None:
    place.write(web=config_map("web", "1") + HOOKS)
    plan = str(tmp_path / "plan.json")
    for words, names in (((), ["pre", "web", "post"]), (("--strategy", "apply", "--out", plan), ["web"])):
        planned = json.loads(place.app("plan", "web", "-o", "json", *words)[1])
        assert [task["key"]["name"] for task in planned["tasks"]] == names
    assert place.app("sync", "--plan", plan, "--strategy", "hook")[2] == (
        "error: --plan says what is done; leave out --strategy, or make another plan\n"
    )
    assert place.app("sync", "web", "--strategy", "kubectl")[0] == 2
    assert place.app("sync", "web", "--strategy", "apply", "--force", "--quiet")[0] == 0
    assert (place.value("web"), there(place, "pre"), there(place, "post")) == ("1", False, False)
    assert strategy(place) == {"apply": {"force": True}}
    assert place.application("web")["status"]["sync"]["status"] == "Synced"
    place.write(web=config_map("web", "2") + HOOKS)
    assert place.app("plan", "web", "--strategy", "apply", "--out", plan, "--quiet")[0] == 0
    assert place.app("sync", "--plan", plan, "--quiet")[0] == 0
    assert (place.value("web"), there(place, "pre"), strategy(place)) == ("2", False, {"apply": {}})
    assert place.app("sync", "web", "--quiet")[0] == 0
    assert (there(place, "pre"), there(place, "post"), strategy(place)) == (True, True, {"hook": {}})


def there(place: Place, name: str) -> bool:
    return place.client.get(f"/api/v1/namespaces/{place.namespace}/configmaps/{name}").status == 200


def strategy(place: Place) -> Any:
    return place.application("web")["status"]["operationState"]["operation"]["sync"]["syncStrategy"]


def test_what_is_left_to_prune_ends_the_wait_and_is_named(place: Place) -> None:
    place.create("api")
    kept = config_map("kept", "1").replace('"labels"', CONFIRMED.replace("=confirm", "=false"))
    more = "---\n".join(config_map(name, "1") for name in ("web", "more", "other"))
    place.write(web=f"{more}---\n{kept}")
    assert place.app("sync", "web", "--quiet")[0] == 0
    place.write(web=config_map("web", "2"))
    left = [f"ConfigMap {place.namespace}/{name}" for name in ("more", "other")]
    said = f"web: 2 resources require pruning: {', '.join(left)}; sync with prune to delete them"
    status, out, err = place.app("sync", "web", "--wait", "--timeout", "60")
    assert (status, err.splitlines()[-2:]) == (1, ["web is OutOfSync and Healthy", said])
    assert "Succeeded" in out
    status, _, err = place.app("sync", "web", "api", "--wait", "--timeout", "60")
    assert (status, said in err.splitlines()) == (1, True)
    assert err.splitlines()[-1] == "api is Synced and Healthy"
    # Neither a part nor a try is to leave everything as Git has it.
    for words in (("--resource", ":ConfigMap:web", "--wait", "--timeout", "60"), ("--dry-run",)):
        status, _, err = place.app("sync", "web", *words)
        assert (status, "sync with prune" in err) == (0, False)
    # What an object itself forbids is not left to be done.
    status, _, err = place.app("sync", "web", "--prune", "--wait", "--timeout", "60")
    assert (status, err.splitlines()[-1]) == (0, "web is OutOfSync and Healthy")
    assert (place.value("more"), place.value("kept")) == (None, "1")


def test_health_is_waited_for_and_the_sync_status_is_not(place: Place) -> None:
    place.create("api")
    place.write(web=config_map("web", "1") + "---\n" + config_map("more", "1"))
    assert place.app("sync", "web", "--quiet")[0] == 0
    endless = (FOR_EVER % "web").replace(", annotations: {argocd.argoproj.io/hook: PreSync}", "")
    place.write(web=f"{config_map('web', '2')}---{endless}")
    late = f"web is OutOfSync and Progressing after 2 s; waiting for Job.batch {place.namespace}/for-ever-web"
    assert place.app("sync", "web", "--wait", "--timeout", "2")[2].splitlines()[-1] == f"error: {late}"
    status, _, err = place.app("sync", "web", "api", "--wait", "--timeout", "2")
    assert (status, [line for line in err.splitlines() if "Progressing" in line]) == (1, [f"error: web: {late}"])


def test_another_revision_than_the_one_that_is_synced_by_itself(place: Place, tmp_path: Path) -> None:
    place.patch("web", {"spec": {"syncPolicy": {"automated": {}}, "source": {"targetRevision": "main"}}})
    first = place.origin.git("rev-parse", "HEAD").strip()
    plan = str(tmp_path / "plan.json")
    assert place.app("plan", "web", "--out", plan, "--quiet")[0] == 0
    place.write(web=config_map("web", "2"))
    refused = (
        f"web syncs by itself to main, which would undo a sync to {first}; leave the revision out, try it as a dry run, or "
        "turn that off first: gitops-nb app set web --sync-policy none"
    )
    assert place.app("sync", "web", "--revision", first) == (1, "", f"error: {refused}\n")
    place.create("api")
    status, _, err = place.app("sync", "web", "api", "--revision", first)
    lines = err.splitlines()
    assert (status, lines[-2:]) == (1, [f"error: web: {refused}", "api is Synced and Healthy"])
    status, out, err = place.app("sync", "--plan", plan)
    assert (status, out) == (1, "")
    assert err.startswith("error: web syncs by itself to ")
    assert f", which would undo the plan for {first[:12]}; make a new plan, or turn that off first: " in err
    assert place.value("web") is None
    assert place.app("sync", "web", "--revision", first, "--dry-run", "--quiet")[0] == 0
    assert place.app("sync", "web", "--revision", "main", "--quiet")[0] == 0
    assert place.value("web") == "2"
    place.patch("web", {"spec": {"syncPolicy": {"automated": {"enabled": False}}}})
    assert place.app("sync", "web", "--revision", first, "--quiet")[0] == 0
    assert place.value("web") == "1"


def test_an_interrupt_ends_all_of_them_in_order(place: Place) -> None:
    place.create("api")
    place.write(**{name: FOR_EVER % name + "---\n" + config_map(name, "2") for name in ("web", "api")})
    jobs = f"/apis/batch/v1/namespaces/{place.namespace}/jobs"
    with subprocess.Popen(
        [COMMAND, *place.words("app", "sync", "web", "api")],
        stderr=subprocess.PIPE,
        text=True,
        # A background job of a shell ignores interrupts, and what it starts does so too.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - takes no lock
    ) as running:
        for name in ("web", "api"):
            place.client.wait_for(jobs, f"for-ever-{name}", lambda job: (job.get("status") or {}).get("active"))
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert (running.returncode, said.splitlines()[-1]) == (130, "interrupted")
    for name in ("web", "api"):
        assert place.value(name) is None
        state: Any = place.application(name)["status"]["operationState"]
        assert (state["phase"], state["message"].partition(";")[0]) == ("Failed", "interrupted")
    records = json.loads(place.call(*place.words("history", "-o", "json"))[1])
    assert {(entry["application"], entry["phase"]) for entry in records} == {("web", "Failed"), ("api", "Failed")}
