"""The wave preview as static HTML: a lane a phase, its waves below each other in the order in which they run."""

from collections.abc import Sequence

from gitops_nb.formatting.elements import (
    BORDER,
    Content,
    Html,
    badge,
    chip,
    element,
    muted,
    panel,
    sign_mark,
    tint,
)
from gitops_nb.formatting.html import head_line, warnings
from reconciler.formatting.kinds import qualified_name, short_kind
from reconciler.formatting.states import PHASE_SIGNS, PHASE_TONES, Tone
from reconciler.formatting.tasks import (
    PHASE_CAPTIONS,
    TaskKind,
    TaskState,
    kind_of,
    phases_of,
    plan_options,
    plan_problems,
    summarize_plan,
    task_id,
    task_notes,
    task_state,
)
from reconciler.formatting.values import counted, short_revision
from reconciler.sync.records import SyncPlan, SyncResult, SyncTask, TaskResult
from reconciler.terms import SyncPhase


def format_plan_html(plan: SyncPlan, result: SyncResult | None = None) -> str:
    """What a sync will do, by phase and wave; with a result, also how far each task has come."""
    outcomes = {task_id(outcome): outcome for outcome in result.results} if result else {}
    facts = [f"revision {short_revision(plan.revision)}" if plan.revision else "", *plan_options(plan)]
    badges = badge(PHASE_SIGNS[result.phase], result.phase, PHASE_TONES[result.phase]) if result else None
    steps = {step: number for number, step in enumerate(plan.steps, start=1)}
    lanes = [_lane(plan, phase, steps, outcomes, with_state=result is not None) for phase in phases_of(plan)]
    return str(
        panel(
            head_line(f"Sync of {plan.application}", badges, facts),
            element("div", element("b", summarize_plan(plan)), style="margin:4px 0 8px"),
            warnings([*plan_problems(plan), *plan.warnings]),
            element("div", lanes, style="display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start"),
            label=f"Sync plan of {plan.application}",
        )
    )


def _lane(
    plan: SyncPlan,
    phase: SyncPhase,
    steps: dict[tuple[SyncPhase, int], int],
    outcomes: dict[str, TaskResult],
    *,
    with_state: bool,
) -> Html:
    waves = [wave for step_phase, wave in plan.steps if step_phase is phase]
    style = f"flex:{2 if len(waves) > 1 else 1} 1 240px;min-width:0;border:{BORDER};border-radius:8px;padding:8px 12px"
    title = element("div", element("b", phase.value), " ", muted(PHASE_CAPTIONS[phase]))
    if not waves:
        return element("div", title, muted("no tasks"), style=style)
    body = [
        _wave(plan.at(phase, wave), wave, (steps[phase, wave], len(steps)), outcomes, with_state=with_state)
        for wave in waves
    ]
    return element("div", title, body, style=style)


def _wave(
    tasks: Sequence[SyncTask],
    wave: int,
    step: tuple[int, int],
    outcomes: dict[str, TaskResult],
    *,
    with_state: bool,
) -> Html:
    quiet = [task for task in tasks if kind_of(task) is TaskKind.UNCHANGED and task.id not in outcomes]
    shown = [task for task in tasks if task not in quiet]
    items = [_task(task, outcomes.get(task.id), with_state=with_state) for task in shown]
    if quiet:
        names = ", ".join(f"{task.key.kind} {task.key.name}" for task in quiet)
        items.append(
            element("li", muted(f"= {counted(len(quiet), 'object')} unchanged: {names}"), style="list-style:none")
        )
    head = element(
        "div", element("b", f"wave {wave}"), muted(f" · step {step[0]} of {step[1]}"), style="margin-top:8px"
    )
    return element("div", head, element("ul", items, style="list-style:none;margin:4px 0;padding:0"))


def _task(task: SyncTask, outcome: TaskResult | None, *, with_state: bool) -> Html:
    kind = kind_of(task)
    notes = "; ".join(task_notes(task))
    tone = Tone.REMOVE if kind is TaskKind.PRUNE else None
    style = "padding:3px 4px;margin:2px 0;border-radius:4px;list-style:none;overflow-wrap:anywhere;"
    style += f"background:{tint(tone, 0.12)}" if tone else ""
    content: list[Content] = [
        sign_mark(kind.sign, kind.tone),
        f" {kind} ",
        chip(short_kind(task.key.kind)),
        " ",
        element("b", qualified_name(task.key)),
        muted(f" {notes}") if notes else None,
    ]
    if with_state:
        content += [" ", _state_badge(outcome)]
    if outcome and outcome.message:
        content += [Html("<br>"), muted(outcome.message)]
    return element("li", content, style=style)


def _state_badge(outcome: TaskResult | None) -> Html:
    if outcome is None:
        return badge(TaskState.PENDING.sign, TaskState.PENDING.value, TaskState.PENDING.tone)
    state = task_state(outcome)
    return badge(state.sign, state.value, state.tone)
