"""A ksonnet application, rendered as ``ks show <environment>`` of ksonnet 0.13 does, through jsonnet in a worker.

For each module: its ``params.libsonnet``, with ``global`` laid over each component's, is ``__ksonnet/params`` to the
environment's ``params.libsonnet``; what that makes is ``__ksonnet/params`` to the environment's ``main.jsonnet``, with all
components as ``__ksonnet/components`` and the destination as ``__ksonnet/environments``.

Source: pkg/pipeline/pipeline.go, pkg/env/env.go, pkg/params, pkg/component of ksonnet/ksonnet; util/ksonnet of Argo CD 1.7.
"""

import json
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from reconciler.errors import GenerationError
from reconciler.manifest.objects import Manifest
from reconciler.manifest.yaml import load_documents
from reconciler.model.source import KsonnetOptions, KsonnetParameter
from reconciler.processes.worker import WorkerPool
from reconciler.source.directory import MAX_OBJECTS, flatten
from reconciler.source.files.paths import join, shown
from reconciler.source.jsonnet.evaluate import (
    JSONNET_WORKERS,
    MAX_FILE_BYTES,
    Arguments,
    Evaluator,
    read_source,
)
from reconciler.source.jsonnet.ksonnet_application import (
    PARAMETERS_FILE,
    Component,
    Environment,
    find_components,
    load_environment,
    module_folder,
)
from reconciler.source.rendering import Origin, Rendering, RenderRequest
from reconciler.source.target import SourceType

log = logging.getLogger(__name__)

_OLD_PARAMETERS = re.compile(r"""import\s+(["'])\.\./\.\./components/params\.libsonnet\1""")
_INTEGER = re.compile(r"[+-]?[1-9]\d*|0")
_NUMBER = re.compile(r"[-+]?[0-9]*\.?[0-9]+")


def render_ksonnet(request: RenderRequest, *, workers: WorkerPool = JSONNET_WORKERS) -> Rendering:
    """The objects of a ksonnet application, by component.

    Raises
    ------
    GenerationError
        No such application or environment, an error in jsonnet, ``k.libsonnet`` that is not in ``lib`` or ``vendor``.
    """
    options = request.source.ksonnet or KsonnetOptions()
    environment = load_environment(request.tree, request.path, options.environment, field=request.where)
    application = _Application(request, environment, workers)
    overrides = _overrides(options.parameters, field=f"{request.where}.ksonnet.parameters")
    objects: list[tuple[Manifest, Origin]] = []
    for module in environment.targets:
        objects += application.module(module, overrides)
        if len(objects) > MAX_OBJECTS:
            raise GenerationError(
                f"{request.where}: {shown(request.path)} makes more than {MAX_OBJECTS} objects; split it"
            )
    for name in sorted(overrides.keys() - application.components):
        log.warning("%s.ksonnet.parameters: %s has no component %s", request.where, request.path, shown(name))
    return Rendering(SourceType.KSONNET, tuple(objects))


def parameter_value(text: str, *, field: str) -> Any:
    """What ``ks param set`` makes of a text: an integer, a number, true or false, a JSON list or object, else the text.

    A JSON string is the text it says, so that ``"80"`` in quotes stays a text.

    Source: DecodeValue in pkg/params/params.go.
    """
    if not text:
        raise GenerationError(f'{field}: is empty, which ksonnet refuses; write "" in quotes for an empty text')
    if _INTEGER.fullmatch(text):
        return int(text) if len(text) < 20 else float(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text[0] in "[{" or (text[0] == '"' and text[-1] == '"' and len(text) > 1):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise GenerationError(f"{field}: {shown(text)} begins like JSON but is none") from None
    return text


def merge_patch(target: Any, patch: Any) -> Any:
    """``std.mergePatch``: objects are merged, null removes, all else replaces (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


class _Application:
    """One environment of an application; ``components`` are those of the modules rendered so far."""

    def __init__(self, request: RenderRequest, environment: Environment, workers: WorkerPool) -> None:
        self._tree = request.tree
        self._path = request.path
        self._where = request.where
        self._environment = environment
        self.components: set[str] = set()
        self._added: dict[str, Any] = {}
        destination = {"server": environment.server, "namespace": environment.namespace or request.namespace}
        self._destination = _code(destination)
        self._evaluator = Evaluator(
            request.tree,
            self._libraries(),
            packages=environment.packages,
            advice=self._advice(),
            natives=True,
            workers=workers,
        )

    def module(self, module: str, overrides: Mapping[str, Mapping[str, Any]]) -> list[tuple[Manifest, Origin]]:
        """The objects of one module, sorted by component."""
        components = find_components(self._tree, self._path, module, field=f"{self._where}.path")
        defaults = self._defaults(module)
        parameters = self._parameters(module, defaults, overrides)
        sources = ", ".join(f"{json.dumps(item.key)}: {self._source(item, defaults)}" for item in components)
        main = join(self._environment.folder, "main.jsonnet")
        codes = {"__ksonnet/components": f"{{{sources}}}", "__ksonnet/params": _code({"components": parameters})}
        value = self._evaluate(main, read_source(self._tree, main), codes)
        if not isinstance(value, dict):
            raise GenerationError(f"{main}: makes no object of components but {type(value).__name__}")
        by_key = {component.key: component for component in components}
        self.components.update(by_key)
        objects: list[tuple[Manifest, Origin]] = []
        for key in sorted(value):
            component, made = by_key.get(key), value[key]
            if component is None:
                # main.jsonnet is evaluated for each module; what it adds by itself is the same each time.
                if self._added.get(key) == made:
                    continue
                self._added[key] = made
            if component is not None and not component.is_jsonnet and component.name in parameters:
                made = merge_patch(made, parameters[component.name])
            origin = component.path if component else main
            for item in made if isinstance(made, list) else [made]:
                objects += ((obj, origin) for obj in flatten(item, f"{origin} (component {shown(key)})"))
        return objects

    def _defaults(self, module: str) -> dict[str, Any]:
        """The components' parameters in the module's own file; ``global`` wins, as in ks."""
        path = join(module_folder(self._path, module), PARAMETERS_FILE)
        if self._tree.find(path) is None:
            return {}
        value = self._evaluate(path, read_source(self._tree, path), {})
        components = value.get("components") if isinstance(value, dict) else None
        if not isinstance(components, dict):
            raise GenerationError(f"{path}: makes no object with `components`")
        return {name: merge_patch(item, value.get("global") or {}) for name, item in components.items()}

    def _parameters(
        self, module: str, defaults: Mapping[str, Any], overrides: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The module's parameters in the environment, the overrides laid over."""
        prefix = f"{module}." if module else ""
        path = join(self._environment.folder, PARAMETERS_FILE)
        # What follows extends the object of the file, so that its own references see the overrides.
        code = _OLD_PARAMETERS.sub('std.extVar("__ksonnet/params")', read_source(self._tree, path))
        ours = {name: values for name, values in overrides.items() if name.startswith(prefix)}
        if ours:
            fields = ", ".join(f"{json.dumps(name)}+: {_code(values)}" for name, values in ours.items())
            code = f"({code}\n) + {{ components+: {{ {fields} }} }}"
        known = {"components": {f"{prefix}{name}": item for name, item in defaults.items()}}
        value = self._evaluate(path, code, {"__ksonnet/params": _code(known)})
        components = value.get("components") if isinstance(value, dict) else None
        if not isinstance(components, dict):
            raise GenerationError(f"{path}: makes no object with `components`")
        return {name.removeprefix(prefix): item for name, item in components.items() if name.startswith(prefix)}

    def _source(self, component: Component, defaults: Mapping[str, Any]) -> str:
        """A component as jsonnet."""
        if component.is_jsonnet:
            return f"import {json.dumps(component.path)}"
        entry = self._tree.find(component.path)
        assert entry is not None, "just listed"
        documents = load_documents(self._tree.read(entry, limit=MAX_FILE_BYTES), file=component.path)
        if len(documents) != 1:
            return _code({"apiVersion": "v1", "kind": "List", "items": documents})
        return _code(merge_patch(documents[0], defaults.get(component.name, {})))

    def _evaluate(self, path: str, code: str, codes: Mapping[str, str]) -> Any:
        return self._evaluator.evaluate(
            path, code, Arguments(ext_codes={"__ksonnet/environments": self._destination, **codes})
        )

    def _libraries(self) -> list[str]:
        """Where imports are looked for, the last first (evaluateMain in pkg/env/env.go); older layouts besides."""
        folders = ["environments", "vendor", "lib"]
        version = self._environment.kubernetes_version
        folders += [f"lib/{version}", f"lib/ksonnet-lib/{version}"] if version else []
        return [
            *(join(self._path, folder) for folder in folders),
            join(self._environment.folder, ".metadata"),
            self._environment.folder,
            *(module_folder(self._path, module) for module in self._environment.targets),
        ]

    def _advice(self) -> dict[str, str]:
        version = self._environment.kubernetes_version or "<k8sVersion>"
        text = f"commit ksonnet-lib's k.libsonnet and k8s.libsonnet in {join(self._path, f'lib/ksonnet-lib/{version}')}"
        return {"k.libsonnet": text, "k8s.libsonnet": text}


def _overrides(parameters: Sequence[KsonnetParameter], *, field: str) -> dict[str, dict[str, Any]]:
    overrides: dict[str, dict[str, Any]] = {}
    for index, parameter in enumerate(parameters):
        value = parameter_value(parameter.value, field=f"{field}[{index}].value")
        overrides.setdefault(parameter.component, {})[parameter.name] = value
    return overrides


def _code(value: Any) -> str:
    """JSON, which is jsonnet."""
    return orjson.dumps(value).decode()
