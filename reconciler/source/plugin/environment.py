"""The variables of a plugin, and what of them may not be shown.

Nothing of the run's own environment is in it but what the operator passes on by name; names that an Application chooses get
a prefix, so that none of them is ``PATH`` or ``LD_PRELOAD``. Source: getPluginEnvs in reposerver/repository/repository.go,
ApplicationSourcePluginParameters.Environ in pkg/apis/application/v1alpha1/types.go.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reconciler.errors import GenerationError
from reconciler.model.source import PluginOptions, PluginParameter
from reconciler.source.build_environment import substitute
from reconciler.source.files.paths import shown
from reconciler.source.plugin.definition import Plugin
from reconciler.source.rendering import RenderRequest

MASK = "++++++++"
MASKED_FROM = 6
"""Characters: shorter values are too common in ordinary text to be hidden."""

_NOT_IN_NAMES = re.compile(r"[^A-Z0-9_]")
_CREDENTIALS = re.compile(r"//[^/\s]*@")
_HTML = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


class Mask:
    """Hides values in text that people are shown."""

    def __init__(self, values: Iterable[str]) -> None:
        hidden = {part for value in values for part in (value, *value.splitlines()) if len(part) >= MASKED_FROM}
        encoded = {base64.b64encode(part.encode("utf-8", "surrogateescape")).decode() for part in hidden}
        self._hidden = sorted(hidden | encoded, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text on one line, values and the credentials of addresses hidden."""
        for value in self._hidden:
            text = text.replace(value, MASK)
        text = _CREDENTIALS.sub(f"//{MASK}@", text)
        return "".join(character if character.isprintable() else " " for character in text).strip()


def plugin_environment(request: RenderRequest, plugin: Plugin, *, home: str) -> tuple[dict[str, str], Mask]:
    """The whole environment of a plugin's commands, and the mask for what they say.

    Raises
    ------
    GenerationError
        A name or value that cannot be in an environment.
    """
    options = request.source.plugin
    field = f"{request.where}.plugin"
    build = dict(request.variables)
    passed_on = plugin.passed_on()
    environment = {"PATH": plugin.path, "LANG": "C.UTF-8", **passed_on, "HOME": home, "TMPDIR": home, **build}
    chosen: dict[str, str] = {}
    if options is not None:
        for index, entry in enumerate(options.env):
            _require_name(entry.name, f"{field}.env[{index}].name")
            chosen[f"ARGOCD_ENV_{entry.name}"] = substitute(entry.value, build)
        chosen |= parameter_variables(options)
    for name, value in chosen.items():
        if "\0" in value:
            raise GenerationError(f"{field}: the value of {name} holds a NUL character, which no variable can")
    # What is empty is left out, as Argo CD does (environ in cmpserver/plugin/plugin.go).
    environment |= {name: value for name, value in chosen.items() if value}
    raw = [entry.value for entry in options.env] if options else []
    hidden = [value for name, value in chosen.items() if name != "ARGOCD_APP_PARAMETERS"]
    return environment, Mask([*raw, *hidden, *passed_on.values()])


def parameter_variables(options: PluginOptions) -> dict[str, str]:
    """``ARGOCD_APP_PARAMETERS`` with all parameters as JSON, and ``PARAM_…`` for each value of each."""
    variables = {"ARGOCD_APP_PARAMETERS": _go_json([_as_json(parameter) for parameter in options.parameters] or None)}
    for parameter in options.parameters:
        variables |= dict(_values(parameter))
    return variables


def _values(parameter: PluginParameter) -> Iterator[tuple[str, str]]:
    base = f"PARAM_{_escaped(parameter.name)}"
    if parameter.string is not None:
        yield base, parameter.string
    for key, value in sorted((parameter.map or {}).items()):
        yield f"{base}_{_escaped(key)}", value
    for index, value in enumerate(parameter.array or ()):
        yield f"{base}_{index}", value


def _as_json(parameter: PluginParameter) -> Mapping[str, Any]:
    array = None if parameter.array is None else list(parameter.array)
    fields = {"name": parameter.name, "string": parameter.string, "map": parameter.map, "array": array}
    return {name: value for name, value in fields.items() if value is not None}


def _go_json(value: Any) -> str:
    """JSON as Go's encoding/json writes it: sorted keys, no spaces, and nothing that HTML could take for a tag."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    for character, escape in _HTML.items():
        text = text.replace(character, escape)
    return text


def _escaped(name: str) -> str:
    return _NOT_IN_NAMES.sub("_", name.upper())


def _require_name(name: str, field: str) -> None:
    if not name or "=" in name or "\0" in name:
        raise GenerationError(f"{field}: {shown(name)} is not the name of a variable; use letters, digits and _")
