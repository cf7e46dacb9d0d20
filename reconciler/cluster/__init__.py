"""Live state and writes: the adapters to an API server."""

from reconciler.cluster.connection import Connection, connect
from reconciler.cluster.discovery import ApiResource, Discovery, discover
from reconciler.cluster.follow import Follower, Sighting
from reconciler.cluster.live import Listing, get_object, list_many, list_objects
from reconciler.cluster.tracking import TrackingId, is_self_referencing, parse_tracking_id, tracked_by, with_tracking

__all__ = [
    "ApiResource",
    "Connection",
    "Discovery",
    "Follower",
    "Listing",
    "Sighting",
    "TrackingId",
    "connect",
    "discover",
    "get_object",
    "is_self_referencing",
    "list_many",
    "list_objects",
    "parse_tracking_id",
    "tracked_by",
    "with_tracking",
]
