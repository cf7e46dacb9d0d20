"""``app manifests``, ``app diff`` between two revisions, and ``capabilities``: what needs no cluster."""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.output import emit_data, emit_rows, emit_text, is_document, note
from reconciler.cli.settings import Settings, Workspace, read_application, read_objects
from reconciler.errors import SpecError, UsageError, Violation

if TYPE_CHECKING:
    from reconciler.diff.records import RevisionComparison
    from reconciler.model import Application
    from reconciler.source import Capabilities, Generator

KubeVersion = Annotated[
    str | None,
    typer.Option("--kube-version", help="Kubernetes version that charts see, such as 1.33.", metavar="VERSION"),
]
ApiVersions = Annotated[
    list[str] | None,
    typer.Option(
        "--api-versions", help="API that charts see, such as apps/v1/Deployment; may be repeated.", metavar="API"
    ),
]
CapabilitiesFile = Annotated[
    Path | None, typer.Option("--capabilities", help="File that gitops-nb capabilities wrote.", metavar="FILE")
]
Configuration = Annotated[
    Path | None,
    typer.Option(
        "--argocd-config",
        help="File with Argo CD's own ConfigMaps, Secrets and AppProjects: settings, credentials, signatures.",
        metavar="FILE",
    ),
]


@dataclass(frozen=True, slots=True)
class RenderOptions:
    """What takes the cluster's place where there is none."""

    kube_version: str | None = None
    api_versions: Sequence[str] | None = None
    capabilities: Path | None = None
    configuration: Path | None = None

    def given(self) -> list[str]:
        """The options that were given, by name."""
        values = {
            "--kube-version": self.kube_version,
            "--api-versions": self.api_versions,
            "--capabilities": self.capabilities,
            "--argocd-config": self.configuration,
        }
        return [name for name, value in values.items() if value]


def manifests(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[APPLICATION]", help="Name of the Application.")] = None,
    file: Annotated[
        Path | None, typer.Option("--filename", "-f", help="Read the Application from this file; needs no cluster.")
    ] = None,
    revision: Annotated[
        str | None, typer.Option(help="Branch, tag, commit or version in place of the target revision.")
    ] = None,
    kube_version: KubeVersion = None,
    api_versions: ApiVersions = None,
    capabilities: CapabilitiesFile = None,
    argocd_config: Configuration = None,
) -> None:
    """The manifests that Git asks for, the values of Secrets masked; with -f FILE no cluster is needed."""
    from reconciler.diff.secrets import Masker
    from reconciler.manifest.objects import ResourceKey
    from reconciler.manifest.yaml import dump_document
    from reconciler.source import revisions_of

    settings: Settings = context.obj
    if settings.output == "csv":
        raise UsageError("-o csv does not fit manifests; use -o yaml, json or name")
    options = RenderOptions(kube_version, api_versions, capabilities, argocd_config)
    with _generator(settings, name, file, options) as (generator, application):
        revisions = revisions_of(application, revision) if revision else None
        target = generator.generate(application, revisions=revisions)
    for warning in target.warnings:
        note(f"warning: {warning}", settings)
    masker = Masker(secrets.token_bytes(32))
    documents = [masker.mask_object(sourced.manifest) for sourced in target.manifests]
    if not documents:
        note(f"{application.name} has no manifests at {', '.join(target.revisions)}", settings)
    if settings.output == "json":
        emit_data(documents, settings)
    elif settings.output == "name":
        emit_text("".join(f"{ResourceKey.of(document)}\n" for document in documents))
    else:
        emit_text("---\n".join(dump_document(document) for document in documents))


def diff_revisions(
    settings: Settings, name: str | None, file: Path | None, revisions: Sequence[str], options: RenderOptions
) -> None:
    """Print what changes between two revisions; exit status 1 when anything does.

    Raises
    ------
    UsageError
        When there are not two.
    """
    from reconciler.engine.revisions import compare_at_revisions
    from reconciler.formatting import format_revisions_text

    if len(revisions) != 2:
        raise UsageError(f"--revision was given {len(revisions)} times; give one for the cluster, or two to compare")
    with _generator(settings, name, file, options) as (generator, application):
        comparison = compare_at_revisions(generator, application, *revisions)
    for warning in comparison.warnings:
        note(f"warning: {warning}", settings)
    if is_document(settings):
        emit_data(comparison, settings)
    elif settings.output in ("csv", "name", "wide"):
        _emit_changes(comparison, settings)
    else:
        emit_text(format_revisions_text(comparison))
    if comparison.changes:
        raise typer.Exit(1)


def capabilities(context: typer.Context) -> None:
    """The cluster's version and API names, to render charts where it cannot be reached (--capabilities FILE)."""
    from reconciler.manifest.yaml import dump_document

    settings: Settings = context.obj
    with Workspace(settings) as workspace:
        discovery = workspace.reconciler.comparer.discovery
    document = {"kubeVersion": discovery.kube_version, "apiVersions": sorted(discovery.api_versions)}
    if settings.output == "json":
        emit_data(document, settings)
    else:
        emit_text(dump_document(document))


@contextmanager
def _generator(
    settings: Settings, name: str | None, file: Path | None, options: RenderOptions
) -> "Iterator[tuple[Generator, Application]]":
    """What renders, and the Application: with a file nothing asks the cluster."""
    if file is not None:
        from reconciler.manifest.objects import name_of
        from reconciler.model import AppProject, parse_project
        from reconciler.source import Sources

        application = read_application(file, name=name, namespace=settings.namespace)
        objects = read_objects(options.configuration) if options.configuration else []
        projects = {name_of(entry): entry for entry in objects if entry.get("kind") == "AppProject"}

        def project(wanted: str) -> AppProject | None:
            return parse_project(projects[wanted], where=str(options.configuration)) if wanted in projects else None

        with Sources(lambda: objects, project=project) as sources:
            yield sources.generator(load_capabilities(options), namespace=settings.namespace), application
        return
    if given := options.given():
        raise UsageError(f"{', '.join(given)}: the cluster answers this; use it with -f FILE")
    with Workspace(settings) as workspace:
        yield workspace.reconciler.comparer.generator, workspace.application(name, None)


def load_capabilities(options: RenderOptions) -> "Capabilities":
    """The capabilities of the options; single ones win over the file's.

    Raises
    ------
    UsageError
        When the file cannot be read.
    SpecError
        When it is not one that was recorded.
    """
    from reconciler.source import Capabilities

    version, names = "", tuple[str, ...]()
    if options.capabilities is not None:
        version, names = _recorded(options.capabilities)
    listed = tuple(part.strip() for text in options.api_versions or () for part in text.split(",") if part.strip())
    return Capabilities(options.kube_version or version, listed or names)


def _recorded(file: Path) -> tuple[str, tuple[str, ...]]:
    from reconciler.manifest.yaml import load_documents

    try:
        documents = load_documents(file.read_bytes(), file=str(file))
    except OSError as error:
        raise UsageError(
            f"{file}: {error.strerror}; give the path of a file that gitops-nb capabilities wrote"
        ) from error
    document = documents[0] if len(documents) == 1 and isinstance(documents[0], dict) else {}
    version, names = document.get("kubeVersion"), document.get("apiVersions")
    violations = []
    if not isinstance(version, str):
        violations.append(Violation("kubeVersion", "must be a string, such as v1.33.0"))
    if not isinstance(names, list) or not all(isinstance(entry, str) for entry in names):
        violations.append(Violation("apiVersions", "must be a list of strings, such as apps/v1/Deployment"))
    if violations:
        raise SpecError(str(file), violations)
    assert isinstance(version, str)
    assert isinstance(names, list)
    return version, tuple(names)


def _emit_changes(comparison: "RevisionComparison", settings: Settings) -> None:
    rows = [
        {"name": str(entry.key), "path": difference.path, "before": difference.live, "after": difference.target}
        for entry in comparison.changes
        for difference in entry.differences
    ]
    emit_rows(rows, settings, columns=["name", "path", "before", "after"])
