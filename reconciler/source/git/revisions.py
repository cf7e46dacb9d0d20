"""From a ``targetRevision`` to a commit: the text is matched against the mirror's refs here, never handed to Git.

Source: docs/user-guide/tracking_strategies.md, util/git/client.go and util/versions of Argo CD; git-check-ref-format(1).
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from reconciler.errors import RevisionError
from reconciler.source.files.paths import has_control_characters, shown
from reconciler.source.versions import is_constraint, is_version, max_satisfying, newest_first

FULL_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
SHORT_SHA = re.compile(r"[0-9a-f]{7,63}")
HEAD_REF = "refs/reconciler/HEAD"
"""Where the mirror keeps the remote's HEAD."""
MAX_LENGTH = 250
FIRST_NAMES = 5

_BRANCHES, _TAGS = "refs/heads/", "refs/tags/"
_FORBIDDEN = re.compile(r"\.\.|@\{|//|[ ~^:?*\[\\]|(^|/)[.-]|\.(/|$)|\.lock(/|$)|/$|^/|^@$")


@dataclass(frozen=True, slots=True)
class Refs:
    """The refs of a mirror: full name to object id; annotated tags are not peeled."""

    ids: Mapping[str, str]

    def named(self, prefix: str) -> list[str]:
        """Names under ``refs/heads/`` or ``refs/tags/``, without it."""
        return [ref.removeprefix(prefix) for ref in self.ids if ref.startswith(prefix)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a revision text asks for: the ref ``ref``, or a commit by its id, whole or abbreviated; ``name`` for messages."""

    name: str
    ref: str = ""
    object_id: str = ""


def is_ref_name(name: str) -> bool:
    """Whether ``name`` is a whole ref name that Git allows and that is safe to print."""
    if not name.startswith("refs/") or len(name) > MAX_LENGTH + len(_BRANCHES) or _FORBIDDEN.search(name):
        return False
    return (name.isascii() and name.isprintable()) or not has_control_characters(name)


def parse_revision(text: str, where: str) -> str:
    """The revision in canonical spelling: ``HEAD``, a commit id in lower case, a ref name, or a version constraint.

    Raises
    ------
    RevisionError
        When it is neither a name Git allows nor a constraint.
    """
    if text in ("", "HEAD"):
        return "HEAD"
    if len(text) > MAX_LENGTH or has_control_characters(text):
        raise RevisionError(f"targetRevision {shown(text)} is not a branch, tag or commit id ({where})")
    if text.startswith("-") or (_FORBIDDEN.search(text) and not is_constraint(text)):
        raise RevisionError(
            f"targetRevision {shown(text)} is neither a name Git allows nor a version constraint; "
            f"name a branch, tag or commit ({where})"
        )
    lower = text.lower()
    return lower if FULL_SHA.fullmatch(lower) else text


def parse_tag_prefix(text: str, where: str) -> str:
    """A ``tagPrefix`` with which a tag's name may begin.

    Raises
    ------
    RevisionError
        When no tag can begin so.
    """
    if text and (len(text) > MAX_LENGTH or has_control_characters(text) or _FORBIDDEN.search(f"{text}x")):
        raise RevisionError(f"tagPrefix {shown(text)} is not how a tag's name can begin ({where})")
    return text


def find_revision(revision: str, tag_prefix: str, refs: Refs, peel: Callable[[str], str], where: str) -> Wanted:
    """Look a parsed revision up: a full id, a constraint on tags, ``HEAD``, a ref, a branch or tag, an abbreviated id.

    Versions, constraints and names of tags are looked for among the tags that begin with ``tag_prefix``.

    Parameters
    ----------
    peel
        From the id of a ref to that of its commit.

    Raises
    ------
    RevisionError
        When a branch and a tag of that name differ, HEAD is not there, or no tag satisfies a constraint.
    """
    if FULL_SHA.fullmatch(revision):
        return Wanted(revision, object_id=revision)
    if chosen := _chosen_tag(revision, tag_prefix, refs):
        return Wanted(revision, chosen)
    if _FORBIDDEN.search(revision):
        raise _unsatisfied(revision, tag_prefix, refs, where)
    if tag_prefix and is_version(revision):
        revision = f"{tag_prefix}{revision}"
    if revision == "HEAD":
        if HEAD_REF in refs.ids:
            return Wanted(revision, HEAD_REF)
        if refs.ids:
            raise RevisionError(f"HEAD of {where} names no branch; set targetRevision: {_first(refs)}")
        raise RevisionError(f"{where} has no commits yet; push one")
    if revision.startswith("refs/"):
        return Wanted(revision, revision)
    branch, tag = f"{_BRANCHES}{revision}", f"{_TAGS}{revision}"
    if branch in refs.ids and tag in refs.ids and peel(refs.ids[branch]) != peel(refs.ids[tag]):
        raise RevisionError(
            f"{shown(revision)} is a branch and a tag in {where}, at different commits; "
            f"write refs/heads/{revision} or refs/tags/{revision}"
        )
    for ref in (tag, branch):
        if ref in refs.ids:
            return Wanted(revision, ref)
    lower = revision.lower()
    return Wanted(revision, object_id=lower if SHORT_SHA.fullmatch(lower) else "")


def unknown_revision(revision: str, refs: Refs, where: str) -> RevisionError:
    """The error for a revision that is not there, with near names as a help."""
    names = sorted({*refs.named(_BRANCHES), *refs.named(_TAGS)})
    if not names:
        return RevisionError(f"revision {shown(revision)} is not in {where}: it has no branches or tags")
    near = _near(revision, names)
    hint = f"did you mean {near}?" if near else f"there are: {_first(refs)}"
    return RevisionError(f"revision {shown(revision)} is not in {where}; {hint}")


def _chosen_tag(revision: str, prefix: str, refs: Refs) -> str:
    """The tag that a constraint chooses, or that ``tagPrefix`` makes of a name; empty for all else."""
    if is_constraint(revision):
        tags = [name.removeprefix(prefix) for name in refs.named(_TAGS) if name.startswith(prefix)]
        best = max_satisfying(revision, sorted(tags))
        return f"{_TAGS}{prefix}{best}" if best is not None else ""
    prefixed = f"{_TAGS}{prefix}{revision}"
    return prefixed if prefix and prefixed in refs.ids else ""


def _unsatisfied(constraint: str, prefix: str, refs: Refs, where: str) -> RevisionError:
    tags = [name for name in refs.named(_TAGS) if name.startswith(prefix)]
    versions = [text for text in newest_first(sorted(name.removeprefix(prefix) for name in tags)) if is_version(text)]
    among = f" that begins with {shown(prefix)}" if prefix else ""
    hint = ", ".join(versions[:FIRST_NAMES]) or "none is a version"
    return RevisionError(f"no tag{among} in {where} satisfies {shown(constraint)}; the newest versions are: {hint}")


def _near(revision: str, names: Iterable[str]) -> str:
    candidates = list(names)
    short = revision.removeprefix("origin/").removeprefix("heads/").removeprefix("tags/")
    if short in candidates:
        return short
    # A million tags must not be compared one by one.
    return " or ".join(difflib.get_close_matches(revision, candidates[:5000], n=3, cutoff=0.6))


def _first(refs: Refs) -> str:
    names = refs.named(_BRANCHES) or refs.named(_TAGS)
    more = f" and {len(names) - FIRST_NAMES} more" if len(names) > FIRST_NAMES else ""
    return ", ".join(sorted(names)[:FIRST_NAMES]) + more
