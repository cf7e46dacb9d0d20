"""Secrets are nowhere but where they belong, whatever goes wrong meanwhile (threats.md, invariant 8)."""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from reconciler.manifest import dump_document
from reconciler.sandbox.faults import ALWAYS, Fault, Refuse
from tests.faults.canaries import Canaries
from tests.faults.harness import Case, Cluster, open_cluster
from tests.faults.scenarios import WAVES, Manifest
from tests.faults.stage import BACKOFF_S, Ended, Stage

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SPOKEN = (
    ("app", "diff", "shop"),
    ("app", "diff", "shop", "-o", "json"),
    ("app", "plan", "shop"),
    ("app", "plan", "shop", "-o", "json"),
    ("app", "get", "shop", "-o", "yaml"),
    ("app", "manifests", "shop"),
    ("app", "resources", "shop"),
    ("app", "tree", "shop"),
    ("app", "history", "shop"),
    ("app", "list", "-o", "json"),
)


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(name: str, **fields: object) -> Manifest:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, **fields}


def plant(case: Case, canaries: Canaries) -> dict[str, str]:
    """Values in Git, in the cluster and in the environment; the variables of a run."""
    target = [
        secret("in-data", data={"a": in_base64(canaries.plant("data in Git"))}),
        secret("in-text", stringData={"a": canaries.plant("stringData in Git")}),
    ]
    case.origin.commit({"app/secrets.yaml": "---\n".join(map(dump_document, target))})
    path = f"/api/v1/namespaces/{case.namespace}/secrets"
    applied = json.dumps(secret("in-text", stringData={"a": canaries.plant("last-applied")}))
    live = secret("in-text", stringData={"a": canaries.plant("live"), "gone": canaries.plant("a key that goes")})
    live["metadata"]["annotations"] = {LAST_APPLIED: applied}
    case.client.create(path, live).expect(201)
    labels = "argocd.argoproj.io/secret-type"
    repository = {"url": "https://git.example.com/shop", "username": "ada", "password": canaries.plant("a repository")}
    config = json.dumps({"bearerToken": canaries.plant("a cluster"), "tlsClientConfig": {"insecure": True}})
    cluster = {"name": "prod", "server": "https://prod.example.com", "config": config}
    for kind, text in (("repository", repository), ("cluster", cluster)):
        made = secret(f"of-a-{kind}", stringData=text)
        made["metadata"]["labels"] = {labels: kind}
        case.client.create(path, made).expect(201)
    secrets = {"GIT_PASSWORD": canaries.plant("the environment"), "SECRET_TOKEN": canaries.plant("another variable")}
    return {**secrets, BACKOFF_S: "0.01"}


def say_all(case: Case, variables: Mapping[str, str]) -> list[Ended]:
    """What each command says; differences are an exit status, too, but a command that is none says nothing of anything."""
    said = [case.run(words=words, **variables) for words in SPOKEN]
    assert {words: ended.errors for words, ended in zip(SPOKEN, said, strict=True) if ended.status not in (0, 1)} == {}
    return said


def expect_silence(case: Case, canaries: Canaries, said: list[Ended]) -> None:
    """Nothing in what was said, in any file but Git's own, and in any object but Secrets."""
    texts = [ended.output + ended.errors for ended in said]
    found = [hit for index, text in enumerate(texts) for hit in canaries.found(f"run {index}: {text[:60]!r}", text)]
    found += canaries.found_in_folder(case.folder, without=("origin", "repositories"))
    core, groups = f"/api/v1/namespaces/{case.namespace}", "/apis"
    listed = [f"{core}/{plural}" for plural in ("configmaps", "events", "services")]
    listed += [f"{groups}/{group}/namespaces/{case.namespace}/{plural}" for group, plural in GROUPS]
    for path in listed:
        found += canaries.found(path, json.dumps(case.client.get(path).expect()))
    assert found == []


GROUPS = (
    ("argoproj.io/v1alpha1", "applications"),
    ("apps/v1", "deployments"),
    ("events.k8s.io/v1", "events"),
    ("coordination.k8s.io/v1", "leases"),
)


def test_canaries_are_found_in_every_form(tmp_path: Path) -> None:
    """A search that finds nothing anywhere would prove nothing."""
    canaries = Canaries()
    value = canaries.plant("here")
    for text in (value, f"x{value}y", in_base64(value), in_base64(f"x{value}"), in_base64(f"xy{value}z")):
        assert list(canaries.found("text", text)), text
    assert list(canaries.found("text", value.encode().hex()))
    assert not list(canaries.found("text", value[:-1]))
    (tmp_path / "blob").write_bytes(bytes(32) + zlib.compress(value.encode()))
    assert canaries.found_in_folder(tmp_path) == ["blob: the value of here (raw)", "blob: the value of here (quoted)"]


def test_a_failure_a_crash_and_what_comes_after(sandboxed: Cluster, tmp_path: Path) -> None:
    canaries = Canaries()
    assert sandboxed.sandbox is not None
    faults = sandboxed.sandbox.faults
    with sandboxed.case(WAVES, tmp_path / "case") as case:
        variables = plant(case, canaries)
        said = say_all(case, variables)
        faults.set(Fault(Refuse(403, "secrets is forbidden", "Forbidden"), "patch", "secrets", times=ALWAYS))
        said.append(case.run(**variables))
        assert said[-1].status == 1, said[-1].errors
        faults.set(Fault(Refuse(422, "is invalid", "Invalid"), "patch", "secrets", dry_run=True, times=ALWAYS))
        said.append(case.run(**variables))
        assert said[-1].status == 1, said[-1].errors
        faults.set(Fault(Refuse(503), "list", "secrets", times=ALWAYS))
        said.append(case.run(**variables))
        faults.set()
        said.append(case.run(point="apply-after:2", **variables))
        assert said[-1].killed
        said.append(case.run(words=(*WAVES.words, "--debug"), **variables))
        said.append(case.run(**variables))
        assert said[-1].status == 0, said[-1].errors
        live = f"/api/v1/namespaces/{case.namespace}/secrets/in-text"
        case.client.patch(live, {"stringData": {"a": canaries.plant("drift"), "b": canaries.plant("more")}}).expect()
        said += say_all(case, variables)
        expect_silence(case, canaries, said)


def test_a_notebook_that_is_saved(sandboxed: Cluster, tmp_path: Path) -> None:
    canaries = Canaries()
    with sandboxed.case(WAVES, tmp_path / "case") as case:
        variables = plant(case, canaries)
        saved = case.folder / "saved.ipynb"
        notebook = ("run", "sync", "-p", "application=shop", "-p", "prune=true", "--to", str(saved))
        ended = case.start(words=notebook, **variables).wait(timeout_s=150)
        assert ended.status == 0, ended.errors
        assert saved.exists(), ended.errors
        expect_silence(case, canaries, [ended])


REFUSED = {
    "a number in data": {"data": {"a": 0}},
    "data that is no base64": {"data": {"a": "%%"}},
    "text in a list": {"stringData": [""]},
    "a type that wants more": {"type": "kubernetes.io/tls", "stringData": {"a": ""}},
    "a field that is none": {"dates": {"a": ""}},
    "an annotation that is too large": {},
}


@pytest.fixture(scope="module")
def real(controlplane: Path, stage: Stage) -> Iterator[Cluster]:
    with open_cluster(controlplane, stage, None) as cluster:
        yield cluster


@pytest.mark.controlplane
@pytest.mark.parametrize("how", REFUSED)
def test_what_the_api_server_says_of_a_secret(real: Cluster, tmp_path: Path, how: str) -> None:
    """It may repeat values: what it refuses is told without them."""
    canaries = Canaries()
    with real.case(WAVES, tmp_path / "case") as case:
        value = canaries.plant("the refused Secret")
        bad = secret(
            "bad", **json.loads(json.dumps(REFUSED[how]).replace('""', f'"{value}"').replace("%%", f"%{value}"))
        )
        if how == "a number in data":
            canaries.values["the refused Secret"] = number = "73501946820573"
            bad["data"] = {"a": int(number)}
        if how == "an annotation that is too large":
            bad["metadata"]["annotations"] = {LAST_APPLIED: value * 9000}
        case.origin.commit({"app/bad.yaml": dump_document(bad)})
        said = [case.run(), case.run(words=("app", "get", "shop"))]
        assert said[0].status in (1, 2), said[0].errors + said[0].output
        expect_silence(case, canaries, said)
