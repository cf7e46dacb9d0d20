"""What a health script says of an object; how it is run comes in through a port."""

from collections.abc import Mapping
from typing import Any, Protocol

from reconciler.diff.records import Health
from reconciler.errors import ReconcilerError
from reconciler.health.customizations import Script
from reconciler.terms import HealthStatus

_MAX_MESSAGE = 4000


class ScriptRunner(Protocol):
    """Runs a Lua script on one object, shut off from everything else; `reconciler.scripts.LuaScripts` is one."""

    def run(
        self,
        script: str,
        obj: Mapping[str, Any],
        *,
        what: str,
        open_libraries: bool = False,
        parameters: Mapping[str, str] | None = None,
    ) -> Any:
        """What the script returns, as JSON values.

        Raises
        ------
        ReconcilerError
            When it raises, exceeds a limit, or returns what is no JSON; the message begins with ``what``.
        """


def assess_by_script(script: Script, obj: Mapping[str, Any], runner: ScriptRunner) -> Health | None:
    """The health that a script returns; None where it returns nil, which says that the object has no health.

    A script that fails, or returns anything else than a table with a status of Argo CD's, makes the object Unknown.

    Source: util/lua/lua.go (ExecuteHealthLua), argo-cd 37ee009, and its pull request 28269 for nil.
    """
    try:
        made = runner.run(script.text, obj, what=script.origin, open_libraries=script.open_libraries)
    except ReconcilerError as error:
        return Health(HealthStatus.UNKNOWN, str(error))
    if made is None:
        return None
    if not isinstance(made, dict):
        kind = "an empty table" if made == [] else "a list" if isinstance(made, list) else f"a {_lua_type(made)}"
        return Health(HealthStatus.UNKNOWN, f"{script.origin}: expected a table with status and message, not {kind}")
    status, message = made.get("status"), made.get("message", "")
    if not isinstance(message, str):
        return Health(HealthStatus.UNKNOWN, f"{script.origin}: message must be a string, not a {_lua_type(message)}")
    try:
        return Health(HealthStatus(str(status)), message[:_MAX_MESSAGE])
    except ValueError:
        shown = repr(status)[:60] if isinstance(status, str) else f"a {_lua_type(status)}"
        expected = ", ".join(HealthStatus)
        return Health(HealthStatus.UNKNOWN, f"{script.origin}: status is {shown}, expected one of {expected}")


def _lua_type(value: Any) -> str:
    names = {bool: "boolean", str: "string", int: "number", float: "number", type(None): "nil"}
    return names.get(type(value), "table")
