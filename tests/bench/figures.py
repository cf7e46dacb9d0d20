"""How figures are taken and printed."""

import os
import resource
import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Spent:
    """Seconds of wall time, and of processor time in this process and all that it started."""

    wall_s: float = 0.0
    cpu_s: float = 0.0


def report(name: str, seconds: Sequence[float], limit_s: float | None, note: str = "") -> None:
    """Print the median beside its limit in seconds."""
    median = statistics.median(seconds)
    spread = f"{min(seconds):.3f} to {max(seconds):.3f} s over {len(seconds)}"
    against = f"limit {limit_s:g} s, ratio {median / limit_s:.2f}" if limit_s else ""
    print(f"{name:<52} {median:7.3f} s   {against:<28} ({spread}){'  ' + note if note else ''}", flush=True)


def timed(command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None) -> float:
    """Seconds that a command takes; its output is dropped. Compiled modules are kept, as they are for a user."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env=inherited | dict(environment or {}))
    return time.perf_counter() - started


@contextmanager
def measured() -> Iterator[Spent]:
    """What the block takes, processes that live on after it included."""
    spent = Spent()
    cpu, wall = cpu_seconds(), time.perf_counter()
    try:
        yield spent
    finally:
        spent.wall_s = time.perf_counter() - wall
        spent.cpu_s = cpu_seconds() - cpu


def cpu_seconds() -> float:
    """Processor time so far of this process, of the children it has waited for, and of those that live (Linux)."""
    own = sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )
    return own + sum(_cpu_of(pid) for pid in _descendants(os.getpid()))


def _descendants(pid: int) -> Iterator[int]:
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = [int(child) for child in children.read_text().split()]
        except OSError:
            continue
        for child in found:
            yield child
            yield from _descendants(child)


def _cpu_of(pid: int) -> float:
    """User and system time of a process and of the children it has waited for, to a tick of 10 ms."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0
    # The program's name, in parentheses, may hold spaces.
    fields = text.rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / _TICKS
