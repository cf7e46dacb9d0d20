"""A folder of YAML and JSON files, read from Git without a checkout (docs/user-guide/directory.md)."""

import logging
from collections.abc import Iterator
from typing import Any

from reconciler.errors import GenerationError
from reconciler.manifest.objects import Manifest, require_object
from reconciler.manifest.yaml import load_documents
from reconciler.model.source import DirectoryOptions
from reconciler.source.files.globs import Glob
from reconciler.source.files.paths import join, shown
from reconciler.source.files.tree import Entry, RevisionTree
from reconciler.source.rendering import Origin, Rendering
from reconciler.source.target import SourceType
from reconciler.terms import MARKER_SKIP_FILE

log = logging.getLogger(__name__)

MAX_COMBINED_BYTES = 10 * 10**6
"""Argo CD's default of ``reposerver.max.combined.directory.manifests.size``, 10M."""
MAX_OBJECTS = 50_000

_EXTENSIONS = (".yaml", ".yml", ".json")
_OBJECT_FIELDS = frozenset({"apiVersion", "kind", "metadata"})


def render_directory(tree: RevisionTree, path: str, options: DirectoryOptions, *, field: str) -> Rendering:
    """The objects of a folder's files, sorted by file; ``List`` kinds are flattened.

    Raises
    ------
    SpecError
        A file that does not parse, or a document that is not an object, with its file and document number.
    GenerationError
        jsonnet files, more than 10 MB or 50,000 objects in all, a symbolic link out of the repository.
    """
    folder = tree.folder(path, field=f"{field}.path")
    objects: list[tuple[Manifest, Origin]] = []
    read: dict[str, str] = {}
    size = 0
    for name, file in _chosen_files(tree, folder, options, field):
        shown_path = join(path, name)
        size += tree.repository.object_size(file.object_id)
        if size > MAX_COMBINED_BYTES:
            raise GenerationError(
                f"{field}: the manifests in {shown(path)} of {tree} have more than {MAX_COMBINED_BYTES // 10**6} MB together; "
                "split them, or leave files out with directory.exclude"
            )
        data = tree.read(file)
        read[shown_path] = file.object_id
        if MARKER_SKIP_FILE.encode() in data:
            continue
        if name.endswith(".jsonnet"):
            raise GenerationError(
                f"{shown_path}: jsonnet files cannot be rendered; leave them out with {field}.directory.exclude"
            )
        objects += ((obj, shown_path) for obj in read_objects(load_documents(data, file=shown_path), shown_path))
        if len(objects) > MAX_OBJECTS:
            raise GenerationError(
                f"{field}: {shown(path)} of {tree} holds more than {MAX_OBJECTS} objects; split the application"
            )
    return Rendering(SourceType.DIRECTORY, tuple(objects), tuple(sorted(read.items())))


def read_objects(documents: list[Any], file: str) -> Iterator[Manifest]:
    """The objects of one file's documents.

    A file in which no document has any of apiVersion, kind and metadata, such as Helm values, is none of Kubernetes' and
    left out, as Argo CD does.

    Raises
    ------
    SpecError
        For a document that is no object, among others that are.
    """
    mappings = [document for document in documents if isinstance(document, dict)]
    if len(mappings) == len(documents) and not any(_OBJECT_FIELDS & mapping.keys() for mapping in mappings):
        log.info("%s holds no Kubernetes object and is left out", file)
        return
    for number, document in enumerate(documents, start=1):
        yield from _flatten(document, f"{file}: document {number}" if len(documents) > 1 else file)


def _flatten(document: Any, where: str) -> Iterator[Manifest]:
    obj = require_object(document, where)
    if obj["kind"].endswith("List") and "items" in obj:
        for index, item in enumerate(obj["items"] or ()):
            yield from _flatten(item, f"{where}, items[{index}]")
    else:
        yield obj


def _chosen_files(
    tree: RevisionTree, folder: Entry, options: DirectoryOptions, field: str
) -> Iterator[tuple[str, Entry]]:
    if options.jsonnet is not None and (options.jsonnet.ext_vars or options.jsonnet.tlas or options.jsonnet.libs):
        raise GenerationError(f"{field}.directory.jsonnet: jsonnet cannot be rendered; remove the field")
    include = Glob(options.include, field=f"{field}.directory.include") if options.include else None
    exclude = Glob(options.exclude, field=f"{field}.directory.exclude") if options.exclude else None
    for name, file in tree.walk(folder, recurse=options.recurse):
        known = options.disable_extension_filter or name.endswith((*_EXTENSIONS, ".jsonnet"))
        if known and not (exclude and exclude.matches(name)) and (include is None or include.matches(name)):
            yield name, file
