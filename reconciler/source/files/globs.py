"""Globs of a source: what is none is an error of the source, which names the field."""

from reconciler.errors import GenerationError
from reconciler.globs import Dialect, Glob, GlobError, parse_glob, parse_path_glob
from reconciler.source.files.paths import shown


def read_glob(pattern: str, *, field: str) -> Glob:
    """A glob whose ``*`` crosses ``/``; see `reconciler.globs.parse_glob`.

    Raises
    ------
    GenerationError
        For a pattern that is none.
    """
    try:
        return parse_glob(pattern)
    except GlobError as error:
        raise GenerationError(f"{field}: {shown(pattern)} {error.problem}") from error


def read_path_glob(pattern: str, *, field: str, dialect: Dialect = "path") -> Glob:
    """A glob of one level of a path; see `reconciler.globs.parse_path_glob`.

    Raises
    ------
    GenerationError
        For a pattern that is none.
    """
    try:
        return parse_path_glob(pattern, dialect=dialect)
    except GlobError as error:
        raise GenerationError(f"{field}: {shown(pattern)} {error.problem}") from error
