"""A directory of customizations as a mapping from path to text."""

from pathlib import Path

from reconciler.errors import SpecError, UsageError

SCRIPTS = (".lua",)
SUITES = (".lua", ".yaml", ".yml")
MAX_FILE_BYTES = 2 * 10**6
MAX_FILES = 20_000


def read_tree(directory: Path, *, suffixes: tuple[str, ...] = SCRIPTS) -> dict[str, str]:
    """The text of each file below ``directory`` with one of ``suffixes``, by its path with ``/``, in the order of paths.

    Raises
    ------
    UsageError
        When it is no directory or cannot be read.
    SpecError
        When a file has more than 2 MB, is not UTF-8, or is a link out of the directory; for more than 20,000 files.
    """
    if not directory.is_dir():
        raise UsageError(f"{directory}: not a directory; expected one laid out as <group>/<Kind>/health.lua")
    root = directory.resolve()
    files: dict[str, str] = {}
    for path in sorted(directory.rglob("*")):
        if path.suffix not in suffixes or not path.is_file():
            continue
        if len(files) == MAX_FILES:
            raise SpecError(f"{directory}: more than {MAX_FILES} files; give the directory of customizations only")
        files[path.relative_to(directory).as_posix()] = _read(path, root)
    return files


def _read(path: Path, root: Path) -> str:
    if not path.resolve().is_relative_to(root):
        raise SpecError(f"{path}: a link that leads out of the directory; put the file itself there")
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise SpecError(f"{path}: more than {MAX_FILE_BYTES // 10**6} MB")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SpecError(f"{path}: not UTF-8 text; save the file as UTF-8") from None
