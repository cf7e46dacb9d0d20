"""``app actions``, ``app events`` and ``app logs`` at the command line, on both clusters."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.reconciler.cli.conftest import Call
from tests.reconciler.engine.places import Manifest, Shop, config_map

APPS = "/apis/apps/v1"
Verb = Callable[..., tuple[int, str, str]]


def deployment(name: str, replicas: int = 0) -> Manifest:
    labels = {"app": name}
    containers = [{"name": "main", "image": "nginx:1"}, {"name": "side", "image": "nginx:2"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


@pytest.fixture
def app(shop: Shop, call: Call, tmp_path: Path) -> Verb:
    """Run ``app VERB… -f FILE`` for the shop's Application."""
    file = tmp_path / "shop.yaml"

    def run(*words: str) -> tuple[int, str, str]:
        file.write_text(yaml.safe_dump(shop.application().to_dict()))
        place = ("-f", str(file), "--kubeconfig", str(shop.client.kubeconfig), "-n", shop.namespace)
        return call("app", *words, *place)

    return run


def replicas(shop: Shop, name: str) -> int:
    return int(shop.client.get(shop.path("deployments", name, api=APPS)).expect(200)["spec"]["replicas"])


def test_actions_are_listed(shop: Shop, app: Verb) -> None:
    shop.write(deployment("web"), config_map())
    shop.synced()
    status, out, err = app("actions", "list")
    rows = [line.split() for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert rows[0] == ["GROUP", "KIND", "NAMESPACE", "NAME", "ACTION", "DISABLED"]
    assert [row[4:] for row in rows[1:]] == [["pause"], ["restart"], ["resume", "yes"], ["scale"]]
    status, out, _ = app("actions", "list", "--kind", "Deployment", "-o", "json")
    (found,) = json.loads(out)
    assert (found["key"]["name"], found["version"], found["reason"]) == ("web", "v1", "")
    assert found["actions"][-1]["parameters"] == [{"name": "replicas", "value": "", "type": "", "default": "0"}]
    assert app("actions", "list", "--kind", "ConfigMap") == (0, "", "no actions\n")


def test_an_action_is_run_on_one_object(shop: Shop, app: Verb) -> None:
    shop.write(deployment("web"), deployment("api"))
    shop.synced()
    scale = ("actions", "run", "scale", "--kind", "Deployment", "--param", "replicas=3")
    status, out, err = app(*scale)
    assert (status, out) == (2, "")
    assert err.startswith("error: 2 objects match Deployment */*: Deployment.apps ")
    status, out, err = app(*scale, "--resource-name", "web", "--dry-run")
    assert (status, err) == (0, "dry run: nothing was changed\n")
    assert replicas(shop, "web") == 0
    status, out, err = app(*scale, "--resource-name", "web")
    assert (status, err) == (0, "")
    assert out.splitlines()[1].split() == ["Deployment.apps", f"{shop.namespace}/web", "patch", "$.spec.replicas"]
    assert (replicas(shop, "web"), replicas(shop, "api")) == (3, 0)


def test_an_action_is_run_on_all(shop: Shop, app: Verb) -> None:
    shop.write(deployment("web"), deployment("api"))
    shop.synced()
    full = ("--group", "apps", "--resource-namespace", shop.namespace, "--resource-name", "web")
    assert app("actions", "run", "pause", "--kind", "Deployment", *full)[0] == 0
    status, out, err = app("actions", "run", "pause", "--kind", "Deployment", "--all", "-o", "json")
    assert status == 0
    assert err == f"left out: action pause is disabled for Deployment.apps {shop.namespace}/web in its present state\n"
    (done,) = json.loads(out)
    assert (done["key"]["name"], done["outcomes"][0]["changes"]) == (
        "api",
        [{"path": "$.spec.paused", "before": "absent", "after": True}],
    )


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("restart", "--kind", "Service"), 2, "nothing that the application manages matches Service */*"),
        (("resume", "--kind", "Deployment"), 2, "action resume is disabled for Deployment.apps"),
        (("explode", "--kind", "Deployment"), 2, "has no action 'explode'; it has: pause, restart, resume, scale"),
        (("scale", "--kind", "Deployment", "--param", "two"), 2, "--param two: expected NAME=VALUE"),
        (("scale", "--kind", "Deployment", "--param", "a=1", "--param", "a=2"), 2, "--param a is given twice"),
        (("scale", "--kind", "Deployment", "--param", "replicas=x"), 2, "replicas must be a whole number, not x"),
        (("a", "b", "c", "--kind", "Deployment"), 2, "a b c: expected the name of an Application and of an action"),
        (("restart",), 2, "Missing option '--kind'"),
    ],
)
def test_what_is_refused(shop: Shop, app: Verb, words: tuple[str, ...], status: int, message: str) -> None:
    shop.write(deployment("web"))
    shop.synced()
    ended, out, err = app("actions", "run", *words)
    assert (ended, out) == (status, "")
    assert message in err
    assert len(err.splitlines()) == 1


def event(shop: Shop, name: str, about: Manifest, seen: str, **more: str) -> None:
    meta = about["metadata"]
    kind = {"kind": about["kind"], "apiVersion": about["apiVersion"], "name": meta["name"], "uid": meta["uid"]}
    body = {
        "metadata": {"name": name},
        "involvedObject": {**kind, "namespace": shop.namespace},
        "lastTimestamp": seen,
        "type": "Normal",
        **more,
    }
    shop.client.create(shop.path("events"), body).expect(201)


def test_events_of_what_the_application_owns(shop: Shop, app: Verb) -> None:
    shop.write(deployment("web"))
    shop.synced()
    shop.client.create(shop.path("configmaps"), config_map("foreign")).expect(201)
    foreign = shop.client.get(shop.path("configmaps", "foreign")).expect(200)
    web = shop.client.get(shop.path("deployments", "web", api=APPS)).expect(200)
    shop.client.wait_for(shop.path("deployments", api=APPS), "web", lambda found: found["status"].get("conditions"))
    (below,) = shop.client.get(shop.path("replicasets", api=APPS)).expect(200)["items"]
    event(shop, "b", {"apiVersion": "apps/v1", "kind": "ReplicaSet", **below}, "2036-11-23T10:00:01Z", reason="Below")
    event(shop, "c", foreign, "2036-11-23T10:00:02Z", reason="Foreign")
    event(shop, "a", web, "2036-11-23T10:00:03Z", reason="Seen", message="two\nlines \x1b[2J")
    status, out, err = app("events")
    assert (status, err) == (0, "")
    assert out.splitlines()[0].split() == ["LAST-SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"]
    below_line, seen_line = out.splitlines()[-2:]
    assert below_line.split()[3:5] == ["Below", f"ReplicaSet/{below['metadata']['name']}"]
    assert seen_line.split()[:5] == ["2036-11-23", "10:00:03", "Normal", "Seen", "Deployment/web"]
    assert seen_line.endswith("two\\nlines \\x1b[2J")
    assert "Foreign" not in out
    status, out, _ = app("events", "-o", "json")
    assert (json.loads(out)[-1]["key"]["name"], json.loads(out)[-1]["message"]) == ("web", "two\nlines \x1b[2J")


SANDBOX = pytest.mark.parametrize("cluster_kubeconfig", ["sandbox"], indirect=True)


def ready(shop: Shop, name: str, count: int) -> None:
    deployments = shop.path("deployments", api=APPS)
    shop.client.wait_for(deployments, name, lambda found: found["status"].get("readyReplicas") == count)


@SANDBOX
def test_logs_of_pods_that_run(shop: Shop, app: Verb) -> None:
    shop.write(deployment("web", 2), deployment("api", 1))
    shop.synced()
    ready(shop, "web", 2)
    ready(shop, "api", 1)
    status, out, err = app("logs")
    assert (status, err) == (0, "")
    assert sorted(line.partition("] ")[2] for line in out.splitlines()) == ["simulated container main: started"] * 3
    assert all(line.startswith(("[web-", "[api-")) for line in out.splitlines())
    one = ("logs", "--kind", "Deployment", "--name", "api", "-c", "side")
    assert app(*one) == (0, "simulated container side: started\n", "")
    assert app(*one, "--follow", "--tail", "5", "--since-seconds", "60")[1] == "simulated container side: started\n"
    status, out, _ = app(*one, "-o", "json")
    (line,) = json.loads(out)
    assert (line["pod"]["kind"], line["container"], line["text"]) == (
        "Pod",
        "side",
        "simulated container side: started",
    )
    status, out, _ = app("logs", "--kind", "Deployment", "-o", "csv")
    assert out.splitlines()[0] == "at,namespace,pod,container,text"
    assert len(out.splitlines()) == 4
    status, out, err = app("logs", "-c", "none")
    assert (status, out) == (2, "")
    assert "container none is not valid for pod" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no pod matches; see what there is with: gitops-nb app tree"),
        (("--follow", "-o", "json"), "-o json does not fit --follow, which has no end"),
        (("--tail", "-1"), "Invalid value for '--tail': Input should be greater than or equal to 0"),
    ],
)
def test_logs_that_cannot_be(shop: Shop, app: Verb, words: tuple[str, ...], message: str) -> None:
    shop.write(config_map())
    shop.synced()
    status, out, err = app("logs", *words)
    assert (status, out) == (2, "")
    assert message in err
