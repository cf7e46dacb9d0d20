"""Semantic versions and constraints on them, exactly as Helm and Argo CD read them (Masterminds/semver v3.5.0).

That library is lenient (``v1``, ``1.2``, leading zeros) and has habits of its own (``^*`` is ``0.0.0`` alone), which no
Python package shares; the differential test beside this module holds it to the original.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

MAX_VERSION_LENGTH = 256
MAX_CONSTRAINT_LENGTH = 512
MAX_ALTERNATIVES = 32
"""Groups that ``||`` separates."""

_MAX_NUMBER = 2**64
_IDENTIFIERS = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_SUFFIX = rf"(?P<pre>-{_IDENTIFIERS})?(?:\+{_IDENTIFIERS})?"
_VERSION = re.compile(rf"v?(?P<major>[0-9]+)(?:\.(?P<minor>[0-9]+))?(?:\.(?P<patch>[0-9]+))?{_SUFFIX}")
_SPACE = r"[\t\n\f\r ]"
_SEGMENT = r"[0-9|xX*]+"
# Without names, so that it may be repeated in one expression.
_LOOSE = rf"v?{_SEGMENT}(?:\.{_SEGMENT})?(?:\.{_SEGMENT})?(?:-{_IDENTIFIERS})?(?:\+{_IDENTIFIERS})?"
_OPERATORS = r"=>|=<|>=|<=|!=|~>|=|>|<|~|\^"
_TERM = rf"(?:(?:{_OPERATORS}){_SPACE}*)?{_LOOSE}"
_GROUP = re.compile(rf"{_SPACE}*{_TERM}(?:(?:{_SPACE}*,{_SPACE}*|{_SPACE}+){_TERM})*{_SPACE}*")
_FIND_TERM = re.compile(rf"(?P<operator>{_OPERATORS})?{_SPACE}*(?P<version>{_LOOSE})")
_PARTS = re.compile(rf"v?(?P<major>{_SEGMENT})(?:\.(?P<minor>{_SEGMENT}))?(?:\.(?P<patch>{_SEGMENT}))?{_SUFFIX}")
_RANGE = re.compile(rf"{_SPACE}*({_LOOSE}){_SPACE}+-{_SPACE}+({_LOOSE}){_SPACE}*")
_WILDCARDS = frozenset({"x", "X", "*", None})


@dataclass(frozen=True, slots=True)
class Version:
    """A version; ``pre`` holds the identifiers of a pre-release, build metadata is dropped as it orders nothing."""

    major: int
    minor: int
    patch: int
    pre: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[object, ...]:
        """Orders versions by precedence: a pre-release before its release, numbers before words."""
        identifiers = tuple(
            (0, int(text), "") if text.isdigit() and int(text) < _MAX_NUMBER else (1, 0, text) for text in self.pre
        )
        return (self.major, self.minor, self.patch, not self.pre, identifiers)


@dataclass(frozen=True, slots=True)
class _Term:
    """``operator version``; ``fixed`` is how many of major, minor and patch are numbers before the first wildcard."""

    operator: str
    version: Version
    fixed: int


def parse_version(text: str) -> Version | None:
    """The version that ``text`` is: ``1.2.3-rc.1+build``, also ``v1``, ``1.2`` and ``2024.03``; None when it is none."""
    match = _VERSION.fullmatch(text) if len(text) <= MAX_VERSION_LENGTH else None
    if match is None:
        return None
    major, minor, patch = (int(match[name] or 0) for name in ("major", "minor", "patch"))
    pre = tuple(match["pre"][1:].split(".")) if match["pre"] else ()
    if max(major, minor, patch) >= _MAX_NUMBER or any(
        len(part) > 1 and part[0] == "0" and part.isdigit() for part in pre
    ):
        return None
    return Version(major, minor, patch, pre)


def is_version(text: str) -> bool:
    """Whether Argo CD takes ``text`` for one version, and so for an exact tag (util/versions of Argo CD)."""
    return parse_version(text) is not None


def is_constraint(text: str) -> bool:
    """Whether ``text`` is a constraint such as ``1.*``, ``>=1.2 <2`` or ``^1 || ~2.1``, and not one version."""
    return not is_version(text) and _parse(text) is not None


def satisfies(constraint: str, version: str) -> bool:
    """Whether ``version`` satisfies ``constraint``; False when either is malformed.

    Unlike for `is_constraint`, a version is a constraint here: ``1.2`` means ``1.2.x``, as in Helm.
    """
    groups, parsed = _parse(constraint), parse_version(version)
    return groups is not None and parsed is not None and _check(groups, parsed)


def max_satisfying(constraint: str, versions: Iterable[str]) -> str | None:
    """The newest of ``versions`` that satisfies ``constraint``, spelt as given; the first of equal ones; None for none.

    Malformed versions are passed over. Pre-releases count only where the constraint names one, as ``>=1-0`` does.
    """
    groups = _parse(constraint)
    best: tuple[tuple[object, ...], str] | None = None
    for text in versions if groups is not None else ():
        version = parse_version(text)
        if version is not None and _check(groups or (), version) and (best is None or version.key > best[0]):
            best = (version.key, text)
    return best[1] if best else None


def newest_first(versions: Iterable[str]) -> list[str]:
    """``versions`` from new to old; what is no version comes last, in the order given."""
    parsed = [(parse_version(text), text) for text in versions]
    known = sorted(((version.key, text) for version, text in parsed if version), key=lambda pair: pair[0], reverse=True)
    return [text for _, text in known] + [text for version, text in parsed if version is None]


@lru_cache(maxsize=256)
def _parse(text: str) -> tuple[tuple[_Term, ...], ...] | None:
    """Alternatives, each a group of terms that hold together; None when ``text`` is no constraint."""
    if len(text) > MAX_CONSTRAINT_LENGTH:
        return None
    for match in _RANGE.finditer(text):
        text = text.replace(match[0], f">= {match[1]}, <= {match[2]} ", 1)
    groups = text.split("||")
    if len(groups) > MAX_ALTERNATIVES:
        return None
    parsed = []
    for group in groups:
        if _GROUP.fullmatch(group) is None:
            return None
        terms = [_term(match["operator"] or "", match["version"]) for match in _FIND_TERM.finditer(group)]
        if None in terms:
            return None
        parsed.append(tuple(term for term in terms if term))
    return tuple(parsed)


def _term(operator: str, text: str) -> _Term | None:
    match = _PARTS.fullmatch(text)
    assert match is not None
    parts = [match["major"], match["minor"], match["patch"]]
    fixed = next((index for index, part in enumerate(parts) if part in _WILDCARDS), 3)
    if fixed < 3:
        text = ".".join([*parts[:fixed], *["0"] * (3 - fixed)]) + (match["pre"] or "")
    version = parse_version(text)
    return None if version is None else _Term(operator, version, fixed)


def _check(groups: tuple[tuple[_Term, ...], ...], version: Version) -> bool:
    return any(
        (not version.pre or any(term.version.pre for term in group))
        and all(_OPERATIONS[term.operator](version, term) for term in group)
        for group in groups
    )


def _equal(version: Version, term: _Term) -> bool:
    return version == term.version if term.fixed == 3 else _tilde(version, term)


def _not_equal(version: Version, term: _Term) -> bool:
    bound = term.version
    if term.fixed == 1:
        return version.major != bound.major
    if term.fixed == 2:
        return (version.major, version.minor, version.pre) != (bound.major, bound.minor, bound.pre)
    return version != bound


def _greater(version: Version, term: _Term) -> bool:
    # >1 begins at 2.0.0 and >1.2 at 1.3.0.
    if term.fixed in (1, 2):
        return _head(version, term.fixed) > _head(term.version, term.fixed)
    return version.key > term.version.key


def _less(version: Version, term: _Term) -> bool:
    return version.key < term.version.key


def _at_least(version: Version, term: _Term) -> bool:
    return version.key >= term.version.key


def _at_most(version: Version, term: _Term) -> bool:
    # <=1 ends before 2.0.0 and <=1.2 before 1.3.0; <=* is <=0.0.
    if term.fixed < 3:
        length = 1 if term.fixed == 1 else 2
        return _head(version, length) <= _head(term.version, length)
    return version.key <= term.version.key


def _tilde(version: Version, term: _Term) -> bool:
    if not _at_least(version, term):
        return False
    # ~0.0.0 means any version, as ~* does.
    if term.fixed in (0, 3) and _head(term.version, 3) == (0, 0, 0):
        return True
    length = 1 if term.fixed == 1 else 2
    return _head(version, length) == _head(term.version, length)


def _caret(version: Version, term: _Term) -> bool:
    bound = term.version
    # The leftmost number that is not zero stays, or the last that is given.
    length = 2 if bound.minor > 0 or term.fixed == 2 else 3
    if bound.major > 0 or term.fixed == 1:
        length = 1
    return _at_least(version, term) and _head(version, length) == _head(bound, length)


def _head(version: Version, length: int) -> tuple[int, ...]:
    return (version.major, version.minor, version.patch)[:length]


_OPERATIONS: dict[str, Callable[[Version, _Term], bool]] = {
    "": _equal,
    "=": _equal,
    "!=": _not_equal,
    ">": _greater,
    "<": _less,
    ">=": _at_least,
    "=>": _at_least,
    "<=": _at_most,
    "=<": _at_most,
    "~": _tilde,
    "~>": _tilde,
    "^": _caret,
}
