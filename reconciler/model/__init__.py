"""Argo CD's own objects, parsed, validated and frozen."""

from reconciler.model.application import Application, ApplicationSpec, Destination, IgnoreDifferences, SyncPolicy
from reconciler.model.applicationset import ApplicationSet
from reconciler.model.parse import parse_application, parse_application_set, parse_project
from reconciler.model.project import AppProject
from reconciler.model.source import ApplicationSource

__all__ = [
    "AppProject",
    "Application",
    "ApplicationSet",
    "ApplicationSource",
    "ApplicationSpec",
    "Destination",
    "IgnoreDifferences",
    "SyncPolicy",
    "parse_application",
    "parse_application_set",
    "parse_project",
]
