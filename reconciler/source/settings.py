"""What an operator sets for all sources: the keys of ``argocd-cm`` and ``argocd-cmd-params-cm`` that rendering obeys.

Source: docs/operator-manual/argocd-cm.yaml, docs/user-guide/kustomize.md and tool_detection.md of Argo CD 3.6.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from reconciler.errors import SpecError, Violation
from reconciler.manifest.quantity import quantity_value

VALUE_FILE_SCHEMES = ("http", "https")
MAX_DIRECTORY_BYTES = 10 * 10**6


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """``kustomize_paths`` and ``kustomize_options`` are by version; the options of the default version under ``""``.

    ``kustomize_remote_bases`` are globs for addresses that kustomizations may refer to; ``*`` in them crosses ``/``.
    """

    helm_enabled: bool = True
    kustomize_enabled: bool = True
    jsonnet_enabled: bool = True
    value_file_schemes: tuple[str, ...] = VALUE_FILE_SCHEMES
    kustomize_paths: Mapping[str, str] = field(default_factory=dict)
    kustomize_options: Mapping[str, str] = field(default_factory=dict)
    kustomize_remote_bases: tuple[str, ...] = ()
    max_directory_bytes: int = MAX_DIRECTORY_BYTES
    submodules: bool = True

    def to_json(self) -> dict[str, Any]:
        """All settings as JSON has them."""
        return {
            entry.name: dict(value) if isinstance(value := getattr(self, entry.name), Mapping) else value
            for entry in fields(self)
        }


DEFAULT_SETTINGS = SourceSettings()


def parse_source_settings(data: Mapping[str, str], parameters: Mapping[str, str] | None = None) -> SourceSettings:
    """The settings in the data of ``argocd-cm`` and, as ``parameters``, of ``argocd-cmd-params-cm``.

    Raises
    ------
    SpecError
        For a switch that is neither true nor false, or a size that is none.
    """
    parameters = parameters or {}
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
        # A key of ours: Argo CD lets kustomize fetch whatever it likes.
        kustomize_remote_bases=tuple(data.get("kustomize.remoteBases", "").replace(",", " ").split()),
        max_directory_bytes=_size(parameters, "reposerver.max.combined.directory.manifests.size"),
        submodules=_switch(parameters, "reposerver.enable.git.submodule", where="argocd-cmd-params-cm"),
    )


def _size(parameters: Mapping[str, str], key: str) -> int:
    text = parameters.get(key, "").strip()
    try:
        return int(quantity_value(text)) if text else MAX_DIRECTORY_BYTES
    except ValueError:
        violation = Violation(f"data[{key}]", f"{text!r} is not a size such as 10M")
        raise SpecError("argocd-cmd-params-cm", [violation]) from None


def _switch(data: Mapping[str, str], key: str, *, where: str = "argocd-cm") -> bool:
    text = data.get(key, "true").strip().lower()
    if text not in ("true", "false"):
        raise SpecError(where, [Violation(f"data[{key}]", f"{text!r} is neither true nor false")])
    return text == "true"


def _by_version(data: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in data.items() if key.startswith(prefix)}
