"""What a command is about: Applications by name or label, and objects of an application."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.errors import ClusterError, UsageError

if TYPE_CHECKING:
    from reconciler.cli.settings import Workspace
    from reconciler.engine import Reconciliation
    from reconciler.engine.selection import Selection
    from reconciler.manifest.objects import ResourceKey
    from reconciler.model import Application

Kind = Annotated[str, typer.Option("--kind", help="Only objects of this kind.")]
Group = Annotated[str | None, typer.Option("--group", help="Only of this API group; empty for the core group.")]
# --namespace is the Application's, wherever it stands.
ResourceNamespace = Annotated[str, typer.Option("--resource-namespace", help="Only in this namespace.")]


def selection(kind: str, group: str | None, namespace: str, name: str) -> "Selection":
    """The objects that the options choose."""
    from reconciler.engine.selection import Selection

    return Selection(kind, group, namespace, name)


def chosen_applications(
    workspace: "Workspace", names: Sequence[str] | None, selector: str = "", file: Path | None = None
) -> "list[Application]":
    """The Applications that a command is about, each once.

    Raises
    ------
    UsageError
        When nothing, or more than one way, is given, or the selector chooses none.
    """
    given = [what for what, there in (("names", names), ("-l", selector), ("-f", file)) if there]
    if len(given) > 1 and not (given == ["names", "-f"] and len(names or ()) == 1):
        raise UsageError(f"{' and '.join(given)} both choose Applications; give one of them")
    if file is not None:
        return [workspace.application(names[0] if names else None, file)]
    if selector:
        return _selected(workspace, selector)
    if not names:
        raise UsageError("name an Application, choose some with -l LABELS, or give a file with -f FILE")
    return [workspace.application(name, None) for name in dict.fromkeys(names)]


def _selected(workspace: "Workspace", selector: str) -> "list[Application]":
    from reconciler.cluster.applications import select_applications

    engine, namespace = workspace.reconciler, workspace.settings.namespace
    try:
        names = set(
            select_applications(engine.connection, engine.comparer.discovery, namespace=namespace, selector=selector)
        )
    except ClusterError as error:
        if error.status == 400:
            raise UsageError(f"-l {selector}: {error}") from error
        raise
    if not names:
        raise UsageError(f"-l {selector}: no Application in namespace {namespace} has such labels")
    return [application for application in engine.applications() if application.name in names]


@dataclass(frozen=True, slots=True)
class ResourcePattern:
    """Objects by group, kind, namespace and name; ``*`` is any, an empty ``namespace`` too. ``exclude``: not these.

    Source: SyncOperationResource.Compare in pkg/apis/application/v1alpha1/types.go of Argo CD 3.6.
    """

    group: str
    kind: str
    namespace: str
    name: str
    exclude: bool = False

    @classmethod
    def parse(cls, text: str) -> "ResourcePattern":
        """The pattern in ``[!]GROUP:KIND:[NAMESPACE/]NAME``.

        Raises
        ------
        UsageError
            For any other text.
        """
        parts = text.removeprefix("!").split(":")
        if len(parts) != 3 or not parts[1] or not parts[2] or parts[2].count("/") > 1:
            raise UsageError(
                f"--resource {text}: expected GROUP:KIND:NAME or GROUP:KIND:NAMESPACE/NAME (the core group is empty)"
            )
        namespace, _, name = parts[2].rpartition("/")
        return cls(parts[0], parts[1], namespace, name, text.startswith("!"))

    def matches(self, key: "ResourceKey") -> bool:
        pairs = ((self.group, key.group), (self.kind, key.kind), (self.name, key.name))
        return self.namespace in ("", "*", key.namespace) and all(word in ("*", there) for word, there in pairs)


def choose(keys: "Iterable[ResourceKey]", patterns: Sequence[ResourcePattern]) -> "list[ResourceKey]":
    """The keys that a pattern includes, all where none does, without those that one excludes."""
    included = [pattern for pattern in patterns if not pattern.exclude]
    excluded = [pattern for pattern in patterns if pattern.exclude]
    return [
        key
        for key in keys
        if (not included or any(pattern.matches(key) for pattern in included))
        and not any(pattern.matches(key) for pattern in excluded)
    ]


def chosen_resources(
    reconciliation: "Reconciliation", resources: Sequence[str] | None, labels: Sequence[str] | None
) -> "tuple[ResourceKey, ...]":
    """The keys that ``--resource`` and ``--label`` choose together, empty where neither is given.

    Raises
    ------
    UsageError
        When they choose nothing.
    """
    if not resources and not labels:
        return ()
    patterns = [ResourcePattern.parse(text) for text in resources or ()]
    keys = [entry.key for entry in reconciliation.comparison.resources if not entry.hook]
    found = set(choose(keys, patterns)) if patterns else set()
    if labels:
        found |= {key for key in keys if _has_labels(reconciliation, key, parse_pairs(list(labels), "--label"))}
    if not found:
        words = [*(f"--resource {text}" for text in resources or ()), *(f"--label {text}" for text in labels or ())]
        raise UsageError(f"{reconciliation.application.name} has no resource that {' '.join(words)} chooses")
    return tuple(sorted(found))


def _has_labels(reconciliation: "Reconciliation", key: "ResourceKey", wanted: Mapping[str, str]) -> bool:
    """Upstream takes an object that has any of them."""
    target = reconciliation.targets.get(key)
    labels = (target or {}).get("metadata", {}).get("labels") or {}
    return any(labels.get(name) == value for name, value in wanted.items())


def parse_pairs(pairs: list[str] | None, option: str) -> dict[str, str]:
    """Values by name, of an option that is given as ``NAME=VALUE``, each name once.

    Raises
    ------
    UsageError
        For one that is not so.
    """
    values: dict[str, str] = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {pair}: expected NAME=VALUE")
        if name in values:
            raise UsageError(f"{option} {name} is given twice")
        values[name] = value
    return values
