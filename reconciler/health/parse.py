"""Customizations out of the data of ``argocd-cm`` and out of a directory's files."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from reconciler.errors import SpecError, Violation
from reconciler.health.customizations import ActionScripts, Customization, Customizations, Layer, Script
from reconciler.manifest.yaml import load_document

WHERE: Final = "argocd-cm"
SETTING_KSTATUS: Final = "health.kstatus.enabled"
"""A key of ours in ``argocd-cm``: ``"false"`` leaves kinds without a rule without health, as Argo CD does."""

_BLOCK: Final = "resource.customizations"
_HEALTH: Final = "health.lua"
_OPEN: Final = "health.lua.useOpenLibs"
_DISCOVERY: Final = "discovery.lua"
_ACTION: Final = "action.lua"


def parse_customizations(data: Mapping[str, str], *layers: Layer) -> Customizations:
    """The customizations of ``argocd-cm``'s data, asked before ``layers``.

    Both forms are read: keys such as ``resource.customizations.health.<group>_<Kind>``, and the YAML block
    ``resource.customizations`` by ``<group>/<Kind>``; a key wins over the block. ``*`` stands for any text in both.

    Source: util/settings/settings.go (GetResourceOverrides), argo-cd 37ee009.

    Raises
    ------
    SpecError
        With every entry that cannot be read.
    """
    violations: list[Violation] = []
    overrides = _block(data, violations)
    for name, text in sorted(data.items()):
        kind, _, target = name.removeprefix(f"{_BLOCK}.").partition(".")
        field = {"health": _HEALTH, "actions": "actions", "useOpenLibs": _OPEN}.get(kind)
        if not name.startswith(f"{_BLOCK}.") or field is None:
            continue
        key = target.replace("_", "/").removeprefix("/")
        if not key or key.count("/") > 1:
            violations.append(Violation(f"data[{name}]", f"expected {_BLOCK}.{kind}.<group>_<Kind>"))
            continue
        overrides[key][field] = text
        overrides[key][f"origin of {field}"] = f"{WHERE} {name}"
    entries = {key: _customization(key, override, violations) for key, override in overrides.items()}
    kstatus = data.get(SETTING_KSTATUS, "true").strip().lower()
    if kstatus not in ("true", "false"):
        violations.append(Violation(f"data[{SETTING_KSTATUS}]", f"{kstatus!r} is neither true nor false"))
    if violations:
        raise SpecError(WHERE, violations)
    return Customizations((Layer(entries), *layers), kstatus == "true")


def parse_files(files: Mapping[str, str], *, origin: str) -> Layer:
    """The customizations of a directory laid out as Argo CD's own: ``<group>/<Kind>/health.lua`` and ``actions/``.

    ``_`` in a folder's name stands for any text. The scripts may use the open libraries, as Argo CD's own may.

    Parameters
    ----------
    files
        Texts by path, with ``/``.
    origin
        Names the directory in messages.
    """
    health: dict[str, Script] = {}
    discovery: dict[str, Script] = {}
    actions: dict[str, dict[str, Script]] = defaultdict(dict)
    for path, text in files.items():
        script = Script(text, f"{origin}/{path}", open_libraries=True)
        match path.split("/"):
            case [*folders, "actions", "discovery.lua"] if 1 <= len(folders) <= 2:
                discovery[kind_of_folder(folders)] = script
            case [*folders, "actions", name, "action.lua"] if 1 <= len(folders) <= 2:
                actions[kind_of_folder(folders)][name] = script
            case [*folders, "health.lua"] if 1 <= len(folders) <= 2:
                health[kind_of_folder(folders)] = script
    return Layer(
        {
            key: Customization(
                health.get(key),
                ActionScripts(discovery.get(key), actions.get(key, {})) if key in discovery or key in actions else None,
            )
            for key in sorted({*health, *discovery, *actions})
        }
    )


def kind_of_folder(folders: list[str]) -> str:
    """The key of the kind whose customization lies below these folders."""
    return "/".join(folders).replace("_", "*")


def _block(data: Mapping[str, str], violations: list[Violation]) -> "defaultdict[str, dict[str, Any]]":
    """The entries of the YAML block, by key."""
    overrides: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    try:
        block = load_document(data.get(_BLOCK, ""), file=f"{WHERE} {_BLOCK}")
    except SpecError as error:
        violations.append(Violation(f"data[{_BLOCK}]", str(error)))
        return overrides
    if not isinstance(block or {}, dict):
        violations.append(Violation(f"data[{_BLOCK}]", "expected a mapping by <group>/<Kind>"))
        return overrides
    for key, override in (block or {}).items():
        if not isinstance(override or {}, dict) or key.count("/") > 1:
            violations.append(Violation(f"data[{_BLOCK}][{key}]", "expected a mapping, by <group>/<Kind>"))
            continue
        overrides[key] = dict(override or {})
        overrides[key] |= {f"origin of {name}": f"{WHERE} {_BLOCK} {key}" for name in (_HEALTH, "actions")}
    return overrides


def _customization(key: str, override: Mapping[str, Any], violations: list[Violation]) -> Customization:
    origin = str(override.get(f"origin of {_HEALTH}", key))
    text, open_libraries = override.get(_HEALTH), override.get(_OPEN)
    if text is not None and not isinstance(text, str):
        violations.append(Violation(f"{key}.{_HEALTH}", "must be text"))
        text = None
    if str(open_libraries).lower() not in ("true", "false", "none"):
        violations.append(Violation(f"{key}.{_OPEN}", f"{open_libraries!r} is neither true nor false"))
    is_open = str(open_libraries).lower() == "true"
    health = Script(text, origin, open_libraries=is_open) if text else None
    return Customization(health, _actions(key, override, violations, open_libraries=is_open))


def _actions(
    key: str, override: Mapping[str, Any], violations: list[Violation], *, open_libraries: bool
) -> ActionScripts | None:
    text, origin = override.get("actions"), str(override.get("origin of actions", key))
    if not text:
        return None
    try:
        document = load_document(text, file=origin) if isinstance(text, str) else text
    except SpecError as error:
        violations.append(Violation(f"{key}.actions", str(error)))
        return None
    definitions = document.get("definitions") or [] if isinstance(document, dict) else None
    discovery = document.get(_DISCOVERY) or "" if isinstance(document, dict) else ""
    if not isinstance(definitions, list) or not isinstance(discovery, str):
        violations.append(Violation(f"{key}.actions", f"expected a mapping with {_DISCOVERY} and definitions"))
        return None
    scripts: dict[str, Script] = {}
    for index, entry in enumerate(definitions):
        name, action = (entry.get("name"), entry.get(_ACTION)) if isinstance(entry, dict) else (None, None)
        if not isinstance(name, str) or not name or not isinstance(action, str):
            violations.append(Violation(f"{key}.actions.definitions[{index}]", f"expected name and {_ACTION}"))
            continue
        scripts.setdefault(name, Script(action, f"{origin} {name}", open_libraries=open_libraries))
    found = Script(discovery, f"{origin} {_DISCOVERY}", open_libraries=open_libraries) if discovery else None
    return ActionScripts(found, scripts, document.get("mergeBuiltinActions") is True)
