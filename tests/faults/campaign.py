"""A long random campaign of kills: ``python -m tests.faults.campaign`` (``make faults``).

Each case is drawn from a seed of its own and printed with it when it fails: the same line repeats it. One case in four is
killed once more when it is taken up again, one in four is halted and ended by a signal instead.
"""

import argparse
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.harness import Cluster, sandbox_cluster, warm_stage
from tests.faults.invariants import check
from tests.faults.scenarios import SCENARIOS, Scenario


@dataclass(frozen=True, slots=True)
class Draw:
    """One case: where the run is killed, where the next one is, and what halts it instead of a kill."""

    scenario: Scenario
    first: str
    second: str
    sent: int


def draw(seed: int, cluster: Cluster, folder: Path) -> Draw:
    chance = random.Random(seed)
    scenario = chance.choice(list(SCENARIOS.values()))
    passes = cluster.outcome(scenario, folder / f"undisturbed-{scenario.name}").passes
    # Hooks are half of what can go wrong.
    points = [point for point in sorted(passes) for _ in range(3 if point.startswith("hook") else 1)]

    def place() -> str:
        point = chance.choice(points)
        return f"{point}:{chance.randint(1, passes[point])}"

    first, second = place(), place() if chance.random() < 0.25 else ""
    sent = chance.choice([signal.SIGTERM, signal.SIGINT]) if not second and chance.random() < 0.33 else 0
    return Draw(scenario, first, second, int(sent))


def play(drawn: Draw, cluster: Cluster, folder: Path) -> bool:
    """One case; whether its point was reached. Raises AssertionError where something does not hold."""
    outcome = cluster.undisturbed[drawn.scenario.name]
    with cluster.case(drawn.scenario, folder) as case:
        if drawn.sent:
            run = case.start(point=f"stop:{drawn.first}")
            reached = run.wait().halted
            if reached:
                run.signal(drawn.sent)
                run.signal(signal.SIGCONT)
                run.wait()
        else:
            reached = case.run(point=drawn.first).killed
            if drawn.second:
                case.run(point=drawn.second)
        check(case, outcome, case.run())
    return reached


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.campaign", description=__doc__)
    parser.add_argument("--cases", type=int, default=500, help="end after so many cases")
    parser.add_argument("--seconds", type=float, default=900.0, help="end after so many seconds")
    parser.add_argument("--seed", type=int, default=None, help="of the first case; the next ones count on")
    options = parser.parse_args(arguments)
    first = options.seed if options.seed is not None else random.randrange(2**31)
    begun, counted, failures = time.monotonic(), Counter[str](), 0
    with tempfile.TemporaryDirectory(prefix="gitops-nb-faults-") as name:
        folder = Path(name)
        with warm_stage(folder / "warm") as stage, sandbox_cluster(stage) as cluster:
            for seed in range(first, first + options.cases):
                if time.monotonic() - begun > options.seconds:
                    break
                drawn = draw(seed, cluster, folder)
                try:
                    reached = play(drawn, cluster, folder / f"{seed}")
                except AssertionError as error:
                    failures += 1
                    says = next((line for line in str(error).splitlines() if line.strip()), _where(error))
                    again = f"python -m tests.faults.campaign --cases 1 --seed {seed}"
                    _say(
                        f"FAILED {drawn.scenario.name} {drawn.first} {drawn.second or drawn.sent or ''}: {says}\n  {again}"
                    )
                    continue
                kind = "signals" if drawn.sent else "killed twice" if drawn.second else "kills"
                counted[kind if reached else "not reached"] += 1
    seconds = time.monotonic() - begun
    done = ", ".join(f"{count} {kind}" for kind, count in sorted(counted.items()))
    _say(f"{sum(counted.values()) + failures} cases in {seconds:.0f} s from seed {first}: {done}; {failures} failed")
    return 1 if failures else 0


def _where(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}: {frame.line}"


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
