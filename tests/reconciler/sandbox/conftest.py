"""Clusters for the tests of the sandbox."""

import pytest

from tests.reconciler.sandbox.clusters import TestCluster


@pytest.fixture
def cluster() -> TestCluster:
    """A cluster whose objects stay as they are written."""
    return TestCluster()


@pytest.fixture
def living() -> TestCluster:
    """A cluster with its controllers, in virtual time."""
    return TestCluster(controllers=True)
