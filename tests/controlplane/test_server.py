"""The control plane comes up, says why when it does not, and leaves nothing behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conformance.client import Client
from tests.controlplane.binaries import NAMES, Binaries
from tests.controlplane.server import ControlPlane, ControlPlaneError
from tests.controlplane.shared import shared_control_plane

ROOT = Path(__file__).resolve().parents[2]
_GONE_S = 10.0

pytestmark = pytest.mark.controlplane


def test_a_process_that_ends_shows_the_tail_of_its_log(tmp_path: Path, controlplane_binaries: Binaries) -> None:
    for name in NAMES:
        (tmp_path / name).symlink_to(controlplane_binaries.path(name))
    (tmp_path / "kube-apiserver").unlink()
    (tmp_path / "kube-apiserver").write_text("#!/bin/sh\necho 'no such flag: --odd'\nexit 3\n")
    (tmp_path / "kube-apiserver").chmod(0o755)
    plane = ControlPlane(Binaries(tmp_path, "test"))
    with pytest.raises(ControlPlaneError, match=r"^kube-apiserver ended with 3:\nno such flag: --odd$"):
        plane.__enter__()
    assert not plane.kubeconfig.parent.exists()


def test_the_kubeconfig_is_private_and_the_node_is_ready(controlplane: Path) -> None:
    assert controlplane.stat().st_mode & 0o077 == 0
    (node,) = Client(controlplane).get("/api/v1/nodes").expect()["items"]
    assert [each["status"] for each in node["status"]["conditions"] if each["type"] == "Ready"] == ["True"]


def test_users_share_one_and_the_last_one_out_stops_it(tmp_path: Path, controlplane_binaries: Binaries) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from tests.controlplane.binaries import ensure_binaries\n"
        "from tests.controlplane.shared import shared_control_plane\n"
        "with shared_control_plane(Path(sys.argv[1]), ensure_binaries()) as kubeconfig:\n"
        "    print(kubeconfig, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    environment = os.environ | {"KUBEBUILDER_ASSETS": f"{controlplane_binaries.directory}"}
    first = subprocess.Popen(
        [sys.executable, "-c", script, f"{tmp_path}"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert first.stdout is not None
    assert first.stdin is not None
    with first, shared_control_plane(tmp_path, controlplane_binaries) as kubeconfig:
        assert first.stdout.readline().strip() == f"{kubeconfig}"
        # A worker that is killed counts as gone, and the others go on.
        first.kill()
        first.wait()
        assert Client(kubeconfig).get("/readyz").expect() == "ok"
    limit = time.monotonic() + _GONE_S
    while kubeconfig.parent.exists() and time.monotonic() < limit:
        time.sleep(0.05)
    assert not kubeconfig.parent.exists()
    assert not (tmp_path / "ready").exists()
