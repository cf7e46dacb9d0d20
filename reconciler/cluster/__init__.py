"""Live state and writes: the adapters to an API server.

What needs more than most commands do is imported from its own module: `clusters`, `cluster_secrets`, `events`,
`live_state`, `logs`, `orphans`, `resource_filter`, `tree` and `tree_reading`.
"""

from reconciler.cluster.connection import Connection, connect
from reconciler.cluster.discovery import ApiResource, Discovery, discover
from reconciler.cluster.follow import Follower, Sighting
from reconciler.cluster.live import Listing, get_object, list_many, list_objects
from reconciler.cluster.tracking import (
    TrackingId,
    TrackingMethod,
    TrackingSettings,
    application_of,
    is_managed_by,
    is_self_referencing,
    parse_tracking_id,
    parse_tracking_settings,
    tracked_by,
    with_tracking,
)

__all__ = [
    "ApiResource",
    "Connection",
    "Discovery",
    "Follower",
    "Listing",
    "Sighting",
    "TrackingId",
    "TrackingMethod",
    "TrackingSettings",
    "application_of",
    "connect",
    "discover",
    "get_object",
    "is_managed_by",
    "is_self_referencing",
    "list_many",
    "list_objects",
    "parse_tracking_id",
    "parse_tracking_settings",
    "tracked_by",
    "with_tracking",
]
