"""Fixtures of the tests of Helm."""

import pytest

from tests.reconciler.source.helm.charts import HelmProgram
from tests.tools.peers.programs import Peers


@pytest.fixture(scope="session")
def helm(peers: Peers, tmp_path_factory: pytest.TempPathFactory) -> HelmProgram:
    """The `helm` program that results are compared with."""
    return HelmProgram(peers.path("helm"), tmp_path_factory.mktemp("home"))
