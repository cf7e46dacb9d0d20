"""The recorded OpenAPI documents of every kind that histories are played on."""

import gzip
import json
from pathlib import Path
from typing import Any

from reconciler.manifest import OpenApi

_ROOT = Path(__file__).parents[4]
_RECORDED = _ROOT / "reconciler" / "sandbox" / "data" / "openapi"
_DATA = _ROOT / "tests" / "data" / "typed"
_CUSTOM = {
    "apis/typed.example.com/v1": "widget-openapi.json",
    "apis/typed.example.com/v2": "gadget-openapi-v2.json",
}


def recorded_openapi() -> OpenApi:
    """Built-in kinds as a real API server documents them, and the custom resources in the group typed.example.com."""
    files = _RECORDED.glob("ap*__*.json.gz")
    documents: dict[str, Any] = {
        file.name.removesuffix(".json.gz").replace("__", "/"): json.loads(gzip.decompress(file.read_bytes()))
        for file in sorted(files)
    }
    for path, name in _CUSTOM.items():
        documents[path] = json.loads((_DATA / name).read_text())
    return OpenApi(documents)
