"""The columns of every frame and their dtypes, and how rows become a frame."""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from reconciler.formatting.characters import visible_text
from reconciler.manifest.objects import ResourceKey

if TYPE_CHECKING:
    import pandas as pd

_TEXT: Final = "string"
_COUNT: Final = "Int64"
_SECONDS: Final = "Float64"
_FLAG: Final = "boolean"
_TIME: Final = "datetime64[ns, UTC]"
_VALUE: Final = "object"

_KEY: Final = {"kind": _TEXT, "group": _TEXT, "namespace": _TEXT, "name": _TEXT}

APPLICATION_COLUMNS: Final = {
    "app": _TEXT,
    "namespace": _TEXT,
    "project": _TEXT,
    "destination": _TEXT,
    "revision": _TEXT,
    "status": _TEXT,
    "health": _TEXT,
    "health_message": _TEXT,
    "resources": _COUNT,
    "out_of_sync": _COUNT,
    "missing": _COUNT,
    "extra": _COUNT,
    "unknown": _COUNT,
    "differences": _COUNT,
    "source_types": _TEXT,
    "reason": _TEXT,
    "warnings": _TEXT,
    "compared_at": _TIME,
}
RESOURCE_COLUMNS: Final = {
    "app": _TEXT,
    **_KEY,
    "version": _TEXT,
    "status": _TEXT,
    "state": _TEXT,
    "health": _TEXT,
    "health_message": _TEXT,
    "reason": _TEXT,
    "differences": _COUNT,
    "wave": _COUNT,
    "hook": _FLAG,
    "requires_pruning": _FLAG,
}
DRIFT_COLUMNS: Final = {
    "app": _TEXT,
    **_KEY,
    "status": _TEXT,
    "path": _TEXT,
    "pointer": _TEXT,
    "target": _VALUE,
    "live": _VALUE,
    "manager": _TEXT,
    "operation": _TEXT,
    "changed_at": _TIME,
    "ignored_by": _TEXT,
    "synced": _FLAG,
    "reason": _TEXT,
}
UNUSED_RULE_COLUMNS: Final = {"app": _TEXT, "rule": _TEXT, "origin": _TEXT, "reason": _TEXT}
TREE_COLUMNS: Final = {
    **_KEY,
    "version": _TEXT,
    "parent": _TEXT,
    "depth": _COUNT,
    "status": _TEXT,
    "health": _TEXT,
    "message": _TEXT,
    "info": _TEXT,
    "images": _TEXT,
    "created_at": _TIME,
    "managed": _FLAG,
    "orphaned": _FLAG,
    "deleting": _FLAG,
}
EVENT_COLUMNS: Final = {
    **_KEY,
    "type": _TEXT,
    "reason": _TEXT,
    "message": _TEXT,
    "source": _TEXT,
    "count": _COUNT,
    "first_seen_at": _TIME,
    "last_seen_at": _TIME,
}
LOG_COLUMNS: Final = {
    "at": _TIME,
    "namespace": _TEXT,
    "pod": _TEXT,
    "container": _TEXT,
    "text": _TEXT,
    "reason": _TEXT,
}
PLAN_COLUMNS: Final = {
    "app": _TEXT,
    "step": _COUNT,
    "phase": _TEXT,
    "wave": _COUNT,
    **_KEY,
    "version": _TEXT,
    "action": _TEXT,
    "change": _TEXT,
    "does": _TEXT,
    "differences": _COUNT,
    "delete_policies": _TEXT,
    "options": _TEXT,
    "reason": _TEXT,
    "id": _TEXT,
}
RESULT_COLUMNS: Final = {
    "app": _TEXT,
    "phase": _TEXT,
    "wave": _COUNT,
    **_KEY,
    "version": _TEXT,
    "action": _TEXT,
    "state": _TEXT,
    "status": _TEXT,
    "hook_phase": _TEXT,
    "message": _TEXT,
    "images": _TEXT,
    "started_at": _TIME,
    "finished_at": _TIME,
    "duration_s": _SECONDS,
}
HISTORY_COLUMNS: Final = {
    "sequence": _COUNT,
    "operation_id": _TEXT,
    "app": _TEXT,
    "namespace": _TEXT,
    "project": _TEXT,
    "cluster": _TEXT,
    "target_revision": _TEXT,
    "revision": _TEXT,
    "phase": _TEXT,
    "message": _TEXT,
    "started_at": _TIME,
    "finished_at": _TIME,
    "duration_s": _SECONDS,
    "initiated_by": _TEXT,
    "dry_run": _FLAG,
    "prune": _FLAG,
    "abandoned": _FLAG,
    "resources": _COUNT,
    "failed": _COUNT,
    "notebook": _TEXT,
    "digest": _TEXT,
}
RUN_COLUMNS: Final = {
    "app": _TEXT,
    "namespace": _TEXT,
    "project": _TEXT,
    "decision": _TEXT,
    "reason": _TEXT,
    "status": _TEXT,
    "health": _TEXT,
    "revision": _TEXT,
    "message": _TEXT,
    "status_problem": _TEXT,
    "resources": _COUNT,
    "started_at": _TIME,
    "finished_at": _TIME,
    "duration_s": _SECONDS,
}


def key_columns(key: ResourceKey) -> dict[str, str]:
    return {"kind": key.kind, "group": key.group, "namespace": key.namespace, "name": key.name}


def make_frame(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> "pd.DataFrame":
    """The rows as a frame with exactly these columns and dtypes, whether there are rows or none."""
    import pandas as pd

    return pd.DataFrame({name: _series([row[name] for row in rows], dtype) for name, dtype in columns.items()})


def _series(values: list[Any], dtype: str) -> "pd.Series[Any]":
    import pandas as pd

    if dtype == _TIME:
        instants = [None if value is None else value.astimezone(UTC) for value in values]
        return pd.Series(instants, dtype="object").astype(_TIME)
    return pd.Series([_shown(value) for value in values], dtype=dtype)


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return visible_text(value)
    if isinstance(value, dict):
        return {_shown(key): _shown(inner) for key, inner in value.items()}
    return [_shown(inner) for inner in value] if isinstance(value, list) else value
