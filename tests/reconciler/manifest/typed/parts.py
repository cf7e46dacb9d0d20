"""What random objects are made of, and what a kind needs for histories to be played on it."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

FINALIZER_GROUP = "typed.example.com"
OWNERS = ("owner-1", "owner-2")

Build = Callable[[random.Random], dict[str, Any]]


@dataclass(frozen=True)
class Subject:
    """A kind, where its objects live, and how to make a random part of one."""

    kind: str
    api_version: str
    plural: str
    build: Build
    status: Build | None = None
    namespaced: bool = True
    #: The kind in its other versions, with the paths to the same objects.
    siblings: tuple["Subject", ...] = ()
    #: What the server's admission adds to what is written, so that only applies can be predicted.
    only_applies: bool = False
    scalable: bool = False

    def collection(self, namespace: str) -> str:
        prefix = "/apis" if "/" in self.api_version else "/api"
        within = f"/namespaces/{namespace}" if self.namespaced else ""
        return f"{prefix}/{self.api_version}{within}/{self.plural}"


def some(rng: random.Random, **options: Callable[[], Any]) -> dict[str, Any]:
    """A random subset of fields in random order."""
    names = [name for name in options if rng.random() < 0.55]
    rng.shuffle(names)
    return {name: options[name]() for name in names}


def texts(rng: random.Random, keys: str, values: str = "xyz") -> dict[str, str]:
    return {key: rng.choice(values) for key in rng.sample(keys, rng.randint(0, len(keys)))}


def chosen(rng: random.Random, options: list[Any], least: int = 0) -> list[Any]:
    """Some of the options, in random order."""
    return rng.sample(options, rng.randint(least, len(options)))


def metadata(rng: random.Random, *, owned: bool = True) -> dict[str, Any]:
    """Labels, annotations, finalizers and, of a namespaced object, owner references."""
    return some(
        rng,
        labels=lambda: texts(rng, "abc"),
        annotations=lambda: texts(rng, "abc", "x"),
        finalizers=lambda: [f"{FINALIZER_GROUP}/{name}" for name in rng.sample("fgh", rng.randint(0, 2))],
        **({"ownerReferences": lambda: owner_references(rng)} if owned else {}),
    )


def owner_references(rng: random.Random) -> list[dict[str, Any]]:
    """References to the objects named in `OWNERS`, whose uids the history fills in."""
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": "", **some(rng, controller=lambda: False)}
        for name in rng.sample(OWNERS, rng.randint(0, 2))
    ]
