"""``.helmignore``: which files of a chart folder Helm passes over (pkg/ignore of Helm 4).

Unlike in ``.gitignore`` the rules are tried in order and the first that decides ends it, ``**`` is refused, and a rule
with ``!`` ignores all that it does not match.
"""

from dataclasses import dataclass
from functools import lru_cache

from reconciler.errors import GenerationError
from reconciler.globs import Glob
from reconciler.source.files.globs import read_path_glob

FILE_NAME = ".helmignore"
DEFAULT_RULE = "templates/.?*"
MAX_RULE_LENGTH = 1024
MAX_COST = 2_000_000
"""Of all matching with one file: about ten seconds at the worst, where a chart makes itself difficult."""


@dataclass(frozen=True, slots=True)
class _Rule:
    """``segments`` match a path's last name alone when ``anywhere``, else the path from the chart's folder on."""

    text: str
    segments: tuple[Glob, ...]
    anywhere: bool
    negated: bool
    folders_only: bool

    def cost(self, path: str) -> int:
        """What matching may take: pattern times text where there are several wildcards, else little."""
        return 1 + (len(self.text) * len(path) // 50 if self.text.count("*") > 1 else 0)

    def matches(self, path: str) -> bool:
        parts = path.split("/")
        if self.anywhere:
            return self.segments[0].matches(parts[-1])
        return len(parts) == len(self.segments) and all(
            glob.matches(part) for glob, part in zip(self.segments, parts, strict=True)
        )


class IgnoreRules:
    """The rules of one ``.helmignore`` (empty where there is none) and Helm's own.

    Raises
    ------
    GenerationError
        For a rule with ``**``, or with a bracket that does not close; later, when matching takes too long.
    """

    def __init__(self, text: str, *, file: str) -> None:
        lines = [*text.removeprefix("\ufeff").split("\n"), DEFAULT_RULE]
        rules = []
        for number, line in enumerate(lines, start=1):
            try:
                rules.append(_rule(line.strip()))
            except GenerationError as error:
                raise GenerationError(f"{file}: line {number}: {error}") from None
        self._rules = tuple(rule for rule in rules if rule)
        self._file = file
        self._cost = 0

    def ignores(self, path: str, *, is_folder: bool) -> bool:
        """Whether the file or folder at ``path`` in the chart is left out; of a folder, all that is in it."""
        for rule in self._rules:
            self._cost += rule.cost(path)
            if self._cost > MAX_COST:
                raise GenerationError(f"{self._file}: too many rules for this many files; simplify the rules")
            if rule.negated:
                if (rule.folders_only and not is_folder) or not rule.matches(path):
                    return True
            elif (is_folder or not rule.folders_only) and rule.matches(path):
                return True
        return False


@lru_cache(maxsize=256)
def _rule(line: str) -> _Rule | None:
    if not line or line.startswith("#"):
        return None
    if len(line) > MAX_RULE_LENGTH:
        raise GenerationError(f"a rule has more than {MAX_RULE_LENGTH} characters")
    if "**" in line:
        raise GenerationError("** is not supported; name each level")
    pattern = line.removeprefix("!")
    folders_only = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    anywhere = "/" not in pattern
    segments = tuple(read_path_glob(part, field=FILE_NAME) for part in pattern.removeprefix("/").split("/"))
    return _Rule(line, segments, anywhere, line.startswith("!"), folders_only)
