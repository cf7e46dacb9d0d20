"""Declared sub-charts that are not in ``charts``: what ``helm dependency build`` would put there, put there in memory.

As in Argo CD the chart's own declarations count, not those of its sub-charts, and nothing is fetched when all of them are
there (util/helm/cmd.go and reposerver/repository/repository.go of Argo CD; pkg/downloader/manager.go of Helm 4).
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from reconciler.errors import GenerationError
from reconciler.source.files.paths import SHOWN_LENGTH, join, resolve_path, shown
from reconciler.source.files.tree import Tree
from reconciler.source.helm.chart_files import ChartFiles, read_chart
from reconciler.source.rendering import RenderRequest
from reconciler.source.versions import satisfies

LOCAL = "file://"
REMOTE = ("https://", "http://", "oci://")
ALIASES = ("@", "alias:")
UPDATE = "run `helm dependency update` and commit the lock file"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+_-]*")
# The order and the omission of empty fields are those of Helm's own record, whose JSON a lock file's digest is of.
_FIELDS = ("name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias")

Dependency = Mapping[str, Any]


def add_dependencies(request: RenderRequest, chart: ChartFiles, *, pass_credentials: bool) -> None:
    """Put the declared sub-charts that are missing into ``chart``.

    Parameters
    ----------
    pass_credentials
        Send credentials to the servers that a repository's index names, too.

    Raises
    ------
    GenerationError
        A lock file that does not fit, or a dependency that cannot be had: not in the folder or repository it names, of
        another version than declared, or from an alias of a repository.
    """
    if not any(b"dependencies" in chart.files.get(name, b"") for name in ("Chart.yaml", "requirements.yaml")):
        return
    metadata = chart.document("Chart.yaml")
    is_v1 = metadata.get("apiVersion", "v1") == "v1"
    listed = "requirements.yaml" if "requirements.yaml" in chart.files else "Chart.yaml"
    declared = _dependencies(chart.document(listed)) or _dependencies(metadata)
    present = chart.subcharts() if declared else set()
    missing = [name for name in (_text(dependency, "name") for dependency in declared) if name not in present]
    if not missing:
        return
    locked = _locked(chart, declared, is_v1=is_v1)
    for index, dependency in enumerate(locked or declared):
        if _text(dependency, "name") not in missing:
            continue
        field = f"{join(chart.where, listed)}: dependencies[{index}]"
        _add(request, chart, dependency, field, pass_credentials=pass_credentials)


def _add(
    request: RenderRequest, chart: ChartFiles, dependency: Dependency, field: str, *, pass_credentials: bool
) -> None:
    name, version, repository = (_text(dependency, key) for key in ("name", "version", "repository"))
    if not _NAME.fullmatch(name):
        raise GenerationError(f"{field}.name: {shown(name)} is not a chart name")
    what = f"{name} {' '.join(version.split())[:SHOWN_LENGTH]}"
    missing = f"{field}: not in charts/: {what}; run `helm dependency build` and commit the charts folder"
    if repository.startswith(LOCAL):
        path = resolve_path(request.path, repository.removeprefix(LOCAL), field=f"{field}.repository")
        _add_local(request.tree, chart, name, version, path, field)
    elif repository.startswith(REMOTE):
        try:
            data = request.downloads.archive(
                repository, name, version, project=request.project, pass_credentials=pass_credentials
            )
        except GenerationError as error:
            raise type(error)(f"{missing}, as it cannot be fetched: {error}") from error
        place = f"charts/{name}-{version if _VERSION.fullmatch(version) else hashlib.sha256(data).hexdigest()[:12]}.tgz"
        chart.add_archive(data, to=place)
    elif repository.startswith(ALIASES):
        raise GenerationError(
            f"{field}.repository: {shown(repository)} is the alias of a repository, which only the machine that made it knows; "
            "write the repository's URL, or commit the charts folder"
        )
    else:
        where = f"; {shown(repository)} is not a repository (https://, oci://, file://)" if repository else ""
        raise GenerationError(f"{missing}{where}")


def _add_local(tree: Tree, chart: ChartFiles, name: str, version: str, path: str, field: str) -> None:
    """Take the chart in a folder of the same repository as it lies there; what it needs itself must be in its ``charts``."""
    local = read_chart(tree, tree.folder(path, field=f"{field}.repository"))
    found = _text(local.document("Chart.yaml"), "version")
    if not satisfies(version, found):
        raise GenerationError(
            f"{field}.version: {shown(version)} is asked for, but {shown(path)} holds version {shown(found)}; change one of them"
        )
    for file, data in local.files.items():
        chart.add(f"charts/{name}/{file}", data)


def _locked(chart: ChartFiles, declared: list[Dependency], *, is_v1: bool) -> list[Dependency]:
    """The dependencies of the lock file, which must be made from the declared ones; empty where there is none."""
    file = next((name for name in ("requirements.lock", "Chart.lock") if name in chart.files), "")
    if not file:
        return []
    lock = chart.document(file)
    locked = _dependencies(lock)
    digests = {_digest([[_record(each) for each in group] for group in (declared, locked)])}
    if is_v1:
        # Helm 2 left the locked versions out.
        digests.add(_digest({"dependencies": [_record(each) for each in declared]}))
    if lock.get("digest") not in digests:
        raise GenerationError(
            f"{join(chart.where, file)}: the lock is out of sync with the declared dependencies; {UPDATE}"
        )
    return locked


def _dependencies(document: Mapping[str, Any]) -> list[Dependency]:
    found = document.get("dependencies")
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _text(mapping: Mapping[str, Any], key: str) -> str:
    value = mapping.get(key)
    return value if isinstance(value, str) else ""


def _record(dependency: Dependency) -> dict[str, Any]:
    """Name and repository are there even when they are empty."""
    present = {"name": "", "repository": ""} | {key: value for key, value in dependency.items() if value}
    return {key: present[key] for key in _FIELDS if key in present}


def _digest(value: Any) -> str:
    """Of the JSON that Go writes: keys of inner maps sorted, ``<``, ``>`` and ``&`` escaped."""
    text = json.dumps(_sorted(value), separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _sorted(value: Any) -> Any:
    """``import-values`` may hold maps, which Go sorts; the records around them keep their order."""
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    if isinstance(value, dict):
        return {
            key: [dict(sorted(each.items())) if isinstance(each, dict) else each for each in item]
            if key == "import-values" and isinstance(item, list)
            else _sorted(item)
            for key, item in value.items()
        }
    return value
