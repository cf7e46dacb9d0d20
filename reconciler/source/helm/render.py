"""A Helm chart in a Git repository, rendered by Helm's own SDK in a worker process (docs/user-guide/helm.md)."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from reconciler.errors import GenerationError
from reconciler.manifest.objects import Manifest, annotations_of
from reconciler.manifest.yaml import load_documents
from reconciler.model.source import HelmOptions
from reconciler.source.build_environment import substitute
from reconciler.source.directory import read_objects
from reconciler.source.files.paths import join, resolve_path, shown
from reconciler.source.files.tree import Entry, Kind, Tree
from reconciler.source.files.workspace import Workspace
from reconciler.source.helm.dependencies import add_local_dependencies
from reconciler.source.processes.worker import WorkerPool
from reconciler.source.rendering import Origin, Rendering, RenderRequest
from reconciler.source.target import SourceType
from reconciler.terms import ANNOTATION_HELM_HOOK

MAX_VALUES_BYTES = 4 * 2**20
HELM_WORKERS = WorkerPool(Path(__file__).with_name("program.py"))

_UNESCAPED_COMMA = re.compile(r"([^\\]),")
_TEST_HOOKS = frozenset({"test", "test-success", "test-failure"})
_REFERENCE = re.compile(r"\$([^/{$]+)/")
_GLOB = re.compile(r"[*?\[{]")


def render_helm(request: RenderRequest, *, workers: WorkerPool = HELM_WORKERS) -> Rendering:
    """The objects of a chart: its CRDs, then its templates sorted by path.

    Parameters
    ----------
    workers
        The processes that run Helm.

    Raises
    ------
    GenerationError
        A value file that is not there, a dependency that is not in ``charts/``, or what Helm refuses.
    """
    tree, path, field = request.tree, request.path, request.where
    options = request.source.helm or HelmOptions()
    folder = tree.folder(path, field=f"{field}.path")
    if tree.find(join(path, "Chart.yaml")) is None:
        raise GenerationError(f"{field}.path: {shown(path or '.')} in {tree} holds no Chart.yaml")
    values = _Values(tree, path, options, request.variables, f"{field}.helm")
    with Workspace(tree) as workspace:
        # The engine has no switch for schemas; a chart without the file has none.
        leave_out = frozenset({"values.schema.json"}) if options.skip_schema_validation else frozenset[str]()
        workspace.add_folder("chart", folder, leave_out=leave_out, field=f"{field}.path")
        add_local_dependencies(tree, workspace, path, "chart", leave_out=leave_out)
        call = {
            "chart": str(workspace.folder / "chart"),
            "release": options.release_name or request.application,
            "namespace": options.namespace or request.namespace or "default",
            "kube_version": options.kube_version or request.capabilities.kube_version,
            "api_versions": list(options.api_versions or request.capabilities.api_versions),
            "skip_crds": options.skip_crds,
            "values": values.texts(),
            "set": values.parameters(force_string=False),
            "set_string": values.parameters(force_string=True),
            "set_file": values.file_parameters(workspace),
        }
        answer = workers.call(call, what=f"Helm chart {path or '.'}")
    objects = tuple(
        (obj, origin) for obj, origin in _objects(answer, path) if not (options.skip_tests and _is_test(obj))
    )
    return Rendering(SourceType.HELM, objects)


class _Values:
    """Value files and parameters of one source."""

    def __init__(self, tree: Tree, path: str, options: HelmOptions, variables: Mapping[str, str], field: str) -> None:
        self._tree = tree
        self._path = path
        self._options = options
        self._variables = variables
        self._field = field

    def texts(self) -> list[tuple[str, str]]:
        """Name and YAML text, weakest first: value files in their order, then ``valuesObject`` or ``values``."""
        texts = []
        for index, name in enumerate(self._options.value_files):
            field = f"{self._field}.valueFiles[{index}]"
            if (reference := _REFERENCE.match(name)) and reference[1] not in self._variables:
                raise GenerationError(
                    f"{field}: {shown(name)} is in another source (ref), which cannot be read; keep value files in one repository"
                )
            found = self._find(
                substitute(name, self._variables), field, optional=self._options.ignore_missing_value_files
            )
            if found is not None:
                texts.append((found[0], self._text(*found)))
        if self._options.values_object is not None:
            texts.append((f"{self._field}.valuesObject", orjson.dumps(self._options.values_object).decode()))
        elif self._options.values:
            texts.append((f"{self._field}.values", self._options.values))
        return texts

    def parameters(self, *, force_string: bool) -> list[tuple[str, str]]:
        """Name and value; of parameters with one name the last wins."""
        last = {parameter.name: parameter for parameter in self._options.parameters}
        return [
            (parameter.name, _escaped(substitute(parameter.value, self._variables)))
            for parameter in last.values()
            if parameter.force_string == force_string
        ]

    def file_parameters(self, workspace: Workspace) -> list[tuple[str, str]]:
        """Name and the path of a copy under a name that needs no escaping."""
        pairs = []
        for index, parameter in enumerate(self._options.file_parameters):
            _, file = self._existing(
                substitute(parameter.path, self._variables), f"{self._field}.fileParameters[{index}].path"
            )
            workspace.write(f"parameters/{index}", self._tree.read(file, limit=MAX_VALUES_BYTES))
            pairs.append((parameter.name, str(workspace.folder / "parameters" / str(index))))
        return pairs

    def _existing(self, name: str, field: str) -> tuple[str, Entry]:
        found = self._find(name, field, optional=False)
        assert found is not None
        return found

    def _find(self, name: str, field: str, *, optional: bool) -> tuple[str, Entry] | None:
        if "://" in name:
            raise GenerationError(
                f"{field}: {shown(re.sub(r'//[^/]*@', '//', name))} is remote, which is refused; copy it into the repository"
            )
        path = resolve_path(self._path, name, field=field, from_root=True)
        entry = self._tree.find(path)
        if entry is not None and entry.kind is Kind.FILE:
            return path, entry
        if entry is None and _GLOB.search(name):
            raise GenerationError(f"{field}: {shown(name)} is a pattern, which cannot be expanded here; list the files")
        if entry is None and optional:
            return None
        what = "there is no" if entry is None else f"not a file but a {entry.kind.value}:"
        raise GenerationError(f"{field}: {what} {shown(name)} in {self._tree} (looked for {shown(path)})")

    def _text(self, path: str, file: Entry) -> str:
        try:
            return self._tree.read(file, limit=MAX_VALUES_BYTES).decode("utf-8-sig")
        except UnicodeDecodeError:
            raise GenerationError(f"{path}: not UTF-8 text; save the file as UTF-8") from None


def _objects(answer: Mapping[str, Any], path: str) -> Iterator[tuple[Manifest, Origin]]:
    prefix = f"{answer['chart']}/"
    documents = [(crd["filename"], crd["data"]) for crd in answer["crds"]] + list(answer["templates"].items())
    for name, text in documents:
        origin = join(path, name.removeprefix(prefix))
        for obj in read_objects(load_documents(text, file=f"{origin} (rendered)"), f"{origin} (rendered)"):
            yield obj, origin


def _escaped(value: str) -> str:
    """A comma separates assignments to Helm; only a value in braces is a list (util/helm/cmd.go)."""
    return value if value.startswith("{") and value.endswith("}") else _UNESCAPED_COMMA.sub(r"\1\\,", value)


def _is_test(obj: Manifest) -> bool:
    hooks = annotations_of(obj).get(ANNOTATION_HELM_HOOK, "")
    return bool(_TEST_HOOKS & {hook.strip() for hook in hooks.split(",")})
