"""What it takes to generate the manifests of many applications in one repository: cold, again, and after a commit."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.figures import Spent, measured
from tests.bench.repositories import KINDS, OBJECTS, Member, commit_change, make_repository, members

_REPEATS = 3


@dataclass(frozen=True, slots=True)
class _Figure:
    """One phase of one process: what it took, and how many sources were rendered rather than found in the cache."""

    name: str
    wall_s: float
    cpu_s: float
    renders: int


def applications() -> None:
    """150 applications; the limits are seconds of processor time, fetching included."""
    _measure(150, repeats=_REPEATS, limits={"cold": 4.0, "again": 0.05, "commit": 0.25})


def fleet() -> None:
    """2,000 applications in 20,000 files; what comes after the first time may take twice what 150 may."""
    _measure(2000, repeats=1, limits={"again": 0.1, "commit": 0.5})


def _measure(count: int, *, repeats: int, limits: dict[str, float]) -> None:
    runs: list[list[_Figure]] = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory(prefix="gitops-nb-bench-") as folder:
            origin = Path(folder) / "origin.git"
            make_repository(origin, count)
            figures = _in_process(Path(folder), count, "phases")
            runs.append([*figures, *_in_process(Path(folder), count, "warm")])
    for index, figure in enumerate(runs[0]):
        limit = limits.get(figure.name.partition(" ")[0].rstrip(","))
        cpu = sorted(run[index].cpu_s for run in runs)
        wall = sorted(run[index].wall_s for run in runs)
        against = f"limit {limit:g} s, ratio {cpu[len(cpu) // 2] / limit:.2f}" if limit else ""
        print(
            f"{f'{count} applications, {figure.name}':<52} {cpu[len(cpu) // 2]:7.3f} s of CPU   {against:<26} "
            f"({cpu[0]:.3f} to {cpu[-1]:.3f}; wall {wall[len(wall) // 2]:.3f} s; renders {figure.renders})",
            flush=True,
        )


def _in_process(folder: Path, count: int, phases: str) -> list[_Figure]:
    command = [sys.executable, "-m", "tests.bench.applications", str(folder), str(count), phases]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2])
    return [_Figure(**figure) for figure in json.loads(done.stdout)]


class _Run:
    """A process that generates all applications again and again, as a notebook or the controller does."""

    def __init__(self, folder: Path, count: int) -> None:
        from reconciler.source import RenderCache, RepositoryCache

        self.origin = folder / "origin.git"
        self.made = members(count)
        self._repositories = RepositoryCache(folder / "mirrors")
        self._cache = RenderCache(folder / "renders")
        self._applications = [application(member, self.origin) for member in self.made]
        self.figures: list[dict[str, Any]] = []

    def generate(self, name: str) -> None:
        """One run over all applications, which fetches the repository first."""
        from reconciler.source import Generator

        with measured() as spent:
            self._repositories.expire()
            generator = Generator(self._repositories, cache=self._cache)
            targets = [generator.generate(application) for application in self._applications]
        assert all(len(target.manifests) == OBJECTS for target in targets)
        renders = sum(not source.cached for target in targets for source in target.sources)
        self._add(name, spent, renders)

    def close(self) -> None:
        """End the processes that serve reads."""
        self._repositories.close()

    def _add(self, name: str, spent: Spent, renders: int) -> None:
        self.figures.append({"name": name, "wall_s": spent.wall_s, "cpu_s": spent.cpu_s, "renders": renders})


def application(member: Member, origin: Path) -> Any:
    """The parsed Application of a repository's member."""
    from reconciler.model import parse_application

    return parse_application(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": member.name, "namespace": "argocd"},
            "spec": {
                "project": "default",
                "destination": {"name": "in-cluster", "namespace": "demo"},
                "source": {"repoURL": origin.as_uri(), "path": member.path, "targetRevision": "main"},
            },
        }
    )


def _main(arguments: Sequence[str]) -> None:
    run = _Run(Path(arguments[0]), int(arguments[1]))
    if arguments[2] == "warm":
        run.generate("new process, warm cache on disk")
    else:
        run.generate("cold")
        run.generate("again, nothing changed")
        for version, kind in enumerate(KINDS, start=2):
            changed = next(member for member in reversed(run.made) if member.kind == kind)
            commit_change(run.origin, changed, f"v{version}")
            run.generate(f"commit to a {kind} application")
    run.close()
    print(json.dumps(run.figures))


if __name__ == "__main__":
    _main(sys.argv[1:])
