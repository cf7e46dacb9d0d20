"""Recorded OpenAPI documents of a real API server, and of the custom resource of the typed merge's tests."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.manifest import OpenApi

_ROOT = Path(__file__).parents[3]
_RECORDED = _ROOT / "reconciler" / "sandbox" / "data" / "openapi"
_WIDGET = _ROOT / "tests" / "data" / "typed" / "widget-openapi.json"


def recorded(path: str) -> dict[str, Any]:
    """A recorded document by its path, such as ``apis/apps/v1``."""
    document: dict[str, Any] = json.loads(
        gzip.decompress((_RECORDED / f"{path.replace('/', '__')}.json.gz").read_bytes())
    )
    return document


@pytest.fixture(scope="session")
def openapi() -> OpenApi:
    """Schemas of v1, apps/v1 and the Widget of typed.example.com/v1."""
    documents = {path: recorded(path) for path in ("api/v1", "apis/apps/v1")}
    documents["apis/typed.example.com/v1"] = json.loads(_WIDGET.read_text())
    return OpenApi(documents)
