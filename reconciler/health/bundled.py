"""The customizations that come with the project, and those of a directory."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from reconciler.health.customizations import NO_CUSTOMIZATIONS, Customization, Customizations, Layer
from reconciler.health.parse import kind_of_folder, parse_files
from reconciler.scripts import read_tree

DIRECTORY: Final = Path(__file__).with_name("customizations")
ORIGIN: Final = "built-in"


@cache
def bundled_layer() -> Layer:
    """Our own customizations; the scripts of a kind are read when it is first met."""
    return Layer(_Bundled())


class _Bundled(Mapping[str, Customization]):
    def __init__(self) -> None:
        folders = [path for path in sorted(DIRECTORY.glob("*/*/")) if path.is_dir()]
        self._folders = {kind_of_folder(list(path.relative_to(DIRECTORY).parts)): path for path in folders}
        self._read: dict[str, Customization] = {}

    def __getitem__(self, key: str) -> Customization:
        if key not in self._read:
            folder = self._folders[key]
            place = folder.relative_to(DIRECTORY).as_posix()
            files = {f"{place}/{name}": text for name, text in read_tree(folder).items()}
            self._read[key] = parse_files(files, origin=ORIGIN).entries[key]
        return self._read[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._folders)

    def __len__(self) -> int:
        return len(self._folders)


def load_customizations(directory: Path | None = None) -> Customizations:
    """Our own customizations, and before them those of a directory laid out as ``<group>/<Kind>/health.lua``.

    Raises
    ------
    UsageError
        When the directory cannot be read.
    """
    if directory is None:
        return Customizations((bundled_layer(),))
    return Customizations((parse_files(read_tree(directory), origin=str(directory)), bundled_layer()))


def as_customizations(given: Customizations | Path | str | None) -> Customizations:
    """The customizations themselves, or those of a directory before our own, or none."""
    if given is None:
        return NO_CUSTOMIZATIONS
    return given if isinstance(given, Customizations) else load_customizations(Path(given))
