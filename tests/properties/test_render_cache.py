"""Random changes to a repository: the cache redoes exactly the renders that read what changed, and never answers wrongly.

The oracle knows nothing of the cache. It is told for each application which files and folders its tool reads, follows
symbolic links itself in a model of the repository, and so says what a render depends on.
"""

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from reconciler.errors import ReconcilerError
from reconciler.source import Generator, RenderCache, RepositoryCache, Target
from tests.reconciler.source.support import CAPABILITIES, application, config_map


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    target: str


@dataclass(frozen=True, slots=True)
class Commit:
    """A submodule at a commit."""

    commit: str


Content = str | Link | Commit
State = Mapping[str, Content]


@dataclass(frozen=True, slots=True)
class App:
    """An application and what its tool reads.

    ``files`` whether there or not, ``listed`` folders by the names in them, ``manifests`` folders by the YAML files
    and the links in them, ``below`` folders by all that is in them. Without its ``marker`` it is a folder of manifests.
    """

    source: Mapping[str, Any]
    files: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    manifests: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    marker: str = ""


BASE = ("kustomization.yaml", "deployment.yaml", "service.yaml")
APPS = {
    "plain": App({"path": "apps/plain"}, listed=("apps/plain",), manifests=("apps/plain",)),
    "deep": App(
        {"path": "apps/deep", "directory": {"recurse": True, "exclude": "skipped*"}},
        listed=("apps/deep", "apps/deep/inner"),
        manifests=("apps/deep", "apps/deep/inner"),
    ),
    "jsonnet": App(
        {"path": "apps/jsonnet", "directory": {"jsonnet": {"libs": ["shared/lib"]}}},
        listed=("apps/jsonnet",),
        files=("apps/jsonnet/main.jsonnet", "shared/lib/names.libsonnet", "apps/jsonnet/names.libsonnet"),
    ),
    "overlay": App(
        {"path": "apps/overlay"},
        files=(
            "apps/overlay/kustomization.yaml",
            "apps/overlay/settings.properties",
            *(f"shared/base/{name}" for name in BASE),
            "shared/component/kustomization.yaml",
            "shared/component/patch.yaml",
        ),
        marker="apps/overlay/kustomization.yaml",
    ),
    "through-link": App(
        {"path": "apps/through-link"},
        files=("apps/through-link/kustomization.yaml", *(f"apps/through-link/base/{name}" for name in BASE)),
        marker="apps/through-link/kustomization.yaml",
    ),
    "chart": App(
        {
            "path": "apps/chart",
            "helm": {"valueFiles": ["../../shared/values.yaml", "extra.yaml"], "ignoreMissingValueFiles": True},
        },
        files=("shared/values.yaml", "apps/chart/extra.yaml"),
        below=("apps/chart", "shared/library"),
    ),
    "vendored": App({"path": "vendored/app"}, listed=("vendored/app",), manifests=("vendored/app",)),
}

_DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {version: rev0}}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "example.com/web:rev0"}]}
"""
_SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}], externalName: rev0}\n"

FILES: dict[str, Content] = {
    "README.md": "rev0\n",
    "apps/plain/a.yaml": config_map("a", key="rev0"),
    "apps/plain/b.yaml": config_map("b", key="rev0"),
    "apps/plain/notes.txt": "rev0\n",
    "apps/plain/linked.yaml": Link("../../shared/one.yaml"),
    "apps/plain/twice.yaml": Link("../deep/link.yaml"),
    "apps/plain/folder": Link("../../shared/base"),
    "apps/deep/a.yaml": config_map("deep-a", key="rev0"),
    "apps/deep/link.yaml": Link("../../shared/two.yaml"),
    "apps/deep/inner/b.yaml": config_map("deep-b", key="rev0"),
    "apps/deep/inner/c.txt": "rev0\n",
    "apps/jsonnet/main.jsonnet": "local names = import 'names.libsonnet';\n"
    "{apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: names.name}, data: {key: 'rev0'}}\n",
    "apps/jsonnet/unused.libsonnet": "{name: 'rev0'}\n",
    "apps/overlay/kustomization.yaml": "resources: [../../shared/base]\ncomponents: [../../shared/component]\n"
    "namePrefix: rev0-\nconfigMapGenerator: [{name: settings, files: [settings.properties]}]\n",
    "apps/overlay/settings.properties": "version=rev0\n",
    "apps/overlay/unused.yaml": config_map("unused", key="rev0"),
    "apps/through-link/kustomization.yaml": "resources: [base]\nnameSuffix: -rev0\n",
    "apps/through-link/base": Link("../../shared/base"),
    "apps/chart/Chart.yaml": "apiVersion: v2\nname: chart\nversion: 1.0.0\nappVersion: rev0\n"
    "dependencies: [{name: library, version: 1.0.0, repository: 'file://../../shared/library'}]\n",
    "apps/chart/values.yaml": "own: rev0\n",
    "apps/chart/extra.yaml": "extra: rev0\n",
    "apps/chart/templates/settings.yaml": """
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ include "library.name" . }}}
data: {values: {{ .Values | toJson | quote }}, key: rev0}
""",
    "apps/chart/README.md": "rev0\n",
    "shared/one.yaml": config_map("one", key="rev0"),
    "shared/two.yaml": config_map("two", key="rev0"),
    "shared/unread.yaml": config_map("unread", key="rev0"),
    "shared/base/kustomization.yaml": "resources: [deployment.yaml, service.yaml]\nlabels: [{pairs: {version: rev0}}]\n",
    "shared/base/deployment.yaml": _DEPLOYMENT,
    "shared/base/service.yaml": _SERVICE,
    "shared/base/unused.yaml": config_map("unused", key="rev0"),
    "shared/component/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
    "patches: [{path: patch.yaml, target: {kind: Deployment}}]\n# rev0\n",
    "shared/component/patch.yaml": '[{"op": "add", "path": "/metadata/labels/patched", "value": "rev0"}]\n',
    "shared/lib/names.libsonnet": "{name: 'named-rev0'}\n",
    "shared/lib/unused.libsonnet": "{name: 'rev0'}\n",
    "shared/values.yaml": "common: rev0\n",
    "shared/library/Chart.yaml": "apiVersion: v2\nname: library\nversion: 1.0.0\ntype: library\n# rev0\n",
    "shared/library/templates/_name.tpl": '{{ define "library.name" }}named-rev0{{ end }}\n',
}

# Not there at first, though looked for.
AWAITED = {
    **{f"{app.source['path']}/.argocd-source.yaml": "{}\n" for name, app in APPS.items() if name != "vendored"},
    **{f"{app.source['path']}/.argocd-source-{name}.yaml": "{}\n" for name, app in APPS.items() if name != "vendored"},
    "apps/jsonnet/names.libsonnet": "{name: 'nearer-rev0'}\n",
}

# A change: what is done, and two numbers that choose among what is there.
CHANGES = st.tuples(
    st.sampled_from(["change", "change", "change", "add", "await", "remove", "rename", "relink", "bump"]),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
)


# A run takes seconds, and its changes are few: nothing is gained by shrinking them.
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.reuse, Phase.generate))
@given(st.lists(CHANGES, min_size=6, max_size=8))
def test_exactly_the_renders_that_read_what_changed_are_done_again(
    tmp_path_factory: Any, changes: Sequence[tuple[str, int, int]]
) -> None:
    run = _Run(tmp_path_factory.mktemp("cache"))
    run.step("at first")
    assert run.refused == {}
    for number, change in enumerate(changes, start=1):
        done = run.change(number, *change)
        run.step(done)
    run.start_anew()


class _Run:
    """One repository with its model, the cache under test, and what every application last depended on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._origin = folder / "origin"
        self._vendored = folder / "vendored"
        for repository in (self._origin, self._vendored):
            _git(folder, "init", "--quiet", "--initial-branch=main", str(repository))
        self._submodule = {"app/a.yaml": config_map("vendored", key="rev0"), "other.txt": "rev0\n"}
        commit = _commit(self._vendored, self._submodule)
        modules = '[submodule "vendored"]\n\tpath = vendored\n\turl = ../vendored\n'
        self.state: dict[str, Content] = {**FILES, ".gitmodules": modules, "vendored": Commit(commit)}
        self._cache = RenderCache(folder / "renders")
        self._apps = {
            name: application({"repoURL": self._origin.as_uri(), "targetRevision": "main", **app.source}, name=name)
            for name, app in APPS.items()
        }
        self._seen: dict[str, list[object]] = {name: [] for name in APPS}
        self.refused: dict[str, str] = {}
        """Applications that the last step could not render, and why."""

    def step(self, done: str) -> None:
        """Commit the model; compare every application's target with a render without cache, and what was redone."""
        _commit(self._origin, self.state)
        outcomes = self._outcomes(self._cache)
        self.refused = {name: outcome for name, outcome in outcomes.items() if isinstance(outcome, str)}
        assert {name: _shown(outcome) for name, outcome in outcomes.items()} == {
            name: _shown(outcome) for name, outcome in self._outcomes(None).items()
        }, done
        for name, outcome in outcomes.items():
            if isinstance(outcome, Target):
                depends = _depends_on(self._all_files(), APPS[name])
                assert outcome.sources[0].cached == (depends in self._seen[name]), f"{name} after {done}"
                self._seen[name] = [*self._seen[name], depends]

    def start_anew(self) -> None:
        """A new process finds on the disk all that this one rendered."""
        before = self._outcomes(self._cache)
        after = self._outcomes(RenderCache(self._folder / "renders"))
        assert {name: _shown(outcome) for name, outcome in after.items()} == {
            name: _shown(outcome) for name, outcome in before.items()
        }
        assert all(outcome.sources[0].cached for outcome in after.values() if isinstance(outcome, Target))

    def change(self, number: int, what: str, first: int, second: int) -> str:
        """Make one change to the model; its description."""
        files = sorted(
            path for path, content in self.state.items() if isinstance(content, str) and path != ".gitmodules"
        )
        links = sorted(path for path, content in self.state.items() if isinstance(content, Link))
        path = (files + links)[first % len(files + links)]
        if what == "change" or (what == "relink" and not links):
            path = files[first % len(files)]
            text = self.state[path]
            assert isinstance(text, str)
            self.state[path] = re.sub(r"rev\d+", f"rev{number}", text)
        elif what == "await":
            # A file that some tool has looked for in vain so far.
            awaited = sorted({*FILES, *AWAITED} - self.state.keys())
            path = awaited[first % len(awaited)]
            self.state[path] = FILES.get(path) or AWAITED[path].replace("rev0", f"rev{number}")
        elif what == "add":
            folder = path.rpartition("/")[0]
            path = f"{folder}/added-{number}{('.yaml', '.txt')[second % 2]}".removeprefix("/")
            self.state[path] = config_map(f"added-{number}", key=f"rev{number}")
        elif what == "remove":
            del self.state[path]
        elif what == "rename":
            folder, _, name = path.rpartition("/")
            self.state[f"{folder}/renamed-{number}-{name}".removeprefix("/")] = self.state.pop(path)
        elif what == "relink":
            path = links[first % len(links)]
            up = "../" * path.count("/")
            self.state[path] = Link(f"{up}shared/{('one.yaml', 'two.yaml', 'base', 'nowhere')[second % 4]}")
        else:
            path = sorted(self._submodule)[first % 2]
            self._submodule[path] = config_map("vendored", key=f"rev{number}")
            self.state["vendored"] = Commit(_commit(self._vendored, self._submodule))
        return f"{what} {path}"

    def _all_files(self) -> State:
        return self.state | {f"vendored/{path}": text for path, text in self._submodule.items()}

    def _outcomes(self, cache: RenderCache | None) -> dict[str, Target | str]:
        found: dict[str, Target | str] = {}
        with RepositoryCache(self._folder / "mirrors", submodules=True) as repositories:
            generator = Generator(repositories, cache=cache, capabilities=CAPABILITIES)
            for name, app in self._apps.items():
                try:
                    found[name] = generator.generate(app)
                except ReconcilerError as error:
                    found[name] = str(error)
        return found


def _depends_on(state: State, app: App) -> object:
    """All that decides what an application's render is, as its declaration says."""
    path = app.source["path"]
    overrides = (
        ".argocd-source.yaml",
        *(f".argocd-source-{name}.yaml" for name, other in APPS.items() if other is app),
    )
    if app.marker and app.marker not in state:
        app = App(app.source, listed=(path,), manifests=(path,))
    files = {file: _content(state, file) for file in (*app.files, *(f"{path}/{name}" for name in overrides))}
    for folder in app.manifests:
        for inner in _inside(state, folder):
            if "/" in inner.removeprefix(f"{folder}/"):
                continue
            if inner.endswith(".yaml"):
                files[inner] = _content(state, inner)
            elif isinstance(state[inner], Link):
                # Where a link leads is judged before its name is.
                *passed, end, found = _content(state, inner)
                files[inner] = (*passed, end, found if found in ("folder", "nothing") else "file")
    for folder in app.below:
        files |= {inner: _content(state, inner) for inner in _inside(state, folder)}
    return files, [(folder, _names(state, folder)) for folder in app.listed]


def _inside(state: State, folder: str) -> list[str]:
    return sorted(path for path in state if path.startswith(f"{folder}/"))


def _names(state: State, folder: str) -> list[tuple[str, str]]:
    """Names and kinds in a folder."""
    found = {}
    for path in _inside(state, folder):
        name, slash, _ = path.removeprefix(f"{folder}/").partition("/")
        found[name] = "folder" if slash else type(state[path]).__name__
    return sorted(found.items())


def _content(state: State, path: str) -> tuple[object, ...]:
    """What reading a path comes by: each link on the way, and what lies at the end; a folder is no more than there."""
    passed: list[object] = []
    pending, here = path.split("/"), ""
    while pending:
        step, pending = pending[0], pending[1:]
        here = os.path.normpath(f"{here}/{step}").removeprefix("/")
        found = state.get(here)
        if isinstance(found, Link):
            passed.append((here, found.target))
            pending, here = [*os.path.normpath(f"{here}/../{found.target}").split("/"), *pending], ""
    return (*passed, here, state.get(here, "folder" if _inside(state, here) else "nothing"))


def _shown(outcome: Target | str) -> object:
    return outcome if isinstance(outcome, str) else [sourced.manifest for sourced in outcome.manifests]


def _commit(repository: Path, state: State) -> str:
    """One commit that holds exactly these files; its id."""
    stream = bytearray(b"commit refs/heads/main\ncommitter Ada <ada@example.com> 1767225600 +0000\ndata 6\nChange\n")
    stream += b"deleteall\n"
    for path, content in state.items():
        if isinstance(content, Commit):
            stream += f"M 160000 {content.commit} {path}\n".encode()
            continue
        body = (content.target if isinstance(content, Link) else content).encode()
        mode = "120000" if isinstance(content, Link) else "100644"
        stream += f"M {mode} inline {path}\ndata {len(body)}\n".encode() + body + b"\n"
    subprocess.run(["git", "fast-import", "--quiet", "--force"], cwd=repository, input=bytes(stream), check=True)
    return _git(repository, "rev-parse", "main")


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()
