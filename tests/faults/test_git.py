"""Repositories that go away or change while a run reads them (threats.md, rows 25 and 26)."""

import json
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from reconciler.history import open_store
from reconciler.sandbox.faults import Fault, Refuse
from tests.argo import install_argo
from tests.faults.harness import Case, Cluster
from tests.faults.invariants import check_bounds, check_left, check_operations
from tests.faults.scenarios import SCENARIOS, WAVES
from tests.git_servers import Authority, HttpsServer, https_git
from tests.reconciler.engine.places import Shop, config_map

Answer = Callable[[BaseHTTPRequestHandler], bool]


class Cut:
    """What is left of an answer: the head, and so many bytes."""

    def __init__(self, handler: BaseHTTPRequestHandler, size: int) -> None:
        self._handler, self._file, self._left, self._head = handler, handler.wfile, size, True

    def write(self, data: bytes) -> int:
        head, separator, body = data.partition(b"\r\n\r\n") if self._head else (b"", b"", data)
        self._head = self._head and not separator
        kept, self._left = body[: self._left], max(self._left - len(body), 0)
        self._file.write(head + separator + kept)
        if not self._head and not self._left:
            self._handler.close_connection = True
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def cut(method: str, command: bytes, size: int) -> Answer:
    """Have the real answer to such a question end after some bytes."""

    def answer(handler: BaseHTTPRequestHandler) -> bool:
        # A question without a body would be waited for.
        if handler.command == method and (not command or command in handler.rfile.peek(1)):  # type: ignore[attr-defined]
            handler.wfile = Cut(handler, size)  # type: ignore[assignment]
        return False

    return answer


CUTS = {
    "at the first answer": cut("GET", b"", 40),
    "at the list of refs": cut("POST", b"command=ls-refs", 30),
    "before the pack": cut("POST", b"command=fetch", 0),
    "at the head of the pack": cut("POST", b"command=fetch", 60),
    "in the middle of the pack": cut("POST", b"command=fetch", 20_000),
}


@contextmanager
def served(case: Case, folder: Path) -> Iterator[HttpsServer]:
    """The case's repository over HTTPS, where a run can be cut off."""
    with https_git(case.folder, Authority(folder / "authority")) as server:
        labels = {"app.kubernetes.io/part-of": "argocd"}
        certificates = {"metadata": {"name": "argocd-tls-certs-cm", "labels": labels}, "data": server.hosts}
        case.client.create(case.path("ConfigMap"), certificates).expect(201)
        source = {"repoURL": f"{server.url}/origin/.git", "path": "app"}
        case.client.patch(case.path("Application", "shop"), {"spec": {"source": source}}).expect()
        yield server


@pytest.mark.parametrize("where", CUTS)
def test_25_cut_in_mid_fetch(sandboxed: Cluster, tmp_path: Path, where: str) -> None:
    """The sync is refused and says what the repository was; the mirror of before serves the next run."""
    with sandboxed.case(WAVES, tmp_path / "case") as case, served(case, tmp_path) as server:
        # The user's own authorities are not those of the repository's host.
        first = case.run(GIT_SSL_CAINFO=os.devnull)
        assert first.status == 0, first.errors
        before, versions = case.origin.head, case.managed_versions()
        more = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n"
        case.origin.commit({"app/more.yaml": more, "large": random.Random(25).randbytes(60_000)})
        server.answer = CUTS[where]
        known = f"'HEAD' was {before} when it was last fetched"
        refused = case.run()
        assert refused.status == 4, refused.errors
        assert known in refused.errors
        check_bounds(case, refused)
        check_left(case)
        compared = case.run(words=("app", "list", "-o", "json"))
        (shown,) = json.loads(compared.output)
        assert (shown["sync"], known in shown["reason"]) == ("Unknown", True)
        assert case.managed_versions() == versions
        server.answer = lambda handler: False
        ended = case.run()
        assert ended.status == 0, ended.errors
        assert case.client.get(case.path("ConfigMap", "more")).status == 200
        mirrors = [entry.name for entry in case.folder.glob("cache/**/*") if entry.name.startswith("tmp_")]
        assert mirrors == []
        assert list(case.folder.glob("cache/**/*.damaged")) == []
        check_operations(case, ended)


def test_25_down_before_it_was_ever_fetched(sandboxed: Cluster, tmp_path: Path) -> None:
    with sandboxed.case(WAVES, tmp_path / "case") as case, served(case, tmp_path) as server:
        server.answer = CUTS["before the pack"]
        refused = case.run()
        assert refused.status == 4, refused.errors
        assert "when it was last fetched" not in refused.errors
        check_bounds(case, refused)


def rewritten(case: Case) -> None:
    """Another history under the same name; the commit that the run began with is nowhere any more."""
    case.origin.git("checkout", "--quiet", "--orphan", "anew")
    case.origin.commit({"app/all.yaml": ""}, "Rewritten")
    case.origin.git("branch", "--quiet", "--force", "main", "anew")
    case.origin.git("checkout", "--quiet", "main")
    case.origin.git("reflog", "expire", "--expire=now", "--all")
    case.origin.git("gc", "--quiet", "--prune=now")


def moved_tag(case: Case) -> None:
    case.origin.commit({"app/all.yaml": ""})
    case.origin.git("tag", "--force", "--annotate", "--message=again", "release")


def deleted(case: Case) -> None:
    """Branch and tag are gone, the repository is there."""
    case.origin.git("checkout", "--quiet", "-b", "other")
    case.origin.commit({"app/all.yaml": ""})
    case.origin.git("branch", "--quiet", "--delete", "--force", "main")
    case.origin.git("tag", "--delete", "release")


def gone(case: Case) -> None:
    (case.origin.path / ".git").rename(case.origin.path / "moved")


@pytest.mark.parametrize("point", ["fetch:2", "dry-run:1", "wave-end:1", "record-end:1"])
@pytest.mark.parametrize(
    ("revision", "happens"), [("main", rewritten), ("release", moved_tag), ("main", deleted), ("release", gone)]
)
def test_26_what_happens_in_mid_run(
    sandboxed: Cluster, tmp_path: Path, point: str, revision: str, happens: Callable[[Case], None]
) -> None:
    """The run keeps the commit that it resolved, from its start to its end."""
    with sandboxed.case(WAVES, tmp_path / "case") as case:
        case.origin.git("tag", "--annotate", "--message=first", "release")
        change = {"spec": {"source": {"targetRevision": revision}}}
        case.client.patch(case.path("Application", "shop"), change).expect()
        began = case.origin.head
        run = case.start(point=f"stop:{point}")
        assert run.wait().halted
        happens(case)
        run.signal(signal.SIGCONT)
        ended = run.wait()
        assert ended.status == 0, ended.errors
        status = case.client.get(case.path("Application", "shop")).expect()["status"]
        assert status["operationState"]["syncResult"]["revision"] == began
        assert (status["sync"]["revision"], status["sync"]["status"]) == (began, "Synced")
        assert case.client.get(case.path("ConfigMap", "last")).expect()["data"] == {"version": "v2"}
        check_left(case)
        check_operations(case, ended)


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


def test_26_a_retry_is_of_the_same_commit(sandboxed: Cluster, tmp_path: Path) -> None:
    """Unless ``retry.refresh`` asks for the newest, which a rewritten history has too."""
    with sandboxed.case(SCENARIOS["waves"], tmp_path / "case") as case:
        began = case.origin.head
        assert sandboxed.sandbox is not None
        retry = {"limit": 1, "backoff": {"duration": "1s"}}
        case.client.patch(case.path("Application", "shop"), {"spec": {"syncPolicy": {"retry": retry}}}).expect()
        sandboxed.sandbox.faults.set(Fault(Refuse(403, "no", "Forbidden"), "patch", "services"))
        run = case.start(point="stop:apply-before:1")
        assert run.wait().halted
        rewritten(case)
        run.signal(signal.SIGCONT)
        ended = run.wait()
        assert ended.status == 0, ended.errors
        with open_store(f"sqlite:///{case.folder}/history.db") as store:
            assert [(record.phase, record.revisions) for record in store.records()] == [
                ("Succeeded", (began,)),
                ("Failed", (began,)),
            ]


def test_26_a_revision_that_went_is_refused_by_the_next_run(sandboxed: Cluster, tmp_path: Path) -> None:
    """Nothing is pruned for it."""
    with sandboxed.case(WAVES, tmp_path / "case") as case:
        change = {"spec": {"source": {"targetRevision": "main"}}}
        case.client.patch(case.path("Application", "shop"), change).expect()
        assert case.run().status == 0
        versions = case.managed_versions()
        case.origin.git("tag", "release")
        deleted(case)
        refused = case.run()
        assert refused.status == 2, refused.errors
        assert "main" in refused.errors
        assert case.managed_versions() == versions


sandbox_only = pytest.mark.parametrize("cluster_kubeconfig", ["sandbox"], indirect=True)


def application(shop: Shop, **source: Any) -> Any:
    """The Application as the cluster holds it, at the tag ``v1``."""
    install_argo(shop.client)
    body = shop.application().model_dump(by_alias=True, exclude_unset=True, mode="json")
    body["spec"]["source"] |= {"targetRevision": "v1"} | source
    shop.client.create(shop.path("applications", api="/apis/argoproj.io/v1alpha1"), body).expect(201)
    return shop.engine.application("shop")


@sandbox_only
@pytest.mark.parametrize("annotated", [True, False], ids=["annotated", "lightweight"])
def test_26_a_moved_tag_is_a_warning_and_recorded(shop: Shop, annotated: bool) -> None:
    how = ("--annotate", "--message=x") if annotated else ()
    shop.write(config_map(a="1"))
    first = shop.origin.head
    shop.origin.git("tag", *how, "v1")
    current = application(shop)
    outcome = shop.engine.sync(shop.engine.reconcile(current))
    assert outcome.result.warnings == ()
    shop.write(config_map(a="2"))
    shop.origin.git("tag", "--force", *how, "v1")
    shop.engine.begin_run()
    reconciliation = shop.engine.reconcile(shop.engine.application("shop"))
    second = shop.origin.head
    said = (
        f"spec.source.targetRevision: the tag 'v1' of {shop.origin.path} was moved since the last sync, from {first[:7]} to "
        f"{second[:7]}"
    )
    assert reconciliation.comparison.warnings == (said,)
    outcome = shop.engine.sync(reconciliation)
    assert outcome.result.succeeded
    assert outcome.result.warnings == (said,)
    records = [(record.target_revision, record.revisions) for record in shop.engine.history("shop")]
    assert records == [("v1", (second,)), ("v1", (first,))]
    shop.engine.begin_run()
    assert shop.engine.compare(shop.engine.application("shop")).warnings == ()


@sandbox_only
@pytest.mark.parametrize("revision", ["main", "HEAD", "*"])
def test_26_what_is_meant_to_move_is_no_warning(shop: Shop, revision: str) -> None:
    shop.write(config_map(a="1"))
    shop.origin.git("tag", "v1.0.0")
    outcome = shop.engine.sync(shop.engine.reconcile(application(shop, targetRevision=revision)))
    assert outcome.result.succeeded
    shop.write(config_map(a="2"))
    shop.origin.git("tag", "v1.0.1")
    shop.engine.begin_run()
    compared = shop.engine.compare(shop.engine.application("shop"))
    assert compared.revisions == (shop.origin.head,)
    assert compared.warnings == ()
