"""Print the figures: ``make bench`` for all, ``python -m tests.bench NAME…`` for some.

Each figure stands beside its limit or a peer in the same run.
"""

import sys
from collections.abc import Callable, Mapping

from tests.bench import applications, commands, comparison, live, syncing, tools, typed

BENCHMARKS: Mapping[str, Callable[[], None]] = {
    "help": commands.help_text,
    "sandbox": commands.sandbox_start,
    "guestbook": commands.guestbook,
    "demo": commands.demo,
    "applications": applications.applications,
    "fleet": applications.fleet,
    "helm": tools.helm,
    "kustomize": tools.kustomize,
    "typed": typed.typed,
    "live": live.live,
    "compare": comparison.compare,
    "sync": syncing.syncing,
    "one": syncing.one,
    "resume": syncing.resumed,
}

if __name__ == "__main__":
    chosen = sys.argv[1:] or list(BENCHMARKS)
    unknown = [name for name in chosen if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"error: no benchmark {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in chosen:
        BENCHMARKS[name]()
