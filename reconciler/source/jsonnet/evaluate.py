"""Jsonnet in a worker process, with imports read from a tree: the worker opens no file of a repository."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from reconciler.errors import GenerationError, RepositoryError
from reconciler.manifest.yaml import load_document, load_documents
from reconciler.processes.worker import Question, WorkerLimits, WorkerPool
from reconciler.source.files.paths import has_control_characters, resolve_path, shown
from reconciler.source.files.tree import Kind, Tree

MAX_FILE_BYTES = 10 * 10**6
"""Of one jsonnet file or import; the whole Kubernetes API as a ksonnet library has 3 MB."""
MAX_IMPORTED_BYTES = 32 * 10**6
"""Of all imports of one evaluation."""
MAX_OUTPUT_BYTES = 10 * 10**6

LIMITS = WorkerLimits(timeout_s=60.0, cpu_s=70, memory_bytes=5 * 2**29)
"""The engine reserves 1.4 GB of address space at rest."""
JSONNET_WORKERS = WorkerPool(Path(__file__).with_name("program.py"), limits=LIMITS)


@dataclass(frozen=True, slots=True)
class Arguments:
    """External variables and top-level arguments: strings, and jsonnet code."""

    ext_vars: Mapping[str, str] = field(default_factory=dict)
    ext_codes: Mapping[str, str] = field(default_factory=dict)
    tla_vars: Mapping[str, str] = field(default_factory=dict)
    tla_codes: Mapping[str, str] = field(default_factory=dict)


NO_ARGUMENTS = Arguments()


class Evaluator:
    """Evaluates jsonnet of one tree.

    Parameters
    ----------
    libraries
        Folders where imports are looked for that are not beside the importing file; the last is searched first, as
        ``jsonnet -J`` does.
    packages
        Folders by the beginning of an import's name that they stand for.
    advice
        What to do when the file of that name is not found.
    natives
        Whether ksonnet's native functions are there.
    """

    def __init__(
        self,
        tree: Tree,
        libraries: Sequence[str] = (),
        *,
        packages: Mapping[str, str] | None = None,
        advice: Mapping[str, str] | None = None,
        natives: bool = False,
        workers: WorkerPool = JSONNET_WORKERS,
    ) -> None:
        self._tree = tree
        self._libraries = tuple(reversed(libraries))
        self._packages = packages or {}
        self._advice = advice or {}
        self._natives = natives
        self._workers = workers

    def evaluate(self, path: str, code: str, arguments: Arguments = NO_ARGUMENTS) -> Any:
        """The value of ``code``, whose imports are relative to the folder of ``path``.

        Raises
        ------
        GenerationError
            An error in jsonnet with its stack, an import that is not there or leaves the tree, or a limit.
        """
        imports = _Imports(self._tree, self._libraries, self._packages, self._advice)
        request = {
            "path": path,
            "code": code,
            "ext_vars": dict(arguments.ext_vars),
            "ext_codes": dict(arguments.ext_codes),
            "tla_vars": dict(arguments.tla_vars),
            "tla_codes": dict(arguments.tla_codes),
            "natives": self._natives,
            "output_bytes": MAX_OUTPUT_BYTES,
        }
        what = f"jsonnet {shown(path) if has_control_characters(path) else path}"
        answer = self._workers.call(request, what=what, on_question=imports.answer)
        # The loader's quick way is for objects.
        return load_document(f'{{"value": {answer["json"]}}}', file=f"{path} (evaluated)")["value"]


def read_source(tree: Tree, path: str) -> str:
    """The text of a jsonnet file.

    Raises
    ------
    GenerationError
        When there is none, or it has more than 10 MB, or is not UTF-8.
    """
    entry = tree.find(path)
    if entry is None or entry.kind is not Kind.FILE:
        raise GenerationError(f"there is no file {shown(path)} in {tree}")
    return source_text(path, tree.read(entry, limit=MAX_FILE_BYTES))


def source_text(path: str, data: bytes) -> str:
    """The text in the bytes of the file at ``path``."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise GenerationError(f"{path}: not UTF-8 text; save the file as UTF-8") from None


@cache
def engine_version() -> str:
    """Name and version of the jsonnet engine."""
    from importlib.metadata import PackageNotFoundError, version

    for name in ("gojsonnet", "rjsonnet"):
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    raise GenerationError("there is no jsonnet engine; install gojsonnet or rjsonnet with pip")


class _Imports:
    """Answers the questions of one evaluation."""

    def __init__(
        self, tree: Tree, libraries: Sequence[str], packages: Mapping[str, str], advice: Mapping[str, str]
    ) -> None:
        self._tree = tree
        self._libraries = libraries
        self._packages = packages
        self._advice = advice
        self._bytes = 0

    def answer(self, question: Question) -> Any:
        if "yaml" in question:
            return load_documents(question["yaml"], file="parseYaml")
        try:
            path, data = self._find(question["base"], question["import"])
        except RepositoryError:
            raise
        except GenerationError as error:
            return {"refused": str(error)}
        try:
            return {"path": path, "text": data.decode()}
        except UnicodeDecodeError:
            return {"path": path, "base64": base64.b64encode(data).decode()}

    def _find(self, base: str, name: str) -> tuple[str, bytes]:
        """The first that is there of: beside the importing file, in a package, in the libraries."""
        refusal: GenerationError | None = None
        for folder, rest in self._candidates(base, name):
            try:
                path = resolve_path(folder, rest, field="import")
                entry = self._tree.find(path)
            except RepositoryError:
                raise
            except GenerationError as error:
                refusal = refusal or error
                continue
            if entry is not None and entry.kind is Kind.FILE:
                self._bytes += self._tree.size(entry)
                if self._bytes > MAX_IMPORTED_BYTES:
                    raise GenerationError(f"more than {MAX_IMPORTED_BYTES // 10**6} MB are imported; import less")
                return path, self._tree.read(entry, limit=MAX_FILE_BYTES)
        if refusal is not None:
            raise refusal
        places = ", ".join(dict.fromkeys(folder or "." for folder, _ in self._candidates(base, name)))
        advice = self._advice.get(name.rpartition("/")[2], "")
        raise GenerationError(f"not found in {self._tree}; looked in {places}{advice and '; '}{advice}")

    def _candidates(self, base: str, name: str) -> Iterator[tuple[str, str]]:
        yield base, name
        for prefix, folder in self._packages.items():
            if name.startswith(f"{prefix}/"):
                yield folder, name.removeprefix(f"{prefix}/")
        for library in self._libraries:
            yield library, name
