"""A folder of YAML, JSON and jsonnet files, read from Git without a checkout (docs/user-guide/directory.md)."""

import logging
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any

from reconciler.errors import GenerationError, SpecError
from reconciler.manifest.objects import Manifest, require_object
from reconciler.manifest.yaml import load_documents
from reconciler.model.source import DirectoryOptions, JsonnetOptions, JsonnetVar
from reconciler.source.build_environment import substitute
from reconciler.source.files.globs import read_glob
from reconciler.source.files.paths import join, resolve_path, shown
from reconciler.source.files.tree import Entry, Tree
from reconciler.source.jsonnet.evaluate import MAX_FILE_BYTES, Arguments, Evaluator, source_text
from reconciler.source.rendering import Origin, Rendering, RenderRequest
from reconciler.source.target import SourceType
from reconciler.terms import MARKER_SKIP_FILE

log = logging.getLogger(__name__)

MAX_OBJECTS = 50_000

_EXTENSIONS = (".yaml", ".yml", ".json", ".jsonnet")
_JSONNET = ".jsonnet"
_OBJECT_FIELDS = frozenset({"apiVersion", "kind", "metadata"})


def render_directory(request: RenderRequest) -> Rendering:
    """The objects of a folder's files, sorted by file; ``List`` kinds are flattened.

    Sizes are summed up before anything is read. As in Argo CD, jsonnet files do not count there: what they make has a
    limit of its own; and they are left out where ``jsonnet.enable`` is false.

    Raises
    ------
    SpecError
        A file that does not parse, or a document that is not an object, with its file and document number.
    GenerationError
        An error in jsonnet, more than 10 MB or 50,000 objects in all, a symbolic link out of the repository.
    """
    tree, field = request.tree, request.where
    options = request.source.directory or DirectoryOptions()
    folder = tree.folder(request.path, field=f"{field}.path")
    files = [(join(request.path, name), file) for name, file in _chosen_files(tree, folder, options, field)]
    _require_size(request, files)
    jsonnet = _Jsonnet(request, options.jsonnet or JsonnetOptions())
    objects: list[tuple[Manifest, Origin]] = []
    for path, data in _contents(request, files):
        if MARKER_SKIP_FILE.encode() in data:
            continue
        found = jsonnet.objects(path, data) if path.endswith(_JSONNET) else _file_objects(path, data)
        objects += ((obj, path) for obj in found)
        if len(objects) > MAX_OBJECTS:
            raise GenerationError(
                f"{field}: {shown(request.path)} of {tree} holds more than {MAX_OBJECTS} objects; split the application"
            )
    return Rendering(SourceType.DIRECTORY, tuple(objects))


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
        yield from flatten(document, f"{file}: document {number}" if len(documents) > 1 else file)


def flatten(document: Any, where: str) -> Iterator[Manifest]:
    """A document as an object, or a ``List`` as its items; ``where`` begins messages."""
    obj = require_object(document, where)
    if obj["kind"].endswith("List") and "items" in obj:
        for index, item in enumerate(obj["items"] or ()):
            yield from flatten(item, f"{where}, items[{index}]")
    else:
        yield obj


def _file_objects(path: str, data: bytes) -> Iterator[Manifest]:
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        data = data.decode("utf-16", "replace").encode()
    try:
        documents = load_documents(data, file=path)
    except SpecError:
        # Argo CD passes over such a file too (getObjsFromYAMLOrJSON), where all three words are missing.
        if path.endswith(".json") or any(f"{name}:".encode() in data for name in _OBJECT_FIELDS):
            raise
        log.warning("%s is neither YAML nor a manifest and is left out", path)
        return
    if path.endswith(".json") and len(documents) > 1:
        raise SpecError(f"{path}: holds {len(documents)} documents; a JSON file holds one, which may be a List")
    yield from read_objects(documents, path)


class _Jsonnet:
    """Evaluates the jsonnet files of one source (reposerver/repository/repository.go, makeJsonnetVM)."""

    def __init__(self, request: RenderRequest, options: JsonnetOptions) -> None:
        self._request = request
        self._options = options

    def objects(self, path: str, data: bytes) -> Iterator[Manifest]:
        """The objects of one file: one object or an array of them; null is none."""
        value = self._evaluator.evaluate(path, source_text(path, data), self._arguments)
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            if item is not None:
                yield from flatten(
                    item, f"{path} (evaluated), [{index}]" if isinstance(value, list) else f"{path} (evaluated)"
                )

    @cached_property
    def _evaluator(self) -> Evaluator:
        where = f"{self._request.where}.directory.jsonnet.libs"
        libraries = [
            resolve_path("", library, field=f"{where}[{index}]", from_root=True)
            for index, library in enumerate(self._options.libs)
        ]
        return Evaluator(self._request.tree, [self._request.path, *libraries])

    @cached_property
    def _arguments(self) -> Arguments:
        return Arguments(
            ext_vars=self._values(self._options.ext_vars, code=False),
            ext_codes=self._values(self._options.ext_vars, code=True),
            tla_vars=self._values(self._options.tlas, code=False),
            tla_codes=self._values(self._options.tlas, code=True),
        )

    def _values(self, variables: Iterable[JsonnetVar], *, code: bool) -> dict[str, str]:
        last = {variable.name: variable for variable in variables}
        return {
            name: substitute(variable.value, self._request.variables)
            for name, variable in last.items()
            if variable.code == code
        }


def _contents(request: RenderRequest, files: Sequence[tuple[str, Entry]]) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of each file, in their order."""
    tree, settings = request.tree, request.settings
    plain = [(path, file) for path, file in files if not path.endswith(_JSONNET)]
    contents = tree.contents(plain, limit=settings.max_directory_bytes)
    for path, file in files:
        if not path.endswith(_JSONNET):
            yield next(contents)
        elif settings.jsonnet_enabled:
            # One by one: their sizes were not summed up.
            yield path, tree.read(file, limit=MAX_FILE_BYTES)
        else:
            log.info("%s is left out: jsonnet is disabled", path)


def _require_size(request: RenderRequest, files: Sequence[tuple[str, Entry]]) -> None:
    limit = request.settings.max_directory_bytes
    size = f"{limit // 10**6} MB" if limit >= 10**6 else f"{limit} bytes"
    if sum(request.tree.sizes([file for path, file in files if not path.endswith(_JSONNET)])) > limit:
        raise GenerationError(
            f"{request.where}: the manifests in {shown(request.path)} of {request.tree} have more than {size} together; "
            "split them, or leave files out with directory.exclude"
        )


def _chosen_files(tree: Tree, folder: Entry, options: DirectoryOptions, field: str) -> Iterator[tuple[str, Entry]]:
    include = read_glob(options.include, field=f"{field}.directory.include") if options.include else None
    exclude = read_glob(options.exclude, field=f"{field}.directory.exclude") if options.exclude else None
    for name, file in tree.walk(folder, recurse=options.recurse):
        known = options.disable_extension_filter or name.endswith(_EXTENSIONS)
        if known and not (exclude and exclude.matches(name)) and (include is None or include.matches(name)):
            yield name, file
