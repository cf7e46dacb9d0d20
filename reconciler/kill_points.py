"""Named places before and after every side effect, where a test may kill the process.

Off unless ``GITOPS_NB_KILL_POINT`` names one, as ``apply-after:3`` for the third time it is passed; the process then ends by
SIGKILL, as it would without memory or power. With ``stop`` in front (``stop:apply-after:3``) it is halted by SIGSTOP instead.
"""

import itertools
import os
import signal
from typing import Final

POINTS: Final = (
    *("fetch", "render", "cache", "lock", "record-begin", "namespace", "dry-run"),
    *("hook-create", "hook-wait", "hook-finalizer", "apply-before", "apply-sent", "apply-after", "wave-end"),
    *("prune-before", "prune-after", "status-write", "record-end", "notebook-save", "unlock"),
)
VARIABLE: Final = "GITOPS_NB_KILL_POINT"

_passes = itertools.count(1)


def reach(point: str) -> None:
    """Pass a place; nothing happens unless the environment says so."""
    wanted = os.environ.get(VARIABLE)
    if wanted:
        _pass(point, wanted)


def _pass(point: str, wanted: str) -> None:
    signal_number = signal.SIGSTOP if wanted.startswith("stop:") else signal.SIGKILL
    name, _, count = wanted.removeprefix("stop:").partition(":")
    if name not in POINTS:
        raise ValueError(f"{VARIABLE}: no point {name}; there are {', '.join(POINTS)}")
    if point == name and next(_passes) == int(count or 1):
        # To this very thread, which goes no further; the process's own may be taken by another one, and later.
        signal.raise_signal(signal_number)
