"""Kinds that are left alone in the whole: Argo CD's own exclusions, and the operator's.

Source: util/settings/resources_filter.go and filtered_resource.go, ``resource.exclusions`` and ``resource.inclusions`` in
docs/operator-manual/declarative-setup.md of Argo CD 3.6.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from reconciler.errors import SpecError, Violation
from reconciler.globs import GlobError, glob_matches, parse_glob
from reconciler.manifest.yaml import load_documents


@dataclass(frozen=True, slots=True)
class FilterRule:
    """What a rule names; an empty part names all. Groups and cluster URLs are globs, kinds are exact or ``*``."""

    groups: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()

    def matches(self, group: str, kind: str, cluster: str) -> bool:
        return (
            (not self.groups or any(glob_matches(pattern, group) for pattern in self.groups))
            and (not self.kinds or any(pattern in ("*", kind) for pattern in self.kinds))
            and self.matches_cluster(cluster)
        )

    def matches_cluster(self, cluster: str) -> bool:
        return not self.clusters or any(glob_matches(pattern, cluster) for pattern in self.clusters)


ALWAYS_EXCLUDED: Final = (
    FilterRule(groups=("events.k8s.io", "metrics.k8s.io")),
    FilterRule(groups=("",), kinds=("Event",)),
    FilterRule(groups=("coordination.k8s.io",), kinds=("Lease",)),
)
"""Kinds with many and short-lived objects that nobody manages from Git, whatever the settings."""


@dataclass(frozen=True, slots=True)
class ResourceFilter:
    """Which kinds there are for us; ``inclusions``, where any apply to a cluster, are the only ones."""

    exclusions: tuple[FilterRule, ...] = ()
    inclusions: tuple[FilterRule, ...] = ()
    always: tuple[FilterRule, ...] = field(default=ALWAYS_EXCLUDED, repr=False)

    def excludes(self, group: str, kind: str, *, cluster: str) -> bool:
        """Whether a kind is left alone in the cluster with that server URL; an exclusion wins over an inclusion."""
        if any(rule.matches(group, kind, cluster) for rule in (*self.always, *self.exclusions)):
            return True
        if any(rule.matches(group, kind, cluster) for rule in self.inclusions):
            return False
        return any(rule.matches_cluster(cluster) for rule in self.inclusions)


DEFAULT_FILTER: Final = ResourceFilter()


def parse_resource_filter(data: Mapping[str, str]) -> ResourceFilter:
    """The filter in the data of ``argocd-cm``.

    Raises
    ------
    SpecError
        For YAML that does not parse, and for rules that are none, with every violation.
    """
    violations: list[Violation] = []
    rules = {
        key: _rules(key, str(data.get(key) or ""), violations) for key in ("resource.exclusions", "resource.inclusions")
    }
    if violations:
        raise SpecError("argocd-cm", violations)
    return ResourceFilter(rules["resource.exclusions"], rules["resource.inclusions"])


_PARTS: Final = {"apiGroups": "groups", "kinds": "kinds", "clusters": "clusters"}


def _rules(key: str, text: str, violations: list[Violation]) -> tuple[FilterRule, ...]:
    try:
        documents = load_documents(text.encode(), file=key) if text.strip() else []
    except SpecError as error:
        violations.append(Violation(key, str(error)))
        return ()
    entries: list[Any] = []
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, list):
            violations.append(Violation(key, "must be a list of rules with apiGroups, kinds or clusters"))
            return ()
        entries += document
    rules = []
    for index, entry in enumerate(entries):
        where = f"{key}[{index}]"
        if not isinstance(entry, Mapping):
            violations.append(Violation(where, "must be a mapping with apiGroups, kinds or clusters"))
            continue
        parts = {attribute: _texts(entry, part, where, violations) for part, attribute in _PARTS.items()}
        if not any(entry.get(part) for part in _PARTS):
            # An empty rule would exclude all there is: upstream means it so, nobody who writes it does.
            violations.append(Violation(where, "names nothing; give apiGroups, kinds or clusters"))
        rules.append(FilterRule(**parts))
    return tuple(rules)


def _texts(entry: Mapping[str, Any], part: str, where: str, violations: list[Violation]) -> tuple[str, ...]:
    value = entry.get(part)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        violations.append(Violation(f"{where}.{part}", "must be a list of texts"))
        return ()
    if part != "kinds":
        for pattern in value:
            try:
                parse_glob(pattern)
            except GlobError as error:
                violations.append(Violation(f"{where}.{part}", str(error)))
    return tuple(value)
