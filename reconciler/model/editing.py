"""Changes of an Application's spec, one a flag of ``argocd app set`` and ``argocd app unset``.

Source: cmd/util/app.go (SetAppSpecOptions, ConstructSource), cmd/argocd/commands/app.go (unset) and the Merge and Add methods of
pkg/apis/application/v1alpha1/types.go of Argo CD 3.6. Otherwise than there: a flag that would do nothing is refused, an empty
value takes a field out, a switch can be turned off again, and a Jsonnet variable is set rather than set once more.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from reconciler.errors import UsageError
from reconciler.model.editing_fields import (
    JsonObject,
    entries,
    file_parameters,
    images,
    items,
    listed,
    mapping,
    parameters,
    put,
    replicas,
    switch,
    text,
    values_literal,
    variables,
    without_entries,
    without_field,
    without_images,
    without_items,
)
from reconciler.model.editing_policy import POLICY_EDITS

Edit = Callable[[JsonObject, Any], None]
"""Sets a value in a source, or in a spec, that may be changed in place."""


@dataclass(frozen=True, slots=True)
class SourceChoice:
    """Which of several sources is meant: by ``position``, counted from 1, or by ``name``."""

    position: int | None = None
    name: str = ""

    def index(self, sources: list[Any], *, several: bool) -> int:
        """Where the source is in the list.

        Raises
        ------
        UsageError
            When it is not said, or there is none such.
        """
        if self.position is not None and self.name:
            raise UsageError("--source-position and --source-name both choose the source; give one")
        if self.name:
            named = [index for index, source in enumerate(sources) if source.get("name") == self.name]
            if len(named) == 1:
                return named[0]
            there = ", ".join(source["name"] for source in sources if source.get("name")) or "none that has a name"
            raise UsageError(f"--source-name {self.name}: {len(named)} sources have that name; there are {there}")
        if self.position is None:
            if several:
                raise UsageError(
                    f"the Application has {len(sources)} sources; choose one with --source-position, counted from 1, or "
                    "--source-name"
                )
            return 0
        if not 1 <= self.position <= len(sources):
            raise UsageError(f"--source-position {self.position}: the Application has sources 1 to {len(sources)}")
        return self.position - 1


ONLY_SOURCE: Final = SourceChoice()

SOURCE_EDITS: Final[Mapping[str, Edit]] = MappingProxyType(
    {
        "repo": text("repoURL"),
        "path": text("path"),
        "helm-chart": text("chart"),
        "revision": text("targetRevision"),
        "tag-prefix": text("tagPrefix"),
        "ref": text("ref"),
        "values": listed("helm", "valueFiles"),
        "values-literal-file": values_literal,
        "ignore-missing-value-files": switch("helm", "ignoreMissingValueFiles"),
        "release-name": text("helm", "releaseName"),
        "helm-version": text("helm", "version"),
        "helm-namespace": text("helm", "namespace"),
        "helm-kube-version": text("helm", "kubeVersion"),
        "helm-api-versions": listed("helm", "apiVersions"),
        "helm-pass-credentials": switch("helm", "passCredentials"),
        "helm-skip-crds": switch("helm", "skipCrds"),
        "helm-skip-schema-validation": switch("helm", "skipSchemaValidation"),
        "helm-skip-tests": switch("helm", "skipTests"),
        "helm-set": parameters("--helm-set"),
        "helm-set-string": parameters("--helm-set-string", force_string=True),
        "helm-set-file": file_parameters,
        "kustomize-version": text("kustomize", "version"),
        "kustomize-namespace": text("kustomize", "namespace"),
        "kustomize-kube-version": text("kustomize", "kubeVersion"),
        "kustomize-api-versions": listed("kustomize", "apiVersions"),
        "kustomize-image": images,
        "kustomize-replica": replicas,
        "kustomize-common-label": mapping("--kustomize-common-label", "kustomize", "commonLabels"),
        "kustomize-common-annotation": mapping("--kustomize-common-annotation", "kustomize", "commonAnnotations"),
        "kustomize-label-without-selector": switch("kustomize", "labelWithoutSelector"),
        "kustomize-label-include-templates": switch("kustomize", "labelIncludeTemplates"),
        "kustomize-force-common-label": switch("kustomize", "forceCommonLabels"),
        "kustomize-force-common-annotation": switch("kustomize", "forceCommonAnnotations"),
        "ignore-missing-components": switch("kustomize", "ignoreMissingComponents"),
        "nameprefix": text("kustomize", "namePrefix"),
        "namesuffix": text("kustomize", "nameSuffix"),
        "directory-recurse": switch("directory", "recurse"),
        "directory-include": text("directory", "include"),
        "directory-exclude": text("directory", "exclude"),
        "directory-disable-extension-filter": switch("directory", "disableExtensionFilter"),
        "jsonnet-tla-str": variables("tlas"),
        "jsonnet-tla-code": variables("tlas", code=True),
        "jsonnet-ext-var-str": variables("extVars"),
        "jsonnet-ext-var-code": variables("extVars", code=True),
        "jsonnet-libs": items("directory", "jsonnet", "libs"),
        "config-management-plugin": lambda source, name: put(source, ("plugin",), {"name": name} if name else None),
        "plugin-env": entries("--plugin-env", "plugin", "env"),
        "parameter": parameters("--parameter"),
    }
)
"""What ``app set`` does to a source, by flag, in the order in which they are done."""

SPEC_EDITS: Final[Mapping[str, Edit]] = MappingProxyType(
    {
        "project": text("project"),
        "dest-server": text("destination", "server"),
        "dest-name": text("destination", "name"),
        "dest-namespace": text("destination", "namespace"),
        "revision-history-limit": lambda spec, limit: put(spec, ("revisionHistoryLimit",), limit),
        **POLICY_EDITS,
    }
)
"""What ``app set`` does to the rest of the spec."""

UNSET_EDITS: Final[Mapping[str, Edit]] = MappingProxyType(
    {
        "parameter": without_entries("helm", "parameters"),
        "values": without_items("helm", "valueFiles"),
        "values-literal": without_field(("helm", "values"), ("helm", "valuesObject")),
        "ignore-missing-value-files": without_field(("helm", "ignoreMissingValueFiles")),
        "pass-credentials": without_field(("helm", "passCredentials")),
        "nameprefix": without_field(("kustomize", "namePrefix")),
        "namesuffix": without_field(("kustomize", "nameSuffix")),
        "kustomize-version": without_field(("kustomize", "version")),
        "kustomize-namespace": without_field(("kustomize", "namespace")),
        "kustomize-image": without_images,
        "kustomize-replica": without_entries("kustomize", "replicas"),
        "ignore-missing-components": without_field(("kustomize", "ignoreMissingComponents")),
        "plugin-env": without_entries("plugin", "env"),
        "ref": without_field(("ref",)),
    }
)
"""What ``app unset`` takes out of a source, by flag."""


def set_fields(document: JsonObject, given: Mapping[str, Any], *, source: SourceChoice = ONLY_SOURCE) -> JsonObject:
    """A copy of an Application with what the flags of ``app set`` ask for.

    Parameters
    ----------
    given
        Values by flag, without its dashes: a text, a list of texts, a truth value or a number.

    Raises
    ------
    UsageError
        For a value that means nothing, and when it is not clear which source is meant.
    """
    edited: JsonObject = copy.deepcopy(document)
    spec = edited.setdefault("spec", {})
    wanted = [name for name in SOURCE_EDITS if name in given]
    if wanted:
        chosen, index = _source(spec, source)
        if "parameter" in given:
            _refuse_other_tools(chosen, _recorded_type(document, index))
        for name in wanted:
            SOURCE_EDITS[name](chosen, given[name])
    elif source != ONLY_SOURCE:
        raise UsageError("--source-position and --source-name choose a source, but nothing is set there")
    for name, edit in SPEC_EDITS.items():
        if name in given:
            edit(spec, given[name])
    return edited


def unset_fields(document: JsonObject, given: Mapping[str, Any], *, source: SourceChoice = ONLY_SOURCE) -> JsonObject:
    """A copy of an Application without what the flags of ``app unset`` name; what is not there stays so.

    Raises
    ------
    UsageError
        When it is not clear which source is meant.
    """
    edited: JsonObject = copy.deepcopy(document)
    chosen, _ = _source(edited.setdefault("spec", {}), source)
    for name, edit in UNSET_EDITS.items():
        if name in given:
            edit(chosen, given[name])
    return edited


def with_sources(document: JsonObject, sources: list[JsonObject]) -> JsonObject:
    """A copy of an Application with other sources, such as those of an earlier sync: one of several, or the other way round."""
    edited: JsonObject = copy.deepcopy(document)
    spec = edited["spec"]
    if not spec.get("sources") and len(sources) == 1:
        spec["source"] = copy.deepcopy(sources[0])
    else:
        spec.pop("source", None)
        spec["sources"] = copy.deepcopy(sources)
    return edited


def _source(spec: JsonObject, choice: SourceChoice) -> tuple[JsonObject, int]:
    several = spec.get("sources") or []
    single = spec.get("source")
    if not several and not isinstance(single, dict):
        raise UsageError("the Application has no spec.source that could be changed")
    sources = several or [single]
    index = choice.index(sources, several=bool(several))
    return sources[index], index


def _recorded_type(document: JsonObject, index: int) -> str:
    """What the last comparison found the source to be, empty when nobody knows."""
    status = document.get("status") or {}
    types = status.get("sourceTypes") or [status.get("sourceType") or ""]
    return str(types[index]) if index < len(types) else ""


def _refuse_other_tools(source: JsonObject, recorded: str) -> None:
    explicit = [tool for tool in ("helm", "kustomize", "directory", "plugin", "ksonnet") if source.get(tool)]
    found = explicit[0] if explicit else "helm" if source.get("chart") else recorded.lower()
    if found not in ("", "helm"):
        raise UsageError(f"--parameter sets a parameter of a Helm chart, and this source is of type {found}")
