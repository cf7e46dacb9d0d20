"""Many Applications in one process: compared in batches, synced side by side, their statuses written at the end.

While a batch is compared, the one before it is applied. After all operations there is one comparison of what was synced and
one round of status writes, not one of each an Application.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from reconciler.cluster.connection import WRITES
from reconciler.cluster.tracking import application_of
from reconciler.diff.records import Comparison
from reconciler.engine.comparing import application_key
from reconciler.engine.gates import pass_gates
from reconciler.engine.operation import SyncOperation, joined
from reconciler.engine.places import Places, Ticket
from reconciler.engine.records import Reconciliation, SyncOutcome
from reconciler.engine.registry import StatusAnswer
from reconciler.engine.requests import SyncRequest
from reconciler.engine.waiting import is_at_rest
from reconciler.errors import ReconcilerError, SyncError
from reconciler.manifest.objects import ResourceKey
from reconciler.model import Application
from reconciler.sync.records import SyncResult
from reconciler.terms import ARGO_GROUP, ConditionType
from reconciler.threads import Lane

if TYPE_CHECKING:
    from reconciler.engine.reconciler import Reconciler

PARALLEL_OPERATIONS: Final = 8
BATCH: Final = 16
"""Applications compared together: few lists, and none of them old when its operations begin."""
MOST_COMPARED: Final = 3 * BATCH
"""The same, of those that are rendered already."""
MOST_THREADS: Final = 256
"""Operations that are under way, those that only wait for something included."""
INTERRUPTED: Final = "interrupted"

RequestFor = Callable[[Application, Reconciliation], SyncRequest | None]
Condition = tuple[ConditionType, str]


@dataclass(frozen=True, slots=True)
class ApplicationRun:
    """What became of one Application.

    Parameters
    ----------
    comparison
        The newest one: after the operation where there was one.
    reason
        Why it was synced, or was not, where somebody decided that.
    outcome
        Of its operation; None where there was none. One that its parent's operation synced has that outcome.
    error
        Why there was no operation although one was asked for, or why it could not be followed to its end.
    status_problem
        Why its status could not be written, empty when it could.
    """

    application: Application
    comparison: Comparison
    reason: str = ""
    outcome: SyncOutcome | None = None
    error: ReconcilerError | None = None
    status_problem: str = ""

    @property
    def failed(self) -> bool:
        """Whether something that was asked for did not come about."""
        return self.error is not None or (self.outcome is not None and not self.outcome.succeeded)

    @property
    def decision(self) -> str:
        """What became of it, in a word: ``synced``, ``failed`` or ``nothing``."""
        return "failed" if self.failed else "synced" if self.outcome is not None else "nothing"

    @property
    def message(self) -> str:
        """How the operation ended, or why there was none; empty where none was asked for."""
        if self.error is not None:
            return str(self.error)
        return self.outcome.result.message if self.outcome is not None else ""


@dataclass(slots=True)
class _Member:
    """An Application on its way through the run; ``parents`` are those that it has to wait for."""

    application: Application
    key: ResourceKey
    parents: set[ResourceKey] = field(default_factory=set)
    comparison: Comparison | None = None
    request: SyncRequest | None = None
    ticket: Ticket | None = None
    result: SyncResult | None = None
    children: tuple[SyncOutcome, ...] = ()
    adopted: SyncOutcome | None = None
    error: ReconcilerError | None = None
    rendered: bool = False

    @property
    def finished(self) -> bool:
        known = self.comparison is not None or self.adopted is not None
        return known and (self.ticket is None or self.ticket.done)

    @property
    def synced(self) -> bool:
        """Whether an operation of its own changed the cluster, or tried to."""
        return self.result is not None and not self.result.options.dry_run

    @property
    def waits(self) -> bool:
        """Whether somebody waits for its health."""
        return self.request is not None and self.request.wait and self.result is not None and self.result.succeeded

    @property
    def changes_status(self) -> bool:
        dry_run = self.request is not None and self.request.options.dry_run
        return self.adopted is None and self.comparison is not None and not dry_run


class Fleet:
    """Syncs many Applications; a parent before its children, which its operation may sync.

    Parameters
    ----------
    request_for
        What to do with an Application that has been compared; None for nothing. Called in the thread that runs; what it
        raises is that Application's error. Listeners of requests are called from several threads.
    parallel
        How many operations are at work at a time; those that wait, for health or for a retry, do not count.
    revision
        In place of everybody's target revision; None for their own.
    synced
        Outcomes of Applications that the operation of a parent has synced: they are not synced once more, and those that
        come to be known are added. None to sync everything that is asked for.
    conditions
        Those of a status, beside what the comparison says.
    is_foreign
        Whether somebody else writes an Application's status.
    """

    def __init__(
        self,
        engine: "Reconciler",
        request_for: RequestFor,
        *,
        parallel: int = PARALLEL_OPERATIONS,
        revision: str | None = None,
        synced: dict[ResourceKey, SyncOutcome] | None = None,
        conditions: Callable[[ResourceKey], Sequence[Condition]] = lambda _key: (),
        is_foreign: Callable[[Application], bool] = lambda _application: False,
    ) -> None:
        self._engine = engine
        self._request_for = request_for
        self._revision = revision
        self._synced = synced
        self._conditions = conditions
        self._is_foreign = is_foreign
        self._places = Places(parallel)

    def run(self, applications: Sequence[Application]) -> list[ApplicationRun]:
        """Compare, sync, compare again, write statuses; one result an Application, in their order.

        An interrupt ends the operations in order, and is raised again when their outcomes are written.
        """
        keys = [application_key(each, self._engine.namespace) for each in applications]
        fleet = {key: _Member(each, key) for key, each in zip(keys, applications, strict=True)}
        interrupted = False
        with Lane(MOST_THREADS) as pool:
            try:
                self._find_parents(fleet)
                self._pass_through(fleet, pool)
                self._places.wait_until(lambda: not self._places.under_way)
            except KeyboardInterrupt:
                interrupted = True
                self._places.stop(INTERRUPTED)
            except BaseException:
                self._places.stop(INTERRUPTED)
                raise
        try:
            self._settle([member for member in fleet.values() if member.synced], wait=not interrupted)
        except KeyboardInterrupt:
            interrupted = True
        problems = self._write_statuses(fleet)
        if interrupted:
            raise KeyboardInterrupt
        return [self._answer(fleet[key], problems.get(f"{key.namespace}/{key.name}", "")) for key in keys]

    def _find_parents(self, fleet: Mapping[ResourceKey, _Member]) -> None:
        """By the marks that parents leave on what they apply; others show it by their targets."""
        comparer = self._engine.comparer
        try:
            tracking = comparer.settings.tracking
        except ReconcilerError:
            # Each comparison says it.
            return
        named = {comparer.tracking_name(member.application): key for key, member in fleet.items()}
        for member in fleet.values():
            metadata = member.application.metadata
            marks = {"labels": metadata.labels, "annotations": metadata.annotations}
            parent = named.get(application_of({"metadata": marks}, tracking))
            if parent is not None and parent != member.key:
                member.parents.add(parent)

    def _pass_through(self, fleet: Mapping[ResourceKey, _Member], pool: Lane) -> None:
        most = max(BATCH // 2, self._places.size)
        waiting = list(fleet.values())
        ahead = iter(waiting)

        def ready() -> list[_Member]:
            free = [member for member in waiting if all(fleet[key].finished for key in member.parents)]
            rendered = sum(1 for _ in takewhile(lambda member: member.rendered, free))
            return free[: max(BATCH, min(rendered, MOST_COMPARED))]

        def may_go_on() -> bool:
            return self._places.at_work <= most and bool(ready() or not self._places.under_way)

        while waiting:
            self._render_ahead(ahead, may_go_on)
            self._places.wait_until(may_go_on)
            # Else only Applications that are each other's parents are left: the gate before their operations says so.
            self._begin(fleet, ready() or waiting, pool)
            waiting = [member for member in waiting if member.comparison is None and member.adopted is None]

    def _render_ahead(self, members: Iterator[_Member], may_go_on: Callable[[], bool]) -> None:
        """Render what comes later while operations are at work: only the cluster must not be looked at so early."""
        while not may_go_on() and (member := next(members, None)) is not None:
            if member.comparison is None and member.adopted is None:
                self._engine.prepare(member.application, revision=self._revision)
                member.rendered = True

    def _begin(self, fleet: Mapping[ResourceKey, _Member], batch: Sequence[_Member], pool: Lane) -> None:
        """Compare a batch and hand over its operations; what turns out to have to wait for a parent is left for later."""
        for member in batch:
            member.adopted = (self._synced or {}).get(member.key)
        members = [member for member in batch if member.adopted is None]
        answers = self._engine.reconcile_all([member.application for member in members], revision=self._revision)
        held = {member.key: _children(answer) & fleet.keys() for member, answer in zip(members, answers, strict=True)}
        due: list[tuple[_Member, Reconciliation]] = []
        put_off: set[ResourceKey] = set()
        for member, answer in sorted(zip(members, answers, strict=True), key=lambda pair: not held[pair[0].key]):
            if member.key in put_off or not self._decide(member, answer) or isinstance(answer, Comparison):
                continue
            due.append((member, answer))
            for child in held[member.key] - {member.key}:
                if fleet[child].comparison is None:
                    fleet[child].parents.add(member.key)
                    put_off.add(child)
        for member, reconciliation in due:
            # Children that were begun before their parent was known; handed over earlier, they never wait for this one.
            before = [ticket for key in held[member.key] if (ticket := fleet[key].ticket) is not None]
            member.ticket = self._places.ticket()
            pool.submit(self._operate, member, reconciliation, before)

    def _decide(self, member: _Member, answer: Reconciliation | Comparison) -> bool:
        """Whether an operation is due."""
        if isinstance(answer, Comparison):
            member.comparison = answer
            member.error = SyncError(f"{member.application.name} cannot be synced: {answer.reason}")
            return False
        member.comparison = answer.comparison
        try:
            member.request = self._request_for(member.application, answer)
        except ReconcilerError as error:
            member.error = error
        return member.request is not None

    def _operate(self, member: _Member, reconciliation: Reconciliation, before: Sequence[Ticket]) -> None:
        """One operation, in a thread of the pool; whatever goes wrong is the Application's."""
        request, ticket = member.request, member.ticket
        assert request is not None
        assert ticket is not None
        listening = replace(request, wait=False, on_event=ticket.listening(request.on_event))
        operation = SyncOperation(self._engine, listening)
        try:
            with ticket.taken(operation, before):
                pass_gates(self._engine, reconciliation, request)
                member.result = operation.run(reconciliation)
        except ReconcilerError as error:
            member.error = error
        except Exception as error:  # noqa: BLE001 - one Application's failure keeps none of the others back
            member.error = SyncError(f"{member.application.name}: internal error: {type(error).__name__}: {error}")
            member.error.__cause__ = error
        finally:
            member.children = tuple(sorted(operation.children, key=lambda outcome: outcome.result.application))
            if self._synced is not None:
                self._synced.update(flat_outcomes(member.children))
            ticket.give_back()

    def _settle(self, members: Sequence[_Member], *, wait: bool) -> None:
        """Compare what was synced, and follow to the end what somebody waits for."""
        if not members:
            return
        # What the operations set off, and saw by watches of their own, must be seen here too.
        WRITES.note()
        answers = self._engine.compare_all([member.application for member in members], revision=self._revision)
        for member, answer in zip(members, answers, strict=True):
            member.comparison = answer
        began = time.monotonic()
        # One after the other: they become healthy side by side.
        for member, answer in zip(members, answers, strict=True) if wait else ():
            if member.waits and not is_at_rest(answer):
                self._wait_for(member, time.monotonic() - began)

    def _wait_for(self, member: _Member, spent_s: float) -> None:
        assert member.request is not None
        assert member.result is not None
        limit = member.request.run_options.timeout_s
        left = None if limit is None else max(0.0, limit - spent_s)
        try:
            revision = joined(member.result.revisions)
            wait = self._engine.wait
            member.comparison = wait(member.application, revision=revision, timeout_s=left, until=is_at_rest)
        except ReconcilerError as error:
            member.error = error

    def _write_statuses(self, fleet: Mapping[ResourceKey, _Member]) -> dict[str, str]:
        told = {
            key: member.comparison
            for key, member in fleet.items()
            if member.comparison is not None and member.changes_status and not self._is_foreign(member.application)
        }
        if self._revision and told:
            # A status tells of what the Application itself asks for.
            told = dict(zip(told, self._engine.compare_all([fleet[key].application for key in told]), strict=True))
        answers = [StatusAnswer(told[key], fleet[key].result, tuple(self._conditions(key))) for key in told]
        try:
            return self._engine.registry.write_statuses(answers)
        except ReconcilerError as error:
            return {f"{entry.comparison.namespace}/{entry.comparison.application}": str(error) for entry in answers}

    def _answer(self, member: _Member, problem: str) -> ApplicationRun:
        outcome, comparison = member.adopted, member.comparison
        if member.result is not None:
            outcome = SyncOutcome(member.result, comparison if member.synced else None, member.children)
        if comparison is None:
            comparison = member.adopted.comparison if member.adopted is not None else None
        return ApplicationRun(
            member.application,
            comparison or self._engine.comparer.unknown(member.application, "not compared"),
            outcome=outcome,
            error=member.error,
            status_problem=problem,
        )


def sync_applications(
    engine: "Reconciler",
    applications: Sequence[Application],
    request_for: RequestFor,
    *,
    parallel: int = PARALLEL_OPERATIONS,
    revision: str | None = None,
) -> list[ApplicationRun]:
    """Sync many Applications, each as ``request_for`` says; see `Fleet`. One failure keeps none of the others back.

    An Application that is applied by another one of them is synced after it.
    """
    return Fleet(engine, request_for, parallel=parallel, revision=revision).run(applications)


def flat_outcomes(outcomes: Sequence[SyncOutcome]) -> dict[ResourceKey, SyncOutcome]:
    """Outcomes of child Applications, and of theirs, by the Application's key."""
    found: dict[ResourceKey, SyncOutcome] = {}
    for outcome in outcomes:
        result = outcome.result
        found[ResourceKey(ARGO_GROUP, "Application", result.namespace, result.application)] = outcome
        found |= flat_outcomes(outcome.children)
    return found


def _children(answer: Reconciliation | Comparison) -> set[ResourceKey]:
    """The Applications among an Application's targets."""
    if isinstance(answer, Comparison):
        return set()
    return {key for key in answer.targets if key.is_application}
