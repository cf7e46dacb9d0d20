"""What a notebook holds: a connected engine whose answers are DataFrames and widgets."""

import getpass
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from reconciler import Reconciler
from reconciler.diff.records import Comparison
from reconciler.engine import SyncOutcome
from reconciler.manifest.objects import ResourceKey
from reconciler.model import Application
from reconciler.sync.events import Event
from reconciler.sync.machine import SyncState
from reconciler.sync.records import PlanOptions, SyncPlan, TaskResult
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

    def waves(self, name: str, *, revision: str = "", prune: bool = False) -> "WavePreviewWidget":
        """The phases and waves of a sync, before it happens."""
        return self.app(name).waves(revision=revision, prune=prune)

    def sync(self, name: str, **options: Any) -> "SyncReport":
        """Sync one Application; options as `AppSession.sync`."""
        return self.app(name).sync(**options)

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

    def plan(self, *, revision: str = "", prune: bool = False) -> SyncPlan:
        """What a sync would do."""
        reconciliation = self._engine.reconcile(self.application, revision=revision or None)
        return self._engine.plan(reconciliation, options=PlanOptions(prune=prune))

    def diff(self, *, revision: str = "") -> "DiffWidget":
        """The visual diff."""
        from gitops_nb.widgets import DiffWidget

        return DiffWidget(self.compare(revision=revision))

    def waves(self, *, revision: str = "", prune: bool = False) -> "WavePreviewWidget":
        """The phases and waves of a sync, before it happens."""
        from gitops_nb.widgets import WavePreviewWidget

        return WavePreviewWidget(self.plan(revision=revision, prune=prune))

    def sync(
        self,
        *,
        revision: str = "",
        dry_run: bool = False,
        prune: bool = False,
        timeout_s: float | None = None,
        wait: bool = True,
        initiated_by: str = "",
        notebook: str = "",
        progress: "WavePreviewWidget | None" = None,
    ) -> "SyncReport":
        """Sync, and wait until Synced and Healthy unless ``wait`` is False.

        ``timeout_s`` bounds the operation and the waiting each, in seconds. The result says whether it succeeded: a failed
        sync is a value here, not an error. ``progress`` is a wave preview that shows each task's state as the sync runs.
        """
        reconciliation = self._engine.reconcile(self.application, revision=revision or None)
        outcome = self._engine.sync(
            reconciliation,
            options=PlanOptions(dry_run=dry_run, prune=prune),
            run_options=RunOptions(timeout_s=timeout_s),
            initiated_by=initiated_by or getpass.getuser(),
            notebook=notebook,
            wait=wait,
            on_event=_show_on(progress) if progress is not None else _ignore,
        )
        return SyncReport(outcome)

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
        from reconciler.cluster.events import tree_events

        found = self._engine.tree(self.application)
        report = tree_events(self._engine.at(self.application).connection, found)
        return events_frame(report.events, report.gaps)

    def logs(self, *, kind: str = "", name: str = "", container: str = "", lines: int = 100) -> "pd.DataFrame":
        """The last ``lines`` of each pod's log, merged by time; see `gitops_nb.frames.log_frame`.

        ``kind`` and ``name`` choose an object whose pods, or which itself, is meant; by default all of them.
        """
        from gitops_nb.frames import log_frame
        from reconciler.cluster.events import LogOptions
        from reconciler.cluster.logs import tree_logs

        def matches(key: ResourceKey) -> bool:
            return kind in ("", key.kind) and name in ("", key.name)

        found = self._engine.tree(self.application)
        connection = self._engine.at(self.application).connection
        reader = tree_logs(connection, found, matches, LogOptions(container=container, tail_lines=lines))
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


class SyncReport:
    """A finished sync: ``result`` of the operation, ``comparison`` after it (None for a dry run), ``children``' reports."""

    def __init__(self, outcome: SyncOutcome) -> None:
        self.result = outcome.result
        self.comparison = outcome.comparison
        self.children = tuple(SyncReport(child) for child in outcome.children)

    @property
    def ok(self) -> bool:
        """Whether the operation succeeded and nothing is Degraded after it."""
        return self.result.succeeded and (self.comparison is None or self.comparison.health.status != "Degraded")

    @property
    def summary(self) -> str:
        """One line for people."""
        state = f"; {self.comparison.status} and {self.comparison.health.status}" if self.comparison else ""
        return f"{self.result.application}: {self.result.phase}: {self.result.message}{state}"

    def as_dict(self) -> dict[str, Any]:
        """What a job reports to whoever started it."""
        result, comparison = self.result, self.comparison
        return {
            "application": result.application,
            "phase": result.phase.value,
            "message": result.message,
            "revisions": list(result.revisions),
            "dry_run": result.options.dry_run,
            "sync_status": comparison.status.value if comparison else None,
            "health_status": comparison.health.status.value if comparison else None,
            "resources": len(result.results),
            "children": [child.as_dict() for child in self.children],
            "started_at": result.started_at.isoformat(),
            "finished_at": result.finished_at.isoformat(),
            "summary": self.summary,
            "exit_status": 0 if self.ok else 1,
        }

    def __repr__(self) -> str:
        from gitops_nb.formatting import format_result_text

        return "\n".join([format_result_text(self.result), *map(repr, self.children)])

    def _repr_html_(self) -> str:
        from gitops_nb.formatting import format_result_html

        return "".join([format_result_html(self.result), *(child._repr_html_() for child in self.children)])

    def publish(self) -> None:
        """Show the result and leave it as the notebook's JSON bundle; a failed sync fails the cell.

        Raises
        ------
        SyncError
            When the sync failed or left the application Degraded.
        """
        from IPython.display import display

        from gitops_nb.jobs import RESULT_MIME
        from reconciler.errors import SyncError

        display(self)
        display({RESULT_MIME: self.as_dict(), "text/plain": self.summary}, raw=True)
        if not self.ok:
            raise SyncError(self.summary)
