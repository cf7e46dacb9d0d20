"""The verbs that write, from the first sync of an Application to its end, on both clusters."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.cluster import applications
from tests.argo import install_argo
from tests.conformance.client import Client
from tests.reconciler.cli.conftest import Call
from tests.repositories import GitRepository

IN_CLUSTER = "https://kubernetes.default.svc"
COMMAND = Path(sys.executable).with_name("gitops-nb")


def config_map(name: str, value: str, **labels: str) -> str:
    metadata = json.dumps({"name": name, "labels": labels})
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {metadata}\ndata: {{value: {value!r}}}\n"


@dataclass
class Place:
    """A namespace of Applications, each of a folder of one repository, which go to the same namespace."""

    client: Client
    namespace: str
    origin: GitRepository
    call: Call

    def write(self, **files: str | None) -> None:
        self.origin.commit({f"{name}/all.yaml": text for name, text in files.items()})

    def create(self, name: str, **more: Any) -> None:
        spec = {
            "project": "default",
            "source": {"repoURL": self.origin.url, "path": name},
            "destination": {"server": IN_CLUSTER, "namespace": self.namespace},
        }
        metadata = {"name": name, "labels": {"team": name}, **more.pop("metadata", {})}
        document = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": metadata}
        self.client.create(self.applications(), {**document, "spec": {**spec, **more}}).expect(201)

    def applications(self, name: str = "") -> str:
        return f"/apis/argoproj.io/v1alpha1/namespaces/{self.namespace}/applications{f'/{name}' if name else ''}"

    def application(self, name: str) -> Any:
        return self.client.get(self.applications(name)).expect(200)

    def patch(self, name: str, patch: dict[str, Any]) -> None:
        self.client.patch(self.applications(name), patch).expect(200)

    def value(self, name: str) -> Any:
        """The value of a ConfigMap, None when it is not there."""
        answer = self.client.get(f"/api/v1/namespaces/{self.namespace}/configmaps/{name}")
        return answer.expect(200)["data"]["value"] if answer.status == 200 else None

    def words(self, *words: str) -> tuple[str, ...]:
        return (*words, "--kubeconfig", str(self.client.kubeconfig), "-n", self.namespace)

    def app(self, *words: str) -> tuple[int, str, str]:
        return self.call(*self.words("app", *words))


@pytest.fixture
def place(
    client: Client,
    namespace: str,
    call: Call,
    git_repository: Callable[..., GitRepository],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    install_argo(client)
    origin = git_repository(
        {"web/all.yaml": config_map("web", "1", tier="front"), "api/all.yaml": config_map("api", "1")}
    )
    made = Place(client, namespace, origin, call)
    made.create("web")
    yield made
    # What a failed test left behind must not hold the namespace.
    for item in client.get(made.applications()).expect(200)["items"]:
        client.patch(made.applications(item["metadata"]["name"]), {"metadata": {"finalizers": None}})


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


def test_a_rollback(place: Place) -> None:
    place.create("api", syncPolicy={"automated": {}})
    status, out, err = place.app("rollback", "api")
    assert (status, out) == (1, "")
    assert err == (
        "error: api syncs by itself, which would undo a rollback; turn that off first: gitops-nb app set api --sync-policy "
        "none\n"
    )
    assert place.app("sync", "web", "--quiet")[0] == 0
    assert place.app("rollback", "web")[2] == (
        "error: web has 1 successful syncs in the history; a rollback needs one before the last\n"
    )
    # The second sync is of another folder.
    place.origin.commit({"moved/all.yaml": config_map("web", "2")})
    assert place.app("set", "web", "--path", "moved", "--quiet")[0] == 0
    assert place.app("sync", "web", "--quiet")[0] == 0
    assert place.value("web") == "2"
    status, out, err = place.app("rollback", "web", "--dry-run")
    assert (status, place.value("web")) == (0, "2")
    status, out, err = place.app("rollback", "web")
    assert (status, place.value("web")) == (0, "1")
    assert err.startswith("rolling web back to sync ")
    assert place.application("web")["spec"]["source"]["path"] == "moved"


def test_a_deletion_takes_the_objects_along(place: Place) -> None:
    place.create("api")
    assert place.app("sync", "web", "api", "--quiet")[0] == 0
    status, out, err = place.app("delete", "web", "--dry-run")
    assert (status, err) == (0, "dry run: nothing was deleted\n")
    assert out.splitlines() == [
        f"Deletion of {place.namespace}/web — 1 wave: 1 to prune",
        f"  - prune  ConfigMap {place.namespace}/web",
    ]
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
