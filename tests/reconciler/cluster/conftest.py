"""Fixtures of the tests of locks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reconciler.cluster.leases import Runs


@pytest.fixture
def runs(cluster_kubeconfig: Path, namespace: str) -> Iterator[Runs]:
    # Imported here, and so only by tests of locks.
    from reconciler.cluster import connect, discover

    connection = connect(kubeconfig=cluster_kubeconfig)
    made = Runs(connection, discover(connection), namespace)
    yield made
    for lock in made.made:
        lock.release()
