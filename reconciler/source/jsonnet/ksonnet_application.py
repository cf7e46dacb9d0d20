"""``app.yaml`` of a ksonnet application: its environments, modules and components (pkg/app and pkg/component of 0.13)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reconciler.errors import GenerationError, SpecError
from reconciler.manifest.yaml import load_document
from reconciler.source.files.paths import join, resolve_path, shown
from reconciler.source.files.tree import Kind, Tree

APPLICATION_FILE: Final = "app.yaml"
APPLICATION_KIND: Final = "ksonnet.io/app"
PARAMETERS_FILE: Final = "params.libsonnet"
DEFAULT_ENVIRONMENT: Final = "default"
MAX_APPLICATION_BYTES = 2**20
_COMPONENT = re.compile(r"(.+)\.(jsonnet|yaml|json)\Z")


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment; ``folder``, ``targets`` and the values of ``packages`` are folders in the repository.

    ``targets`` are the modules to deploy by name, the root module as ``""``; ``packages`` the versioned libraries by the
    name that imports use.
    """

    name: str
    folder: str
    kubernetes_version: str
    server: str
    namespace: str
    targets: tuple[str, ...]
    packages: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Component:
    """A file in a module's folder; ``key`` is its name, after the module's where that is not the root."""

    key: str
    name: str
    path: str
    is_jsonnet: bool


def is_ksonnet_application(tree: Tree, path: str) -> bool:
    """Whether the folder at ``path`` holds an ``app.yaml`` of ksonnet."""
    entry = tree.find(join(path, APPLICATION_FILE))
    if entry is None or entry.kind is not Kind.FILE or tree.size(entry) > MAX_APPLICATION_BYTES:
        return False
    try:
        document = load_document(tree.read(entry), file=APPLICATION_FILE)
    except SpecError:
        return False
    return isinstance(document, dict) and document.get("kind") == APPLICATION_KIND


def load_environment(tree: Tree, path: str, wanted: str, *, field: str) -> Environment:
    """The environment to render: ``wanted``, else the only one, else ``default``.

    Raises
    ------
    GenerationError
        No ksonnet application, or no such environment; the message lists them.
    """
    file = join(path, APPLICATION_FILE)
    if not is_ksonnet_application(tree, path):
        raise GenerationError(
            f"{field}.path: {shown(path or '.')} in {tree} holds no {APPLICATION_FILE} of kind {APPLICATION_KIND}"
        )
    entry = tree.find(file)
    assert entry is not None, "just found"
    document = load_document(tree.read(entry), file=file)
    environments = _mapping(document.get("environments"))
    name = wanted or (next(iter(environments)) if len(environments) == 1 else DEFAULT_ENVIRONMENT)
    if not isinstance(environments.get(name), dict):
        problem = (
            f"there is no environment {shown(wanted)}" if wanted else f"no environment is called {DEFAULT_ENVIRONMENT}"
        )
        listed = (
            f"{problem}; name one of {', '.join(map(shown, sorted(environments)))}"
            if environments
            else "there is no environment"
        )
        raise GenerationError(f"{field}.ksonnet.environment: {file}: {listed}")
    return _environment(path, name, environments[name], _mapping(document.get("libraries")), file)


def find_components(tree: Tree, path: str, module: str, *, field: str) -> list[Component]:
    """The components of a module, sorted by file.

    Raises
    ------
    GenerationError
        When two files have one name but for the extension.
    """
    folder = module_folder(path, module)
    found: dict[str, Component] = {}
    for child in tree.children(tree.folder(folder, field=field)):
        match = _COMPONENT.match(child.name)
        entry = tree.find(child.path) if match else None
        if match is None or entry is None or entry.kind is not Kind.FILE:
            continue
        name = match[1]
        if name in found:
            raise GenerationError(f"{found[name].path} and {child.path} are both component {shown(name)}; rename one")
        key = f"{module}.{name}" if module else name
        found[name] = Component(key, name, join(folder, child.name), match[2] == "jsonnet")
    return list(found.values())


def module_folder(path: str, module: str) -> str:
    """The folder of a module; dots in its name separate folders."""
    return resolve_path(join(path, "components"), module.replace(".", "/"), field="module")


def _environment(path: str, name: str, data: Mapping[str, Any], libraries: Mapping[str, Any], file: str) -> Environment:
    where = f"{file}: environments[{shown(name)}]"
    destination = _mapping(data.get("destination"))
    targets = data.get("targets") or [""]
    if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
        raise GenerationError(f"{where}.targets: must be a list of module names")
    return Environment(
        name=name,
        folder=resolve_path(join(path, "environments"), str(data.get("path") or name), field=f"{where}.path"),
        kubernetes_version=str(data.get("k8sVersion") or ""),
        server=str(destination.get("server") or ""),
        namespace=str(destination.get("namespace") or ""),
        targets=tuple(sorted({target.strip("/") for target in targets})),
        packages=_packages(path, {**libraries, **_mapping(data.get("libraries"))}),
    )


def _packages(path: str, libraries: Mapping[str, Any]) -> dict[str, str]:
    """Where imports of ``registry/name`` lead: ks looks for the version that ``app.yaml`` names (pkg/env/env.go)."""
    packages = {}
    for key, library in libraries.items():
        entry = _mapping(library)
        registry, name, version = (str(entry.get(word) or "") for word in ("registry", "name", "version"))
        name = name or key.rpartition("/")[2]
        if registry and version:
            packages[f"{registry}/{name}"] = join(path, f"vendor/{registry}/{name}@{version}")
    return packages


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
