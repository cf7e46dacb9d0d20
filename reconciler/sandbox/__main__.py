"""``python -m reconciler.sandbox``: the process behind `reconciler.sandbox.start_sandbox`."""

import argparse
from pathlib import Path

from reconciler.sandbox.instance import DEFAULT_LATENCY_S
from reconciler.sandbox.process import sandbox_directory, serve_forever


def main() -> None:
    """Serve until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m reconciler.sandbox", description="Serve the sandbox cluster.")
    parser.add_argument("--directory", type=Path, default=None, help="folder for kubeconfig and certificate")
    parser.add_argument(
        "--latency", type=float, default=DEFAULT_LATENCY_S, help="seconds a controller takes for a step"
    )
    options = parser.parse_args()
    serve_forever(options.directory or sandbox_directory(), latency_s=options.latency)


if __name__ == "__main__":
    main()
