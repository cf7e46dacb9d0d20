"""A Helm chart, rendered by Helm's own SDK in a worker process (docs/user-guide/helm.md, util/helm/cmd.go of Argo CD)."""

import base64
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler.errors import GenerationError
from reconciler.manifest.objects import Manifest, annotations_of, name_of, require_object
from reconciler.manifest.yaml import load_documents
from reconciler.model.source import HelmOptions
from reconciler.processes.worker import Question, WorkerPool
from reconciler.source.directory import read_objects
from reconciler.source.files.paths import join, shown
from reconciler.source.helm.chart_files import ChartFiles, read_chart
from reconciler.source.helm.dependencies import add_dependencies
from reconciler.source.helm.values import Values, read_values
from reconciler.source.rendering import Origin, Rendering, RenderRequest
from reconciler.source.target import SourceType
from reconciler.terms import ANNOTATION_HELM_HOOK

log = logging.getLogger(__name__)

MAX_SEARCHED_BYTES = 4 * 2**20
"""Templates with more are taken to depend on the cluster without a look at each."""
HELM_WORKERS = WorkerPool(Path(__file__).with_name("program.py"))

_TEST_HOOKS = frozenset({"test", "test-success"})
# Helm drops an object with any other (pkg/release/v1/util/manifest_sorter.go), crd-install of Helm 2 among them.
_KNOWN_HOOKS = _TEST_HOOKS | {
    f"{when}-{what}" for when in ("pre", "post") for what in ("install", "upgrade", "delete", "rollback")
}
_KUBE_VERSION = re.compile(r"\s*v?((?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))+)(?![0-9])")
_CAPABILITIES = "Capabilities"
# What takes a part of the whole that a template knows, by a name it need not write out, or all of it.
_WHOLE = re.compile(
    rb"\b(?:index|get|dig|pick|omit|pluck|values|keys)\s(?:\s*\"[^\"]*\")*\s*[.$][\s|)}]"
    rb"|\b(?:range|to(?:Yaml|Json|RawJson|PrettyJson|Toml))\s[^{}]{0,200}?\$[\s|)}]"
)


# Helm splits at the mark alone, so that an object may follow on its line; YAML allows only comments and tags there.
_MARK = re.compile(r"^---[ \t]*(?=[^\s#!|>&-])", re.MULTILINE)


def render_helm(request: RenderRequest, *, workers: WorkerPool = HELM_WORKERS) -> Rendering:
    """The objects of a chart: its CRDs, then its templates sorted by path.

    Parameters
    ----------
    workers
        The processes that run Helm.

    Raises
    ------
    GenerationError
        A value file or dependency that is not there, or what Helm refuses.
    SpecError
        Rendered text that is not YAML, or a document that is not an object.
    """
    options = request.source.helm or HelmOptions()
    folder = request.tree.folder(request.path, field=f"{request.where}.path")
    chart = read_chart(request.tree, folder)
    if "Chart.yaml" not in chart.files:
        raise GenerationError(
            f"{request.where}.path: {shown(request.path or '.')} in {request.tree} holds no Chart.yaml"
        )
    add_dependencies(request, chart, pass_credentials=options.pass_credentials)
    values = read_values(request, options)
    if not (options.kube_version and options.api_versions) and _may_ask_for_capabilities(chart, values):
        request.observations.capabilities = True
    if options.skip_schema_validation:
        chart = chart.without_schemas()
    answer = _call(request, options, chart, values, workers)
    objects = tuple(_objects(answer, request.path, options))
    return Rendering(SourceType.HELM, objects)


def _call(
    request: RenderRequest, options: HelmOptions, chart: ChartFiles, values: Values, workers: WorkerPool
) -> dict[str, Any]:
    def chart_bytes(question: Question) -> str:
        return base64.b64encode(chart.packed()).decode()

    call = {
        "chart": chart.digest(),
        "release": options.release_name or request.application,
        "namespace": options.namespace or request.namespace or "default",
        "kube_version": _kube_version(request, options),
        "api_versions": list(options.api_versions or request.capabilities.api_versions),
        "skip_crds": options.skip_crds,
        "values": values.texts,
        "set": values.parameters,
        "set_string": values.string_parameters,
        "set_file": values.file_parameters,
    }
    what = f"{request.where}: Helm chart {request.path or '.'} in {request.tree}"
    return workers.call(call, what=what, on_question=chart_bytes)


def _kube_version(request: RenderRequest, options: HelmOptions) -> str:
    """Only the numbers: what a vendor adds to them would make every version a pre-release (parseKubeVersion)."""
    version = options.kube_version or request.capabilities.kube_version
    match = _KUBE_VERSION.match(version)
    if version and match is None:
        where = f"{request.where}.helm.kubeVersion" if options.kube_version else "the cluster's version"
        raise GenerationError(f"{where}: {shown(version)} is not a version; use one such as 1.37.2")
    return match[1] if match else ""


def _may_ask_for_capabilities(chart: ChartFiles, values: Values) -> bool:
    """Whether a template, or a text that one evaluates, can come to the cluster's version or API names.

    Their name is in no file and no value, and no template takes anything out of the whole by a computed name. That leaves
    one that prints the whole as ``toYaml .``, which nobody can apply.
    """
    if values.mention(_CAPABILITIES) or any(
        _CAPABILITIES.encode() in data or (path.endswith("Chart.yaml") and b"kubeVersion" in data)
        for path, data in chart.files.items()
    ):
        return True
    templates = [data for path, data in chart.files.items() if "templates/" in path]
    return sum(map(len, templates)) > MAX_SEARCHED_BYTES or any(_WHOLE.search(data) for data in templates)


def _objects(answer: Mapping[str, Any], path: str, options: HelmOptions) -> Iterator[tuple[Manifest, Origin]]:
    prefix = f"{answer['chart']}/"
    for crd in answer["crds"]:
        yield from _read(join(path, crd["filename"].removeprefix(prefix)), crd["data"])
    for name, text in answer["templates"].items():
        for obj, origin in _read(join(path, name.removeprefix(prefix)), text):
            hooks = _hooks(obj)
            if not hooks <= _KNOWN_HOOKS:
                log.warning(
                    "%s %s in %s is left out, as Helm does: %s names a hook that is none of Helm's",
                    obj["kind"],
                    name_of(obj),
                    origin,
                    ANNOTATION_HELM_HOOK,
                )
            elif not (options.skip_tests and hooks & _TEST_HOOKS):
                yield obj, origin


def _read(origin: str, text: str) -> Iterator[tuple[Manifest, Origin]]:
    where = f"{origin} (rendered)"
    documents = load_documents(_MARK.sub("---\n", text), file=where)
    for number, document in enumerate(documents, start=1):
        require_object(document, f"{where}: document {number}" if len(documents) > 1 else where)
    for obj in read_objects(documents, where):
        yield obj, origin


def _hooks(obj: Manifest) -> frozenset[str]:
    """The hooks of an object by Helm's names; empty where it is none."""
    text = annotations_of(obj).get(ANNOTATION_HELM_HOOK)
    return frozenset() if text is None else frozenset(hook.strip().lower() for hook in text.split(","))
