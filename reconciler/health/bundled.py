"""The customizations that come with the project, and those of a directory."""

from functools import cache
from pathlib import Path
from typing import Final

from reconciler.health.customizations import NO_CUSTOMIZATIONS, Customizations, Layer
from reconciler.health.parse import parse_files
from reconciler.scripts import read_tree

DIRECTORY: Final = Path(__file__).with_name("customizations")
ORIGIN: Final = "built-in"


@cache
def bundled_layer() -> Layer:
    """Our own customizations."""
    return parse_files(read_tree(DIRECTORY), origin=ORIGIN)


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
