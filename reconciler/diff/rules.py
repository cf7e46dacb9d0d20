"""The rules of a comparison: what is ignored, and where that was said. Parsing them is `reconciler.diff.settings`."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Final

from reconciler.diff.records import ResourceComparison, UnusedRule
from reconciler.globs import glob_matches
from reconciler.manifest.objects import ResourceKey

RBAC_GROUP: Final = "rbac.authorization.k8s.io"
CRD_GROUP: Final = "apiextensions.k8s.io"
SPEC_ORIGIN: Final = "spec.ignoreDifferences"


class RuleForm(StrEnum):
    """How a rule names what it ignores; values are the fields of ``ignoreDifferences``."""

    JSON_POINTER = "jsonPointers"
    JQ = "jqPathExpressions"
    MANAGER = "managedFieldsManagers"


class StatusIgnored(StrEnum):
    """Whose ``status`` takes no part (``ignoreResourceStatusField``); ``all`` is the default."""

    ALL = "all"
    CRD = "crd"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class IgnoreRule:
    """One pointer, expression or manager, and the objects it is for.

    ``group`` and ``kind`` are globs, an empty group is the core group only; ``name`` and ``namespace`` are exact, empty for
    any (util/argo/normalizers/diff_normalizer.go). ``origin`` says where the rule was written.
    """

    form: RuleForm
    text: str
    origin: str
    group: str = ""
    kind: str = "*"
    name: str = ""
    namespace: str = ""
    #: Ours rather than a user's: not reported when it is not used.
    built_in: bool = False

    @property
    def label(self) -> str:
        """The rule for people: ``spec.ignoreDifferences[0].jsonPointers: /spec/replicas``."""
        return f"{self.origin}: {self.text}" if self.built_in else f"{self.origin}.{self.form}: {self.text}"

    def is_for(self, key: ResourceKey) -> bool:
        return (
            glob_matches(self.group, key.group)
            and glob_matches(self.kind, key.kind)
            and self.name in ("", key.name)
            and self.namespace in ("", key.namespace)
        )

    def unused(self, *, touched: bool) -> UnusedRule:
        """The record that this rule found nothing; ``touched``: although there is an object that it is for."""
        if self.form is RuleForm.JSON_POINTER and not self.text.startswith("/"):
            reason = "not a JSON pointer; begin it with /"
        elif not touched:
            reason = (
                "the application has no such resource; give group (empty is the core group), kind, name and namespace"
            )
        else:
            reason = "no such manager" if self.form is RuleForm.MANAGER else "no such field in target or live"
        return UnusedRule(self.label, self.origin, reason)


@dataclass(frozen=True, slots=True)
class KnownTypeField:
    """A field of a custom kind that holds a built-in type, such as ``core/v1/PodSpec`` (``knownTypeFields``)."""

    group: str
    kind: str
    field: str
    type: str
    origin: str

    def is_for(self, key: ResourceKey) -> bool:
        return glob_matches(self.group, key.group) and glob_matches(self.kind, key.kind)


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """``resource.compareoptions`` of argocd-cm."""

    ignore_aggregated_roles: bool = False
    ignore_status: StatusIgnored = StatusIgnored.ALL
    #: Read for completeness; it decides what wakes a watching controller, not what is compared.
    ignore_differences_on_updates: bool = True

    def keeps_status(self, key: ResourceKey) -> bool:
        """Whether the status of this object takes part in the comparison."""
        if self.ignore_status is StatusIgnored.CRD:
            return (key.group, key.kind) != (CRD_GROUP, "CustomResourceDefinition")
        return self.ignore_status is StatusIgnored.NONE


@dataclass(frozen=True)
class CompareRules:
    """All rules that a comparison of one Application follows.

    ``server_side`` is what ``compare-options`` of the Application or the instance says, None where neither does;
    ``respect`` is the sync option ``RespectIgnoreDifferences``. ``problems`` are settings that could not be read.
    """

    ignore: tuple[IgnoreRule, ...] = ()
    known_types: tuple[KnownTypeField, ...] = ()
    options: CompareOptions = field(default_factory=CompareOptions)
    server_side: bool | None = None
    include_webhooks: bool = False
    respect: bool = False
    problems: tuple[str, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Equal for rules that make equal comparisons; part of a comparison's cache key."""
        text = json.dumps(asdict(replace(self, problems=())), sort_keys=True, default=str)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def ignored_in(self, key: ResourceKey) -> tuple[IgnoreRule, ...]:
        """The ignore rules for this object."""
        return tuple(rule for rule in self.ignore if rule.is_for(key))

    def known_in(self, key: ResourceKey) -> tuple[KnownTypeField, ...]:
        return tuple(entry for entry in self.known_types if entry.is_for(key))

    def unused(self, resources: Iterable[ResourceComparison], *, system: bool = False) -> tuple[UnusedRule, ...]:
        """The rules that found nothing in any of these resources, in their order; then those of the objects themselves.

        Parameters
        ----------
        system
            Also rules of argocd-cm. They are for all Applications: that one of them does not need a rule is no mistake.
        """
        compared = list(resources)
        used = {label for resource in compared for label in resource.rules_used}
        unused = []
        for rule in self.ignore:
            if rule.built_in or rule.label in used or not (system or rule.origin.startswith(SPEC_ORIGIN)):
                continue
            unused.append(rule.unused(touched=any(rule.is_for(resource.key) for resource in compared)))
        return (*unused, *(entry for resource in compared for entry in resource.unused_rules))


NO_RULES: Final = CompareRules()
