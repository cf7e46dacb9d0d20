"""Where a kustomization names files, folders and addresses: field by field, in any case."""

from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.source.kustomize.fields import mappings, strings, texts, values
from reconciler.source.kustomize.remotes import starts_remote

CONFIGURING = ("generators", "transformers", "validators")
"""Fields with the configuration of plugins, inline or by path."""

_LOADING = ("resources", "bases", "components", "crds", "configurations")
_FOLDERS = ("resources", "bases", "components", *CONFIGURING)
_REFERRING = frozenset(
    name.casefold()
    for name in (
        *(*_LOADING, *CONFIGURING, "patchesStrategicMerge", "patches", "patchesJson6902", "replacements", "openapi"),
        *("configMapGenerator", "secretGenerator", "helmCharts", "helmChartInflationGenerator"),
    )
)
_PATH_KEYS = frozenset(
    {
        *("path", "paths", "files", "env", "envs", "resources", "repo", "url"),
        *("valuesfile", "additionalvaluesfiles", "charthome"),
    }
)
_CHART_KEYS = frozenset({"repo", "charthome"})
_NAME_WITHOUT_VALUE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")


def references(kustomization: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Field path and text of everything that kustomize loads."""
    for field in (*_LOADING, *CONFIGURING, "patchesStrategicMerge"):
        for index, text in enumerate(strings(kustomization, field)):
            if field in _LOADING or not is_inline(text):
                yield f"{field}[{index}]", text
    for field in ("patches", "patchesJson6902", "replacements"):
        for index, item in enumerate(mappings(kustomization, field)):
            for path in texts(item, "path"):
                yield f"{field}[{index}].path", path
    for openapi in values(kustomization, "openapi"):
        for path in texts(openapi, "path") if isinstance(openapi, Mapping) else ():
            yield "openapi.path", path
    for field in ("configMapGenerator", "secretGenerator"):
        for index, generator in enumerate(mappings(kustomization, field)):
            yield from _generator_references(generator, f"{field}[{index}]")


def takes_folder(field: str) -> bool:
    """Whether a reference of `references` may be a folder."""
    return field.startswith(_FOLDERS)


def configures(field: str) -> bool:
    """Whether a reference of `references` holds the configuration of plugins."""
    return field.startswith(CONFIGURING)


def is_environment(field: str) -> bool:
    """Whether a reference of `references` is an env file."""
    return ".env" in field


def names_without_value(data: bytes) -> set[str]:
    """Names in an env file that take their value from the environment (kv.go, keyValuesFromLine)."""
    lines = (line.lstrip() for line in data.decode("utf-8", "replace").splitlines())
    return {line for line in lines if line and "=" not in line and _NAME_WITHOUT_VALUE.issuperset(line)}


def is_inline(text: str) -> bool:
    """Whether a field that takes a path or YAML holds YAML; what kustomize might take for an address is no YAML."""
    if starts_remote(text):
        return False
    return "\n" in text or ": " in text or text.lstrip().startswith(("{", "["))


def path_values(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Strings at keys that hold paths in the configuration of a plugin, at any depth; those of charts are left out."""
    if isinstance(value, Mapping):
        is_chart = any(kind == "HelmChartInflationGenerator" for kind in values(value, "kind"))
        for inner_key, inner in value.items():
            if not (is_chart and inner_key.casefold() in _CHART_KEYS):
                yield from path_values(inner, inner_key)
    elif isinstance(value, list):
        for inner in value:
            yield from path_values(inner, key)
    elif isinstance(value, str) and key.casefold() in _PATH_KEYS and not is_inline(value):
        yield key, value


def replaced(kustomization: Mapping[str, Any], local: Mapping[str, str]) -> dict[str, Any]:
    """The kustomization with local paths in the place of addresses; ``key=address`` stays under its key."""
    return {
        field: _replaced(value, local) if field.casefold() in _REFERRING else value
        for field, value in kustomization.items()
    }


def _replaced(value: Any, local: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _replaced(inner, local) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, local) for inner in value]
    if not isinstance(value, str):
        return value
    key, separator, path = value.partition("=")
    if separator and path in local and value not in local:
        return f"{key}={local[path]}"
    return local.get(value, value)


def _generator_references(generator: Mapping[str, Any], field: str) -> Iterator[tuple[str, str]]:
    for index, text in enumerate(strings(generator, "files")):
        _, separator, path = text.partition("=")
        yield f"{field}.files[{index}]", path if separator and not starts_remote(text) else text
    for index, text in enumerate(strings(generator, "envs")):
        yield f"{field}.envs[{index}]", text
    for text in texts(generator, "env"):
        yield f"{field}.env", text
