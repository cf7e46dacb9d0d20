"""Lua scripts of health checks and resource actions, run in a worker process with limits."""

from reconciler.scripts.errors import ScriptError
from reconciler.scripts.lua import LuaScripts, default_scripts
from reconciler.scripts.tree import read_tree

__all__ = ["LuaScripts", "ScriptError", "default_scripts", "read_tree"]
