"""What an operator sets for all sources: the keys of ``argocd-cm`` and ``argocd-cmd-params-cm`` that rendering obeys.

Source: docs/operator-manual/argocd-cm.yaml, docs/user-guide/kustomize.md and tool_detection.md of Argo CD 3.6.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from reconciler.errors import SpecError, Violation

VALUE_FILE_SCHEMES = ("http", "https")
MAX_DIRECTORY_BYTES = 10 * 10**6


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """``kustomize_paths`` and ``kustomize_options`` are by version; the options of the default version under ``""``."""

    helm_enabled: bool = True
    kustomize_enabled: bool = True
    jsonnet_enabled: bool = True
    value_file_schemes: tuple[str, ...] = VALUE_FILE_SCHEMES
    kustomize_paths: Mapping[str, str] = field(default_factory=dict)
    kustomize_options: Mapping[str, str] = field(default_factory=dict)
    max_directory_bytes: int = MAX_DIRECTORY_BYTES

    def to_json(self) -> dict[str, Any]:
        """All settings as JSON has them."""
        return {
            entry.name: dict(value) if isinstance(value := getattr(self, entry.name), Mapping) else value
            for entry in fields(self)
        }


DEFAULT_SETTINGS = SourceSettings()


def parse_source_settings(data: Mapping[str, str]) -> SourceSettings:
    """The settings in the data of ``argocd-cm``.

    Raises
    ------
    SpecError
        For a switch that is neither true nor false.
    """
    return SourceSettings(
        helm_enabled=_switch(data, "helm.enable"),
        kustomize_enabled=_switch(data, "kustomize.enable"),
        jsonnet_enabled=_switch(data, "jsonnet.enable"),
        value_file_schemes=tuple(
            scheme.strip().lower()
            for scheme in data.get("helm.valuesFileSchemes", ",".join(VALUE_FILE_SCHEMES)).split(",")
            if scheme.strip()
        ),
        kustomize_paths=MappingProxyType(
            _by_version(data, "kustomize.path.") | _by_version(data, "kustomize.version.")
        ),
        kustomize_options=MappingProxyType(
            _by_version(data, "kustomize.buildOptions.") | {"": data.get("kustomize.buildOptions", "")}
        ),
    )


def _switch(data: Mapping[str, str], key: str) -> bool:
    text = data.get(key, "true").strip().lower()
    if text not in ("true", "false"):
        raise SpecError("argocd-cm", [Violation(f"data[{key}]", f"{text!r} is neither true nor false")])
    return text == "true"


def _by_version(data: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in data.items() if key.startswith(prefix)}
