"""The objects that a plugin prints."""

from reconciler.errors import GenerationError, SpecError
from reconciler.manifest.objects import Manifest
from reconciler.manifest.yaml import load_documents
from reconciler.source.directory import flatten
from reconciler.source.plugin.definition import Plugin
from reconciler.source.plugin.discovery import choose_plugin
from reconciler.source.plugin.environment import Mask
from reconciler.source.plugin.run import PluginRun
from reconciler.source.rendering import Rendering, RenderRequest
from reconciler.source.target import SourceType

SHOWN_LENGTH = 80


def render_plugin(request: RenderRequest) -> Rendering:
    """The objects of ``generate``, run behind ``init`` in the application's folder; ``List`` kinds are flattened.

    Raises
    ------
    GenerationError
        No plugin for the source; a command that fails, takes over 90 s or prints anything but manifests on stdout.
    SpecError
        A manifest that is no object.
    """
    plugin = choose_plugin(request)
    with PluginRun(request, plugin) as run:
        if plugin.init:
            run.output(plugin.init, "init")
        text = run.output(plugin.generate, "generate")
        objects = _objects(text, plugin, request.where, run.mask)
    return Rendering(SourceType.PLUGIN, tuple((obj, "") for obj in objects))


def _objects(text: bytes, plugin: Plugin, where: str, mask: Mask) -> list[Manifest]:
    what = f"{where}: plugin {plugin.name}: generate (printed)"
    try:
        documents = [document for document in load_documents(text, file=what) if document is not None]
    except SpecError as error:
        # The parser's own words could hold what was printed.
        raise _no_manifests(text, what, mask) from error
    if not all(isinstance(document, dict) for document in documents):
        raise _no_manifests(text, what, mask)
    return [
        obj
        for number, document in enumerate(documents, start=1)
        for obj in flatten(document, f"{what}: document {number}" if len(documents) > 1 else what)
    ]


def _no_manifests(text: bytes, what: str, mask: Mask) -> GenerationError:
    lines = (line.strip() for line in text[: 64 * 2**10].decode("utf-8", "replace").splitlines())
    prose = next((line for line in lines if line and not _is_yaml(line)), "")
    said = mask(prose)
    cut = f"{said[:SHOWN_LENGTH]}…" if len(said) > SHOWN_LENGTH else said
    return GenerationError(
        f"{what}: stdout holds what is no manifest{f', such as {cut!r}' if cut else ''}; "
        "print manifests only, and messages to stderr"
    )


def _is_yaml(line: str) -> bool:
    """Whether a line may belong to a manifest."""
    return line.startswith(("#", "---", "...", "- ", "{", "}", "[", "]", '"')) or ":" in line
