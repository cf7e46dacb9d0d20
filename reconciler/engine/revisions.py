"""Compares an Application at two revisions, without a cluster."""

import secrets

from reconciler.diff.records import RevisionComparison
from reconciler.diff.revisions import compare_revisions
from reconciler.diff.secrets import Masker
from reconciler.manifest import OpenApi
from reconciler.manifest.objects import GroupVersionKind
from reconciler.model import Application
from reconciler.sandbox.documents import Documents, document_path
from reconciler.source import Generator, Target, revisions_of
from reconciler.terms import SyncStatus


def compare_at_revisions(generator: Generator, application: Application, before: str, after: str) -> RevisionComparison:
    """Render an Application at two revisions (see `revisions_of`) and compare the objects.

    Lists are matched by the schemas of Kubernetes that the sandbox cluster publishes; kinds it lacks by position.

    Raises
    ------
    GenerationError, SpecError
        When either cannot be rendered.
    """
    old = generator.generate(application, revisions=revisions_of(application, before))
    new = generator.generate(application, revisions=revisions_of(application, after))
    compared = compare_revisions(
        [sourced.manifest for sourced in old.manifests],
        [sourced.manifest for sourced in new.manifests],
        openapi=_recorded_schemas(old, new),
        masker=Masker(secrets.token_bytes(32)),
    )
    changes = tuple(entry for entry in compared if entry.status is not SyncStatus.SYNCED)
    return RevisionComparison(
        application=application.name,
        before=old.revisions,
        after=new.revisions,
        changes=changes,
        unchanged=len(compared) - len(changes),
        warnings=tuple(dict.fromkeys((*old.warnings, *new.warnings))),
    )


def _recorded_schemas(*targets: Target) -> OpenApi:
    kinds = {GroupVersionKind.of(sourced.manifest) for target in targets for sourced in target.manifests}
    documents = Documents()
    paths = sorted({document_path(kind.group, kind.version) for kind in kinds})
    return OpenApi({path: document for path in paths if (document := documents.document(path)) is not None})
