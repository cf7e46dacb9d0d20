"""Health of objects and applications: one small file a kind, Lua for custom resources, conventions for the rest."""

from reconciler.health.actions import (
    ActionOperation,
    ActionParameter,
    ActionResult,
    ResourceAction,
    discover_actions,
    run_action,
)
from reconciler.health.aggregate import aggregate_health
from reconciler.health.assess import assess_health
from reconciler.health.bundled import bundled_layer, load_customizations
from reconciler.health.customizations import (
    NO_CUSTOMIZATIONS,
    ActionScripts,
    Customization,
    Customizations,
    Layer,
    Script,
)
from reconciler.health.hooks import hook_phase
from reconciler.health.kstatus import assess_by_conventions
from reconciler.health.parse import SETTING_KSTATUS, parse_customizations, parse_files
from reconciler.health.readiness import assess_readiness
from reconciler.health.scripts import ScriptRunner

__all__ = [
    "NO_CUSTOMIZATIONS",
    "SETTING_KSTATUS",
    "ActionOperation",
    "ActionParameter",
    "ActionResult",
    "ActionScripts",
    "Customization",
    "Customizations",
    "Layer",
    "ResourceAction",
    "Script",
    "ScriptRunner",
    "aggregate_health",
    "assess_by_conventions",
    "assess_health",
    "assess_readiness",
    "bundled_layer",
    "discover_actions",
    "hook_phase",
    "load_customizations",
    "parse_customizations",
    "parse_files",
    "run_action",
]
