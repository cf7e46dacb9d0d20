"""``.argocd-source.yaml`` and ``.argocd-source-<application>.yaml``: parameters kept beside the manifests.

Each is merged into the source as a JSON merge patch, the general file first; what says where the manifests are cannot be
overridden (docs/user-guide/parameters.md; reposerver/repository/repository.go, mergeSourceParameters).
"""

from collections.abc import Mapping
from typing import Any

from reconciler.errors import SpecError
from reconciler.manifest.yaml import load_documents
from reconciler.model import ApplicationSource
from reconciler.model.parse import parse_source
from reconciler.source.files.paths import join
from reconciler.source.files.tree import Kind, Tree

MAX_BYTES = 2**20
_FIXED = ("repoURL", "path", "targetRevision", "chart", "ref", "name", "tagPrefix")


def merge_overrides(source: ApplicationSource, tree: Tree, path: str, *, application: str) -> ApplicationSource:
    """The source with the parameters of the override files in ``path``.

    Raises
    ------
    SpecError
        A file that is not a mapping, or does not fit an Application's source.
    """
    merged = original = source.to_dict()
    for name in (".argocd-source.yaml", f".argocd-source-{application}.yaml"):
        file = join(path, name)
        entry = tree.find(file)
        if entry is None or entry.kind is not Kind.FILE:
            continue
        documents = load_documents(tree.read(entry, limit=MAX_BYTES), file=file)
        if len(documents) > 1 or not all(isinstance(document, dict) for document in documents):
            raise SpecError(f"{file}: expected one mapping with fields of spec.source, such as helm or kustomize")
        for patch in documents:
            merged = _merge_patch(merged, patch)
        fixed = {field: original[field] for field in _FIXED if field in original}
        merged = {field: value for field, value in merged.items() if field not in _FIXED} | fixed
        source = parse_source(merged, where=file)
    return source


def _merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merge_patch(result.get(key), value)
    return result
