"""Charts and plain manifests that come from Helm repositories and OCI registries."""

from reconciler.source.charts.resolve import ChartRepositories, ResolvedArtifact, ResolvedChart

__all__ = ["ChartRepositories", "ResolvedArtifact", "ResolvedChart"]
