"""What a notebook holds: a connected engine whose answers are DataFrames and widgets."""

import getpass
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from gitops_nb.sync_report import SyncReport
from reconciler import Reconciler
from reconciler.diff.records import Comparison
from reconciler.engine import SyncOutcome
from reconciler.engine.gates import require_own_revision
from reconciler.engine.requests import Deletion, SyncRequest, runs_hooks
from reconciler.engine.selection import Selection
from reconciler.errors import UsageError
from reconciler.model import Application
from reconciler.sync.events import Event
from reconciler.sync.machine import SyncState
from reconciler.sync.records import PlanOptions, SyncPlan, TaskResult
from reconciler.sync.retry import retry_policy
from reconciler.sync.runner import Listener, RunOptions

if TYPE_CHECKING:
    import pandas as pd

    from gitops_nb.widgets import DiffWidget, ResourceTreeWidget, WavePreviewWidget


class Session:
    """A connection to one cluster and its history; everything it answers is of the moment of the call.

    An engine that follows holds the cluster's objects by watches: they end with `close`, with the last reference to the
    session, or with the process.
    """

    def __init__(self, reconciler: Reconciler) -> None:
        self.reconciler = reconciler
        self._end = weakref.finalize(self, reconciler.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all watches; what is asked after that is listed."""
        self._end()

    def __repr__(self) -> str:
        connection = self.reconciler.connection
        return f"gitops-nb session: {connection.name} at {connection.server}, namespace {self.reconciler.namespace}"

    @property
    def apps(self) -> "pd.DataFrame":
        """One row an Application; see `gitops_nb.frames.applications_frame`."""
        from gitops_nb.frames import applications_frame

        self.reconciler.begin_run()
        return applications_frame(self.reconciler.compare_all(self.reconciler.applications()))

    def app(self, name: str = "", *, file: str | Path = "") -> "AppSession":
        """One Application, by name or from a file; what it answers is of the commit that its branch has now."""
        from reconciler.cli.settings import read_application

        self.reconciler.begin_run()
        if file:
            application = read_application(Path(file), name=name or None, namespace=self.reconciler.namespace)
        else:
            application = self.reconciler.application(name)
        return AppSession(self, application)

    def drift(self, *names: str, hidden: bool = False) -> "pd.DataFrame":
        """One row a field that differs, of the named Applications or of all; see `gitops_nb.frames.drift_frame`.

        ``hidden`` also lists the differences that an ignore rule hides.
        """
        from gitops_nb.frames import drift_frame

        return drift_frame(self._compare(names), hidden=hidden)

    def history(self, name: str | None = None, *, limit: int | None = None) -> "pd.DataFrame":
        """One row a recorded sync, the newest first; see `gitops_nb.frames.history_frame`."""
        from gitops_nb.frames import history_frame

        return history_frame(self.reconciler.history(name, limit=limit))

    def diff(self, name: str, *, revision: str = "") -> "DiffWidget":
        """The visual diff of one Application."""
        return self.app(name).diff(revision=revision)

    def waves(
        self, name: str, *, revision: str = "", prune: bool = False, strategy: str = "hook"
    ) -> "WavePreviewWidget":
        """The phases and waves of a sync, before it happens; ``strategy`` as in `AppSession.sync`."""
        return self.app(name).waves(revision=revision, prune=prune, strategy=strategy)

    def sync(self, name: str, **options: Any) -> SyncReport:
        """Sync one Application; options as `AppSession.sync`."""
        return self.app(name).sync(**options)

    def rollback(self, name: str, sequence: int | None = None, **options: Any) -> SyncReport:
        """Sync one Application to what an earlier sync of it deployed; options as `AppSession.rollback`."""
        return self.app(name).rollback(sequence, **options)

    def reconcile(self, *names: str) -> "pd.DataFrame":
        """Sync what automated policies want synced now, of the named Applications or of all, and write every status.

        One row an Application; see `gitops_nb.frames.runs_frame`. One that fails keeps none of the others back.
        """
        from gitops_nb.frames import runs_frame

        self.reconciler.begin_run()
        applications = [self.reconciler.application(name) for name in names] if names else None
        return runs_frame(self.reconciler.reconcile_automated(applications))

    def delete(self, name: str, **options: Any) -> SyncReport:
        """Delete one Application; options as `AppSession.delete`."""
        return self.app(name).delete(**options)

    def unused_rules(self, *names: str) -> "pd.DataFrame":
        """One row an ignore rule that matches nothing; see `gitops_nb.frames.unused_rules_frame`."""
        from gitops_nb.frames import unused_rules_frame

        return unused_rules_frame(self._compare(names))

    def tree(self, name: str, *, orphaned: bool = True) -> "ResourceTreeWidget":
        """What an Application manages and all that this owns; see `AppSession.tree`."""
        return self.app(name).tree(orphaned=orphaned)

    def resources(self, name: str, *, orphaned: bool = False) -> "pd.DataFrame":
        """The same as a frame: one row an object."""
        return self.app(name).resources(orphaned=orphaned)

    def events(self, name: str) -> "pd.DataFrame":
        """One row an event of what an Application manages and owns, the newest first."""
        return self.app(name).events()

    def logs(self, name: str, /, **options: Any) -> "pd.DataFrame":
        """One row a line of the logs of an Application's pods; options as `AppSession.logs`."""
        return self.app(name).logs(**options)

    def _compare(self, names: Sequence[str]) -> list[Comparison]:
        self.reconciler.begin_run()
        applications = self.reconciler.applications()
        if names:
            applications = [self.reconciler.application(name) for name in names]
        return self.reconciler.compare_all(applications)


class AppSession:
    """One Application in a notebook."""

    def __init__(self, session: Session, application: Application) -> None:
        # Its watches last as long as somebody asks.
        self._session = session
        self._engine = session.reconciler
        self.application = application

    def __repr__(self) -> str:
        spec = self.application.spec
        sources = ", ".join(
            f"{source.repo_url} {source.path or source.chart} at {source.target_revision or 'HEAD'}"
            for source in self.application.sources
        )
        name, project = self.application.name, self.application.project
        return f"Application {name} (project {project}): {sources} -> {spec.destination.namespace}"

    def compare(self, *, revision: str = "") -> Comparison:
        """Compare with the cluster as it is now."""
        return self._engine.compare(self.application, revision=revision or None)

    def plan(self, *, revision: str = "", prune: bool = False, strategy: str = "hook") -> SyncPlan:
        """What a sync would do; ``strategy`` as in `sync`."""
        options = PlanOptions(prune=prune, hooks=runs_hooks(strategy))
        return self._engine.plan(self._engine.reconcile(self.application, revision=revision or None), options=options)

    def diff(self, *, revision: str = "") -> "DiffWidget":
        """The visual diff."""
        from gitops_nb.widgets import DiffWidget

        return DiffWidget(self.compare(revision=revision))

    def waves(self, *, revision: str = "", prune: bool = False, strategy: str = "hook") -> "WavePreviewWidget":
        """The phases and waves of a sync, before it happens; ``strategy`` as in `sync`."""
        from gitops_nb.widgets import WavePreviewWidget

        return WavePreviewWidget(self.plan(revision=revision, prune=prune, strategy=strategy))

    def sync(
        self,
        *,
        revision: str = "",
        dry_run: bool = False,
        prune: bool = False,
        strategy: str = "hook",
        timeout_s: float | None = None,
        wait: bool = True,
        initiated_by: str = "",
        notebook: str = "",
        progress: "WavePreviewWidget | None" = None,
    ) -> SyncReport:
        """Sync, and wait until nothing is Progressing any more unless ``wait`` is False.

        ``strategy`` is ``hook``, or ``apply`` to run no hooks. ``timeout_s`` bounds the operation and the waiting each, in
        seconds. The result says whether it succeeded: a failed sync is a value here, not an error, and so is what it was not
        to ``prune`` and what keeps the Application OutOfSync. ``progress`` is a wave preview that shows each task's state as
        the sync runs.

        Raises
        ------
        UsageError
            When there is no such strategy.
        SyncError
            For another revision than its own while the Application syncs by itself, unless it is a dry run.
        """
        application = self.application
        request = SyncRequest(
            PlanOptions(dry_run=dry_run, prune=prune, hooks=runs_hooks(strategy)),
            run_options=RunOptions(timeout_s=timeout_s),
            initiated_by=initiated_by or getpass.getuser(),
            notebook=notebook,
            wait=wait,
            retry=retry_policy(application.spec.sync_policy.retry, automated=False),
            on_event=_show_on(progress) if progress is not None else _ignore,
        )
        if not dry_run:
            require_own_revision(application, revision)
        reconciliation = self._engine.reconcile(application, revision=revision or None, request=request)
        return SyncReport(self._engine.run_sync(reconciliation, request), whole=True)

    def rollback(
        self,
        sequence: int | None = None,
        *,
        dry_run: bool = False,
        prune: bool = False,
        timeout_s: float | None = None,
        wait: bool = True,
        initiated_by: str = "",
        notebook: str = "",
    ) -> SyncReport:
        """Sync to what an earlier sync deployed, and wait as `sync` does; the spec stays as it is.

        ``sequence`` is that of a row of the history, by default of the successful sync before the last one. No hook runs, and
        what that sync did not hold is deleted only with ``prune``. ``timeout_s`` bounds the operation and the waiting each, in
        seconds. Like a failed sync, a rollback that fails is a value here.

        Raises
        ------
        UsageError
            When there is no such sync, or none to go back to.
        SyncError
            While the Application syncs by itself or is being deleted.
        """
        request = SyncRequest(
            options=PlanOptions(dry_run=dry_run, prune=prune),
            run_options=RunOptions(timeout_s=timeout_s),
            initiated_by=initiated_by or getpass.getuser(),
            notebook=notebook,
            wait=wait,
        )
        return SyncReport(self._engine.rollback(self.application, sequence, request))

    def delete(self, *, yes: bool = False, cascade: bool = True, timeout_s: float | None = None) -> SyncReport:
        """Delete the Application, and before it all its objects unless ``cascade`` is False.

        ``timeout_s`` bounds the operation, in seconds. Like a failed sync, a deletion that fails is a value here.

        Raises
        ------
        UsageError
            Without ``yes=True``.
        """
        if not yes:
            what = "and all its objects" if cascade else "and none of its objects"
            raise UsageError(f"this deletes Application {self.application.name} {what}; say so with yes=True")
        request = SyncRequest(run_options=RunOptions(timeout_s=timeout_s), initiated_by=getpass.getuser())
        result = self._engine.delete(self.application, Deletion(cascade=cascade), request)
        return SyncReport(SyncOutcome(result, None))

    def children(self, *, revision: str = "") -> "pd.DataFrame":
        """Of an Application of Applications: one row a field that differs in the children that change with it.

        At ``revision``, or as Git has it now, and all the way down; see `gitops_nb.frames.drift_frame`.
        """
        from gitops_nb.frames import drift_frame
        from reconciler.engine.family import compare_children, flatten_children

        reconciliation = self._engine.reconcile(self.application, revision=revision or None)
        found = flatten_children(compare_children(self._engine, reconciliation))
        return drift_frame([child.comparison for child in found if child.comparison is not None])

    def tree(self, *, orphaned: bool = True) -> "ResourceTreeWidget":
        """What the Application manages and all that this owns, down to pods, with events and logs of each object.

        ``orphaned`` also shows, apart, the objects of its namespace that no Application manages.
        """
        from gitops_nb.node_details import ClusterNodes
        from gitops_nb.widgets import ResourceTreeWidget

        found = self._engine.tree(self.application, orphaned=orphaned)
        source = ClusterNodes(self._engine.at(self.application).connection)
        return ResourceTreeWidget(found, title=self.application.name, read_at=self._engine.clock(), source=source)

    def resources(self, *, orphaned: bool = False) -> "pd.DataFrame":
        """One row an object of the tree; see `gitops_nb.frames.tree_frame`."""
        from gitops_nb.frames import tree_frame

        return tree_frame(self._engine.tree(self.application, orphaned=orphaned))

    def events(self) -> "pd.DataFrame":
        """One row an event of the tree's objects, the newest first; see `gitops_nb.frames.events_frame`."""
        from gitops_nb.frames import events_frame

        report = self._engine.events(self.application)
        return events_frame(report.events, report.gaps)

    def logs(self, *, kind: str = "", name: str = "", container: str = "", lines: int = 100) -> "pd.DataFrame":
        """The last ``lines`` of each pod's log, merged by time; see `gitops_nb.frames.log_frame`.

        ``kind`` and ``name`` choose an object whose pods, or which itself, is meant; by default all of them.
        """
        from gitops_nb.frames import log_frame
        from reconciler.cluster.events import LogOptions

        options = LogOptions(container=container, tail_lines=lines)
        reader = self._engine.logs(self.application, Selection(kind, name=name), options=options)
        return log_frame(reader, reader.gaps)


def _ignore(_state: SyncState, _event: Event) -> None:
    """Nobody watches."""


def _show_on(widget: "WavePreviewWidget") -> Listener:
    """Show every new result on the widget."""
    shown: dict[str, TaskResult] = {}

    def listener(state: SyncState, _event: Event) -> None:
        for task_id, result in state.results.items():
            if shown.get(task_id) != result:
                shown[task_id] = result
                widget.show_task(result)

    return listener
