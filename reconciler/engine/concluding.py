"""From the verdicts on its resources to the answer about an Application; kept while nothing that it rests on changes."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from reconciler.diff.records import Comparison, Health, ResourceComparison
from reconciler.diff.rules import CompareRules
from reconciler.health import aggregate_health
from reconciler.manifest.objects import ResourceKey
from reconciler.model import Application
from reconciler.source import Target
from reconciler.terms import ARGO_GROUP, ConditionType, HealthStatus, SyncStatus


def application_key(application: Application, namespace: str) -> ResourceKey:
    """The Application's own key; ``namespace`` stands in where a file leaves it out."""
    return ResourceKey(ARGO_GROUP, "Application", application.metadata.namespace or namespace, application.name)


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a conclusion rests on: objects that must be the very same ones, and values that must be equal."""

    same: tuple[object, ...]
    equal: tuple[Any, ...]

    def hold(self, others: "Grounds") -> bool:
        return (
            len(self.same) == len(others.same)
            and all(map(operator.is_, self.same, others.same))
            and self.equal == others.equal
        )


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A comparison, and the keys of all live objects that it is about."""

    comparison: Comparison
    held: tuple[ResourceKey, ...]


class Concluder:
    """Draws conclusions, and remembers one for each Application.

    Parameters
    ----------
    namespace
        Argo CD's own, of Applications that say none.
    clock
        Gives the present time, aware of its zone.
    """

    def __init__(self, *, namespace: str, clock: Callable[[], datetime]) -> None:
        self._namespace = namespace
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[Grounds, Conclusion]] = {}

    def recall(self, application: Application, grounds: Grounds) -> Conclusion | None:
        """The last conclusion, as made now, if it rested on the same grounds."""
        known = self._known.get((application.metadata.namespace, application.name))
        if known is None or not known[0].hold(grounds):
            return None
        return replace(known[1], comparison=replace(known[1].comparison, compared_at=self._clock()))

    def keep(self, application: Application, grounds: Grounds, conclusion: Conclusion) -> None:
        """Remember a conclusion."""
        self._known[application.metadata.namespace, application.name] = (grounds, conclusion)

    def conclude(
        self,
        application: Application,
        target: Target,
        resources: Sequence[ResourceComparison],
        conditions: Sequence[tuple[ConditionType, str]],
        rules: CompareRules,
    ) -> Comparison:
        """The answer that the verdicts give together."""
        unused = rules.unused(resources)
        counted = [entry for entry in resources if not (entry.requires_pruning and entry.ignore_extraneous)]
        unsure = (entry for entry in counted if entry.status is SyncStatus.UNKNOWN and not entry.refused)
        unknown = next((f"{entry.key}: {entry.reason}" for entry in unsure), "")
        differs = any(entry.status is SyncStatus.OUT_OF_SYNC or entry.refused for entry in counted)
        status = SyncStatus.UNKNOWN if unknown else SyncStatus.OUT_OF_SYNC if differs else SyncStatus.SYNCED
        found = replace(
            self.unknown(application, unknown),
            revisions=target.revisions,
            status=status,
            health=aggregate_health(resources, application=application_key(application, self._namespace)),
            resources=tuple(resources),
            source_types=source_types(target),
            unused_rules=unused,
        )
        said = (message for _, message in conditions)
        warnings = (*target.warnings, *said, *found.shared.values(), *rules.problems, *map(str, unused))
        repeated = ((ConditionType.REPEATED_RESOURCE, message) for message in target.repeated)
        return replace(found, warnings=warnings, typed_warnings=(*repeated, *conditions))

    def unknown(
        self, application: Application, reason: str, reason_type: ConditionType = ConditionType.COMPARISON
    ) -> Comparison:
        """The answer for an Application that cannot be compared."""
        destination = application.spec.destination
        return Comparison(
            application=application.name,
            namespace=application.metadata.namespace or self._namespace,
            project=application.project,
            destination=destination.server or destination.name,
            revisions=(),
            status=SyncStatus.UNKNOWN,
            health=Health(HealthStatus.UNKNOWN),
            compared_at=self._clock(),
            reason=reason,
            reason_type=reason_type,
        )


def source_types(target: Target) -> tuple[str, ...]:
    """What renders each source, of those that are rendered."""
    return tuple(source.source_type.value for source in target.sources if source.source_type)
