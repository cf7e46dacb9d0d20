"""ControllerRevisions: the templates that StatefulSets and DaemonSets had.

Source: k8s.io/kubernetes/pkg/controller/history, v1.37.
"""

from typing import Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.controllers.client import Client, controller_reference
from reconciler.sandbox.controllers.hashing import template_hash
from reconciler.sandbox.store import GroupResource
from reconciler.sandbox.strategy import clone

REVISIONS: Final = GroupResource("apps", "controllerrevisions")


def present_revision(client: Client, owner: Manifest, *, hash_label: str) -> str:
    """The hash of the owner's present template; its ControllerRevision is made where it is missing."""
    template = owner["spec"]["template"]
    code = template_hash(template)
    name = f"{owner['metadata']['name']}-{code}"
    known = client.controlled(REVISIONS, owner)
    newest = max((entry["revision"] for entry in known), default=0)
    match = next((entry for entry in known if entry["metadata"]["name"] == name), None)
    if match is None:
        labels = {**((template.get("metadata") or {}).get("labels") or {}), hash_label: code}
        body = {
            "metadata": {"name": name, "labels": labels, "ownerReferences": [controller_reference(owner)]},
            "data": {"spec": {"template": {**clone(template), "$patch": "replace"}}},
            "revision": newest + 1,
        }
        client.create(REVISIONS, owner["metadata"]["namespace"], body)
    elif match["revision"] < newest:
        client.write(REVISIONS, {**match, "revision": newest + 1})
    return code


def prune_revisions(client: Client, owner: Manifest, in_use: set[str]) -> None:
    """Delete the oldest revisions that are neither in use nor within the history limit."""
    limit = owner["spec"].get("revisionHistoryLimit", 10)
    prefix = f"{owner['metadata']['name']}-"
    idle = [
        entry
        for entry in sorted(client.controlled(REVISIONS, owner), key=lambda entry: int(entry["revision"]))
        if str(entry["metadata"]["name"]).removeprefix(prefix) not in in_use
    ]
    for entry in idle[: max(len(idle) - limit, 0)]:
        client.delete(REVISIONS, entry)
