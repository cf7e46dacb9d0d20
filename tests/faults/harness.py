"""A situation on a cluster in which a run is disturbed, and what must hold of it afterwards (threats.md, part 3)."""

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import urllib3

from reconciler.history import SyncRecord
from reconciler.sandbox import Sandbox
from reconciler.sandbox.faults import Logged
from reconciler.terms import ANNOTATION_OPERATION, FIELD_MANAGER
from tests.argo import DEFINITIONS, install_argo
from tests.conformance.client import APPLY, Client
from tests.faults.invariants import MADE, check_operations, is_available
from tests.faults.scenarios import API, SCENARIOS, TRACKING, Manifest, Scenario, filled, repository_files
from tests.faults.stage import MODULES, TRACE, Ended, Run, Stage
from tests.faults.states import comparable
from tests.repositories import GitRepository

AGENT = "OpenAPI-Generator"
COLLECTIONS = {kind: (api, plural) for kind, (api, plural) in API.items()}


@dataclass(frozen=True, slots=True)
class Change:
    """One change in the cluster, in the order of ``revision``."""

    revision: int
    type: str
    key: str
    object: Manifest


@dataclass
class Cluster:
    """Where cases take place: a sandbox in this process, or a real control plane (``sandbox`` None)."""

    client: Client
    stage: Stage
    sandbox: Sandbox | None
    undisturbed: dict[str, "Outcome"] = field(default_factory=dict)

    @contextmanager
    def case(self, scenario: Scenario, folder: Path) -> Iterator["Case"]:
        """A namespace in which everything is as before the run."""
        case = Case(self, scenario, f"case-{uuid.uuid4().hex[:8]}", folder)
        try:
            case.set_up()
            yield case
        finally:
            case.tear_down()

    def outcome(self, scenario: Scenario, folder: Path) -> "Outcome":
        """What an undisturbed run leads to, and the kill points that it passes."""
        if scenario.name not in self.undisturbed:
            with self.case(scenario, folder) as case:
                trace = folder / "trace"
                ended = case.start(**{TRACE: str(trace)}).wait()
                assert ended.status == scenario.exit_status, ended.errors
                check_operations(case, ended)
                passes = Counter(trace.read_text().split())
                self.undisturbed[scenario.name] = Outcome(case.state(), passes)
        return self.undisturbed[scenario.name]


@dataclass(frozen=True)
class Outcome:
    """Objects by key as an undisturbed run leaves them, and how often it passes each kill point."""

    state: Mapping[str, Any]
    passes: Mapping[str, int]


class Case:
    """One scenario in a namespace of its own."""

    def __init__(self, cluster: Cluster, scenario: Scenario, namespace: str, folder: Path) -> None:
        self.cluster = cluster
        self.client = cluster.client
        self.scenario = scenario
        self.namespace = namespace
        self.folder = folder
        self.namespaces = [namespace, *([f"{namespace}-made"] if scenario.made_namespace else [])]
        self.records: list[SyncRecord] = []
        self.withdrawn: set[str] = set()
        self.forgotten: set[str] = set()
        self._changes: list[Change] = []
        self._stack = ExitStack()
        folder.mkdir(parents=True, exist_ok=True)

    # What is there before

    def set_up(self) -> None:
        self.origin = GitRepository.create(self.folder / "origin", {})
        texts = repository_files(self.scenario, self.namespace, self.origin.url)
        self.origin.commit(texts)
        self._follow()
        self.client.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}}).expect(201)
        for obj in self.scenario.before:
            self.apply(self.tracked(obj))
        for obj in self.scenario.applications:
            self.client.create(self.path("Application"), filled(obj, self.namespace, self.origin.url)).expect(201)
        self.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "foreign"}}, manager="somebody")
        other = {"name": "others", "annotations": {TRACKING: f"another:/ConfigMap:{self.namespace}/others"}}
        self.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": other}, manager=FIELD_MANAGER)
        if any(obj["metadata"].get("name") == "settings" for obj in self.scenario.before):
            settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"own": "1"}}
            self.apply(settings, manager="somebody")
        if any(obj["kind"] == "Deployment" for obj in self.scenario.before):
            self.client.wait_for(self.path("Deployment"), "web", is_available)
        self.foreign = self.versions_of("foreign", "others")
        self._begun = self.revision()
        if self.cluster.sandbox is not None:
            self.cluster.sandbox.faults.record()

    def tear_down(self) -> None:
        if self.cluster.sandbox is not None:
            self.cluster.sandbox.faults.set()
        self._stack.close()
        for name in self.namespaces:
            self.client.delete(f"/api/v1/namespaces/{name}")
        for obj in self._list(self.path("Application")):
            # Whatever state it is in, it must not hold its namespace.
            self.client.patch(self.path("Application", obj["metadata"]["name"]), {"metadata": {"finalizers": None}})
        if self.scenario.custom:
            self.client.delete(f"{DEFINITIONS}/widgets.{self.namespace}.example.com")

    def tracked(self, obj: Manifest) -> Manifest:
        """As an earlier sync applied it."""
        obj = filled(obj, self.namespace)
        group = obj["apiVersion"].rpartition("/")[0]
        mark = f"shop:{group}/{obj['kind']}:{self.namespace}/{obj['metadata']['name']}"
        annotations = {**obj["metadata"].get("annotations", {}), TRACKING: mark}
        return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}

    def apply(self, obj: Manifest, *, manager: str = FIELD_MANAGER) -> None:
        path = self.path(obj["kind"], obj["metadata"]["name"])
        answer = self.client.patch(path, obj, APPLY, fieldManager=manager)
        assert answer.ok, answer.body

    def path(self, kind: str, name: str = "", *, namespace: str = "") -> str:
        api, plural = self.collections[kind]
        root = "/api/v1" if api == "v1" else f"/apis/{api}"
        return f"{root}/namespaces/{namespace or self.namespace}/{plural}{f'/{name}' if name else ''}"

    @cached_property
    def collections(self) -> dict[str, tuple[str, str]]:
        own = {"Widget": (f"{self.namespace}.example.com/v1", "widgets")} if self.scenario.custom else {}
        return COLLECTIONS | own

    # Runs

    def start(self, *, point: str = "", words: Sequence[str] = (), **variables: str) -> Run:
        """Begin the scenario's run."""
        run = self.cluster.stage.start(self.words(words), self.folder, point=point, **variables)
        self._stack.callback(run.end)
        return run

    def run(self, **how: Any) -> Ended:
        return self.start(**how).wait()

    def words(self, words: Sequence[str] = ()) -> list[str]:
        return [*(words or self.scenario.words), "--kubeconfig", str(self.client.kubeconfig), "-n", self.namespace]

    # What is seen

    def await_cluster(self) -> None:
        """Wait until the API server answers again; a connection of before may still be cut."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if self.client.get("/readyz").status == 200:
                    return
            except urllib3.exceptions.HTTPError:
                time.sleep(0.02)
        raise AssertionError("the API server did not come back")

    def revision(self) -> int:
        listed = self.client.get(f"/api/v1/namespaces/{self.namespace}/configmaps", limit=1).expect()
        return int(listed["metadata"]["resourceVersion"])

    def _follow(self) -> None:
        sandbox = self.cluster.sandbox
        if sandbox is None:
            return
        lock, changes, namespaces = threading.Lock(), self._changes, frozenset(self.namespaces)
        plurals = {plural: kind for kind, (_, plural) in self.collections.items()}

        def note(event: Any) -> None:
            kind = plurals.get(event.resource.resource)
            if kind and event.name.namespace in namespaces:
                with lock:
                    changes.append(Change(event.revision, event.type, f"{kind}/{event.name.name}", event.object))

        self._stack.callback(sandbox.call(lambda api: api.cluster.store.subscribe(note)))

    def changes(self) -> list[Change]:
        """What the server did since the case began, as it tells it itself."""
        if self.cluster.sandbox is not None:
            return [change for change in self._changes if change.revision > self._begun]
        found: list[Change] = []
        threads = [
            threading.Thread(target=self._replay, args=(kind, namespace, found))
            for namespace in self.namespaces
            for kind in self.collections
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sorted(found, key=lambda change: change.revision)

    def _replay(self, kind: str, namespace: str, found: list[Change]) -> None:
        path = self.path(kind, namespace=namespace)
        if self.client.get(path, limit=1).status != 200:
            return
        for event in self.client.watch(path, timeout_s=2, resourceVersion=str(self._begun)):
            if event["type"] == "ERROR":
                # Forgotten: a definition came later than the case, or the API server was started anew.
                self.forgotten.add(kind)
                return
            metadata = event["object"]["metadata"]
            revision = int(metadata["resourceVersion"])
            found.append(Change(revision, event["type"], f"{kind}/{metadata['name']}", event["object"]))

    def requests(self) -> list[Logged]:
        """The writes of runs, of the sandbox's own request log."""
        sandbox = self.cluster.sandbox
        assert sandbox is not None
        return [entry for entry in sandbox.faults.requests() if entry.is_write and entry.agent.startswith(AGENT)]

    def objects(self) -> dict[str, Manifest]:
        """What lies in the case's namespaces, by ``Kind/name``; names made for one operation without its mark."""
        found: dict[str, Manifest] = {}
        for namespace in self.namespaces:
            for kind in self.collections:
                for obj in self._list(self.path(kind, namespace=namespace)):
                    name = MADE.sub("", obj["metadata"]["name"])
                    if name != "kube-root-ca.crt":
                        found[f"{kind}/{name}"] = obj
        return found

    def _list(self, path: str) -> list[Manifest]:
        answer = self.client.get(path)
        return answer.body.get("items", []) if answer.status == 200 else []

    def state(self) -> dict[str, Any]:
        """The end state, without what differs from run to run."""
        newest = {record.application: record.operation_id for record in reversed(self.records)}
        failed = {record.operation_id for record in self.records if record.phase != "Succeeded"} - {*newest.values()}
        made = {
            key: comparable(obj, key.partition("/")[0], self.collections)
            for key, obj in self.objects().items()
            # What a failed or interrupted operation ran stays where its policies do not ask for it, as with Argo CD.
            if obj["metadata"].get("annotations", {}).get(ANNOTATION_OPERATION) not in failed
        }
        for name in self.namespaces[1:]:
            answer = self.client.get(f"/api/v1/namespaces/{name}")
            made["Namespace"] = answer.body["metadata"]["labels"].get("team") if answer.status == 200 else None
        text = json.dumps(made).replace(self.namespace, "$NS").replace(self.origin.head, "$HEAD")
        text = text.replace(self.origin.url, "$URL").replace(str(self.client.server), "$SERVER")
        state: dict[str, Any] = json.loads(text)
        return state

    def managed_versions(self) -> dict[str, str]:
        """The versions of everything that is managed and no hook, nor an Application, whose status a run writes."""
        return {
            key: obj["metadata"]["resourceVersion"]
            for key, obj in self.objects().items()
            if not key.startswith(("Job/", "Application/"))
        }

    def versions_of(self, *names: str) -> dict[str, str]:
        objects = {name: self.client.get(self.path("ConfigMap", name)) for name in names}
        return {name: answer.expect()["metadata"]["resourceVersion"] for name, answer in objects.items()}


def sandbox_of(cluster: Cluster) -> Sandbox:
    assert cluster.sandbox is not None
    return cluster.sandbox


@contextmanager
def open_cluster(kubeconfig: Path, stage: Stage, sandbox: Sandbox | None) -> Iterator[Cluster]:
    with closing(Client(kubeconfig)) as client:
        install_argo(client)
        yield Cluster(client, stage, sandbox)


@contextmanager
def sandbox_cluster(stage: Stage) -> Iterator[Cluster]:
    with Sandbox(latency_s=0.005) as sandbox, open_cluster(sandbox.kubeconfig, stage, sandbox) as cluster:
        yield cluster


@contextmanager
def warm_stage(folder: Path) -> Iterator[Stage]:
    """A stage that has imported what a run imports."""
    with Stage() as stage, sandbox_cluster(stage) as cluster:
        with cluster.case(SCENARIOS["family"], folder / "family") as case:
            case.run(**{MODULES: str(folder / "modules")})
        stage.warm(folder / "modules")
        yield stage
