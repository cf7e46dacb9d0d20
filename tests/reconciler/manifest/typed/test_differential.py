"""The prediction held to a real API server: random histories of several managers, each request compared."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reconciler.manifest.typed.built_in import subjects
from tests.reconciler.manifest.typed.histories import Stage, play
from tests.reconciler.manifest.typed.judging import Verdict
from tests.reconciler.manifest.typed.parts import Subject
from tests.reconciler.manifest.typed.stage import staged

WANTED = 5000
KINDS = sorted(subjects("any.example.com"))
HISTORIES = 8
"""Of each kind."""
LEAST = -(-WANTED // (len(KINDS) * HISTORIES))
"""Predictions that each history has to compare, for all of them to make `WANTED`."""


@pytest.fixture(scope="module")
def stage(controlplane: Path) -> Iterator[tuple[Stage, dict[str, Subject]]]:
    with staged(controlplane) as made:
        yield made


@pytest.mark.controlplane
@pytest.mark.parametrize("seed", range(HISTORIES))
@pytest.mark.parametrize("kind", KINDS)
def test_prediction_is_what_the_server_answers(stage: tuple[Stage, dict[str, Subject]], kind: str, seed: int) -> None:
    place, kinds = stage
    tally = play(place, kinds[kind], seed, steps=6, tries=6)
    more = 1
    while tally.compared < LEAST:
        # Validation refused much of it.
        tally.merge(play(place, kinds[kind], seed + more * 1000, steps=6, tries=6))
        more += 1
    assert not tally.wrong, "\n".join(line for line, _ in tally.wrong)
    assert tally.counts[Verdict.EQUAL] > tally.compared / 2
