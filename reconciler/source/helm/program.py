"""The program of a Helm worker: renders one chart folder a request, offline. Runs inside `worker_main` only.

``helm_render`` takes the cluster's version and API names only through the package's private call interface, which is why
the version of helm-python-sdk is exact. What ``helm template`` checks and the engine does not (dependencies, kubeVersion,
release name, chart type) is checked here.
"""

import io
import json
import re
import tarfile
from functools import cache
from typing import Any

from helm_python import HelmError, _native, validate_release_name
from helm_python.chart import Chart, values_from_yaml

MESSAGE_LENGTH = 500
_NOTES = "NOTES.txt"
_COMPARISON = "{{ semverCompare .Values.constraint .Values.version }}"


def handle(request: dict[str, Any]) -> dict[str, Any]:
    """Render ``chart`` and return ``{"chart": name, "templates": {path: text}, "crds": [{"filename", "data"}]}``.

    Paths begin with the chart's name, which need not be its folder's.

    ``values`` are YAML texts, the later the stronger; ``set``, ``set_string`` and ``set_file`` are lists of
    ``[name, value]``, the last with the path of a file.
    """
    try:
        validate_release_name(request["release"])
        with Chart.load(request["chart"]) as chart:
            _check(chart, request["kube_version"])
            values = _values(request)
            options: dict[str, Any] = {
                "name": request["release"],
                "namespace": request["namespace"],
                "is_install": True,
            }
            if request["kube_version"]:
                options["kube_version"] = request["kube_version"]
            if request["api_versions"]:
                options["api_versions"] = request["api_versions"]
            rendered = json.loads(
                _native.call_string("helm_render", chart._raw(), json.dumps(values), json.dumps(options))
            )
            # Taken after the rendering, which drops the sub-charts that are switched off.
            crds = [] if request["skip_crds"] else chart.crds
            chart_name = chart.name
    except HelmError as error:
        raise ValueError(one_line(str(error), request["chart"])) from None
    templates = {name: text for name, text in sorted(rendered.items()) if not name.endswith(_NOTES) and text.strip()}
    return {"templates": templates, "crds": crds, "chart": chart_name}


def one_line(text: str, chart: str) -> str:
    """Helm's message without line breaks and without our temporary folder."""
    return re.sub(r"\s+", " ", text.replace(f"{chart}/", "").replace(chart, "chart")).strip()[:MESSAGE_LENGTH]


def _check(chart: Chart, kube_version: str) -> None:
    metadata = chart.metadata
    if metadata.get("type") == "library":
        raise ValueError("Chart.yaml: a library chart cannot be rendered; use a chart that depends on it")
    present = {dependency.get("name") for dependency in chart.dependencies}
    missing = [entry for entry in metadata.get("dependencies") or () if entry and entry.get("name") not in present]
    if missing:
        names = ", ".join(f"{entry.get('name')} {entry.get('version', '')}".strip() for entry in missing)
        raise ValueError(
            f"Chart.yaml: not in charts/: {names}; run `helm dependency build` and commit the charts folder"
        )
    wanted = metadata.get("kubeVersion")
    if wanted and kube_version and not _is_compatible(str(wanted), kube_version):
        raise ValueError(f"Chart.yaml: the chart needs Kubernetes {wanted}, the cluster is {kube_version}")


def _is_compatible(constraint: str, version: str) -> bool:
    values = json.dumps({"constraint": constraint, "version": version})
    rendered = json.loads(_native.call_string("helm_render", _comparison_chart()._raw(), values, None))
    return bool(next(iter(rendered.values())).strip() == "true")


@cache
def _comparison_chart() -> Chart:
    """A chart of one template, to have Helm's own library compare versions."""
    files = {"Chart.yaml": "apiVersion: v2\nname: compare\nversion: 1.0.0\n", "templates/answer.txt": _COMPARISON}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"compare/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return Chart.load_archive(buffer.getvalue())


def _values(request: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, text in request["values"]:
        try:
            values = _merge(values, values_from_yaml(text))
        except HelmError as error:
            raise ValueError(f"{name}: {one_line(str(error), request['chart'])}") from None
    for parser, pairs in (
        ("helm_strvals_parse", request["set"]),
        ("helm_strvals_parse_string", request["set_string"]),
        ("helm_strvals_parse_file", request["set_file"]),
    ):
        for name, text in pairs:
            try:
                parsed = json.loads(_native.call_string(parser, f"{name}={text}"))
                shape = json.loads(_native.call_string("helm_strvals_parse_string", f"{name}=x"))
            except HelmError as error:
                raise ValueError(f"parameter {name}: {one_line(str(error), request['chart'])}") from None
            if not shape:
                raise ValueError(f"parameter {name}: the name says no value to set")
            values = _graft(values, parsed, _way(shape))
    return values


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Maps are merged, all else is replaced; null stays, and removes the chart's default later."""
    merged = dict(base)
    for key, value in over.items():
        before = merged.get(key)
        merged[key] = _merge(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


def _way(shape: Any) -> list[str | int]:
    """Keys and list indices from a tree that holds one leaf to that leaf."""
    way: list[str | int] = []
    while isinstance(shape, dict | list) and shape:
        step = len(shape) - 1 if isinstance(shape, list) else next(iter(shape))
        way.append(step)
        shape = shape[step]
    return way


def _graft(base: Any, parsed: Any, way: list[str | int]) -> Any:
    """``parsed`` set into ``base``: a list that is reached by index keeps its other items, as with ``helm --set``."""
    if not way:
        return parsed
    head, rest = way[0], way[1:]
    if isinstance(head, int):
        items = list(base) if isinstance(base, list) else []
        items += [None] * (head + 1 - len(items))
        items[head] = _graft(items[head], parsed[head], rest)
        return items
    result = dict(base) if isinstance(base, dict) else {}
    for key, value in parsed.items():
        result[key] = _graft(result.get(key), value, rest) if key == head else value
    return result
