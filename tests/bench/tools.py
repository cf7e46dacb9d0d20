"""Rendering one chart or one kustomization, beside the plain programs on the same folder in the same run."""

import statistics
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench.applications import application
from tests.bench.figures import Spent, measured, report
from tests.bench.repositories import KINDS, make_repository, members, write_files
from tests.tools.peers.programs import Peers

_ROUNDS = 30
_FASTER = 10
"""How many times faster than the program a chart is to be rendered."""
_OVER = 1.15
"""What a build may take, in terms of the plain command."""


def helm() -> None:
    """A chart in process against ``helm template`` of it."""
    program = Peers().path("helm")
    options = ("--namespace", "demo", "--include-crds")
    with tempfile.TemporaryDirectory(prefix="gitops-nb-bench-") as folder:
        ours, theirs = _rounds("helm", Path(folder), [lambda chart: [program, "template", "web", chart, *options]])
    _compare("Helm, one chart in process", ours, {"helm template": theirs[0]}, faster=_FASTER)


def kustomize() -> None:
    """A build of ours against ``kubectl kustomize`` and ``kustomize build`` of the same folder."""
    from reconciler.source.kustomize.tool import kustomize_command

    kustomize_binary = str(Peers().path("kustomize"))
    with tempfile.TemporaryDirectory(prefix="gitops-nb-bench-") as folder:
        ours, theirs = _rounds(
            "kustomize",
            Path(folder),
            [
                lambda overlay: [*kustomize_command(), str(overlay)],
                lambda overlay: [kustomize_binary, "build", str(overlay)],
            ],
        )
    _compare("kustomize, one build", ours, {"kubectl kustomize": theirs[0], "kustomize build": theirs[1]}, over=_OVER)


def _rounds(
    kind: str, folder: Path, commands: Sequence[Callable[[Path], Sequence[str | Path]]]
) -> tuple[list[Spent], list[list[Spent]]]:
    """Ours and each command in turn on one application after another, so that both meet the same machine."""
    from reconciler.source import Generator, RepositoryCache

    origin = folder / "origin.git"
    count = (_ROUNDS + 1) * len(KINDS)
    make_repository(origin, count)
    chosen = [member for member in members(count) if member.kind == kind]
    ours: list[Spent] = []
    theirs: list[list[Spent]] = [[] for _ in commands]
    with RepositoryCache(folder / "mirrors") as repositories:
        generator = Generator(repositories)
        # The first one starts the worker and fetches.
        generator.generate(application(chosen[0], origin))
        for member in chosen[1:]:
            each = application(member, origin)
            with measured() as spent:
                generator.generate(each)
            ours.append(spent)
            plain = write_files(folder / "plain", member)
            for command, found in zip(commands, theirs, strict=True):
                with measured() as spent:
                    subprocess.run(command(plain), check=True, stdout=subprocess.DEVNULL)
                found.append(spent)
    return ours, theirs


def _compare(
    name: str, ours: Sequence[Spent], peers: Mapping[str, Sequence[Spent]], *, faster: float = 0, over: float = 0
) -> None:
    report(name, [spent.wall_s for spent in ours], None, f"CPU {_cpu(ours):.4f} s")
    for peer, theirs in peers.items():
        report(f"  peer: {peer}", [spent.wall_s for spent in theirs], None, f"CPU {_cpu(theirs):.4f} s")
        wall = statistics.median(spent.wall_s for spent in ours) / statistics.median(spent.wall_s for spent in theirs)
        cpu = _cpu(ours) / _cpu(theirs)
        if faster:
            said = f"{1 / wall:.1f} times faster, {1 / cpu:.1f} times less CPU; wanted: {faster:g}"
        else:
            said = f"{wall:.2f} of its time, {cpu:.2f} of its CPU; wanted: at most {over:g}"
        print(f"    against {peer}: {said}", flush=True)


def _cpu(spent: Sequence[Spent]) -> float:
    # The mean: processes that live on are counted in ticks of 10 ms.
    return statistics.fmean(each.cpu_s for each in spent)
