"""Records as pandas DataFrames.

Every frame has the same columns and dtypes when it is empty, and a RangeIndex. Dtypes: ``string``, ``Int64``,
``Float64``, ``boolean``, ``datetime64[ns, UTC]`` and, for values of a manifest, ``object``. Secrets are masked.
Control and bidirectional characters in any text are escaped (``\\u202e``), line breaks and tabs kept, so that a
frame shows what it holds. pandas is imported at the first call.
"""

from gitops_nb.frames.comparisons import applications_frame, drift_frame, resources_frame, unused_rules_frame
from gitops_nb.frames.csv_text import format_csv
from gitops_nb.frames.syncs import history_frame, plan_frame, results_frame, runs_frame
from gitops_nb.frames.trees import events_frame, log_frame, tree_frame

__all__ = [
    "applications_frame",
    "drift_frame",
    "events_frame",
    "format_csv",
    "history_frame",
    "log_frame",
    "plan_frame",
    "resources_frame",
    "results_frame",
    "runs_frame",
    "tree_frame",
    "unused_rules_frame",
]
