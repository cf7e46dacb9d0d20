"""What an application's objects tell: their events, and the logs of their pods."""

from reconciler.cluster.events import DEFAULT_LOG, EventReport, LogOptions, tree_events
from reconciler.cluster.logs import LogReader, tree_logs
from reconciler.engine.comparing import Comparer
from reconciler.engine.records import Reconciliation
from reconciler.engine.selection import ALL, Selection
from reconciler.engine.trees import read_application_tree


def read_events(comparer: Comparer, reconciliation: Reconciliation) -> EventReport:
    """The events of what the application manages and of all that this owns, the newest last.

    Kinds that could not be listed are gaps as well.

    Raises
    ------
    ClusterError
        When no events can be read.
    """
    tree = read_application_tree(comparer, reconciliation)
    report = tree_events(comparer.connection, tree)
    return EventReport(report.events, (*report.gaps, *tree.gaps))


def read_logs(
    comparer: Comparer,
    reconciliation: Reconciliation,
    selection: Selection = ALL,
    options: LogOptions = DEFAULT_LOG,
) -> LogReader:
    """The logs of the application's pods that match, or that something owns which does; see `tree_logs`."""
    tree = read_application_tree(comparer, reconciliation)
    return tree_logs(comparer.connection, tree, selection.matches, options)
