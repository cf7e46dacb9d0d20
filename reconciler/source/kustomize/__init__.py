"""Kustomizations: overrides, references, the build."""
