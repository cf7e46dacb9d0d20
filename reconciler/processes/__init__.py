"""Processes that read what a repository brings along, each with limits."""
