"""Charts that a kustomization inflates: put where kustomize looks for them, so that Helm need not fetch anything.

Source: plugin/builtin/helmchartinflationgenerator of kustomize 5.8.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.errors import GenerationError
from reconciler.source.files.archive import read_archive, single_folder
from reconciler.source.files.paths import join, resolve_path, shown
from reconciler.source.files.tree import Entry, Kind, Tree
from reconciler.source.files.workspace import Workspace
from reconciler.source.kustomize.fields import mappings, texts, values
from reconciler.source.rendering import RenderRequest

FIELDS = ("helmCharts", "helmChartInflationGenerator", "helmGlobals")
GENERATOR = "HelmChartInflationGenerator"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[A-Za-z0-9.+_^~<>=*,| -]+")
_OF_THE_OPERATOR = ("configHome", "helmHome", "helmBin", "extraArgs")
_REFUSED_START = re.compile(r"\s*-")


@dataclass(frozen=True, slots=True)
class Place:
    """A tree, and the folder of the workspace that its files are put into."""

    tree: Tree
    prefix: str

    def __str__(self) -> str:
        return str(self.tree)


def uses_inflation(kustomization: Mapping[str, Any]) -> str:
    """The field that asks for Helm, empty when none does."""
    return next((field for field in FIELDS if any(values(kustomization, field))), "")


class Charts:
    """Puts the charts of kustomizations into a workspace."""

    def __init__(self, request: RenderRequest, workspace: Workspace) -> None:
        self._request = request
        self._workspace = workspace
        self._done: set[str] = set()
        self.used = False

    def add(self, place: Place, folder: str, kustomization: Mapping[str, Any], file: str) -> Iterator[tuple[str, str]]:
        """Add all charts; field path and text of each value file that is named come back."""
        homes = [
            home
            for globals_ in values(kustomization, "helmGlobals")
            if isinstance(globals_, Mapping)
            for home in self._home(globals_, f"{file}: helmGlobals")
        ]
        for field in ("helmCharts", "helmChartInflationGenerator"):
            for index, chart in enumerate(mappings(kustomization, field)):
                where = f"{file}: {field}[{index}]"
                self._add_chart(place, folder, chart, (self._home(chart, where) or homes or ["charts"])[-1], where)
                yield from ((f"{field}[{index}].{name}", text) for name, text in value_files(chart))

    def add_generator(self, place: Place, folder: str, chart: Mapping[str, Any], file: str) -> None:
        """Add the chart of one generator's configuration."""
        self._add_chart(place, folder, chart, (self._home(chart, file) or ["charts"])[-1], file)

    def _home(self, mapping: Mapping[str, Any], where: str) -> list[str]:
        for field in _OF_THE_OPERATOR:
            if any(values(mapping, field)):
                raise GenerationError(f"{where}.{field}: how Helm is run is the operator's to say; remove the field")
        return texts(mapping, "chartHome")

    def _add_chart(self, place: Place, folder: str, chart: Mapping[str, Any], home: str, where: str) -> None:
        self.used = True
        name = _text(chart, "name", "chartName")
        version = _text(chart, "version", "chartVersion")
        repository = _text(chart, "repo", "chartRepoUrl", "chartRepo")
        if not _NAME.fullmatch(name) or (version and not _VERSION.fullmatch(version)) or ".." in name + version:
            raise GenerationError(f"{where}: {shown(name)} in version {shown(version)} is no name of a chart")
        for value in (*_strings(chart), repository):
            if _REFUSED_START.match(value):
                raise GenerationError(f"{where}: {shown(value)} would be read as an option of Helm; change it")
        parent = resolve_path(folder, home, field=f"{where}.chartHome")
        if version and repository:
            parent = join(parent, f"{name}-{version}")
        path = join(parent, name)
        if path in self._done:
            return
        self._done.add(path)
        local = place.tree.find(path)
        if local is not None and local.kind is Kind.FOLDER:
            self._copy(place.tree, local, f"{place.prefix}/{path}")
            return
        if not repository:
            raise GenerationError(f"{where}: there is no chart {shown(path)} in {place}, and no repo to fetch it from")
        self._fetch(repository, name, version, f"{place.prefix}/{path}")

    def _fetch(self, repository: str, name: str, version: str, target: str) -> None:
        data = self._request.downloads.archive(
            repository, name, version or "*", project=self._request.project, pass_credentials=False
        )
        what = f"chart {name} of {re.sub(r'//[^/]*@', '//', repository)}"
        store = read_archive(data, name=what)
        tree = Tree(store, single_folder(store, preferred=name), name=what, revision=version)
        self._copy(tree, tree.folder("", field=what), target)

    def _copy(self, tree: Tree, folder: Entry, target: str) -> None:
        for name, file in tree.walk(folder, recurse=True):
            self._workspace.add(f"{target}/{name}", file, data=tree.read(file))


def value_files(chart: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Field and text of the value files that a chart names."""
    for field in ("valuesFile", "values"):
        for text in texts(chart, field):
            yield field, text
    for listed in values(chart, "additionalValuesFiles"):
        for index, text in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(text, str) and text:
                yield f"additionalValuesFiles[{index}]", text


def _text(chart: Mapping[str, Any], *fields: str) -> str:
    return next((text for field in fields for text in texts(chart, field)), "")


def _strings(chart: Mapping[str, Any]) -> Iterator[str]:
    """Values that end up among Helm's arguments."""
    for field in ("releaseName", "namespace", "releaseNamespace", "nameTemplate", "kubeVersion"):
        yield from texts(chart, field)
    for versions in values(chart, "apiVersions"):
        yield from (text for text in (versions if isinstance(versions, list) else ()) if isinstance(text, str))
