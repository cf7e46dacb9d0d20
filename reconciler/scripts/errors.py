"""The error of a script."""

from reconciler.errors import ReconcilerError
from reconciler.terms import ConditionType


class ScriptError(ReconcilerError):
    """A script that raised, exceeded a limit, or returned what is no JSON."""

    exit_status = 2
    condition = ConditionType.COMPARISON
