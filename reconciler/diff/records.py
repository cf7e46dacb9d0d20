"""What a comparison says: one record an application, one a resource, one a field."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Final

from reconciler.manifest.objects import Manifest, ResourceKey
from reconciler.terms import ConditionType, HealthStatus, SyncStatus


class Absent(Enum):
    """The value of a field that is not there, which is not null."""

    ABSENT = "absent"

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class Masked:
    """Stands for a secret value: ``digest`` tells equal from changed within one run and nothing else."""

    digest: str

    def __str__(self) -> str:
        return f"(masked {self.digest})"


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One field whose live value is not what a sync would leave.

    ``path`` reads ``$.spec.template.spec.containers[name="web"].image``. ``target`` is what a sync would leave,
    ``live`` what is there, each `ABSENT` where there is none and `Masked` where it is secret. ``manager`` owns the live
    field since ``changed_at``. ``ignored_by`` names the rule by which the difference does not count. ``pointer`` is the path
    as a JSON pointer, into the live object where that has the field, else into the predicted one. ``synced`` is whether a
    sync would make live what target is: not an ignored field with RespectIgnoreDifferences, and not an extra object, which
    only a sync with prune removes.
    """

    path: str
    target: Any
    live: Any
    manager: str = ""
    operation: str = ""
    changed_at: datetime | None = None
    ignored_by: str = ""
    pointer: str = ""
    synced: bool = True


@dataclass(frozen=True, slots=True)
class UnusedRule:
    """An ignore rule that found nothing, and why; ``origin`` is where it is written."""

    rule: str
    origin: str
    reason: str

    def __str__(self) -> str:
        return f"{self.rule} ignores nothing: {self.reason}"


@dataclass(frozen=True, slots=True)
class Health:
    """Health and why; a kind without a health rule has None in place of this record."""

    status: HealthStatus
    message: str = ""


@dataclass(frozen=True, slots=True)
class ResourceComparison:
    """One resource: its status, why, and every field that differs.

    ``target`` is None for an extra object, ``live`` for a missing one; both are masked where secret. ``predicted`` is
    the live object as a sync would leave it. ``reason`` is never empty when the status is Unknown. ``differences`` hold the
    ignored ones too, which leave the status at Synced. ``rules_used`` are the labels of the ignore rules that found
    something here, whether it differs or not.
    """

    key: ResourceKey
    version: str
    status: SyncStatus
    target: Manifest | None = None
    live: Manifest | None = None
    predicted: Manifest | None = None
    differences: tuple[FieldDifference, ...] = ()
    health: Health | None = None
    reason: str = ""
    hook: bool = False
    requires_pruning: bool = False
    ignore_extraneous: bool = False
    wave: int = 0
    rules_used: tuple[str, ...] = ()
    #: Rules of the object's own annotation that found nothing.
    unused_rules: tuple[UnusedRule, ...] = ()
    #: Another Application whose mark the live object of the target bears: ``namespace/name``, or the name alone.
    shared_with: str = ""
    #: The project does not let the Application manage it, as the ``reason`` says: what is in the cluster is not looked at.
    refused: bool = False

    @property
    def missing(self) -> bool:
        return self.target is not None and self.live is None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One application: resources by key, the verdict and the application's health."""

    application: str
    namespace: str
    project: str
    destination: str
    revisions: tuple[str, ...]
    status: SyncStatus
    health: Health
    compared_at: datetime
    resources: tuple[ResourceComparison, ...] = ()
    warnings: tuple[str, ...] = ()
    reason: str = ""
    source_types: tuple[str, ...] = field(default=())
    unused_rules: tuple[UnusedRule, ...] = ()
    #: Those of the warnings that Argo CD has a condition for, beside the ``shared`` ones.
    typed_warnings: tuple[tuple[ConditionType, str], ...] = ()
    #: What the ``reason`` is as a condition.
    reason_type: ConditionType = ConditionType.COMPARISON

    @property
    def revision(self) -> str:
        return self.revisions[0] if self.revisions else ""

    @property
    def changed(self) -> tuple[ResourceComparison, ...]:
        """The resources that are not in sync, hooks left out."""
        return tuple(
            resource for resource in self.resources if resource.status != SyncStatus.SYNCED and not resource.hook
        )

    @property
    def shared(self) -> Mapping[ResourceKey, str]:
        """What other Applications hold as well, each with Argo CD's words for it, which are among the ``warnings``."""
        own = f"{self.namespace}/{self.application}"
        return {
            entry.key: f"{entry.key.kind}/{entry.key.name} is part of applications {own} and {entry.shared_with}"
            for entry in self.resources
            if entry.shared_with
        }

    @property
    def conditions(self) -> tuple[tuple[ConditionType, str], ...]:
        """What Argo CD shows of it as conditions of the Application; warnings that it does not know are none.

        Source: CompareAppState in controller/state.go of Argo CD 3.6.
        """
        shared = ((ConditionType.SHARED_RESOURCE, warning) for warning in self.shared.values())
        unknown = self.status is SyncStatus.UNKNOWN and self.reason
        return (*self.typed_warnings, *shared, *(((self.reason_type, self.reason),) if unknown else ()))

    @property
    def untyped_warnings(self) -> tuple[str, ...]:
        """The warnings that are no conditions: of tags that were moved, of ignore rules, of settings."""
        told = {message for _, message in self.conditions}
        return tuple(warning for warning in self.warnings if warning not in told)


@dataclass(frozen=True, slots=True)
class RevisionComparison:
    """What changes from ``before`` to ``after``, the commits of each source.

    ``changes`` hold only objects that differ, by key: ``live`` is the object before, ``target`` the one after, masked
    where they are secret.
    """

    application: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    changes: tuple[ResourceComparison, ...]
    unchanged: int
    warnings: tuple[str, ...] = ()
