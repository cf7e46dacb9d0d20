"""How single fields of an Application's source are set and taken out; what becomes empty goes, as upstream leaves it out."""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from reconciler.errors import SpecError, UsageError

JsonObject = dict[str, Any]
Change = Callable[[JsonObject, Any], None]

# A comma in a value is not the one between values (helmParameterRx in types.go).
_BARE_COMMA: Final = re.compile(r"([^\\]),")


def put(obj: JsonObject, path: tuple[str, ...], value: Any) -> None:
    """Set a field, making the objects on the way; None, an empty text, list or object and false take it out.

    Objects on the way that this leaves empty go too.
    """
    if value is None or value is False or (isinstance(value, str | list | dict) and not value):
        _drop(obj, path)
        return
    *way, name = path
    for step in way:
        inner = obj.get(step)
        if not isinstance(inner, dict):
            inner = obj[step] = {}
        obj = inner
    obj[name] = value


def _drop(obj: JsonObject, path: tuple[str, ...]) -> None:
    name, *rest = path
    if not rest:
        obj.pop(name, None)
        return
    inner = obj.get(name)
    if isinstance(inner, dict) and inner:
        _drop(inner, tuple(rest))
        if len(inner) == 0:
            del obj[name]


def field(obj: JsonObject, path: tuple[str, ...]) -> Any:
    """The value of a field, None when it is not there."""
    found: Any = obj
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def text(*path: str) -> Change:
    """Sets a text."""
    return lambda obj, value: put(obj, path, value)


def switch(*path: str) -> Change:
    """Turns a switch on; off is to leave it out."""
    return lambda obj, value: put(obj, path, value)


def listed(*path: str) -> Change:
    """Puts a list in the place of what there is."""
    return lambda obj, values: put(obj, path, list(values))


def items(*path: str) -> Change:
    """Adds texts to a list, each once."""

    def add(obj: JsonObject, values: Iterable[str]) -> None:
        put(obj, path, list(dict.fromkeys([*(field(obj, path) or ()), *values])))

    return add


def mapping(option: str, *path: str) -> Change:
    """Puts ``NAME=VALUE`` pairs in the place of what there is."""
    return lambda obj, values: put(obj, path, dict(pair(value, option) for value in values))


def entries(option: str, *path: str) -> Change:
    """Sets entries ``name`` and ``value`` of a list, each in the place of the one of that name."""

    def merge(obj: JsonObject, values: Iterable[str]) -> None:
        _merge(obj, path, ({"name": name, "value": value} for name, value in (pair(each, option) for each in values)))

    return merge


def parameters(option: str, *, force_string: bool = False) -> Change:
    """Sets parameters of a chart."""
    forced = {"forceString": True} if force_string else {}

    def merge(source: JsonObject, values: Iterable[str]) -> None:
        pairs = (pair(each, option) for each in values)
        _merge(
            source,
            ("helm", "parameters"),
            ({"name": name, "value": _escaped(value), **forced} for name, value in pairs),
        )

    return merge


def file_parameters(source: JsonObject, values: Iterable[str]) -> None:
    """Sets parameters of a chart that are read from files of the repository."""
    pairs = (pair(each, "--helm-set-file") for each in values)
    _merge(source, ("helm", "fileParameters"), ({"name": name, "path": _escaped(path)} for name, path in pairs))


def replicas(source: JsonObject, values: Iterable[str]) -> None:
    """Sets the counts of replicas."""
    found = []
    for value in values:
        name, count = pair(value, "--kustomize-replica")
        if not count.isascii() or not count.isdigit():
            raise UsageError(f"--kustomize-replica {value}: the count must be a whole number")
        found.append({"name": name, "count": int(count)})
    _merge(source, ("kustomize", "replicas"), found)


def images(source: JsonObject, values: Iterable[str]) -> None:
    """Sets images, each in the place of the one that it overrides as well."""
    path = ("kustomize", "images")
    found = list(field(source, path) or ())
    for image in values:
        same = next((index for index, there in enumerate(found) if _same_image(there, image)), None)
        if same is None:
            found.append(image)
        else:
            found[same] = image
    put(source, path, found)


def without_images(source: JsonObject, names: Iterable[str]) -> None:
    """Takes images out by the name that they override."""
    path = ("kustomize", "images")
    wanted = list(names)
    put(
        source,
        path,
        [there for there in field(source, path) or () if not any(_same_image(name, there) for name in wanted)],
    )


def variables(name: str, *, code: bool = False) -> Change:
    """Sets top-level arguments or external variables of Jsonnet; one without a value is empty."""
    marked = {"code": True} if code else {}

    def merge(source: JsonObject, values: Iterable[str]) -> None:
        pairs = (value.partition("=") for value in values)
        _merge(
            source, ("directory", "jsonnet", name), ({"name": key, "value": value, **marked} for key, _, value in pairs)
        )

    return merge


def values_literal(source: JsonObject, content: str) -> None:
    """Sets Helm values from the content of a YAML file, as an object; empty content takes them out.

    Raises
    ------
    UsageError
        When it is no mapping.
    """
    from reconciler.manifest.yaml import load_documents

    try:
        documents = [
            document for document in load_documents(content.encode(), file="--values-literal-file") if document
        ]
    except SpecError as error:
        raise UsageError(str(error)) from error
    if len(documents) > 1 or not all(isinstance(document, dict) for document in documents):
        raise UsageError("--values-literal-file: expected one YAML mapping of Helm values")
    put(source, ("helm", "values"), None)
    put(source, ("helm", "valuesObject"), documents[0] if documents else None)


def without_entries(*path: str) -> Change:
    """Takes entries out of a list by name."""

    def remove(obj: JsonObject, names: Iterable[str]) -> None:
        unwanted = set(names)
        put(obj, path, [entry for entry in field(obj, path) or () if entry.get("name") not in unwanted])

    return remove


def without_items(*path: str) -> Change:
    """Takes texts out of a list."""

    def remove(obj: JsonObject, values: Iterable[str]) -> None:
        unwanted = set(values)
        put(obj, path, [entry for entry in field(obj, path) or () if entry not in unwanted])

    return remove


def without_field(*paths: tuple[str, ...]) -> Change:
    """Takes fields out."""

    def remove(obj: JsonObject, _: Any) -> None:
        for path in paths:
            put(obj, path, None)

    return remove


def pair(text: str, option: str) -> tuple[str, str]:
    """The two sides of ``NAME=VALUE``.

    Raises
    ------
    UsageError
        For any other text; it is not repeated when it may be a value.
    """
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UsageError(f"{option}: expected NAME=VALUE")
    return name, value


def _merge(obj: JsonObject, path: tuple[str, ...], added: Iterable[JsonObject]) -> None:
    found = [dict(entry) for entry in field(obj, path) or ()]
    for entry in added:
        same = next((index for index, there in enumerate(found) if there.get("name") == entry["name"]), None)
        if same is None:
            found.append(entry)
        else:
            found[same] = entry
    put(obj, path, found)


def _escaped(value: str) -> str:
    return _BARE_COMMA.sub(r"\1\\,", value)


def _same_image(one: str, other: str) -> bool:
    """Whether both override the same image: up to the first of ``=``, ``:`` and ``@`` that the other one has (Match)."""
    delimiter = next((each for each in "=:@" if each in other), ":")
    return one.partition(delimiter)[0] == other.partition(delimiter)[0]
