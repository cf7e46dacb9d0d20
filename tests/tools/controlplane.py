"""Find or build the control plane that tests run against, or run one.

Usage: python -m tests.tools.controlplane [--run]

Prints the folder of etcd, kube-apiserver and kube-controller-manager. With --run it starts them on 127.0.0.1 with a
simulated node, prints the path of a kubeconfig, and stops them on Ctrl-C.
"""

import argparse
import signal
import sys

from tests.controlplane.binaries import MissingBinariesError, ensure_binaries
from tests.controlplane.server import ControlPlane


def main() -> None:
    """Print where the binaries are; exit status 1 and one line on stderr where there are none."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", action="store_true", help="start a control plane and keep it until Ctrl-C")
    arguments = parser.parse_args()
    try:
        binaries = ensure_binaries(report=lambda line: print(line, file=sys.stderr, flush=True))
    except MissingBinariesError as error:
        sys.exit(str(error))
    print(f"{binaries.directory} ({binaries.found_by})", file=sys.stderr if arguments.run else sys.stdout)
    if arguments.run:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        with ControlPlane(binaries) as plane:
            print(f"ready in {plane.started_in_s:.1f} s", file=sys.stderr)
            print(plane.kubeconfig, flush=True)
            try:
                signal.pause()
            except KeyboardInterrupt:
                print("stopping", file=sys.stderr)


if __name__ == "__main__":
    main()
