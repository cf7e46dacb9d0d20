"""``health``: what the rules, scripts and conventions say of objects in files; needs no cluster."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.output import emit_rows, note
from reconciler.cli.settings import Settings, read_objects
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.health import Customizations
    from reconciler.manifest.objects import Manifest


def health(
    context: typer.Context,
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="FILE...", help="Files with objects and their status; - reads stdin.")
    ] = None,
    customizations: Annotated[
        Path | None,
        typer.Option(help="Directory of health scripts, laid out as <group>/<Kind>/health.lua.", metavar="DIR"),
    ] = None,
    argocd_config: Annotated[
        Path | None,
        typer.Option(
            "--argocd-config", help="File with the ConfigMap argocd-cm: its scripts come first.", metavar="FILE"
        ),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option("--test", help="Run the cases of a directory of customizations instead.", metavar="DIR"),
    ] = None,
) -> None:
    """The health of objects in files, as kubectl get -o yaml prints them; exit status 1 when any is Degraded or Unknown."""
    settings: Settings = context.obj
    if test is not None:
        if files or customizations or argocd_config:
            raise UsageError("--test stands alone; give either files or --test DIR")
        _run_cases(test, settings)
        return
    if not files:
        raise UsageError("no file given; give files with objects, - for stdin, or --test DIR")
    from reconciler.health import assess_health
    from reconciler.manifest.objects import ResourceKey, require_object
    from reconciler.terms import HealthStatus

    chosen = _customizations(customizations, argocd_config)
    objects = [require_object(obj, str(file)) for file in files for obj in _read(file)]
    assessed = [(ResourceKey.of(obj), assess_health(obj, customizations=chosen)) for obj in objects]
    rows = [
        {
            "name": str(key),
            "health": found.status if found else None,
            "message": found.message if found else "",
            "group": key.group,
            "kind": key.kind,
            "namespace": key.namespace,
        }
        for key, found in assessed
    ]
    emit_rows(rows, settings, columns=["name", "health", "message"], wide=["group", "kind", "namespace"])
    if any(found and found.status in (HealthStatus.DEGRADED, HealthStatus.UNKNOWN) for _, found in assessed):
        raise typer.Exit(1)


def _customizations(directory: Path | None, config: Path | None) -> "Customizations":
    """Settings before the directory before our own."""
    from reconciler.health import load_customizations, parse_customizations
    from reconciler.manifest.objects import name_of

    layers = load_customizations(directory).layers
    objects = read_objects(config) if config else []
    maps = [entry for entry in objects if entry.get("kind") == "ConfigMap" and name_of(entry) == "argocd-cm"]
    if config and not maps:
        raise UsageError(f"{config}: there is no ConfigMap argocd-cm in it")
    return parse_customizations(maps[0].get("data") or {} if maps else {}, *layers)


def _read(file: Path) -> "list[Manifest]":
    if str(file) != "-":
        return read_objects(file)
    from reconciler.manifest.objects import flatten_lists
    from reconciler.manifest.yaml import load_documents

    documents = load_documents(sys.stdin.buffer.read(), file="stdin")
    return [obj for document in documents if isinstance(document, dict) for obj in flatten_lists(document)]


def _run_cases(directory: Path, settings: Settings) -> None:
    from reconciler.health.suites import run_customization_tests

    report = run_customization_tests(directory)
    rows = [{"type": case.type, "name": case.name, "failure": case.failure} for case in report.failures]
    emit_rows(rows, settings, columns=["type", "name", "failure"], data=report)
    note(f"{len(report.cases)} cases of {report.suites} suites, {len(rows)} failed", settings)
    if rows:
        raise typer.Exit(1)
