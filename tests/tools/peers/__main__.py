"""Print where the programs are that tests and benchmarks compare with; build with Go what is missing.

Usage: python -m tests.tools.peers [NAME…]
"""

import sys

from tests.tools.peers.programs import NAMES, MissingPeerError, Peers


def main() -> None:
    """Print a path a line; exit status 1 and one line on stderr where one cannot be had, 2 for an unknown name."""
    names = sys.argv[1:] or NAMES
    if unknown := [name for name in names if name not in NAMES]:
        print(f"error: no peer {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        sys.exit(2)
    peers = Peers(report=lambda line: print(line, file=sys.stderr, flush=True))
    try:
        for name in names:
            print(peers.path(name), flush=True)
    except MissingPeerError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
