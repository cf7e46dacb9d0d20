"""What every command knows: the global options, and the engine made from them."""

import contextlib
import re
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconciler.errors import ReconcilerError, SpecError, UsageError

if TYPE_CHECKING:
    from reconciler.cluster import Connection
    from reconciler.engine import Reconciler
    from reconciler.manifest.objects import Manifest
    from reconciler.model import Application, AppProject
    from reconciler.source import Sources


class OutputFormat(StrEnum):
    """Forms of the data on stdout; ``json`` is stable."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str = "argocd"
    store: str | None = None
    output: OutputFormat = OutputFormat.TABLE
    quiet: bool = False
    debug: bool = False


VALUE_OPTIONS: Final = ("--kubeconfig", "--context", "--namespace", "-n", "--store", "--output", "-o")
FLAG_OPTIONS: Final = ("--quiet", "--debug")
# An attached short form, as in kubectl: -ojson, -nargocd.
_ATTACHED: Final = re.compile(r"-[no][^-].*")


def hoist_global_options(arguments: Sequence[str]) -> list[str]:
    """Move the global options to the front, so that they may stand anywhere, as kubectl's may.

    Raises
    ------
    UsageError
        When the value of the last option is missing: the option would take the first word of the command for it.
    """
    front: list[str] = []
    rest: list[str] = []
    remaining = list(arguments)
    while remaining:
        word = remaining.pop(0)
        if word == "--":
            rest += [word, *remaining]
            break
        name, equals, value = word.partition("=")
        if word in FLAG_OPTIONS:
            front += [word]
        elif name in VALUE_OPTIONS and equals:
            front += [name, value]
        elif _ATTACHED.fullmatch(word):
            front += [word]
        elif word in VALUE_OPTIONS:
            if not remaining or remaining[0] == "--":
                raise UsageError(f"{word} needs a value")
            front += [word, remaining.pop(0)]
        else:
            rest.append(word)
    return front + rest


class Workspace(AbstractContextManager["Workspace"]):
    """Opens what a command needs, when it needs it, and closes it at the end."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._stack = ExitStack()
        self._reconciler: Reconciler | None = None
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def reconciler(self) -> "Reconciler":
        """The engine, connected by the settings, with the history store open."""
        if self._reconciler is None:
            from reconciler.engine import Reconciler
            from reconciler.history import open_store

            self._reconciler = Reconciler(
                self.connection,
                sources=self.sources,
                store=self._stack.enter_context(open_store(self.settings.store)),
                namespace=self.settings.namespace,
            )
        return self._reconciler

    @property
    def connection(self) -> "Connection":
        """The cluster that the settings name."""
        from reconciler.cluster import connect

        with self._lock:
            if self._connection is None:
                self._connection = connect(kubeconfig=self.settings.kubeconfig, context=self.settings.context)
            return self._connection

    @cached_property
    def sources(self) -> "Sources":
        """Repositories and charts, with the credentials that the cluster has for them."""
        from reconciler.source import Sources

        return self._stack.enter_context(Sources(self._configuration, project=self._project))

    def _project(self, name: str) -> "AppProject | None":
        return self.reconciler.project(name)

    def _configuration(self) -> "tuple[Manifest, ...]":
        from reconciler.cluster.configuration import read_configuration

        return read_configuration(self.connection, namespace=self.settings.namespace)

    def application(self, name: str | None, file: Path | None) -> "Application":
        """The named Application of the cluster, or the one in a file.

        Raises
        ------
        UsageError
            When neither or both are given.
        """
        if file is not None:
            application = read_application(file, name=name, namespace=self.settings.namespace)
            self._fetch_ahead(application)
            return application
        if not name:
            raise UsageError("name an Application, or give a file with -f FILE")
        return self.reconciler.application(name)

    def _fetch_ahead(self, application: "Application") -> None:
        """Let Git fetch while the rest of the engine is loaded and asks the cluster."""
        sources = self.sources

        def fetch() -> None:
            # What fails here fails again, and is told, when the source is read.
            with contextlib.suppress(ReconcilerError):
                for source in application.sources:
                    if not source.chart and not source.repo_url.startswith("oci://"):
                        sources.repositories.open(source.repo_url, allow_local=True)

        threading.Thread(target=fetch, daemon=True).start()


def read_application(file: Path, *, name: str | None = None, namespace: str = "argocd") -> "Application":
    """Read an Application from a YAML or JSON file; ``name`` chooses where there are several.

    ``operation`` and ``status`` are not the author's to say (GHSA-g623-jcgg-mhmm): they are left out.

    Raises
    ------
    UsageError
        When the file cannot be read or holds no, or no such, Application.
    SpecError
        When it does not parse or validate.
    """
    from reconciler.manifest.objects import name_of
    from reconciler.model import parse_application

    found = [entry for entry in read_objects(file, expected="an Application") if entry.get("kind") == "Application"]
    chosen = [entry for entry in found if name in (None, name_of(entry))]
    if len(chosen) != 1:
        there = ", ".join(name_of(entry) for entry in found) or "none"
        wanted = f"one Application named {name}" if name else "exactly one Application"
        raise UsageError(f"{file}: expected {wanted}; it holds {there}")
    document = {field: value for field, value in chosen[0].items() if field not in ("operation", "status")}
    metadata = document.get("metadata")
    if isinstance(metadata, dict) and not metadata.get("namespace"):
        document = {**document, "metadata": {**metadata, "namespace": namespace}}
    return parse_application(document, where=str(file))


def read_objects(file: Path, *, expected: str = "Kubernetes objects") -> "list[Manifest]":
    """The Kubernetes objects of a YAML or JSON file; lists are flattened.

    Raises
    ------
    UsageError
        When the file cannot be read.
    SpecError
        When it does not parse, or holds something else.
    """
    from reconciler.manifest.objects import flatten_lists
    from reconciler.manifest.yaml import load_documents

    try:
        text = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}; give the path of a file that holds {expected}") from error
    objects: list[Manifest] = []
    for document in load_documents(text, file=str(file)):
        if not isinstance(document, dict):
            raise SpecError(f"{file}: not a Kubernetes object; expected {expected}")
        objects += flatten_lists(document)
    return objects
