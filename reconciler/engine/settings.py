"""What Argo CD's own configuration says to a comparison and to the tree."""

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.cluster.resource_filter import ResourceFilter, parse_resource_filter
from reconciler.cluster.tracking import TrackingSettings, parse_tracking_settings
from reconciler.diff.settings import SystemRules, parse_system_rules
from reconciler.health import Customizations, bundled_layer, parse_customizations


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Ignore rules, health scripts and actions, marks of applications, and the kinds that are left alone."""

    rules: SystemRules
    customizations: Customizations
    tracking: TrackingSettings
    resources: ResourceFilter


def parse_engine_settings(data: Mapping[str, str], parameters: Mapping[str, str]) -> EngineSettings:
    """The settings in the data of ``argocd-cm`` and ``argocd-cmd-params-cm``.

    Raises
    ------
    SpecError
        For a setting that does not validate, and that would change what is pruned or how health is told.
    """
    return EngineSettings(
        rules=parse_system_rules(data, parameters),
        customizations=parse_customizations(data, bundled_layer()),
        tracking=parse_tracking_settings(data),
        resources=parse_resource_filter(data),
    )
