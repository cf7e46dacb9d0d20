"""From a parsed document to a model: every violation at once, each with its field path."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from reconciler.errors import SpecError, Violation
from reconciler.model.application import Application
from reconciler.model.applicationset import ApplicationSet
from reconciler.model.base import Model
from reconciler.model.project import AppProject
from reconciler.model.source import ApplicationSource

M = TypeVar("M", bound=Model)

# pydantic speaks of Python's types where the reader has written YAML.
_MESSAGES: Final[Mapping[str, str]] = {
    "missing": "is required",
    "extra_forbidden": "unknown field",
    "model_type": "must be an object",
    "dict_type": "must be an object",
    "tuple_type": "must be a list",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "int_type": "must be an integer",
}
DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def parse_application(document: Any, *, where: str = "", from_cluster: bool = False) -> Application:
    """Validate an Application.

    Parameters
    ----------
    document
        The object as JSON or YAML gave it.
    where
        Names the document in the error, such as a file; its kind and name are added.
    from_cluster
        Accept fields this version does not know, which a newer Argo CD may have written.

    Raises
    ------
    SpecError
        With all violations, sorted by field path.
    """
    return _parse(Application, document, where, list(_application_rules(document)), from_cluster=from_cluster)


def parse_project(document: Any, *, where: str = "", from_cluster: bool = False) -> AppProject:
    """Validate an AppProject; parameters and errors as `parse_application`."""
    return _parse(AppProject, document, where, list(_name_rules(document)), from_cluster=from_cluster)


def parse_application_set(document: Any, *, where: str = "", from_cluster: bool = False) -> ApplicationSet:
    """Validate an ApplicationSet; parameters and errors as `parse_application`."""
    return _parse(ApplicationSet, document, where, list(_name_rules(document)), from_cluster=from_cluster)


def parse_source(document: Any, *, where: str = "") -> ApplicationSource:
    """Validate ``spec.source`` on its own; parameters and errors as `parse_application`."""
    return _parse(ApplicationSource, document, where, list(_source_rules(document, "")), from_cluster=False)


def _parse(model: type[M], document: Any, where: str, violations: list[Violation], *, from_cluster: bool) -> M:
    if not isinstance(document, dict):
        raise SpecError(f"{where or model.__name__}: not an object; expected kind {model.__name__}")
    try:
        parsed = model.model_validate(
            document, extra="ignore" if from_cluster else "forbid", by_alias=True, by_name=False
        )
    except ValidationError as error:
        violations += [_violation(detail) for detail in error.errors(include_url=False, include_input=False)]
        parsed = None
    if parsed is None or violations:
        name = _mapping(document, "metadata").get("name")
        title = " ".join(str(part) for part in (model.__name__, name) if part)
        raise SpecError(f"{where}: {title}" if where else title, violations)
    return parsed


def _violation(detail: Mapping[str, Any]) -> Violation:
    path = ""
    for part in detail["loc"]:
        # A union adds the tried type to the location; it is no field.
        if part in ("int", "str"):
            continue
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    text = str(detail["msg"])
    return Violation(path, _MESSAGES.get(detail["type"], text[:1].lower() + text[1:]))


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    inner = value.get(key) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def _name_rules(document: Any) -> Iterator[Violation]:
    name = _mapping(document, "metadata").get("name")
    if isinstance(name, str) and (len(name) > 253 or not DNS_SUBDOMAIN.fullmatch(name)):
        yield Violation("metadata.name", f"{name!r} is not a DNS-1123 subdomain (lower case letters, digits, - and .)")


def _application_rules(document: Any) -> Iterator[Violation]:
    """The rules between fields (util/argo/argo.go ValidateRepo and ValidateDestination)."""
    yield from _name_rules(document)
    spec = document.get("spec") if isinstance(document, Mapping) else None
    if not isinstance(spec, Mapping):
        return
    destination = spec.get("destination")
    if isinstance(destination, Mapping):
        if destination.get("server") and destination.get("name"):
            yield Violation("spec.destination", "server and name are exclusive; keep one")
        if not destination.get("server") and not destination.get("name"):
            yield Violation("spec.destination", "server or name is required")
    sources = spec.get("sources")
    if isinstance(sources, list) and sources:
        for index, source in enumerate(sources):
            yield from _source_rules(source, f"spec.sources[{index}]")
    elif isinstance(spec.get("source"), Mapping):
        yield from _source_rules(spec["source"], "spec.source")
    elif spec.get("source") is None and not isinstance(spec.get("sourceHydrator"), Mapping):
        yield Violation("spec.source", "is required (or spec.sources, or spec.sourceHydrator)")


def _source_rules(source: Any, path: str) -> Iterator[Violation]:
    if not isinstance(source, Mapping):
        return
    if source.get("repoURL") == "":
        yield Violation(f"{path}.repoURL", "must not be empty")
    if source.get("chart") and source.get("path"):
        yield Violation(path, "chart and path are exclusive; keep one")
    if source.get("chart") and source.get("ref"):
        yield Violation(path, "a source with ref may not have a chart")
    if not any(source.get(field) for field in ("chart", "path", "ref")):
        yield Violation(path, "path or chart is required")
    tools = [tool for tool in ("helm", "kustomize", "directory", "ksonnet", "plugin") if source.get(tool)]
    if len(tools) > 1:
        yield Violation(path, f"{' and '.join(tools)} are exclusive; keep one")
