"""Health of objects and applications: one small file a kind."""

from reconciler.health.aggregate import aggregate_health
from reconciler.health.assess import assess_health
from reconciler.health.hooks import hook_phase
from reconciler.health.readiness import assess_readiness

__all__ = ["aggregate_health", "assess_health", "assess_readiness", "hook_phase"]
