"""Benchmarks that print; nothing here is asserted."""
