"""Kustomizations: overrides, references, the build."""

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""What makes a folder a kustomization."""
