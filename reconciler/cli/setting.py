"""``app set|unset``: change an Application in the cluster."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.options import DryRun, OneName, SourceName, SourcePosition
from reconciler.cli.output import emit_rows, note
from reconciler.cli.settings import Settings, Workspace
from reconciler.cli.spec_options import SET_OPTIONS, UNSET_OPTIONS, given_options, with_options
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.manifest.objects import Manifest
    from reconciler.model.editing import SourceChoice

Editing = Callable[["Manifest", Mapping[str, Any], "SourceChoice"], "Manifest"]

NoFile = Annotated[Path | None, typer.Option("--filename", "-f", hidden=True)]


@with_options(SET_OPTIONS)
def set_(
    context: typer.Context,
    name: OneName,
    source_position: SourcePosition = None,
    source_name: SourceName = "",
    dry_run: DryRun = False,
    file: NoFile = None,
    **given: Any,
) -> None:
    """Change an Application: its sources, its destination, its sync policy. An empty value takes a field out."""
    from reconciler.model.editing import SourceChoice, set_fields

    values = given_options(SET_OPTIONS, given)
    _refuse_file(file)
    if not values:
        raise UsageError("nothing to set; say what, such as --revision v2 (see gitops-nb app set --help)")
    if literal := values.get("values-literal-file"):
        values["values-literal-file"] = _read(literal)
    choice = SourceChoice(source_position, source_name)
    _edit(context.obj, name, lambda document: set_fields(document, values, source=choice), dry_run=dry_run)


@with_options(UNSET_OPTIONS)
def unset(
    context: typer.Context,
    name: OneName,
    source_position: SourcePosition = None,
    source_name: SourceName = "",
    dry_run: DryRun = False,
    file: NoFile = None,
    **given: Any,
) -> None:
    """Take something out of a source of an Application."""
    from reconciler.model.editing import SourceChoice, unset_fields

    values = given_options(UNSET_OPTIONS, given)
    _refuse_file(file)
    if not values:
        raise UsageError("nothing to unset; say what, such as -p image.tag (see gitops-nb app unset --help)")
    choice = SourceChoice(source_position, source_name)
    _edit(context.obj, name, lambda document: unset_fields(document, values, source=choice), dry_run=dry_run)


def _refuse_file(file: Path | None) -> None:
    if file is not None:
        raise UsageError(
            f"-f {file}: set and unset change the Application in the cluster; change a file in Git by yourself"
        )


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or "not a text"
        raise UsageError(f"--values-literal-file {file}: {reason}") from error


def _edit(settings: Settings, name: str, edit: "Callable[[Manifest], Manifest]", *, dry_run: bool) -> None:
    from reconciler.cluster.applications import patch_application
    from reconciler.sync.status import merge_patch

    def change(live: "Manifest") -> dict[str, Any]:
        edited = edit(live)
        check_edited(edited)
        return merge_patch(live, edited)

    with Workspace(settings) as workspace:
        engine = workspace.reconciler
        namespace = engine.application(name).metadata.namespace
        before, after = patch_application(
            engine.connection, engine.comparer.discovery, namespace=namespace, name=name, change=change, dry_run=dry_run
        )
    changes = changes_of(before.get("spec"), after.get("spec"))
    _emit(changes, settings)
    if not changes:
        note(f"{name} is so already; nothing was changed", settings)
        return
    for warning in parent_warnings(after):
        note(f"warning: {warning}", settings)
    note("dry run: nothing was changed" if dry_run else f"{name} is changed; see gitops-nb app diff {name}", settings)


def check_edited(document: "Manifest") -> None:
    """Refuse an Application that we could not read or sync any more.

    Raises
    ------
    SpecError
        With every violation.
    """
    from reconciler.model import parse_application
    from reconciler.sync.retry import retry_policy

    application = parse_application(document, from_cluster=True)
    retry_policy(application.spec.sync_policy.retry, automated=True)


def parent_warnings(document: "Manifest") -> list[str]:
    """What will undo a change of an Application in the cluster, as somebody else holds it in Git."""
    from reconciler.manifest.objects import annotations_of, metadata_of
    from reconciler.terms import ANNOTATION_TRACKING_ID

    name = metadata_of(document)["name"]
    warnings = []
    parent = annotations_of(document).get(ANNOTATION_TRACKING_ID, "").partition(":")[0]
    if parent:
        warnings.append(
            f"{name} is managed by Application {parent}, whose next sync may undo this; change it in Git (gitops-nb app "
            "retarget changes a revision there)"
        )
    for owner in metadata_of(document).get("ownerReferences") or ():
        if owner.get("kind") == "ApplicationSet":
            warnings.append(f"{name} is made by ApplicationSet {owner.get('name')}, which may undo this")
    return warnings


def changes_of(before: Any, after: Any, path: str = "spec") -> list[tuple[str, Any, Any]]:
    """The fields that differ, with what they were and are; a list counts as one field, as does an object that is new."""
    if before == after:
        return []
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return [(path, before, after)]
    names = sorted({*before, *after})
    return [each for name in names for each in changes_of(before.get(name), after.get(name), f"{path}.{name}")]


def _emit(changes: list[tuple[str, Any, Any]], settings: Settings) -> None:
    from reconciler.formatting import format_value

    columns = ("path", "before", "after")
    shown = [(path, *("" if each is None else format_value(each) for each in values)) for path, *values in changes]
    rows = [dict(zip(columns, change, strict=True)) for change in shown]
    data = [dict(zip(columns, change, strict=True)) for change in changes]
    emit_rows(rows, settings, columns=columns, name="path", data=data)
