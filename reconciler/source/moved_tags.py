"""Tags that are not the commit which they were when the Application was last synced.

A tag is taken for something that stays. Argo CD follows one that was moved and says nothing; so does this, with a warning. What
it was and what it is are both recorded: each sync's record holds the target revision and the commit.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.model import Application
from reconciler.source.files.paths import shown
from reconciler.source.resolving import ResolvedSource


def moved_tags(application: Application, resolved: Sequence[ResolvedSource]) -> tuple[str, ...]:
    """A warning for each source whose ``targetRevision`` is a tag that was another commit at the last sync.

    The last sync is that of ``status.history``; an Application that only a file holds has none.
    """
    history = application.status.get("history")
    last = history[-1] if isinstance(history, Sequence) and history else None
    if not isinstance(last, Mapping):
        return ()
    warnings = []
    for source, (before, commit) in zip(resolved, _synced(last, len(resolved)), strict=True):
        same = (before.get("repoURL"), before.get("targetRevision")) == (source.source.repo_url, source.target_revision)
        repository = source.repository
        if not same or not commit or commit == source.revision or repository is None:
            continue
        if repository.is_tag(source.target_revision):
            warnings.append(
                f"{source.where}.targetRevision: the tag {shown(source.target_revision)} of {repository} was moved since the "
                f"last sync, from {commit[:7]} to {source.revision[:7]}"
            )
    return tuple(warnings)


def _synced(last: Mapping[str, Any], count: int) -> list[tuple[Mapping[str, Any], str]]:
    """The sources of a sync with their commits; nothing of sources that are not as many."""
    sources, revisions = last.get("sources"), last.get("revisions")
    if not sources:
        sources, revisions = [last.get("source")], [last.get("revision")]
    if not (isinstance(sources, list) and isinstance(revisions, list) and len(sources) == len(revisions) == count):
        return [({}, "")] * count
    pairs = zip(sources, revisions, strict=True)
    return [(source if isinstance(source, Mapping) else {}, str(commit or "")) for source, commit in pairs]
