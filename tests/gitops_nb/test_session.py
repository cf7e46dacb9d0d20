"""What a notebook holds: `gitops_nb.connect()` on the sandbox cluster."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import gitops_nb as gnb
from gitops_nb.session import Session
from gitops_nb.widgets import DiffWidget, ResourceTreeWidget, WavePreviewWidget
from reconciler.errors import NotFoundError, SyncError, UsageError
from reconciler.manifest import dump_document
from reconciler.manifest.objects import GroupVersionKind, ResourceKey
from reconciler.sandbox import Sandbox
from tests.conformance.client import Client
from tests.repositories import GitRepository

APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
FILES = {
    "shop/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {level: info}\n",
    "shop/secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: token}\nstringData: {password: canary-4711}\n",
}

MORE = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n"


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Client]:
    with closing(Client(sandbox.kubeconfig)) as each:
        yield each


@pytest.fixture
def repository(git_repository: Callable[..., GitRepository], client: Client) -> GitRepository:
    """The repository of one Application, ``shop``, that the cluster knows."""
    made = git_repository(FILES)
    document = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            "source": {"repoURL": made.url, "path": "shop"},
            "syncPolicy": {"syncOptions": ["CreateNamespace=true"]},
        },
    }
    client.create(APPLICATIONS, document).expect(201)
    return made


@pytest.fixture
def cd(sandbox: Sandbox, repository: GitRepository, tmp_path: Path) -> Iterator[Session]:
    with gnb.connect(kubeconfig=str(sandbox.kubeconfig), store=f"sqlite:///{tmp_path}/history.db") as session:
        yield session


def change(cd: Session, client: Client, path: str, patch: dict[str, Any], **how: str) -> None:
    """Change an object as somebody else would, and wait until the session's watches have told of it."""
    obj = client.patch(path, patch, **how).expect()
    followed, kind = cd.reconciler.comparer.followed, GroupVersionKind.of(obj)
    resource = cd.reconciler.comparer.discovery.find(kind)
    assert followed is not None
    assert resource is not None
    while True:
        seen = followed.state.revision
        held = followed.state.get(resource, namespace=obj["metadata"]["namespace"], name=obj["metadata"]["name"])
        if held is None or held["metadata"]["resourceVersion"] == obj["metadata"]["resourceVersion"]:
            return
        assert followed.state.wait_for_change(seen, timeout_s=10) > seen, "nothing was told for ten seconds"


def test_import_is_light() -> None:
    code = "import sys, gitops_nb; print([name for name in ('pandas', 'ipywidgets', 'kubernetes', 'git') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_walk_from_out_of_sync_to_drift(cd: Session, client: Client) -> None:
    apps = cd.apps
    assert isinstance(apps, pd.DataFrame)
    assert apps["app"].tolist() == ["shop"]
    assert isinstance(cd.diff("shop"), DiffWidget)
    waves = cd.waves("shop")
    assert isinstance(waves, WavePreviewWidget)
    assert "ConfigMap" in waves.format_text()

    report = cd.sync("shop", initiated_by="ada", timeout_s=60)
    assert report.ok
    assert "Synced and Healthy" in report.summary
    assert cd.drift().empty

    patch = {"data": {"level": "debug", "extra": "1"}}
    change(cd, client, "/api/v1/namespaces/shop/configmaps/settings", patch, fieldManager="kubectl-edit")
    drift = cd.drift("shop")
    assert drift[["kind", "name", "path", "target", "live", "manager"]].to_dict("records") == [
        {
            "kind": "ConfigMap",
            "name": "settings",
            "path": "$.data.level",
            "target": "info",
            "live": "debug",
            "manager": "kubectl-edit",
        }
    ]

    history = cd.history("shop")
    assert len(history) == 1
    assert cd.sync("shop").ok
    assert cd.drift().empty


def test_prune_only_when_asked(cd: Session, repository: GitRepository, client: Client) -> None:
    assert cd.sync("shop").ok
    repository.commit({"shop/settings.yaml": None})
    kept = cd.sync("shop", timeout_s=60)
    messages = {str(entry.key): entry.message for entry in kept.result.results}
    assert messages["ConfigMap shop/settings"] == "ignored (requires pruning)"
    left = "1 resource requires pruning: ConfigMap shop/settings; sync with prune to delete it"
    assert (kept.result.succeeded, kept.ok) == (True, False)
    assert kept.summary.endswith(f"; OutOfSync and Healthy; {left}")
    assert left in repr(kept)
    assert left in kept._repr_html_()
    assert (kept.as_dict()["left_to_prune"], kept.as_dict()["exit_status"]) == (["ConfigMap shop/settings"], 1)
    assert cd.sync("shop", dry_run=True).ok
    client.get("/api/v1/namespaces/shop/configmaps/settings").expect(200)
    assert cd.sync("shop", prune=True).ok
    assert client.get("/api/v1/namespaces/shop/configmaps/settings").status == 404


def test_a_sync_by_the_strategy_apply_runs_no_hooks(cd: Session, repository: GitRepository, client: Client) -> None:
    hook = {"argocd.argoproj.io/hook": "PreSync"}
    before = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "before", "annotations": hook}}
    repository.commit({"shop/before.yaml": dump_document(before)})
    app = cd.app("shop")
    assert "before" in [task.key.name for task in app.plan().tasks]
    assert "before" not in [task.key.name for task in app.plan(strategy="apply").tasks]
    assert "no hooks" in cd.waves("shop", strategy="apply").format_text()
    with pytest.raises(UsageError, match=r"^there is no sync strategy 'kubectl'; there are apply, hook$"):
        cd.sync("shop", strategy="kubectl")
    report = cd.sync("shop", strategy="apply", timeout_s=60)
    assert (report.ok, report.result.options.hooks) == (True, False)
    assert client.get("/api/v1/namespaces/shop/configmaps/before").status == 404
    assert cd.sync("shop", timeout_s=60).ok
    client.get("/api/v1/namespaces/shop/configmaps/before").expect(200)


def test_a_run_syncs_what_its_policy_wants(cd: Session, client: Client) -> None:
    (row,) = cd.reconcile().to_dict("records")
    assert (row["app"], row["decision"], row["status"]) == ("shop", "nothing", "OutOfSync")
    client.patch(f"{APPLICATIONS}/shop", {"spec": {"syncPolicy": {"automated": {}}}}).expect()
    (row,) = cd.reconcile("shop").to_dict("records")
    assert (row["decision"], row["status"], row["resources"], row["status_problem"]) == ("synced", "Synced", 3, "")
    client.get("/api/v1/namespaces/shop/configmaps/settings").expect(200)
    assert cd.reconcile()["decision"].tolist() == ["nothing"]
    assert len(cd.history("shop")) == 1


def test_a_deletion_wants_to_be_meant(cd: Session, client: Client) -> None:
    assert cd.sync("shop").ok
    with pytest.raises(UsageError, match="deletes Application shop and all its objects; say so with yes=True"):
        cd.delete("shop")
    client.get("/api/v1/namespaces/shop/configmaps/settings").expect(200)
    report = cd.delete("shop", yes=True, timeout_s=60)
    assert report.ok
    assert client.get("/api/v1/namespaces/shop/configmaps/settings").status == 404
    assert client.get(f"{APPLICATIONS}/shop").status == 404


def test_a_rollback_to_the_sync_before_the_last_or_to_any(
    cd: Session, repository: GitRepository, client: Client
) -> None:
    def level() -> Any:
        return client.get("/api/v1/namespaces/shop/configmaps/settings").expect()["data"]["level"]

    assert cd.sync("shop").ok
    with pytest.raises(
        UsageError, match=r"^shop has 1 successful syncs in the history; a rollback needs one before the"
    ):
        cd.rollback("shop")
    first = int(cd.history("shop")["sequence"].iloc[0])
    repository.commit(
        {"shop/settings.yaml": FILES["shop/settings.yaml"].replace("info", "debug"), "shop/more.yaml": MORE}
    )
    assert cd.sync("shop").ok
    assert cd.rollback("shop", dry_run=True).ok
    assert level() == "debug"
    report = cd.rollback("shop", initiated_by="ada", timeout_s=60)
    assert (report.ok, level()) == (True, "info")
    # The comparison is with what was deployed; the spec still asks for the newer commit.
    assert report.comparison is not None
    assert report.comparison.revisions == report.result.revisions
    # It waited, and what is left to prune is told, though a rollback is not to leave everything as Git has it.
    assert report.left_to_prune == (ResourceKey("", "ConfigMap", "shop", "more"),)
    assert cd.apps["status"].tolist() == ["OutOfSync"]
    assert cd.history("shop")["initiated_by"].iloc[0] == "ada"
    client.get("/api/v1/namespaces/shop/configmaps/more").expect(200)
    assert cd.rollback("shop", first, prune=True).ok
    assert client.get("/api/v1/namespaces/shop/configmaps/more").status == 404


def test_a_rollback_is_refused_as_on_the_command_line(cd: Session, client: Client) -> None:
    assert cd.sync("shop").ok
    first = int(cd.history("shop")["sequence"].iloc[0])
    app = cd.app("shop")
    with pytest.raises(UsageError, match=f"^sync 99 of shop is not in its history; it can be rolled back to: {first}$"):
        app.rollback(99)
    with pytest.raises(UsageError, match=r"^'1' is no sequence number; give a whole number of the history of shop$"):
        app.rollback("1")  # type: ignore[arg-type]
    # As the cluster has it now, not as it was read.
    client.patch(f"{APPLICATIONS}/shop", {"spec": {"syncPolicy": {"automated": {}}}}).expect()
    with pytest.raises(SyncError) as refused:
        app.rollback(first)
    assert str(refused.value) == (
        "shop syncs by itself, which would undo a rollback; turn that off first: gitops-nb app set shop --sync-policy none"
    )


def test_another_revision_than_the_one_that_is_synced_by_itself(cd: Session, client: Client) -> None:
    client.patch(f"{APPLICATIONS}/shop", {"spec": {"syncPolicy": {"automated": {}}}}).expect()
    with pytest.raises(SyncError, match=r"^shop syncs by itself to HEAD, which would undo a sync to HEAD~0; leave the"):
        cd.sync("shop", revision="HEAD~0")
    assert cd.history("shop").empty
    assert cd.sync("shop", revision="main", dry_run=True).ok
    assert cd.sync("shop", revision="HEAD", timeout_s=60).ok


def test_what_changes_in_the_children_of_an_application(cd: Session, repository: GitRepository, client: Client) -> None:
    assert cd.sync("shop").ok
    child = client.get(f"{APPLICATIONS}/shop").expect()
    source = {**child["spec"]["source"], "targetRevision": "v2"}
    kept = {
        "apiVersion": child["apiVersion"],
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd"},
    }
    retargeted = dump_document({**kept, "spec": {**child["spec"], "source": source}})
    repository.git("checkout", "--quiet", "-b", "v2")
    repository.commit({"shop/settings.yaml": FILES["shop/settings.yaml"].replace("info", "debug")})
    repository.git("checkout", "--quiet", "-")
    repository.commit({"apps/shop.yaml": retargeted})
    spec = {**child["spec"], "source": {"repoURL": repository.url, "path": "apps"}}
    client.create(APPLICATIONS, {**kept, "metadata": {**kept["metadata"], "name": "root"}, "spec": spec}).expect(201)
    frame = cd.app("root").children()
    assert frame[["app", "name", "path", "target", "live"]].to_dict("records") == [
        {"app": "shop", "name": "settings", "path": "$.data.level", "target": "debug", "live": "info"}
    ]
    assert cd.app("shop").children().empty


def test_no_secret_value_in_any_output(cd: Session, client: Client, tmp_path: Path) -> None:
    import base64

    canaries = [b"canary-4711", base64.b64encode(b"canary-4711"), b"canary-0815", base64.b64encode(b"canary-0815")]
    shown = [repr(cd.diff("shop").format_html()), cd.waves("shop").format_html(), str(cd.diff("shop").get_state())]
    report = cd.sync("shop")
    shown += [repr(report), report._repr_html_(), str(report.as_dict())]
    changed = {"data": {"password": base64.b64encode(b"canary-0815").decode()}}
    change(cd, client, "/api/v1/namespaces/shop/secrets/token", changed)
    diff = cd.diff("shop")
    shown += [diff.format_html(), diff.format_text(), str(diff.get_state()), cd.drift().to_string()]
    assert cd.drift()["path"].tolist() == ["$.data.password"]
    output = "\n".join(shown).encode() + b"".join(path.read_bytes() for path in tmp_path.glob("history.db*"))
    assert [canary for canary in canaries if canary in output] == []


POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "runner"},
    "spec": {"containers": [{"name": "main", "image": "a:1"}, {"name": "proxy", "image": "b:1"}]},
}


def test_tree_events_and_logs_of_an_application(cd: Session, repository: GitRepository, client: Client) -> None:
    repository.commit({"shop/pod.yaml": dump_document(POD)})
    assert cd.sync("shop", timeout_s=60).ok
    stray = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "stray"}}
    client.create("/api/v1/namespaces/shop/configmaps", stray).expect(201)
    pod = client.get("/api/v1/namespaces/shop/pods/runner").expect()
    about = {key: pod["metadata"][key] for key in ("name", "namespace", "uid")}
    event = {
        "metadata": {"name": "runner.1", "namespace": "shop"},
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", **about},
        "type": "Warning",
        "reason": "BackOff",
        "message": "canary",
    }
    client.create("/api/v1/namespaces/shop/events", event).expect(201)

    resources = cd.resources("shop", orphaned=True)
    assert sorted(resources["name"]) == ["runner", "settings", "stray", "token"]
    assert list(resources.query("orphaned")["name"]) == ["stray"]
    assert "stray" not in list(cd.resources("shop")["name"])
    assert cd.events("shop")[["name", "type", "reason", "message"]].to_dict("records") == [
        {"name": "runner", "type": "Warning", "reason": "BackOff", "message": "canary"}
    ]
    log = cd.logs("shop", kind="Pod", container="proxy")
    assert log[["pod", "container"]].drop_duplicates().to_dict("records") == [{"pod": "runner", "container": "proxy"}]
    assert "started" in log["text"].iloc[0]

    widget = cd.tree("shop")
    assert isinstance(widget, ResourceTreeWidget)
    assert "ConfigMap shop/stray" in [row["id"] for row in widget.nodes]
    widget.selected, widget.tab = "Pod shop/runner", "events"
    assert [row["message"] for row in widget.detail["rows"]] == ["canary"]
    widget.tab = "log"
    assert (widget.detail["container"], widget.detail["containers"]) == ("main", ["main", "proxy"])
    widget.container = "ghost"
    assert widget.detail["error"] == "Pod shop/runner has no container ghost; it has main, proxy"


def test_what_a_rule_hides_and_which_rule_finds_nothing(cd: Session, client: Client) -> None:
    rules = [{"kind": "ConfigMap", "jsonPointers": ["/data/level", "/data/ghost"]}]
    client.patch(f"{APPLICATIONS}/shop", {"spec": {"ignoreDifferences": rules}}).expect()
    assert cd.sync("shop", timeout_s=60).ok
    change(cd, client, "/api/v1/namespaces/shop/configmaps/settings", {"data": {"level": "debug"}})
    assert cd.drift("shop").empty
    (row,) = cd.drift("shop", hidden=True).to_dict("records")
    assert (row["pointer"], row["ignored_by"]) == (
        "/data/level",
        "spec.ignoreDifferences[0].jsonPointers: /data/level",
    )
    assert cd.unused_rules("shop")["rule"].tolist() == ["spec.ignoreDifferences[0].jsonPointers: /data/ghost"]


def watches() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("gitops-nb-watch")}


def test_the_watches_of_a_session_end_with_it(sandbox: Sandbox, repository: GitRepository, tmp_path: Path) -> None:
    before = watches()
    cd = gnb.connect(kubeconfig=str(sandbox.kubeconfig), store=f"sqlite:///{tmp_path}/history.db")
    app = cd.app("shop")
    assert app.compare().status == "OutOfSync"
    # Whoever holds an Application of the session keeps it.
    del cd
    assert app.compare().status == "OutOfSync"
    assert watches() - before
    del app
    assert not watches() - before


def test_a_closed_session_answers_by_lists(cd: Session) -> None:
    assert len(cd.apps) == 1
    before = watches()
    cd.close()
    assert not before & watches()
    assert len(cd.apps) == 1
    assert not watches() - before


def test_an_application_is_parsed_once_for_each_of_its_versions(cd: Session, client: Client) -> None:
    (known,) = cd.reconciler.applications()
    assert cd.reconciler.application("shop") is known
    client.patch(f"{APPLICATIONS}/shop", {"metadata": {"labels": {"team": "one"}}}).expect()
    assert cd.reconciler.application("shop") is not known


def test_unknown_application_names_those_there_are(cd: Session) -> None:
    with pytest.raises(NotFoundError, match="no Application ghost in namespace argocd; there are shop"):
        cd.diff("ghost")
