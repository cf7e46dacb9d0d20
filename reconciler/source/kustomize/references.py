"""What a kustomization reads: every path it names, found before the build; remote references are refused.

Source: Kustomization and its fields in kustomize's api/types, at the release of kubectl 1.37.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from reconciler.errors import GenerationError
from reconciler.manifest.yaml import load_documents
from reconciler.source.files.paths import join, parent_of, resolve_path, shown
from reconciler.source.files.tree import Entry, Kind, Tree
from reconciler.source.files.workspace import Workspace

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
MAX_DEPTH = 50

_LOAD_FIELDS = ("resources", "bases", "components", "crds", "configurations")
_CONFIG_FIELDS = ("generators", "transformers", "validators")
_OPERATOR_FIELDS = ("helmCharts", "helmChartInflationGenerator", "helmGlobals")
_PATH_KEYS = frozenset(
    {
        "path",
        "paths",
        "files",
        "env",
        "envs",
        "resources",
        "repo",
        "url",
        "valuesfile",
        "additionalvaluesfiles",
        "charthome",
    }
)
_REMOTE = re.compile(
    r"://|^\s*[\w.+-]*::|^[^/@\s]+@[^/\s]+|^gh:|^github\.com[:/]|[?&](ref|version|timeout|submodules)=|^[\w.-]+:[^\s]",
    re.IGNORECASE,
)
_REMOTE_START = re.compile(r"\s*([\w.+-]+:(//|:)|[^/@\s]+@[^/\s]+:|gh:|github\.com[:/])", re.IGNORECASE)


class References:
    """Puts into a workspace the files that a kustomization needs, and no others."""

    def __init__(self, tree: Tree, workspace: Workspace) -> None:
        self._tree = tree
        self._workspace = workspace
        self._visited: set[str] = set()

    def collect(self, folder: str, kustomization: Mapping[str, Any], file: str) -> None:
        """Add ``file`` in ``folder`` and all that ``kustomization``, its parsed content, refers to, through all bases.

        Raises
        ------
        GenerationError
            For a remote reference, a path that is not there or leaves the repository, a cycle, or Helm inflation; the
            message names file and field.
        """
        self._visited.add(folder)
        self._collect(folder, kustomization, file, (folder,))

    def _collect(self, folder: str, kustomization: Mapping[str, Any], file: str, chain: tuple[str, ...]) -> None:
        if len(chain) > MAX_DEPTH:
            raise GenerationError(f"{file}: bases are nested more than {MAX_DEPTH} deep")
        for field in _OPERATOR_FIELDS:
            if any(_values(kustomization, field)):
                raise GenerationError(f"{file}: {field} needs Helm inflation, which is off; use a Helm source instead")
        # What was read here is what is built: the file is written anew from the parsed content.
        self._workspace.add(file, self._file(file), data=orjson.dumps(kustomization))
        for field, text in _references(kustomization):
            self._add(folder, text, f"{file}: {field}", chain)
        for field in _CONFIG_FIELDS:
            for text in filter(_is_inline, _strings(kustomization, field)):
                self._add_plugin_files(folder, text, f"{file}: {field}")

    def _add(self, folder: str, text: str, field: str, chain: tuple[str, ...]) -> None:
        entry, path = self._find(folder, text, field)
        if entry.kind is Kind.FOLDER:
            self._add_base(path, field, chain)
            return
        self._workspace.add(path, entry)
        if field.rpartition(": ")[2].startswith(_CONFIG_FIELDS):
            self._add_plugin_files(parent_of(path), self._tree.read(entry), path)

    def _find(self, folder: str, text: str, field: str) -> tuple[Entry, str]:
        if _REMOTE.search(text):
            masked = re.sub(r"//[^/\s]*@", "//", text)
            raise GenerationError(f"{field}: {shown(masked)} is remote, which is refused; copy it into the repository")
        path = resolve_path(folder, text, field=field)
        entry = self._tree.find(path)
        if entry is None:
            raise GenerationError(
                f"{field}: {shown(text)} is not in {self._tree}; kustomize would look for {shown(path)}"
            )
        return entry, path

    def _add_base(self, folder: str, field: str, chain: tuple[str, ...]) -> None:
        if folder in chain:
            cycle = " -> ".join(shown(step) for step in (*chain[chain.index(folder) :], folder))
            raise GenerationError(f"{field}: bases refer to each other: {cycle}")
        if folder in self._visited:
            return
        self._visited.add(folder)
        found = find_kustomization(self._tree, folder, field=field)
        self._collect(folder, load_kustomization(self._tree, found), found, (*chain, folder))

    def _add_plugin_files(self, folder: str, text: str | bytes, file: str) -> None:
        """Files that the configuration of a generator or transformer names."""
        for document in load_documents(text, file=file):
            if isinstance(document, dict) and "HelmChartInflationGenerator" in _values(document, "kind"):
                raise GenerationError(
                    f"{file}: HelmChartInflationGenerator needs Helm inflation, which is off; use a Helm source instead"
                )
            for key, value in _path_values(document):
                path = value.partition("=")[2] or value
                if _REMOTE.search(path):
                    self._find(folder, path, f"{file}: {key}")
                # A key of this name also holds field paths, such as metadata/labels, which are no files.
                resolved = resolve_path(folder, path, field=f"{file}: {key}")
                if (found := self._tree.find(resolved)) and found.kind is Kind.FILE:
                    self._workspace.add(resolved, found)

    def _file(self, path: str) -> Entry:
        entry = self._tree.find(path)
        assert entry is not None
        return entry


def find_kustomization(tree: Tree, folder: str, *, field: str) -> str:
    """Path of a folder's one kustomization file."""
    found = [name for name in FILE_NAMES if (entry := tree.find(join(folder, name))) and entry.kind is Kind.FILE]
    if len(found) != 1:
        what = f"holds {' and '.join(found)}; keep one" if found else "holds no kustomization.yaml"
        raise GenerationError(f"{field}: {shown(folder or '.')} in {tree} {what}")
    return join(folder, found[0])


def load_kustomization(tree: Tree, path: str) -> dict[str, Any]:
    """The parsed kustomization; an empty file is an empty one."""
    entry = tree.find(path)
    documents = load_documents(tree.read(entry), file=path) if entry else []
    if len(documents) > 1 or not all(isinstance(document, dict) for document in documents):
        raise GenerationError(f"{path}: expected one mapping; it is the kustomization file of its folder")
    return dict(documents[0]) if documents else {}


def _references(kustomization: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Field path and text of everything that kustomize loads."""
    for field in (*_LOAD_FIELDS, *_CONFIG_FIELDS, "patchesStrategicMerge"):
        for index, text in enumerate(_strings(kustomization, field)):
            if field in _LOAD_FIELDS or not _is_inline(text):
                yield f"{field}[{index}]", text
    for field in ("patches", "patchesJson6902", "replacements"):
        for index, item in enumerate(_mappings(kustomization, field)):
            for path in _texts(item, "path"):
                yield f"{field}[{index}].path", path
    for openapi in _values(kustomization, "openapi"):
        for path in _texts(openapi, "path") if isinstance(openapi, Mapping) else ():
            yield "openapi.path", path
    for field in ("configMapGenerator", "secretGenerator"):
        for index, generator in enumerate(_mappings(kustomization, field)):
            yield from _generator_references(generator, f"{field}[{index}]")


def _generator_references(generator: Mapping[str, Any], field: str) -> Iterator[tuple[str, str]]:
    for index, text in enumerate(_strings(generator, "files")):
        _, separator, path = text.partition("=")
        yield f"{field}.files[{index}]", path if separator and not _REMOTE_START.match(text) else text
    for index, text in enumerate(_strings(generator, "envs")):
        yield f"{field}.envs[{index}]", text
    for text in _texts(generator, "env"):
        yield f"{field}.env", text


def _path_values(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Strings at keys that hold paths, at any depth."""
    if isinstance(value, Mapping):
        for inner_key, inner in value.items():
            yield from _path_values(inner, inner_key)
    elif isinstance(value, list):
        for inner in value:
            yield from _path_values(inner, key)
    elif isinstance(value, str) and key.casefold() in _PATH_KEYS and not _is_inline(value):
        yield key, value


def _is_inline(text: str) -> bool:
    """Whether a field that takes a path or YAML holds YAML; what kustomize might take for an address is no YAML."""
    if _REMOTE_START.match(text):
        return False
    return "\n" in text or ": " in text or text.lstrip().startswith(("{", "["))


def _values(mapping: Mapping[str, Any], field: str) -> list[Any]:
    """Values of a field in any case: kustomize reads fields as Go's encoding/json does, which folds them."""
    return [value for key, value in mapping.items() if key.casefold() == field.casefold()]


def _texts(mapping: Mapping[str, Any], field: str) -> list[str]:
    return [value for value in _values(mapping, field) if isinstance(value, str) and value]


def _strings(mapping: Mapping[str, Any], field: str) -> list[str]:
    return [
        item for value in _values(mapping, field) if isinstance(value, list) for item in value if isinstance(item, str)
    ]


def _mappings(mapping: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    return [
        item
        for value in _values(mapping, field)
        if isinstance(value, list)
        for item in value
        if isinstance(item, Mapping)
    ]
