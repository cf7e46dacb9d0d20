"""Artifacts of OCI registries: their manifests, and the one layer of each that holds a chart or a folder of manifests.

Sources: util/oci/client.go and docs/user-guide/oci.md of Argo CD, pkg/registry of Helm.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.errors import GenerationError
from reconciler.source.files.paths import shown

CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
LAYER_MEDIA_TYPES = (
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    CHART_LAYER,
)
"""Content layers that are taken, as the repo-server's ``ARGOCD_REPO_SERVER_OCI_LAYER_MEDIA_TYPES`` by default."""
MAX_LAYERS = 10
DIGEST = re.compile(r"sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})")

_LEGACY_CHART_LAYER = "application/tar+gzip"


@dataclass(frozen=True, slots=True)
class Layer:
    """One blob of an artifact."""

    media_type: str
    digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Artifact:
    """The manifest of one revision, by its digest (``sha256:…``)."""

    digest: str
    config_media_type: str
    layers: tuple[Layer, ...]


def content_layer(artifact: Artifact, where: str, *, media_types: Sequence[str] = LAYER_MEDIA_TYPES) -> Layer:
    """The one layer of a generic artifact that holds files; others, such as attestations, are passed over.

    Raises
    ------
    GenerationError
        When there is not exactly one, or its media type is not taken.
    """
    if len(artifact.layers) > MAX_LAYERS:
        raise GenerationError(f"{where} has {len(artifact.layers)} layers; expected at most {MAX_LAYERS}")
    layers = [layer for layer in artifact.layers if layer.media_type.endswith(("tar", "tar+gzip"))]
    for layer in layers:
        if layer.media_type not in media_types:
            raise GenerationError(
                f"{where}: the layer's media type {shown(layer.media_type)} is not taken; use {' or '.join(media_types)}"
            )
    if len(layers) != 1:
        raise GenerationError(
            f"{where} has {len(layers)} layers of files; expected one, as `oras push` of a folder makes"
        )
    return layers[0]


def chart_layer(artifact: Artifact, where: str) -> Layer:
    """The layer of a Helm chart.

    Raises
    ------
    GenerationError
        When the artifact is no chart.
    """
    layers = [layer for layer in artifact.layers if layer.media_type in (CHART_LAYER, _LEGACY_CHART_LAYER)]
    if artifact.config_media_type != CHART_CONFIG or not layers:
        raise GenerationError(f"{where} is not a Helm chart; push it with `helm push`, or use it without chart:")
    return layers[0]


def has_digest(data: bytes, digest: str) -> bool:
    """Whether ``data`` has the digest ``sha256:…`` or ``sha512:…``."""
    algorithm, _, value = digest.partition(":")
    return algorithm in ("sha256", "sha512") and hashlib.new(algorithm, data).hexdigest() == value


def parse_artifact(manifest: Mapping[str, Any], digest: str, where: str) -> Artifact:
    """The artifact that a manifest describes.

    Raises
    ------
    GenerationError
        When it has no layers, or one without a valid digest and size.
    """
    config, layers = manifest.get("config"), manifest.get("layers")
    if not isinstance(layers, list) or not all(isinstance(layer, dict) for layer in layers):
        raise GenerationError(f"{where} has no layers; push it as an OCI artifact")
    return Artifact(
        digest,
        str(config.get("mediaType", "")) if isinstance(config, dict) else "",
        tuple(_layer(layer, where) for layer in layers),
    )


def _layer(layer: Mapping[str, Any], where: str) -> Layer:
    digest, size = layer.get("digest"), layer.get("size")
    if not isinstance(digest, str) or not DIGEST.fullmatch(digest) or not isinstance(size, int) or size < 0:
        raise GenerationError(f"{where} has a layer without a valid digest and size; push it again")
    return Layer(str(layer.get("mediaType", "")), digest, size)
