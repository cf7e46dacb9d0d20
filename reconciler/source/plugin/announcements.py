"""The parameters that a plugin announces, for screens that ask for them; they are never sent to the plugin."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.errors import GenerationError
from reconciler.source.plugin.discovery import choose_plugin
from reconciler.source.plugin.run import PluginRun
from reconciler.source.rendering import RenderRequest


@dataclass(frozen=True, slots=True)
class Announcement:
    """One parameter with the default that the plugin's author tells: one of ``string``, ``array`` and ``map``.

    ``collection_type`` is ``string``, ``array`` or ``map``; ``item_type`` is a hint for how a value is entered.
    """

    name: str
    title: str = ""
    tooltip: str = ""
    required: bool = False
    item_type: str = "string"
    collection_type: str = "string"
    string: str = ""
    array: tuple[str, ...] = ()
    map: Mapping[str, str] = field(default_factory=dict)


def announce_parameters(request: RenderRequest) -> tuple[Announcement, ...]:
    """The dynamic announcements, then the static ones: of two with one name the later counts.

    Raises
    ------
    GenerationError
        No plugin for the source, a command that fails, or an announcement that is none.
    """
    plugin = choose_plugin(request)
    found: list[Any] = []
    if plugin.dynamic:
        with PluginRun(request, plugin) as run:
            answer = run.json(plugin.dynamic, "parameters.dynamic")
        if not isinstance(answer, list | None):
            raise GenerationError(f"plugin {plugin.name}: parameters.dynamic printed no list of announcements")
        found += answer or ()
    where = f"plugin {plugin.name}: parameters"
    return tuple(
        _announcement(entry, f"{where}[{index}]") for index, entry in enumerate([*found, *plugin.announcements])
    )


def _announcement(entry: Any, where: str) -> Announcement:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise GenerationError(f"{where}: not an announcement; expected a mapping with a name")
    array, mapping = entry.get("array") or [], entry.get("map") or {}
    if not isinstance(array, list) or not isinstance(mapping, Mapping):
        raise GenerationError(f"{where}: array must be a list and map a mapping")
    texts = {name: entry.get(key) or "" for name, key in _TEXTS.items()}
    if not all(isinstance(text, str) for text in texts.values()):
        raise GenerationError(f"{where}: {', '.join(_TEXTS.values())} must be texts")
    return Announcement(
        name=entry["name"],
        required=entry.get("required") is True,
        item_type=texts.pop("item_type") or "string",
        collection_type=texts.pop("collection_type") or "string",
        array=tuple(str(item) for item in array),
        map={str(key): str(value) for key, value in mapping.items()},
        **texts,
    )


_TEXTS = {
    "title": "title",
    "tooltip": "tooltip",
    "item_type": "itemType",
    "collection_type": "collectionType",
    "string": "string",
}
