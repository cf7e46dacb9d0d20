"""From a ``targetRevision`` to a commit: the text is matched against the mirror's refs here, never handed to Git.

Source: docs/user-guide/tracking_strategies.md, git-check-ref-format(1).
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.errors import RevisionError
from reconciler.source.files.paths import has_control_characters, shown

FULL_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SHORT_SHA = re.compile(r"[0-9a-f]{7,63}")
HEAD_REF = "refs/reconciler/HEAD"
"""Where the mirror keeps the remote's HEAD."""
MAX_LENGTH = 250
FIRST_NAMES = 5

_FORBIDDEN = re.compile(r"\.\.|@\{|//|[ ~^:?*\[\\]|(^|/)[.-]|\.(/|$)|\.lock(/|$)|/$|^/|^@$")
_CONSTRAINT = re.compile(r"[v\d.xX*<>=~^,| -]*[*<>=~^|][v\d.xX*<>=~^,| -]*")


@dataclass(frozen=True, slots=True)
class Refs:
    """The refs of a mirror: full name to commit id; annotated tags already peeled."""

    commits: Mapping[str, str]

    def named(self, prefix: str) -> list[str]:
        """Names under ``refs/heads/`` or ``refs/tags/``, without it."""
        return [ref.removeprefix(prefix) for ref in self.commits if ref.startswith(prefix)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a revision text asks for: one of a known commit, a commit id to look up, or a ref to fetch."""

    commit: str = ""
    object_id: str = ""
    ref: str = ""


def parse_revision(text: str, where: str) -> str:
    """The revision in canonical spelling: ``HEAD``, a commit id in lower case, or a ref name.

    Raises
    ------
    RevisionError
        When it is not a name Git allows.
    """
    if text in ("", "HEAD"):
        return "HEAD"
    if len(text) > MAX_LENGTH or has_control_characters(text):
        raise RevisionError(f"targetRevision {shown(text)} is not a branch, tag or commit id ({where})")
    if _CONSTRAINT.fullmatch(text):
        raise RevisionError(
            f"targetRevision {shown(text)} is a version constraint, which cannot be resolved here; "
            f"name a branch, tag or commit ({where})"
        )
    if _FORBIDDEN.search(text) or text.startswith("-"):
        raise RevisionError(
            f"targetRevision {shown(text)} is not a name Git allows; name a branch, tag or commit ({where})"
        )
    lower = text.lower()
    return lower if FULL_SHA.fullmatch(lower) else text


def find_revision(revision: str, refs: Refs, where: str) -> Wanted:
    """Look a parsed revision up: a full id, ``HEAD``, a full ref, a branch or tag, then an abbreviated id.

    Raises
    ------
    RevisionError
        When a branch and a tag of that name differ, or HEAD is not there.
    """
    if FULL_SHA.fullmatch(revision):
        return Wanted(object_id=revision)
    if revision == "HEAD":
        if commit := refs.commits.get(HEAD_REF):
            return Wanted(commit=commit)
        if refs.commits:
            raise RevisionError(f"HEAD of {where} names no branch; set targetRevision: {_first(refs)}")
        raise RevisionError(f"{where} has no commits yet; push one")
    if revision.startswith("refs/"):
        commit = refs.commits.get(revision, "")
        return Wanted(commit=commit, ref=revision)
    branch, tag = (refs.commits.get(f"refs/{kind}/{revision}") for kind in ("heads", "tags"))
    if branch and tag and branch != tag:
        raise RevisionError(
            f"{shown(revision)} is a branch and a tag in {where}, at different commits; "
            f"write refs/heads/{revision} or refs/tags/{revision}"
        )
    if commit := branch or tag:
        return Wanted(commit=commit)
    return Wanted(object_id=revision.lower() if SHORT_SHA.fullmatch(revision.lower()) else "")


def unknown_revision(revision: str, refs: Refs, where: str) -> RevisionError:
    """The error for a revision that is not there, with near names as a help."""
    names = sorted({*refs.named("refs/heads/"), *refs.named("refs/tags/")})
    if not names:
        return RevisionError(f"revision {shown(revision)} is not in {where}: it has no branches or tags")
    near = _near(revision, names)
    hint = f"did you mean {near}?" if near else f"there are: {_first(refs)}"
    return RevisionError(f"revision {shown(revision)} is not in {where}; {hint}")


def _near(revision: str, names: Iterable[str]) -> str:
    candidates = list(names)
    short = revision.removeprefix("origin/").removeprefix("heads/").removeprefix("tags/")
    if short in candidates:
        return short
    # A million tags must not be compared one by one.
    return " or ".join(difflib.get_close_matches(revision, candidates[:5000], n=3, cutoff=0.6))


def _first(refs: Refs) -> str:
    names = refs.named("refs/heads/") or refs.named("refs/tags/")
    more = f" and {len(names) - FIRST_NAMES} more" if len(names) > FIRST_NAMES else ""
    return ", ".join(sorted(names)[:FIRST_NAMES]) + more
