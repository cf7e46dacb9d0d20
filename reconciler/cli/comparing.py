"""``app list|get|diff``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.family import changed_children, emit_children, with_children
from reconciler.cli.manifests import (
    ApiVersions,
    CapabilitiesFile,
    Configuration,
    KubeVersion,
    RenderOptions,
    diff_revisions,
)
from reconciler.cli.options import File, Name, Revision, Selector
from reconciler.cli.output import emit_data, emit_rows, emit_text, is_document, note, visible
from reconciler.cli.selecting import chosen_applications
from reconciler.cli.settings import Settings, Workspace
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.diff.records import Comparison, Health

SUMMARY_COLUMNS = ("name", "project", "sync", "health", "revision")


def list_(context: typer.Context, selector: Selector = "") -> None:
    """All Applications, compared with the cluster as it is now."""
    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        engine = workspace.reconciler
        applications = chosen_applications(workspace, None, selector) if selector else engine.applications()
        comparisons = engine.compare_all(applications)
    rows = []
    for application, comparison in zip(applications, comparisons, strict=True):
        source = application.sources[0] if application.sources else None
        rows.append(
            summary(comparison)
            | {
                "destination": comparison.destination,
                "destination_namespace": application.spec.destination.namespace,
                "repo_url": source.repo_url if source else "",
                "path": source.path if source else "",
                "target_revision": (source.target_revision if source else "") or "HEAD",
            }
        )
    wide = ["destination", "destination_namespace", "repo_url", "path", "target_revision", "reason"]
    emit_rows(rows, settings, columns=SUMMARY_COLUMNS, wide=wide)
    if not rows:
        note(f"no Applications in namespace {settings.namespace}", settings)


def get(context: typer.Context, name: Name = None, file: File = None, revision: Revision = None) -> None:
    """One Application and its resources; Unknown, with the reason, where it cannot be compared."""
    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        application, engine = workspace.application(name, file), workspace.reconciler
        if revision is None:
            (comparison,) = engine.compare_all([application])
        else:
            # Asked about a revision, not about the Application: one that cannot be had is an error.
            comparison = engine.compare(application, revision=revision)
    rows = [
        {
            "kind": entry.key.kind,
            "group": entry.key.group,
            "namespace": entry.key.namespace,
            "name": entry.key.name,
            "sync": entry.status.value,
            "health": entry.health.status.value if entry.health else "",
            "wave": entry.wave,
            "message": entry.reason
            or ("requires pruning" if entry.requires_pruning else "")
            or _health_message(entry.health),
        }
        for entry in comparison.resources
    ]
    if not is_document(settings) and settings.output in ("table", "wide"):
        head = summary(comparison)
        facts = [*((label, str(head[label])) for label in SUMMARY_COLUMNS)]
        facts += [("condition", f"{kind}: {message}") for kind, message in comparison.conditions]
        facts += [("warning", warning) for warning in comparison.untyped_warnings]
        emit_text("".join(f"{label + ':':<12}{visible(text)}\n" for label, text in facts) + "\n")
    columns = ["kind", "namespace", "name", "sync", "health", "message"]
    emit_rows(rows, settings, columns=columns, wide=["group", "wave"], data=comparison)


def diff(
    context: typer.Context,
    name: Name = None,
    file: File = None,
    revision: Annotated[
        list[str] | None,
        typer.Option(help="In place of the target revision; given twice, the two are compared, without the cluster."),
    ] = None,
    kube_version: KubeVersion = None,
    api_versions: ApiVersions = None,
    capabilities: CapabilitiesFile = None,
    argocd_config: Configuration = None,
    show_ignored: Annotated[
        bool, typer.Option("--show-ignored", help="Show what ignore rules hide, too; -o json and yaml always hold it.")
    ] = False,
) -> None:
    """What differs between Git and the cluster, or between two revisions; exit status 1 when anything does.

    Of an Application of Applications it shows the differences of the children that change with it, too.
    """
    from reconciler.formatting import format_diff_text
    from reconciler.formatting.ignored import ignored_note, other_warnings

    settings: Settings = context.obj
    options = RenderOptions(kube_version, api_versions, capabilities, argocd_config)
    revisions = revision or []
    if len(revisions) > 1:
        diff_revisions(settings, name, file, revisions, options)
        return
    if given := options.given():
        raise UsageError(f"{', '.join(given)}: the cluster answers this; give --revision twice to do without")
    with Workspace(settings) as workspace:
        application = workspace.application(name, file)
        engine = workspace.reconciler
        reconciliation = engine.reconcile(application, revision=revisions[0] if revisions else None)
        comparison = reconciliation.comparison
        children = changed_children(engine, reconciliation, settings)
    if is_document(settings):
        emit_data(with_children(comparison, children, "diff"), settings)
    elif settings.output in ("csv", "name", "wide"):
        _emit_differences(comparison, settings, show_ignored=show_ignored)
    else:
        emit_text(format_diff_text(comparison, show_ignored=show_ignored))
        emit_children(children or (), "diff", show_ignored=show_ignored)
    if not is_document(settings):
        for warning in other_warnings(comparison):
            note(f"warning: {warning}", settings)
    if not show_ignored and not is_document(settings) and (hidden := ignored_note(comparison)):
        note(f"{hidden}; see them with --show-ignored", settings)
    if comparison.status == "Unknown":
        raise UsageError(f"{comparison.application} cannot be compared for sure: {comparison.reason}")
    if comparison.status != "Synced":
        raise typer.Exit(1)


def summary(comparison: "Comparison") -> dict[str, Any]:
    """An Application as a row of a table."""
    return {
        "name": comparison.application,
        "project": comparison.project,
        "sync": comparison.status.value,
        "health": comparison.health.status.value,
        "revision": comparison.revision[:12],
        "reason": comparison.reason,
    }


def _emit_differences(comparison: "Comparison", settings: Settings, *, show_ignored: bool) -> None:
    rows = [
        {
            "name": str(resource.key),
            "path": difference.path,
            "target": difference.target,
            "live": difference.live,
            "manager": difference.manager,
            "changed_at": difference.changed_at,
        }
        for resource in (comparison.resources if show_ignored else comparison.changed)
        for difference in resource.differences
        if show_ignored or not difference.ignored_by
    ]
    emit_rows(rows, settings, columns=["name", "path", "target", "live", "manager", "changed_at"])


def _health_message(health: "Health | None") -> str:
    return health.message if health else ""
