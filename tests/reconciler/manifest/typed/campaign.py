"""Many histories on several processes, and what came of them.

Usage: python -m tests.reconciler.manifest.typed.campaign [--cases N] [--seed N] [--processes N] [--keep FOLDER]

Runs against a real control plane of its own, or the one that ``GITOPS_NB_CONTROLPLANE_KUBECONFIG`` names. Exit status
1 where a prediction was wrong; each such case is written to the folder as a file that test_cases.py takes.
"""

import argparse
import json
import multiprocessing
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.controlplane.binaries import ensure_binaries
from tests.controlplane.server import ControlPlane
from tests.reconciler.manifest.typed.histories import play
from tests.reconciler.manifest.typed.judging import Case, Verdict
from tests.reconciler.manifest.typed.stage import staged

STEPS, TRIES = 6, 6
CASES = Path(__file__).parents[3] / "data" / "typed" / "cases"
RECORDED_GROUP = "typed.example.com"
_VARIABLE = "GITOPS_NB_CONTROLPLANE_KUBECONFIG"


@dataclass
class Result:
    """What came of a campaign."""

    counts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def compared(self) -> int:
        return self.counts.total() - self.counts[Verdict.REFUSED]

    def __str__(self) -> str:
        counts = {str(verdict): self.counts[verdict] for verdict in Verdict}
        return (
            f"{self.compared} predictions compared over {len(self.kinds)} kinds in {self.seconds:.0f} s: "
            f"{counts['equal']} equal, {counts['defaulted']} equal but for fields that the server itself defaults, "
            f"{counts['wrong']} wrong ({counts['refused']} more requests refused by validation)"
        )


def run(kubeconfig: Path, cases: int, *, seed: int = 0, processes: int | None = None) -> Result:
    """Play histories of every kind in turn until so many predictions were compared."""
    count = processes or os.cpu_count() or 1
    started = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(count) as pool:
        jobs = [(kubeconfig, -(-cases // count), seed + number, count) for number in range(count)]
        results = pool.map(_work, jobs, chunksize=1)
    total = Result(seconds=time.monotonic() - started)
    for each in results:
        total.counts += each.counts
        total.kinds += each.kinds
        total.wrong += each.wrong
    return total


def _work(job: tuple[Path, int, int, int]) -> Result:
    kubeconfig, cases, seed, stride = job
    result = Result()
    with staged(kubeconfig) as (stage, kinds):
        while result.compared < cases:
            for kind, subject in kinds.items():
                tally = play(stage, subject, seed, steps=STEPS, tries=TRIES)
                result.counts.update(tally.counts)
                result.kinds[kind] += tally.compared
                result.wrong += [(line, case.to_json()) for line, case in tally.wrong]
            seed += stride
    return result


def keep(wrong: list[tuple[str, dict[str, Any]]], folder: Path) -> None:
    """Write each case to a file named after it, its random group replaced by that of the recorded documents."""
    folder.mkdir(parents=True, exist_ok=True)
    for _, raw in wrong:
        text = json.dumps(raw, indent=1, sort_keys=True)
        text = re.sub(r"\bt[0-9a-f]{10}\.example\.com", RECORDED_GROUP, text)
        name = re.sub(r"[^a-z0-9]+", "-", Case(**raw).name.lower()).strip("-")
        (folder / f"{name}.json").write_text(text + "\n")


@contextmanager
def _cluster() -> Iterator[Path]:
    running = os.environ.get(_VARIABLE)
    if running:
        yield Path(running)
        return
    with ControlPlane(ensure_binaries()) as plane:
        yield plane.kubeconfig


def main() -> None:
    """Print what came of it; exit status 1 where something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="first seed; a history is the same for the same seed")
    parser.add_argument("--processes", type=int, default=None)
    parser.add_argument("--keep", type=Path, default=CASES)
    arguments = parser.parse_args()
    with _cluster() as kubeconfig:
        result = run(kubeconfig, arguments.cases, seed=arguments.seed, processes=arguments.processes)
    for line, _ in result.wrong:
        sys.stderr.write(f"{line}\n")
    keep(result.wrong, arguments.keep)
    sys.stdout.write(f"{result}\n")
    sys.exit(1 if result.wrong else 0)


if __name__ == "__main__":
    main()
