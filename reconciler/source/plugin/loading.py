"""``plugin.yaml`` files from a folder that the operator names; a repository never brings any."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler.errors import SpecError, Violation
from reconciler.manifest.yaml import load_documents
from reconciler.source.files.paths import shown
from reconciler.source.plugin.definition import DEFAULT_PATH, Command, Discovery, Plugin, Plugins

KIND = "ConfigManagementPlugin"
PREFIX = "plugin.gitops-nb/"
"""Of annotations that say what a sidecar's container says for Argo CD: ``path``, ``environment``, ``files``."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FIELDS = frozenset(
    {
        *("version", "init", "generate", "discover", "parameters", "preserveFileMode", "provideGitCreds"),
        # Of the time before sidecars, and without meaning since.
        *("allowConcurrency", "lockRepo"),
    }
)
FOLDER_VARIABLE = "GITOPS_NB_PLUGINS"

_ANNOTATIONS = frozenset({f"{PREFIX}{name}" for name in ("path", "environment", "files")})


def load_plugins(folder: Path) -> Plugins:
    """All plugins of a folder: its ``*.yaml`` and ``*.yml``, and ``plugin.yaml`` one folder below.

    Raises
    ------
    SpecError
        Every violation of every file at once; a folder that is not there.
    """
    if not folder.is_dir():
        raise SpecError(f"the plugin folder {shown(str(folder))} is not there")
    plugins: dict[str, Plugin] = {}
    violations: list[Violation] = []
    for path in _files(folder):
        name = str(path.relative_to(folder))
        reader = _Reader(name, violations)
        plugin = reader.plugin(_document(path, name, violations))
        if plugin is not None and plugin.name in plugins:
            reader.report("metadata.name", f"the name {plugin.name} is taken by another file")
        elif plugin is not None:
            plugins[plugin.name] = plugin
    if violations:
        raise SpecError(f"plugins in {folder}", violations)
    return Plugins(plugins)


def plugins_of_environment() -> Plugins | None:
    """The plugins of the folder that ``GITOPS_NB_PLUGINS`` names; None where it names none. Errors as `load_plugins`."""
    folder = os.environ.get(FOLDER_VARIABLE)
    return load_plugins(Path(folder)) if folder else None


def _files(folder: Path) -> Iterator[Path]:
    # A mounted ConfigMap holds its files a second time in folders that begin with two dots.
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_file() and path.suffix in (".yaml", ".yml"):
            yield path
        elif (path / "plugin.yaml").is_file():
            yield path / "plugin.yaml"


def _document(path: Path, name: str, violations: list[Violation]) -> Mapping[str, Any]:
    try:
        documents = load_documents(path.read_bytes(), file=name)
    except OSError as error:
        violations.append(Violation(name, f"cannot be read: {error.strerror}"))
        return {}
    except SpecError as error:
        violations.append(Violation(name, str(error)))
        return {}
    if len(documents) != 1 or not isinstance(documents[0], dict):
        violations.append(Violation(name, f"expected one mapping of kind {KIND}"))
        return {}
    return documents[0]


class _Reader:
    """Reads one file and notes what is wrong in it."""

    def __init__(self, file: str, violations: list[Violation]) -> None:
        self._file = file
        self._violations = violations

    def report(self, field: str, message: str) -> None:
        self._violations.append(Violation(f"{self._file}: {field}", message))

    def plugin(self, document: Mapping[str, Any]) -> Plugin | None:
        if not document:
            return None
        before = len(self._violations)
        if document.get("kind") != KIND:
            self.report("kind", f"expected {KIND}")
        metadata = self._mapping(document, "metadata", "")
        spec = self._mapping(document, "spec", "")
        for field in sorted(spec.keys() - _FIELDS):
            self.report(f"spec.{field}", "is not a field of a plugin")
        discover = self._mapping(spec, "discover", "spec.")
        find = self._mapping(discover, "find", "spec.discover.")
        parameters = self._mapping(spec, "parameters", "spec.")
        if self._switch(spec, "provideGitCreds"):
            self.report("spec.provideGitCreds", "plugins are never given Git credentials; set it to false")
        preserve = self._switch(spec, "preserveFileMode")
        plugin = Plugin(
            name=self._name(metadata, spec),
            generate=self._command(spec, "generate", "spec.", relative=preserve, required=True),
            init=self._command(spec, "init", "spec.", relative=preserve),
            discovery=Discovery(
                self._text(discover, "fileName", "spec.discover."),
                self._text(find, "glob", "spec.discover.find."),
                self._command(discover, "find", "spec.discover.", relative=preserve),
            ),
            announcements=self._announcements(parameters),
            dynamic=self._command(parameters, "dynamic", "spec.parameters.", relative=preserve),
            preserve_file_mode=preserve,
            **self._surroundings(self._mapping(metadata, "annotations", "metadata.")),
        )
        return plugin if len(self._violations) == before else None

    def _name(self, metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
        name = self._text(metadata, "name", "metadata.")
        version = self._text(spec, "version", "spec.")
        if not name:
            self.report("metadata.name", "must not be empty")
        for field, text in (("metadata.name", name), ("spec.version", version)):
            if text and (not _NAME.fullmatch(text) or ".." in text):
                self.report(field, f"{shown(text)} may hold letters, digits, - and _, and single dots between them")
        return f"{name}-{version}" if version else name

    def _command(
        self, parent: Mapping[str, Any], field: str, where: str, *, relative: bool, required: bool = False
    ) -> Command:
        mapping = self._mapping(parent, field, where)
        words: list[str] = []
        for part in ("command", "args"):
            value = mapping.get(part) or []
            if not isinstance(value, list) or not all(isinstance(word, str) and "\0" not in word for word in value):
                self.report(f"{where}{field}.{part}", "must be a list of texts")
                return ()
            if part == "args" and value and not words:
                self.report(f"{where}{field}.command", "must not be empty where there are args")
            words += value
        if required and not words:
            self.report(f"{where}{field}.command", "must not be empty")
        if words and not words[0]:
            self.report(f"{where}{field}.command", "its first text names the program and must not be empty")
        elif words and "/" in words[0] and not words[0].startswith("/") and not relative:
            self.report(
                f"{where}{field}.command",
                f"{shown(words[0])} would be a program of the repository; name one on PATH or an absolute path, or set "
                "preserveFileMode: true",
            )
        return tuple(words)

    def _announcements(self, parameters: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
        static = parameters.get("static") or []
        if not isinstance(static, list) or not all(isinstance(item, dict) for item in static):
            self.report("spec.parameters.static", "must be a list of mappings")
            return ()
        return tuple(static)

    def _surroundings(self, annotations: Mapping[str, Any]) -> dict[str, Any]:
        for name in sorted(annotations):
            if str(name).startswith(PREFIX) and name not in _ANNOTATIONS:
                self.report(f"metadata.annotations[{name}]", f"is none of {', '.join(sorted(_ANNOTATIONS))}")
        path = annotations.get(f"{PREFIX}path", DEFAULT_PATH)
        if not isinstance(path, str) or not all(entry.startswith("/") for entry in path.split(":")):
            self.report(f"metadata.annotations[{PREFIX}path]", "must be absolute folders, separated by colons")
        names = str(annotations.get(f"{PREFIX}environment", "")).replace(",", " ").split()
        for name in names:
            if not _VARIABLE.fullmatch(name):
                self.report(
                    f"metadata.annotations[{PREFIX}environment]", f"{shown(name)} is not the name of a variable"
                )
        files = annotations.get(f"{PREFIX}files", "repository")
        if files not in ("repository", "application"):
            self.report(f"metadata.annotations[{PREFIX}files]", "must be repository or application")
        return {"path": path, "environment": tuple(names), "whole_repository": files == "repository"}

    def _mapping(self, parent: Mapping[str, Any], field: str, where: str) -> Mapping[str, Any]:
        value = parent.get(field)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.report(f"{where}{field}", "must be a mapping")
            return {}
        return value

    def _text(self, parent: Mapping[str, Any], field: str, where: str) -> str:
        value = parent.get(field)
        if value is None or isinstance(value, str):
            return value or ""
        self.report(f"{where}{field}", "must be a text; put it in quotes")
        return ""

    def _switch(self, spec: Mapping[str, Any], field: str) -> bool:
        value = spec.get(field, False)
        if not isinstance(value, bool):
            self.report(f"spec.{field}", "must be true or false")
        return value is True
