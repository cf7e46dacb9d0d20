"""The resource tree of one Application, with its verdicts in it."""

from functools import partial

from reconciler.cluster.orphans import OrphanSearch
from reconciler.cluster.tracking import application_of
from reconciler.cluster.tree import ResourceTree, with_status
from reconciler.cluster.tree_reading import TreeRequest, read_tree
from reconciler.engine.comparing import Comparer
from reconciler.engine.records import Reconciliation
from reconciler.health import assess_health
from reconciler.manifest.objects import ResourceKey


def read_application_tree(
    comparer: Comparer, reconciliation: Reconciliation, *, orphans: OrphanSearch | None = None
) -> ResourceTree:
    """Managed objects and all they own, as they are now."""
    settings = comparer.settings
    resources = reconciliation.comparison.resources
    name = comparer.tracking_name(reconciliation.application)
    shown = {entry.key for entry in resources} | {ResourceKey.of(hook) for hook in reconciliation.hooks}
    request = TreeRequest(
        [
            obj
            for key, obj in reconciliation.live.items()
            if key in shown or application_of(obj, settings.tracking) == name
        ],
        missing=[(entry.key, entry.version) for entry in resources if entry.key not in reconciliation.live],
        assess=partial(assess_health, customizations=settings.customizations),
        resource_filter=settings.resources,
        orphans=orphans,
    )
    return with_status(read_tree(comparer.connection, comparer.discovery, request), resources)
