"""Values of a chart: value files, values in the Application, parameters (reposerver/repository/repository.go of Argo CD)."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.errors import GenerationError
from reconciler.model.source import HelmOptions
from reconciler.source.build_environment import substitute
from reconciler.source.files.doublestar import is_pattern, matching_files
from reconciler.source.files.paths import resolve_path, shown
from reconciler.source.files.tree import Entry, Kind, Tree
from reconciler.source.rendering import RenderRequest

MAX_VALUES_BYTES = 4 * 2**20

_UNESCAPED_COMMA = re.compile(r"(?<!\\),")
_REFERENCE = re.compile(r"\$([^/{$]+)/")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")

Named = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Values:
    """``texts`` are name and YAML, weakest first; parameters name and value, in the order in which they apply."""

    texts: list[Named] = field(default_factory=list)
    parameters: list[Named] = field(default_factory=list)
    string_parameters: list[Named] = field(default_factory=list)
    file_parameters: list[Named] = field(default_factory=list)

    def mention(self, word: str) -> bool:
        """Whether any of the values holds ``word``, which a template may evaluate."""
        every = (*self.texts, *self.parameters, *self.string_parameters, *self.file_parameters)
        return any(word in text for _, text in every)


@dataclass(frozen=True, slots=True)
class _File:
    """A file that ``valueFiles`` names: of ``tree``, or where there is none at the address ``path``."""

    tree: Tree | None
    path: str
    entry: Entry | None = None

    @property
    def identity(self) -> tuple[int, str]:
        return (id(self.tree), self.path)


def read_values(request: RenderRequest, options: HelmOptions) -> Values:
    """All that is to be laid over the chart's own values.

    Raises
    ------
    GenerationError
        A file that is not there, leaves its repository or is in a source that is not known.
    """
    files = _Files(request, f"{request.where}.helm")
    texts = [files.text(file) for file in files.chosen(options)]
    if options.values_object is not None:
        texts.append((f"{request.where}.helm.valuesObject", json.dumps(options.values_object, ensure_ascii=False)))
    elif options.values:
        texts.append((f"{request.where}.helm.values", options.values))
    return Values(
        texts,
        _parameters(options, request.variables, force_string=False),
        _parameters(options, request.variables, force_string=True),
        [
            (parameter.name, files.content(parameter.path, f"{request.where}.helm.fileParameters[{index}].path"))
            for index, parameter in enumerate(options.file_parameters)
        ],
    )


def _parameters(options: HelmOptions, variables: Mapping[str, str], *, force_string: bool) -> list[Named]:
    """Of parameters with one name the last wins; forced strings come after the others, as with ``helm --set-string``."""
    last = {
        parameter.name: parameter.value for parameter in options.parameters if parameter.force_string == force_string
    }
    return [(name, _escaped(substitute(value, variables))) for name, value in last.items()]


def _escaped(value: str) -> str:
    """A comma separates assignments to Helm; only a value in braces is a list (util/helm/cmd.go)."""
    return value if value.startswith("{") and value.endswith("}") else _UNESCAPED_COMMA.sub(r"\\,", value)


class _Files:
    def __init__(self, request: RenderRequest, field: str) -> None:
        self._request = request
        self._field = field

    def chosen(self, options: HelmOptions) -> list[_File]:
        """The files of ``valueFiles``, each once: where it is named first, by its own name rather than by a pattern."""
        entries = [
            (f"{self._field}.valueFiles[{index}]", name, self._located(name, f"{self._field}.valueFiles[{index}]"))
            for index, name in enumerate(options.value_files)
        ]
        explicit = {file.identity for _, _, file in entries if not _is_pattern(file)}
        found: dict[tuple[int, str], _File] = {}
        for field_path, name, file in entries:
            if _is_pattern(file):
                optional = options.ignore_missing_value_files
                for match in self._expanded(file, name, field_path, optional=optional):
                    if match.identity not in explicit:
                        found.setdefault(match.identity, match)
            elif existing := self._existing(file, name, field_path, optional=options.ignore_missing_value_files):
                found.setdefault(existing.identity, existing)
        return list(found.values())

    def text(self, file: _File) -> Named:
        """Name, for messages, and content of a value file."""
        if file.tree is None or file.entry is None:
            name, data = _without_login(file.path), self._request.downloads.value_file(file.path)
        else:
            name, data = file.path, file.tree.read(file.entry, limit=MAX_VALUES_BYTES)
        try:
            return name, data.decode()
        except UnicodeDecodeError:
            raise GenerationError(f"{name}: not UTF-8 text; save the file as UTF-8") from None

    def content(self, name: str, field_path: str) -> str:
        """What a file parameter brings."""
        file = self._existing(self._located(name, field_path), name, field_path, optional=False)
        assert file is not None
        return self.text(file)[1]

    def _located(self, name: str, field_path: str) -> _File:
        reference = _REFERENCE.match(name)
        if reference and (other := self._request.references.get(reference[1])) is not None:
            rest = substitute(name[reference.end() :], self._request.variables)
            path = resolve_path("", rest.lstrip("/"), field=field_path)
            if not path:
                raise GenerationError(f"{field_path}: {shown(name)} names no file after the ref")
            return _File(other, path)
        if reference and reference[1] not in self._request.variables:
            known = ", ".join(f"${each}" for each in sorted(self._request.references)) or "none"
            raise GenerationError(
                f"{field_path}: {shown(name)} is in a source that is not there; give one of spec.sources "
                f"ref: {reference[1]} (there are: {known})"
            )
        substituted = substitute(name, self._request.variables)
        if scheme := _SCHEME.match(substituted):
            allowed = self._request.settings.value_file_schemes
            if scheme[1].lower() not in allowed or scheme[1].lower() not in ("http", "https"):
                raise GenerationError(
                    f"{field_path}: {shown(_without_login(substituted))}: the scheme {scheme[1]} is not allowed; "
                    "copy the file into the repository, or allow it with helm.valuesFileSchemes"
                )
            return _File(None, substituted)
        path = resolve_path(self._request.path, substituted, field=field_path, from_root=True)
        return _File(self._request.tree, path)

    def _expanded(self, file: _File, name: str, field_path: str, *, optional: bool) -> Iterator[_File]:
        assert file.tree is not None
        matches = matching_files(file.tree, file.path, field=field_path)
        if not matches and not optional:
            raise GenerationError(
                f"{field_path}: {shown(name)} matches no file in {file.tree} (looked for {shown(file.path)}); "
                "correct it, or set ignoreMissingValueFiles"
            )
        for path, entry in matches:
            yield _File(file.tree, path, entry)

    def _existing(self, file: _File, name: str, field_path: str, *, optional: bool) -> _File | None:
        if file.tree is None:
            return file
        entry = file.tree.find(file.path)
        if entry is not None and entry.kind is Kind.FILE:
            return _File(file.tree, file.path, entry)
        if entry is None and optional:
            return None
        what = "there is no" if entry is None else f"not a file but a {entry.kind.value}:"
        raise GenerationError(f"{field_path}: {what} {shown(name)} in {file.tree} (looked for {shown(file.path)})")


def _is_pattern(file: _File) -> bool:
    return file.tree is not None and is_pattern(file.path)


def _without_login(address: str) -> str:
    return re.sub(r"//[^/?#]*@", "//", address).partition("?")[0]
