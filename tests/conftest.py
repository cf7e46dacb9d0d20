"""Fixtures that every test may use: clusters, namespaces, git repositories, the public repositories' manifests."""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import left_out
from tests.conformance.client import Client
from tests.controlplane.binaries import Binaries, MissingBinariesError, ensure_binaries, find_binaries
from tests.controlplane.shared import shared_control_plane
from tests.repositories import GitRepository
from tests.tools.peers.programs import NAMES as PEER_NAMES
from tests.tools.peers.programs import MissingPeerError, Peers

if TYPE_CHECKING:
    from reconciler.sandbox import Sandbox
    from tests.webhooks import Webhooks

ROOT = Path(__file__).resolve().parents[1]
_BUILD_TIMEOUT_S = 1500
_KUBECONFIG_VARIABLE = "GITOPS_NB_CONTROLPLANE_KUBECONFIG"


@pytest.fixture
def sandbox() -> "Iterator[Sandbox]":
    """A sandbox cluster of the test's own, in this process."""
    # Imported here, and so only by tests that need a server.
    from reconciler.sandbox import Sandbox

    with Sandbox() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def shared_sandbox_kubeconfig() -> Iterator[Path]:
    """The kubeconfig of one sandbox cluster for all tests of this process: keep to your own namespaces."""
    from reconciler.sandbox import Sandbox

    with Sandbox() as cluster:
        yield cluster.kubeconfig


@pytest.fixture(scope="session")
def controlplane_binaries() -> Binaries:
    """etcd, kube-apiserver and kube-controller-manager, built where they are missing and Go is there."""
    try:
        return ensure_binaries()
    except MissingBinariesError as error:
        left_out.leave_out(str(error))
        raise


@pytest.fixture(scope="session")
def controlplane(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of the real control plane that all processes of this session share: keep to your own namespaces.

    ``GITOPS_NB_CONTROLPLANE_KUBECONFIG`` names a cluster that runs already, such as kind or k3s.
    """
    running = os.environ.get(_KUBECONFIG_VARIABLE)
    if running:
        yield Path(running)
        return
    binaries: Binaries = request.getfixturevalue("controlplane_binaries")
    base = tmp_path_factory.getbasetemp()
    session = base.parent if hasattr(request.config, "workerinput") else base
    with shared_control_plane(session / "controlplane", binaries) as kubeconfig:
        yield kubeconfig


@pytest.fixture(
    params=["sandbox", pytest.param("controlplane", marks=pytest.mark.controlplane)],
)
def cluster_kubeconfig(request: pytest.FixtureRequest) -> Path:
    """Each cluster in turn: the sandbox, and the real control plane, which must agree."""
    fixture = "shared_sandbox_kubeconfig" if request.param == "sandbox" else "controlplane"
    kubeconfig: Path = request.getfixturevalue(fixture)
    return kubeconfig


@pytest.fixture
def client(cluster_kubeconfig: Path) -> Iterator[Client]:
    """A plain HTTP client of the cluster."""
    with closing(Client(cluster_kubeconfig)) as each:
        yield each


@pytest.fixture
def namespace(client: Client) -> Iterator[str]:
    """A fresh namespace on the cluster, with its default service account; deleted afterwards, without waiting."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    client.create("/api/v1/namespaces", {"metadata": {"name": name}}).expect(201)
    try:
        client.wait_for(f"/api/v1/namespaces/{name}/serviceaccounts", "default", lambda account: True)
        yield name
    finally:
        client.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def webhooks(client: Client, tmp_path: Path) -> "Iterator[Webhooks]":
    """Admission and conversion webhooks that the client's cluster asks; only a real API server does."""
    from tests.webhooks import serving_webhooks

    with serving_webhooks(client, tmp_path / "webhooks") as server:
        yield server


@pytest.fixture(scope="session")
def real_input() -> Path:
    """The folder of the public repositories' manifests: ../shared/real-input, or ``GITOPS_NB_REAL_INPUT``."""
    path = Path(os.environ.get("GITOPS_NB_REAL_INPUT") or ROOT.parent / "shared" / "real-input")
    if not path.is_dir():
        left_out.leave_out(
            f"{path} is not there; set GITOPS_NB_REAL_INPUT to the folder of the public repositories' manifests"
        )
    return path


class PeersOrLeftOut(Peers):
    """Programs to compare with; a test that asks for one which cannot be had is left out."""

    def path(self, name: str) -> Path:
        try:
            return super().path(name)
        except MissingPeerError as error:
            left_out.leave_out(str(error))
            raise


@pytest.fixture(scope="session")
def peers() -> Peers:
    """``helm``, ``kustomize`` and an OCI ``registry``, built where they are missing and Go is there."""
    return PeersOrLeftOut()


@pytest.fixture
def git_repository(tmp_path: Path) -> Callable[[Path | Mapping[str, str | bytes]], GitRepository]:
    """Make git repositories from a folder or from files by name; the same content gives the same commit id."""
    made: list[GitRepository] = []

    def create(content: Path | Mapping[str, str | bytes]) -> GitRepository:
        made.append(GitRepository.create(tmp_path / "repositories" / f"{len(made)}", content))
        return made[-1]

    return create


def pytest_configure(config: pytest.Config) -> None:
    """Note what this session leaves out."""
    left_out.pytest_configure(config)


def pytest_report_header() -> str:
    """Say which control plane the tests marked so will run on."""
    running = os.environ.get(_KUBECONFIG_VARIABLE)
    if running:
        return f"control plane: {running} ({_KUBECONFIG_VARIABLE})"
    found = find_binaries()
    return f"control plane: {found.directory} ({found.found_by})" if found else "control plane: to be built with Go"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests that may have to wait for the build of the control plane or of a peer the time for it."""
    awaits_build = {
        "controlplane_binaries": not os.environ.get(_KUBECONFIG_VARIABLE) and find_binaries() is None,
        "peers": not all(Peers().find(name) for name in PEER_NAMES),
    }
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        marked = "controlplane_binaries" if item.get_closest_marker("controlplane") else ""
        if any(awaited and name in (*fixtures, marked) for name, awaited in awaits_build.items()):
            item.add_marker(pytest.mark.timeout(_BUILD_TIMEOUT_S))
