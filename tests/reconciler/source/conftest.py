"""Fixtures of the tests of generation."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.source import RepositoryCache


@pytest.fixture
def repositories(tmp_path: Path) -> Iterator[RepositoryCache]:
    """An empty cache of mirrors."""
    with RepositoryCache(tmp_path / "mirrors") as cache:
        yield cache
