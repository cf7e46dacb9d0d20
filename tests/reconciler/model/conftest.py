"""Documents that the tests change."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

Document = dict[str, Any]


@pytest.fixture
def application() -> Document:
    """A valid Application of one source."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "guestbook", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "web"},
            "source": {"repoURL": "https://git.example.com/apps.git", "path": "guestbook"},
        },
    }


@pytest.fixture
def put(application: Document) -> Callable[..., Document]:
    """Set values in the Application by dotted path; a path alone takes the field away."""

    def change(values: dict[str, Any], *absent: str) -> Document:
        document = copy.deepcopy(application)
        for path, value in values.items():
            *parents, last = path.split(".")
            inner = document
            for name in parents:
                inner = inner.setdefault(name, {})
            inner[last] = value
        for path in absent:
            *parents, last = path.split(".")
            inner = document
            for name in parents:
                inner = inner[name]
            del inner[last]
        return document

    return change
