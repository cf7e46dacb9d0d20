"""What a kustomization reads: every path it names, found before the build and put into a private folder.

Source: Kustomization and its fields in kustomize's api/types, at the release of kubectl 1.37.
"""

import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.errors import GenerationError
from reconciler.manifest.yaml import load_documents
from reconciler.source.files.paths import join, resolve_path, shown
from reconciler.source.files.tree import Entry, Kind, Tree
from reconciler.source.files.workspace import Workspace
from reconciler.source.kustomize import FILE_NAMES, listing
from reconciler.source.kustomize.charts import GENERATOR, Charts, Place, uses_inflation, value_files
from reconciler.source.kustomize.fields import strings, values
from reconciler.source.kustomize.remotes import (
    MAX_FILE_BYTES,
    RemoteFile,
    is_remote,
    parse_remote,
    refused_here,
    require_allowed,
)
from reconciler.source.rendering import RenderRequest

MAX_DEPTH = 50
OWN = "source"
"""Folder of the workspace that holds the Application's own repository."""
REMOTE_FILES = ".remote-files"

_PLAIN_FIELDS = frozenset({"resources", "apiversion", "kind", "metadata"})


@dataclass(frozen=True, slots=True)
class _At:
    """A kustomization file on the way down.

    ``root`` is set in folders that ``generators`` and the like name: the folder with that field, which the paths in their
    configuration start from.
    """

    place: Place
    folder: str
    file: str
    chain: tuple[tuple[str, str], ...]
    root: "_Folder | None" = None

    @property
    def here(self) -> "_Folder":
        return self.place, self.folder

    def root_of(self, name: str) -> "_Folder | None":
        """What the configuration that a field names starts from; None when it names none."""
        return self.root or (self.here if listing.configures(name) else None)


_Folder = tuple[Place, str]


@dataclass(frozen=True, slots=True)
class _File:
    """A file at ``path`` that the field ``name`` of a kustomization refers to."""

    name: str
    path: str
    entry: Entry


@dataclass(slots=True)
class References:
    """Puts into a workspace the files that a kustomization needs, and no others.

    ``environment`` are the variables that env files name without a value. ``charts`` are those inflated.
    """

    request: RenderRequest
    workspace: Workspace
    inflates: bool
    environment: set[str] = field(default_factory=set)
    _visited: set[tuple[str, str, str]] = field(default_factory=set)
    _places: dict[tuple[str, str], Place] = field(default_factory=dict)
    _files: int = 0
    _charts: Charts = field(init=False)

    def __post_init__(self) -> None:
        self._charts = Charts(self.request, self.workspace)

    @property
    def uses_helm(self) -> bool:
        """Whether any chart is inflated."""
        return self._charts.used

    def collect(self, folder: str, kustomization: Mapping[str, Any], file: str) -> None:
        """Add ``file`` in ``folder`` and all that ``kustomization``, its parsed content, refers to, through all bases.

        Raises
        ------
        GenerationError
            For a remote reference that is not allowed, a path that is not there or leaves the repository, a cycle, or
            Helm inflation where it is off; the message names file and field.
        """
        place = Place(self.request.tree, OWN)
        self._visited.add((OWN, folder, ""))
        self._collect(_At(place, folder, file, ((OWN, folder),)), kustomization)

    def _collect(self, at: _At, kustomization: Mapping[str, Any]) -> None:
        if len(at.chain) > MAX_DEPTH:
            raise GenerationError(f"{at.file}: bases are nested more than {MAX_DEPTH} deep")
        self._check_inflation(at, kustomization)
        local: dict[str, str] = {}
        references = [*listing.references(kustomization), *self._add_charts(at, kustomization)]
        files: list[_File] = []
        for name, text in references:
            if is_remote(text):
                local[text] = self._add_remote(at, text, name)
            elif (file := self._add(at, text, name)) is not None:
                files.append(file)
        self._add_files(at, files)
        for name in listing.CONFIGURING:
            for text in filter(listing.is_inline, strings(kustomization, name)):
                self._add_plugin_files(at.root or at.here, text, f"{at.file}: {name}")
        # What was read here is what is built: the file is written anew from the parsed content.
        data = json.dumps(listing.replaced(kustomization, local) if local else kustomization).encode()
        entry = at.place.tree.find(at.file)
        assert entry is not None
        self.workspace.add(f"{at.place.prefix}/{at.file}", entry, data=data)

    def _check_inflation(self, at: _At, kustomization: Mapping[str, Any]) -> None:
        name = uses_inflation(kustomization)
        if name and not self.inflates:
            raise _inflation_is_off(f"{at.file}: {name}")
        # A patch could turn a generator that was looked at into another.
        if at.root and self.inflates and (other := {key.casefold() for key in kustomization} - _PLAIN_FIELDS):
            raise GenerationError(
                f"{at.file}: {', '.join(sorted(other))}: a folder of generators or transformers may hold resources only "
                "where Helm inflation is on"
            )

    def _add_charts(self, at: _At, kustomization: Mapping[str, Any]) -> list[tuple[str, str]]:
        return list(self._charts.add(at.place, at.folder, kustomization, at.file)) if self.inflates else []

    def _add(self, at: _At, text: str, name: str) -> _File | None:
        """Add a base; a file comes back, to be read together with the others."""
        where = f"{at.file}: {name}"
        path = resolve_path(at.folder, text, field=where)
        entry = at.place.tree.find(path)
        if entry is None:
            raise GenerationError(
                f"{where}: {shown(text)} is not in {at.place}; kustomize would look for {shown(path)}"
            )
        if entry.kind is Kind.FOLDER:
            self._add_base(at, at.place, path, where, root=at.root_of(name))
            return None
        return _File(name, path, entry)

    def _add_files(self, at: _At, files: Sequence[_File]) -> None:
        contents = at.place.tree.contents((file.path, file.entry) for file in files)
        for file, (path, data) in zip(files, contents, strict=True):
            self.workspace.add(f"{at.place.prefix}/{path}", file.entry, data=data)
            if listing.is_environment(file.name):
                self.environment |= listing.names_without_value(data)
            root = at.root_of(file.name)
            if root and (listing.configures(file.name) or file.name.startswith("resources")):
                self._add_plugin_files(root, data, path)

    def _add_base(self, at: _At, place: Place, folder: str, where: str, *, root: _Folder | None) -> None:
        step = (place.prefix, folder)
        if step in at.chain:
            cycle = " -> ".join(shown(path) for _, path in (*at.chain[at.chain.index(step) :], step))
            raise GenerationError(f"{where}: bases refer to each other: {cycle}")
        visit = (*step, f"{root[0].prefix}/{root[1]}" if root else "")
        if visit in self._visited:
            return
        self._visited.add(visit)
        found = find_kustomization(place.tree, folder, field=where)
        inner = _At(place, folder, found, (*at.chain, step), root)
        self._collect(inner, load_kustomization(place.tree, found))

    def _add_remote(self, at: _At, text: str, name: str) -> str:
        """Fetch what an address names; the path that stands for it comes back, relative to the kustomization."""
        where = f"{at.file}: {name}"
        allowed = self.request.settings.kustomize_remote_bases
        if not allowed:
            raise refused_here(text, where)
        remote = parse_remote(text, field=where, only_file=not listing.takes_folder(name))
        require_allowed(remote, text, allowed, field=where)
        if isinstance(remote, RemoteFile):
            return self._add_remote_file(at, remote, name)
        place = self._place(remote.url, remote.revision, text, where)
        entry = place.tree.folder(remote.path, field=where)
        self._add_base(at, place, entry.path, where, root=at.root_of(name))
        return posixpath.relpath(f"{place.prefix}/{entry.path}", f"{at.place.prefix}/{at.folder}")

    def _add_remote_file(self, at: _At, remote: RemoteFile, name: str) -> str:
        data = self.request.downloads.value_file(remote.url)
        if len(data) > MAX_FILE_BYTES:
            raise GenerationError(f"{at.file}: {name}: the file has more than {MAX_FILE_BYTES // 2**20} MiB")
        self._files += 1
        # Below the kustomization: kustomize loads files from nowhere else.
        path = f"{REMOTE_FILES}/{self._files}/{remote.name}"
        self.workspace.write(f"{at.place.prefix}/{join(at.folder, path)}", data)
        if listing.is_environment(name):
            self.environment |= listing.names_without_value(data)
        if root := at.root_of(name):
            self._add_plugin_files(root, data, f"{at.file}: {name}")
        return path

    def _place(self, url: str, revision: str, text: str, where: str) -> Place:
        found = self._places.get((url, revision))
        if found is None:
            if self.request.remote is None:
                raise refused_here(text, where)
            tree = self.request.remote(url, revision)
            found = self._places[url, revision] = Place(tree, f"remote-{len(self._places) + 1}")
        return found

    def _add_plugin_files(self, root: _Folder, text: str | bytes, file: str) -> None:
        """Files that the configuration of a generator or transformer names, as seen from ``root``."""
        for document in load_documents(text, file=file):
            if isinstance(document, dict) and GENERATOR in values(document, "kind"):
                if not self.inflates:
                    raise _inflation_is_off(f"{file}: {GENERATOR}")
                self._charts.add_generator(*root, document, file)
                for name, path in value_files(document):
                    self._add_plugin_file(root, path, f"{file}: {name}")
            for key, value in listing.path_values(document):
                self._add_plugin_file(root, value.partition("=")[2] or value, f"{file}: {key}")

    def _add_plugin_file(self, root: _Folder, text: str, where: str) -> None:
        if is_remote(text):
            raise refused_here(text, where)
        # A key of this name also holds field paths, such as metadata/labels, which are no files.
        place, folder = root
        path = resolve_path(folder, text, field=where)
        found = place.tree.find(path)
        if found is not None and found.kind is Kind.FILE:
            data = place.tree.read(found)
            self.workspace.add(f"{place.prefix}/{path}", found, data=data)
            if where.rpartition(": ")[2].casefold() in ("env", "envs"):
                self.environment |= listing.names_without_value(data)


def _inflation_is_off(where: str) -> GenerationError:
    return GenerationError(
        f"{where} needs Helm inflation, which is off; use a Helm source instead, or have --enable-helm set in "
        "kustomize.buildOptions"
    )


def find_kustomization(tree: Tree, folder: str, *, field: str) -> str:
    """Path of a folder's one kustomization file."""
    found = [name for name in FILE_NAMES if (entry := tree.find(join(folder, name))) and entry.kind is Kind.FILE]
    if len(found) != 1:
        what = f"holds {' and '.join(found)}; keep one" if found else "holds no kustomization.yaml"
        raise GenerationError(f"{field}: {shown(folder or '.')} in {tree} {what}")
    return join(folder, found[0])


def load_kustomization(tree: Tree, path: str) -> dict[str, Any]:
    """The parsed kustomization; an empty file is an empty one."""
    entry: Entry | None = tree.find(path)
    documents = load_documents(tree.read(entry), file=path) if entry else []
    if len(documents) > 1 or not all(isinstance(document, dict) for document in documents):
        raise GenerationError(f"{path}: expected one mapping; it is the kustomization file of its folder")
    return dict(documents[0]) if documents else {}
