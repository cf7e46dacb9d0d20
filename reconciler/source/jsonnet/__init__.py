"""Jsonnet and ksonnet."""
