"""``app list|get|manifests|diff|plan|sync|wait|history``."""

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.manifests import (
    ApiVersions,
    CapabilitiesFile,
    Configuration,
    KubeVersion,
    RenderOptions,
    diff_revisions,
    manifests,
)
from reconciler.cli.others import emit_records
from reconciler.cli.output import emit_data, emit_rows, emit_text, is_document, note, visible
from reconciler.cli.resources import resources, tree
from reconciler.cli.settings import Settings, Workspace
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.diff.records import Comparison
    from reconciler.manifest.objects import ResourceKey
    from reconciler.sync.events import Event
    from reconciler.sync.machine import SyncState
    from reconciler.sync.records import PlanOptions

app_commands = typer.Typer(no_args_is_help=True, help="Applications: what differs, what a sync would do, and the sync.")

app_commands.command("manifests")(manifests)
app_commands.command("resources")(resources)
app_commands.command("tree")(tree)

Name = Annotated[str | None, typer.Argument(metavar="[APPLICATION]", help="Name of the Application.")]
File = Annotated[Path | None, typer.Option("--filename", "-f", help="Read the Application from this file instead.")]
Revision = Annotated[
    str | None,
    typer.Option(help="In place of the target revision; A,B names one for each source."),
]
Prune = Annotated[bool, typer.Option("--prune", help="Delete what Git no longer holds.")]
OnlyOutOfSync = Annotated[bool, typer.Option("--apply-out-of-sync-only", help="Leave out what is in sync.")]
Resources = Annotated[
    list[str] | None, typer.Option("--resource", help="Only this: GROUP:KIND:NAME or GROUP:KIND:NAMESPACE/NAME.")
]


@app_commands.command("list")
def list_(context: typer.Context) -> None:
    """All Applications, compared with the cluster as it is now."""
    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        applications = workspace.reconciler.applications()
        comparisons = workspace.reconciler.compare_all(applications)
    rows = []
    for application, comparison in zip(applications, comparisons, strict=True):
        source = application.sources[0] if application.sources else None
        rows.append(
            _summary(comparison)
            | {
                "destination": comparison.destination,
                "destination_namespace": application.spec.destination.namespace,
                "repo_url": source.repo_url if source else "",
                "path": source.path if source else "",
                "target_revision": (source.target_revision if source else "") or "HEAD",
            }
        )
    wide = ["destination", "destination_namespace", "repo_url", "path", "target_revision", "reason"]
    emit_rows(rows, settings, columns=["name", "project", "sync", "health", "revision"], wide=wide)
    if not rows:
        note(f"no Applications in namespace {settings.namespace}", settings)


@app_commands.command("get")
def get(context: typer.Context, name: Name = None, file: File = None, revision: Revision = None) -> None:
    """One Application and its resources."""
    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        application = workspace.application(name, file)
        comparison = workspace.reconciler.compare(application, revision=revision)
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
        head = _summary(comparison)
        emit_text(
            "".join(
                f"{label + ':':<12}{visible(str(head[label]))}\n"
                for label in ("name", "project", "sync", "health", "revision")
            )
            + "\n"
        )
    columns = ["kind", "namespace", "name", "sync", "health", "message"]
    emit_rows(rows, settings, columns=columns, wide=["group", "wave"], data=comparison)


@app_commands.command("diff")
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
) -> None:
    """What differs between Git and the cluster, or between two revisions; exit status 1 when anything does."""
    from reconciler.formatting import format_diff_text

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
        comparison = workspace.reconciler.compare(application, revision=revisions[0] if revisions else None)
    if is_document(settings):
        emit_data(comparison, settings)
    elif settings.output in ("csv", "name", "wide"):
        _emit_differences(comparison, settings)
    else:
        emit_text(format_diff_text(comparison))
    if comparison.status == "Unknown":
        raise UsageError(f"{comparison.application} cannot be compared for sure: {comparison.reason}")
    if comparison.status != "Synced":
        raise typer.Exit(1)


def _emit_differences(comparison: "Comparison", settings: Settings) -> None:
    rows = [
        {
            "name": str(resource.key),
            "path": difference.path,
            "target": difference.target,
            "live": difference.live,
            "manager": difference.manager,
            "changed_at": difference.changed_at,
        }
        for resource in comparison.changed
        for difference in resource.differences
    ]
    emit_rows(rows, settings, columns=["name", "path", "target", "live", "manager", "changed_at"])


@app_commands.command("plan")
def plan(
    context: typer.Context,
    name: Name = None,
    file: File = None,
    revision: Revision = None,
    prune: Prune = False,
    apply_out_of_sync_only: OnlyOutOfSync = False,
    resource: Resources = None,
) -> None:
    """What a sync would do, by phases and waves; nothing is touched."""
    from reconciler.formatting import format_plan_text

    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        application = workspace.application(name, file)
        reconciliation = workspace.reconciler.reconcile(application, revision=revision)
        options = _options(prune=prune, only=apply_out_of_sync_only, resources=resource)
        planned = workspace.reconciler.plan(reconciliation, options=options)
    if is_document(settings):
        emit_data(planned, settings)
    elif settings.output == "table":
        emit_text(format_plan_text(planned))
    else:
        rows: list[Mapping[str, Any]] = [
            {
                "phase": task.phase.value,
                "wave": task.wave,
                "action": task.action.value,
                "change": task.change.value,
                "name": str(task.key),
                "reason": task.reason,
            }
            for task in planned.tasks
        ]
        emit_rows(rows, settings, columns=["phase", "wave", "action", "change", "name", "reason"])


@app_commands.command("sync")
def sync(
    context: typer.Context,
    name: Name = None,
    file: File = None,
    revision: Revision = None,
    prune: Prune = False,
    apply_out_of_sync_only: OnlyOutOfSync = False,
    resource: Resources = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Try everything, change nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Then wait until Synced and Healthy.")] = False,
    timeout: Annotated[float | None, typer.Option(help="Give up after so many seconds.", min=0.1)] = None,
) -> None:
    """Sync an Application; ends when the operation has ended, exit status 1 when it failed."""
    from reconciler.formatting import format_result_text
    from reconciler.sync.runner import RunOptions

    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        application = workspace.application(name, file)
        engine = workspace.reconciler
        options = _options(prune=prune, only=apply_out_of_sync_only, resources=resource, dry_run=dry_run)
        reconciliation = engine.reconcile(application, revision=revision)
        outcome = engine.sync(
            reconciliation,
            options=options,
            run_options=RunOptions(timeout_s=timeout),
            on_event=Progress(settings),
            initiated_by=getpass.getuser(),
            wait=wait,
        )
    result, comparison = outcome.result, outcome.comparison
    if comparison is not None:
        note(f"{comparison.application} is {comparison.status} and {comparison.health.status}", settings)
    if is_document(settings):
        emit_data(result, settings)
    else:
        results = [result, *(child.result for child in outcome.children)]
        emit_text("\n".join(format_result_text(each) for each in results))
    degraded = wait and comparison is not None and comparison.health.status == "Degraded"
    if not result.succeeded or degraded:
        raise typer.Exit(1)


@app_commands.command("wait")
def wait(
    context: typer.Context,
    name: Name = None,
    file: File = None,
    timeout: Annotated[float | None, typer.Option(help="Give up after so many seconds.", min=0.1)] = None,
) -> None:
    """Wait until an Application is Synced and Healthy; exit status 1 when it is Degraded or the time is over."""
    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        application = workspace.application(name, file)
        comparison = workspace.reconciler.wait(application, timeout_s=timeout)
    emit_rows([_summary(comparison)], settings, columns=["name", "project", "sync", "health", "revision"])
    if comparison.health.status != "Healthy":
        raise typer.Exit(1)


@app_commands.command("history")
def history(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="APPLICATION", help="Name of the Application.")],
    limit: Annotated[int | None, typer.Option(help="At most so many, the newest first.", min=1)] = None,
) -> None:
    """Recorded syncs of an Application, the newest first."""
    from reconciler.history import open_store

    settings: Settings = context.obj
    with open_store(settings.store) as store:
        emit_records(store.records(application=name, namespace=settings.namespace, limit=limit), settings)


class Progress:
    """Prints every change of a task's state, a line each, on stderr."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._seen: dict[str, str] = {}

    def __call__(self, state: "SyncState", event: "Event") -> None:
        for task_id, result in state.results.items():
            shown = (result.hook_phase or result.code or "").lower()
            if self._seen.get(task_id) != shown:
                self._seen[task_id] = shown
                note(
                    f"{event.at:%H:%M:%S}  {result.phase:<8} {result.wave:>3}  {result.key}  {shown}  {result.message}",
                    self._settings,
                )


def _options(*, prune: bool, only: bool, resources: list[str] | None, dry_run: bool = False) -> "PlanOptions":
    from reconciler.sync.records import PlanOptions

    keys = tuple(_resource_key(text) for text in resources or ())
    return PlanOptions(dry_run=dry_run, prune=prune, apply_out_of_sync_only=only, resources=keys)


def _resource_key(text: str) -> "ResourceKey":
    from reconciler.manifest.objects import ResourceKey

    parts = text.split(":")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise UsageError(
            f"--resource {text}: expected GROUP:KIND:NAME or GROUP:KIND:NAMESPACE/NAME (the core group is empty)"
        )
    namespace, _, name = parts[2].rpartition("/")
    return ResourceKey(parts[0], parts[1], namespace, name)


def _summary(comparison: "Comparison") -> dict[str, Any]:
    return {
        "name": comparison.application,
        "project": comparison.project,
        "sync": comparison.status.value,
        "health": comparison.health.status.value,
        "revision": comparison.revision[:12],
        "reason": comparison.reason,
    }


def _health_message(health: Any) -> str:
    return health.message if health else ""
