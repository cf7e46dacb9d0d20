"""Who and what may: projects. Rules without input or output; what they need comes in as arguments."""

from reconciler.access.global_projects import GlobalProject, inherit_global_projects, parse_global_projects
from reconciler.access.projects import (
    IMPLICIT_DEFAULT,
    PERMITTED,
    DestinationCluster,
    Verdict,
    effective_project,
    permits_application_namespace,
    permits_destination,
    permits_resource,
    permits_source,
    refusals,
)

__all__ = [
    "IMPLICIT_DEFAULT",
    "PERMITTED",
    "DestinationCluster",
    "GlobalProject",
    "Verdict",
    "effective_project",
    "inherit_global_projects",
    "parse_global_projects",
    "permits_application_namespace",
    "permits_destination",
    "permits_resource",
    "permits_source",
    "refusals",
]
