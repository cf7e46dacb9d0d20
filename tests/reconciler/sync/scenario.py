"""Scenarios of the sync operation as data: what it is told, what it asks for, how it ends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.sync.records import PlanOptions, SyncTask
from tests.reconciler.sync.operation import Operation, hook, plan_of, recorded, run_script

DONE = "Succeeded: successfully synced (all tasks run)"
FAILED = "Failed: one or more synchronization tasks completed unsuccessfully: "


@dataclass(frozen=True)
class Scenario:
    """``known`` are recorded outcomes of hooks by name, see `tests.reconciler.sync.operation` for the texts of a script."""

    tasks: Sequence[SyncTask]
    script: Sequence[tuple[str, list[str]]]
    ends: str
    results: Sequence[str]
    options: PlanOptions | None = None
    known: Mapping[str, str] = field(default_factory=dict)
    pauses: bool = False


def check_scenario(scenario: Scenario) -> None:
    """Play the scenario to its end and compare every answer."""
    by_name = {task.key.name: task for task in scenario.tasks}
    known = {
        by_name[name].id if name in by_name else name: recorded(by_name.get(name, hook(name)), phase)
        for name, phase in scenario.known.items()
    }
    operation = Operation(plan_of(scenario.tasks, scenario.options), known=known, pauses=scenario.pauses)
    run_script(operation, scenario.script)
    assert operation.state.finished
    assert f"{operation.state.phase}: {operation.state.message}" == scenario.ends
    assert operation.results() == list(scenario.results)
