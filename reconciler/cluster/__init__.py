"""Live state and writes: the adapters to an API server.

What needs more than most commands do is imported from its own module: `clusters`, `cluster_secrets`, `live_state`,
`logs`, `orphans`, `resource_filter` and `tree_reading`.
"""

from reconciler.cluster.connection import Connection, connect
from reconciler.cluster.discovery import ApiResource, Discovery, discover
from reconciler.cluster.events import EventReport, LogOptions, ObjectEvent, object_events, pod_log, tree_events
from reconciler.cluster.follow import Follower, Sighting
from reconciler.cluster.live import Listing, get_object, list_many, list_objects
from reconciler.cluster.node_info import InfoItem
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
from reconciler.cluster.tree import ResourceTree, TreeGap, TreeNode, with_status

__all__ = [
    "ApiResource",
    "Connection",
    "Discovery",
    "EventReport",
    "Follower",
    "InfoItem",
    "Listing",
    "LogOptions",
    "ObjectEvent",
    "ResourceTree",
    "Sighting",
    "TrackingId",
    "TrackingMethod",
    "TrackingSettings",
    "TreeGap",
    "TreeNode",
    "application_of",
    "connect",
    "discover",
    "get_object",
    "is_managed_by",
    "is_self_referencing",
    "list_many",
    "list_objects",
    "object_events",
    "parse_tracking_id",
    "parse_tracking_settings",
    "pod_log",
    "tracked_by",
    "tree_events",
    "with_status",
    "with_tracking",
]
