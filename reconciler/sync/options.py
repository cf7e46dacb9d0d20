"""Sync options: of an Application, and of one object, whose own word wins.

Source: docs/user-guide/sync-options.md and gitops-engine/pkg/sync/common/types.go of Argo CD 3.6. ``ServerSideApply`` is known
and changes nothing: every apply of ours is a server-side one, with the field manager of Argo CD's own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from reconciler.manifest import CLIENT_SIDE_APPLY_MANAGER
from reconciler.manifest.objects import Manifest
from reconciler.model import Application
from reconciler.sync.hooks import sync_options
from reconciler.terms import ANNOTATION_MIGRATION_MANAGER

_SWITCH: Final = frozenset({"true", "false"})
_PERMISSION: Final = _SWITCH | {"confirm"}
RESOURCE_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "Prune": _PERMISSION,
    "PruneLast": _SWITCH,
    "Delete": _PERMISSION,
    "Replace": _SWITCH,
    "Force": _SWITCH,
    "Validate": _SWITCH,
    "ServerSideApply": _SWITCH,
    "SkipDryRunOnMissingResource": _SWITCH,
}
"""Options that an object may set for itself, with their values; the Application's word holds where it does not."""

APPLICATION_OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "CreateNamespace": _SWITCH,
    "ApplyOutOfSyncOnly": _SWITCH,
    "RespectIgnoreDifferences": _SWITCH,
    "FailOnSharedResource": _SWITCH,
    "ClientSideApplyMigration": _SWITCH,
    "PrunePropagationPolicy": frozenset({"foreground", "background", "orphan"}),
}
"""Options that only an Application may set."""


class Permission(StrEnum):
    """Whether an object may be deleted; ``confirm`` waits until somebody has approved it."""

    YES = "true"
    NO = "false"
    CONFIRM = "confirm"


@dataclass(frozen=True, slots=True)
class ResourceOptions:
    """What holds for one object.

    ``replace`` sends the whole object rather than an apply; ``force`` deletes and creates it anew where the API server
    refuses the change; ``validate`` refuses fields that the schema does not know.
    """

    prune: Permission = Permission.YES
    prune_last: bool = False
    delete: Permission = Permission.YES
    replace: bool = False
    force: bool = False
    validate: bool = True
    skip_dry_run_on_missing: bool = False


@dataclass(frozen=True, slots=True)
class ApplicationOptions:
    """What holds for a whole sync.

    ``propagation`` is the deletion policy of prunes, capitalized as the API has it. ``migration_manager`` is the field manager
    of client-side applies whose fields are taken over, empty where none are.
    """

    texts: frozenset[str] = frozenset()
    create_namespace: bool = False
    apply_out_of_sync_only: bool = False
    respect_ignore_differences: bool = False
    fail_on_shared_resource: bool = False
    migration_manager: str = CLIENT_SIDE_APPLY_MANAGER
    propagation: str = "Foreground"


def application_options(application: Application, more: Iterable[str] = ()) -> ApplicationOptions:
    """The options of an Application; ``more`` are those of one sync, which win over them."""
    texts = _without_blanks(more)
    texts |= _others(_without_blanks(application.spec.sync_policy.sync_options), texts)
    policies = [text.partition("=")[2] for text in texts if text.startswith("PrunePropagationPolicy=")]
    known = [policy for policy in sorted(policies) if policy in APPLICATION_OPTIONS["PrunePropagationPolicy"]]
    manager = application.metadata.annotations.get(ANNOTATION_MIGRATION_MANAGER) or CLIENT_SIDE_APPLY_MANAGER
    return ApplicationOptions(
        texts=texts,
        create_namespace="CreateNamespace=true" in texts,
        apply_out_of_sync_only="ApplyOutOfSyncOnly=true" in texts,
        respect_ignore_differences="RespectIgnoreDifferences=true" in texts,
        fail_on_shared_resource="FailOnSharedResource=true" in texts,
        migration_manager="" if "ClientSideApplyMigration=false" in texts else manager,
        propagation=known[0].capitalize() if known else "Foreground",
    )


def merged_options(obj: Manifest, application: frozenset[str]) -> frozenset[str]:
    """The options that hold for an object: its own word wins over the Application's, name by name."""
    own = sync_options(obj)
    general = {text for text in application if text.partition("=")[0] in RESOURCE_OPTIONS}
    return own | _others(general, own)


@lru_cache(maxsize=1024)
def resource_options(texts: frozenset[str]) -> ResourceOptions:
    """The options of one object, typed; of two words about deletion the more careful one holds."""
    return ResourceOptions(
        prune=_permission("Prune", texts),
        prune_last="PruneLast=true" in texts,
        delete=_permission("Delete", texts),
        replace="Replace=true" in texts,
        force="Force=true" in texts,
        validate="Validate=false" not in texts,
        skip_dry_run_on_missing="SkipDryRunOnMissingResource=true" in texts,
    )


def application_warnings(texts: Iterable[str]) -> list[str]:
    """Options of an Application that mean nothing, each with what would."""
    known = {**RESOURCE_OPTIONS, **APPLICATION_OPTIONS}
    found = [_problem(text, known) for text in sorted(texts)]
    warnings = [f"spec.syncPolicy.syncOptions: {problem}" for problem in found if problem]
    if "ServerSideApply=false" in texts:
        warnings.append(
            "spec.syncPolicy.syncOptions: ServerSideApply=false changes nothing: every apply is a server-side one"
        )
    return warnings


def resource_warnings(obj: Manifest, key: object) -> list[str]:
    """Options in an object's annotation that mean nothing there, each with what would."""
    own = sorted(sync_options(obj))
    return [f"{key}: {problem}" for text in own if (problem := _problem(text, RESOURCE_OPTIONS))]


def _problem(text: str, known: Mapping[str, frozenset[str]]) -> str:
    name, _, value = text.partition("=")
    values = known.get(name)
    if values is not None:
        return "" if value in values else f"sync option {text} is ignored; {name} may be {_words(values)}"
    if name in APPLICATION_OPTIONS:
        return f"sync option {text} is ignored: only the Application may set {name}"
    return f"sync option {text} is ignored: there is no option {name}"


def _words(values: frozenset[str]) -> str:
    *others, last = sorted(values)
    return f"{', '.join(others)} or {last}"


def _permission(name: str, texts: frozenset[str]) -> Permission:
    for permission in (Permission.NO, Permission.CONFIRM):
        if f"{name}={permission}" in texts:
            return permission
    return Permission.YES


def _others(texts: Iterable[str], stronger: frozenset[str]) -> frozenset[str]:
    names = {text.partition("=")[0] for text in stronger}
    return frozenset(text for text in texts if text.partition("=")[0] not in names)


def _without_blanks(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(stripped for text in texts if (stripped := text.strip()))
