"""The program of a Helm worker: renders one chart a request, offline and without files. Runs inside `worker_main` only.

``helm_render`` takes the cluster's version and API names only through the package's private call interface, which is why
the version of helm-python-sdk is exact. What ``helm template`` checks and the engine does not (dependencies, kubeVersion,
release name, chart type) is checked here.
"""

import base64
import json
import re
import tarfile
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from helm_python import HelmError, _native, validate_release_name
from helm_python.chart import Chart, values_from_yaml

MESSAGE_LENGTH = 500
READ_LENGTH = 20_000
"""Characters of a message of Helm's that are looked at."""
NAME_LENGTH = 200
MASKED_LENGTH = 6
"""Characters from which on a value in a message is taken for a secret."""
KEPT_BYTES = 32 * 2**20

Way = tuple[str | int, ...]
"""Keys and list indices from the values to one of them."""

_NOTES = "NOTES.txt"
_COMPARISON = "{{ semverCompare .Values.constraint .Values.version }}"
_DOCUMENT_END = re.compile(r"^---(.*)$", re.MULTILINE)
# Deeper than any template of a chart and so evaluated before all of them.
_INTEGERS_PATH = f"templates/{'i/' * 40}i"
_QUOTATION = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`[^`]*`')
_VALUES_IN_MESSAGES = (
    (re.compile(r'((?:cannot parse template|tpl function execution for|parsing) )"(?:\\.|[^"\\])*"'), r"\1…"),
    (re.compile(r"'(?:\\.|[^'\\])*' (does not match pattern|is not valid)"), r"the value \1"),
    (re.compile(r"`[^`]*`"), "`…`"),
)

# Archives of earlier requests by what pins them: several Applications of one chart follow each other.
_archives: OrderedDict[str, bytes] = OrderedDict()


def handle_asking(request: dict[str, Any], ask: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Render ``chart`` and return ``{"chart": name, "templates": {path: text}, "crds": [{"filename", "data"}]}``.

    Paths begin with the chart's name. ``chart`` pins the chart's files; where this worker has not met it, it asks for
    ``{"chart": …}`` and takes a tar archive in base64.

    ``values`` are lists of name and YAML text, the later the stronger; ``set``, ``set_string`` and ``set_file`` of name
    and value.
    """
    values: dict[str, Any] = {}
    try:
        validate_release_name(request["release"])
        values, integers = _values(request)
        archive = _archive(request["chart"], ask)
        if integers:
            archive = _member(f"chart/{_INTEGERS_PATH}", _integers_template(integers, values)) + archive
        # Rendering changes a chart that has sub-charts, so none is used twice.
        with _load(archive) as chart:
            return _render(chart, request, values)
    except HelmError as error:
        raise ValueError(one_line(_without_values(str(error), values))) from None


def one_line(text: str) -> str:
    """Helm's message on one line, without the values that some messages repeat."""
    text = text[:READ_LENGTH]
    for pattern, replacement in _VALUES_IN_MESSAGES:
        text = pattern.sub(replacement, text)
    return re.sub(r"\s+", " ", text).strip()[:MESSAGE_LENGTH]


def _without_values(text: str, values: Any) -> str:
    """The message without quotations that hold one of the values; names of templates stay."""
    leaves, pending = [], [values]
    while pending:
        value = pending.pop()
        if isinstance(value, dict | list):
            pending += value.values() if isinstance(value, dict) else value
        elif isinstance(value, str) and len(value) >= MASKED_LENGTH:
            leaves.append(value)

    def masked(match: re.Match[str]) -> str:
        quotation = match[0]
        hide = "/templates/" not in quotation and any(leaf in quotation for leaf in leaves)
        return f"{quotation[0]}…{quotation[0]}" if hide else quotation

    return _QUOTATION.sub(masked, text[:READ_LENGTH])


def _archive(key: str, ask: Callable[[dict[str, Any]], Any]) -> bytes:
    if key not in _archives:
        _archives[key] = base64.b64decode(ask({"chart": key}))
    _archives.move_to_end(key)
    while len(_archives) > 1 and sum(map(len, _archives.values())) > KEPT_BYTES:
        _archives.popitem(last=False)
    return _archives[key]


def _load(archive: bytes) -> Chart:
    compressor = zlib.compressobj(0, wbits=31)
    return Chart.load_archive(compressor.compress(archive) + compressor.flush())


def _render(chart: Chart, request: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    metadata = chart.metadata
    _check(metadata, chart.dependencies, request["kube_version"])
    options: dict[str, Any] = {"name": request["release"], "namespace": request["namespace"], "is_install": True}
    options |= {key: request[key] for key in ("kube_version", "api_versions") if request[key]}
    rendered = json.loads(_native.call_string("helm_render", chart._raw(), json.dumps(values), json.dumps(options)))
    templates = {
        path: text
        for path, text in sorted(rendered.items())
        if not path.endswith(_NOTES) and not path.endswith(_INTEGERS_PATH) and text.strip()
    }
    return {
        "templates": templates,
        # Taken after the rendering, which drops the sub-charts that are switched off. Their order is by chance.
        "crds": [] if request["skip_crds"] else sorted(chart.crds, key=lambda crd: str(crd["filename"])),
        "chart": metadata.get("name"),
    }


def _check(metadata: dict[str, Any], subcharts: list[dict[str, Any]], kube_version: str) -> None:
    if metadata.get("type") == "library":
        raise ValueError("Chart.yaml: a library chart cannot be rendered; use a chart that depends on it")
    present = {dependency.get("name") for dependency in subcharts}
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
    return _load(b"".join(_member(f"compare/{name}", text) for name, text in files.items()) + bytes(1024))


def _member(path: str, text: str) -> bytes:
    data = text.encode()
    header = tarfile.TarInfo(path)
    header.size = len(data)
    return header.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def _values(request: dict[str, Any]) -> tuple[dict[str, Any], set[Way]]:
    """The values, and where parameters put integers."""
    values: dict[str, Any] = {}
    integers: set[Way] = set()
    for name, text in request["values"]:
        try:
            for document in _documents(text):
                values = _merge(values, values_from_yaml(document))
        except (HelmError, ValueError) as error:
            raise ValueError(f"{name}: {one_line(str(error))}") from None
    for kind in ("set", "set_string", "set_file"):
        for name, text in request[kind]:
            try:
                shape = json.loads(_native.call_string("helm_strvals_parse_string", f"{name}=x"))
                way = _way(shape)
                if not way:
                    raise ValueError("the name says no value to set")
                parsed = _placed(way, text) if kind == "set_file" else _parsed(kind, name, text)
            except (HelmError, ValueError) as error:
                message = str(error).replace(text, "…") if text else str(error)
                raise ValueError(f"parameter {name[:NAME_LENGTH]}: {one_line(message)}") from None
            values = _graft(values, parsed, way)
            integers = {other for other in integers if other[: len(way)] != way}
            integers |= set(_integers(parsed, ())) if kind == "set" else set()
    return values, integers


def _documents(text: str) -> Iterator[str]:
    """Helm merges the documents of a value file (k8s.io/apimachinery, YAMLReader)."""
    start = 0
    for match in _DOCUMENT_END.finditer(text):
        rest = match[1].strip()
        if rest and not rest.startswith("#"):
            raise ValueError(f"line {text.count(chr(10), 0, match.start()) + 1}: text follows the --- of a document")
        yield text[start : match.start()]
        start = match.end()
    yield text[start:]


def _parsed(kind: str, name: str, text: str) -> Any:
    function = "helm_strvals_parse" if kind == "set" else "helm_strvals_parse_string"
    return json.loads(_native.call_string(function, f"{name}={text}"))


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Maps are merged, all else is replaced; null stays, and removes the chart's default later."""
    merged = dict(base)
    for key, value in over.items():
        before = merged.get(key)
        merged[key] = _merge(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return merged


def _way(shape: Any) -> Way:
    """The way to the leaf of a tree that holds just one."""
    way: list[str | int] = []
    while isinstance(shape, dict | list) and shape:
        step = len(shape) - 1 if isinstance(shape, list) else next(iter(shape))
        way.append(step)
        shape = shape[step]
    return tuple(way)


def _placed(way: Way, leaf: Any) -> Any:
    """The tree that holds ``leaf`` at the end of ``way``."""
    for step in reversed(way):
        leaf = {step: leaf} if isinstance(step, str) else [*[None] * step, leaf]
    return leaf


def _graft(base: Any, parsed: Any, way: Way) -> Any:
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


def _integers(parsed: Any, way: Way) -> Iterator[Way]:
    if type(parsed) is int:
        yield way
    elif isinstance(parsed, dict | list):
        for step, item in parsed.items() if isinstance(parsed, dict) else enumerate(parsed):
            yield from _integers(item, (*way, step))


def _integers_template(integers: set[Way], values: dict[str, Any]) -> str:
    """A template that makes integers of numbers.

    Values reach the engine as JSON and every number in them as a float. That is what Helm does with value files, but a
    number of ``--set`` is an integer to templates: ``1000000`` and not ``1e+06``, comparable with ``eq``. A list is
    replaced as a whole. Sub-charts have their own copy of ``global``.
    """
    calls: dict[Way, None] = {}
    for way in integers:
        length = next((index for index, step in enumerate(way) if isinstance(step, int)), len(way))
        calls[way[:length]] = None
    parts = [_INTEGERS_DEFINITIONS]
    for way in sorted(calls, key=str):
        value: Any = values
        for step in way:
            value = value[step]
        arguments = (
            f'"way" (list {" ".join(_literal(step, (), set()) for step in way[:-1])}) "key" {_literal(way[-1], (), set())} '
            f'"was" {_literal(value, way, set())} "value" {_literal(value, way, integers)}'
        )
        parts.append(
            f'{{{{- include "gitops-nb.integers" (dict "scope" . {arguments} "all" {_bool(way[0] == "global")}) -}}}}'
        )
    return "".join(parts)


_INTEGERS_DEFINITIONS = """
{{- define "gitops-nb.integers" -}}
{{- $at := .scope.Values -}}
{{- range .way -}}{{- $at = ternary (get $at .) (dict) (kindIs "map" (get $at .)) -}}{{- end -}}
{{- if hasKey $at .key -}}
{{- if eq (toJson (get $at .key)) (toJson .was) -}}{{- $_ := set $at .key .value -}}{{- end -}}
{{- end -}}
{{- if .all -}}
{{- $call := . -}}
{{- range .scope.Subcharts -}}{{- include "gitops-nb.integers" (merge (dict "scope" .) (omit $call "scope")) -}}{{- end -}}
{{- end -}}
{{- end -}}
"""


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _literal(value: Any, way: Way, integers: set[Way]) -> str:
    """A value as an expression of a template."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\\/", "/")
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return _bool(value)
    if isinstance(value, int | float):
        return f"({'int64' if way in integers else 'float64'} {json.dumps(value)})"
    if isinstance(value, list):
        return f"(list {' '.join(_literal(item, (*way, index), integers) for index, item in enumerate(value))})"
    items = (f"{_literal(key, (), set())} {_literal(item, (*way, key), integers)}" for key, item in value.items())
    return f"(dict {' '.join(items)})"
