"""Helm charts: values, dependencies, rendering."""
