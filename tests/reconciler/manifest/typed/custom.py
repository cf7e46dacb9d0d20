"""Custom resources with a field of every kind that merges in its own way, and one in two versions."""

import random
from typing import Any

from tests.reconciler.manifest.typed.parts import chosen, metadata, some, texts


def widget(rng: random.Random) -> dict[str, Any]:
    def free() -> Any:
        return rng.choice([1, "x", True, {"a": 1}, {"b": {"c": []}}, [1, 2], {}, [], {"a": "y", "l": [{"m": 1}]}])

    spec = some(
        rng,
        text=lambda: rng.choice(["x", "y", ""]),
        number=lambda: rng.choice([0, 1, 2]),
        ratio=lambda: rng.choice([0, 1.5, 2.0, 3]),
        flag=lambda: rng.choice([True, False]),
        either=lambda: rng.choice([1, "1", "50%"]),
        words=lambda: rng.sample(["p", "q", "r", "s<t"], rng.randint(0, 3)),
        numbers=lambda: rng.sample([1, 2, 3], rng.randint(0, 3)),
        parts=lambda: [
            {
                "name": name,
                **some(rng, size=lambda: rng.choice([1, 2]), tags=lambda: rng.sample("tu", rng.randint(0, 2))),
            }
            for name in rng.sample("abc", rng.randint(0, 3))
        ],
        ports=lambda: [
            {"port": port, **({"protocol": protocol} if protocol else {}), **some(rng, note=lambda: rng.choice("mn"))}
            for port, protocol in rng.sample([(1, None), (1, "UDP"), (2, "TCP"), (3, "UDP")], rng.randint(0, 3))
        ],
        whole=lambda: rng.choice([[], ["a"], ["b", "a"]]),
        unit=lambda: rng.choice([{}, {"a": 1}, {"a": 1, "b": 2}]),
        labels=lambda: texts(rng, "abc"),
        nested=lambda: some(rng, deep=lambda: texts(rng, "xy"), list=lambda: [{"k": 1}], empty=dict),
        free=free,
        anything=free,
        maybe=lambda: rng.choice([None, "z", "w"]),
        defaulted=lambda: rng.choice(["d", "e"]),
        table=lambda: {key: some(rng, v=lambda: rng.choice([1, 2])) for key in rng.sample("ab", rng.randint(0, 2))},
        embedded=lambda: {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "e", **some(rng, labels=lambda: texts(rng, "a"))},
            **some(rng, data=lambda: texts(rng, "ab")),
        },
    )
    return {"metadata": metadata(rng), **({"spec": spec} if rng.random() < 0.95 else {})}


def widget_status(rng: random.Random) -> dict[str, Any]:
    return some(rng, phase=lambda: rng.choice("xy"), count=lambda: rng.randint(0, 2))


def widget_crd(group: str) -> dict[str, Any]:
    """The definition of Widget, which has a field of every kind that merges in its own way."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Widget", "plural": "widgets", "singular": "widget", "listKind": "WidgetList"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "spec": {
                                    "type": "object",
                                    "properties": {
                                        "text": {"type": "string"},
                                        "number": {"type": "integer"},
                                        "ratio": {"type": "number"},
                                        "flag": {"type": "boolean"},
                                        "either": {"x-kubernetes-int-or-string": True},
                                        "words": {
                                            "type": "array",
                                            "x-kubernetes-list-type": "set",
                                            "items": {"type": "string"},
                                        },
                                        "numbers": {
                                            "type": "array",
                                            "x-kubernetes-list-type": "set",
                                            "items": {"type": "integer"},
                                        },
                                        "parts": {
                                            "type": "array",
                                            "x-kubernetes-list-type": "map",
                                            "x-kubernetes-list-map-keys": ["name"],
                                            "items": {
                                                "type": "object",
                                                "required": ["name"],
                                                "properties": {
                                                    "name": {"type": "string"},
                                                    "size": {"type": "integer"},
                                                    "tags": {
                                                        "type": "array",
                                                        "x-kubernetes-list-type": "set",
                                                        "items": {"type": "string"},
                                                    },
                                                },
                                            },
                                        },
                                        "ports": {
                                            "type": "array",
                                            "x-kubernetes-list-type": "map",
                                            "x-kubernetes-list-map-keys": ["port", "protocol"],
                                            "items": {
                                                "type": "object",
                                                "required": ["port"],
                                                "properties": {
                                                    "port": {"type": "integer"},
                                                    "protocol": {"type": "string", "default": "TCP"},
                                                    "note": {"type": "string"},
                                                },
                                            },
                                        },
                                        "whole": {"type": "array", "items": {"type": "string"}},
                                        "unit": {
                                            "type": "object",
                                            "x-kubernetes-map-type": "atomic",
                                            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
                                        },
                                        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                                        "nested": {
                                            "type": "object",
                                            "properties": {
                                                "deep": {"type": "object", "additionalProperties": {"type": "string"}},
                                                "list": {
                                                    "type": "array",
                                                    "items": {
                                                        "type": "object",
                                                        "properties": {"k": {"type": "integer"}},
                                                    },
                                                },
                                                "empty": {"type": "object"},
                                            },
                                        },
                                        "free": {"x-kubernetes-preserve-unknown-fields": True},
                                        "anything": {
                                            "x-kubernetes-preserve-unknown-fields": True,
                                        },
                                        "maybe": {"type": "string", "nullable": True},
                                        "defaulted": {"type": "string", "default": "d"},
                                        "table": {
                                            "type": "object",
                                            "additionalProperties": {
                                                "type": "object",
                                                "properties": {"v": {"type": "integer"}},
                                            },
                                        },
                                        "embedded": {
                                            "type": "object",
                                            "x-kubernetes-embedded-resource": True,
                                            "x-kubernetes-preserve-unknown-fields": True,
                                        },
                                    },
                                },
                                "status": {
                                    "type": "object",
                                    "properties": {"phase": {"type": "string"}, "count": {"type": "integer"}},
                                },
                            },
                        }
                    },
                }
            ],
        },
    }


def gadget(rng: random.Random, version: str) -> dict[str, Any]:
    """``young`` is known to v2 only."""
    own = {"young": lambda: rng.choice("xy")} if version == "v2" else {}
    rules = [(host, path) for host in ("h", None) for path in ("/", "/a")]
    return {
        "metadata": metadata(rng),
        "spec": some(
            rng,
            size=lambda: rng.choice(["1", 1, "500m", 0.5]),
            when=lambda: rng.choice(["2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00"]),
            rules=lambda: [
                {
                    "path": path,
                    **({"host": host} if host else {}),
                    **some(rng, weight=lambda: rng.choice([1, 2.5, None])),
                }
                for host, path in chosen(rng, rules)
            ],
            zones=lambda: {zone: chosen(rng, ["p", "q"]) for zone in chosen(rng, ["z1", "z2"])},
            levels=lambda: [
                {"level": level, **some(rng, flags=lambda: chosen(rng, [True, False]), open=lambda: free_value(rng))}
                for level in chosen(rng, [0, 1, 2])
            ],
            maybe=lambda: rng.choice([None, {}, {"a": 1}, {"a": None}]),
            list=lambda: rng.choice([None, [], ["a"], ["a", "b"]]),
            backends=lambda: [
                {
                    "name": name,
                    **some(rng, port=lambda: rng.choice([80, 81]), options=lambda: some(rng, fast=lambda: True)),
                }
                for name in chosen(rng, ["a", "b", "b"])
            ],
            **own,
        ),
        **some(rng, extra=lambda: free_value(rng)),
    }


def free_value(rng: random.Random) -> Any:
    return rng.choice([1, "x", True, {"a": 1}, {"b": {"c": []}}, [1, 2], {}, [], {"a": "y", "l": [{"m": 1}]}])


def gadget_crd(group: str) -> dict[str, Any]:
    """The definition of Gadget: two versions without conversion, and no status sub-resource."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"gadgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Gadget", "plural": "gadgets", "singular": "gadget", "listKind": "GadgetList"},
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": version == "v2",
                    "schema": {"openAPIV3Schema": _gadget_schema(version)},
                }
                for version in ("v1", "v2")
            ],
        },
    }


def _gadget_schema(version: str) -> dict[str, Any]:
    text = {"type": "string"}
    flags = {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "boolean"}}
    rule = {
        "type": "object",
        "required": ["path"],
        "properties": {"path": text, "host": {**text, "default": "*"}, "weight": {"type": "number", "nullable": True}},
    }
    level = {
        "type": "object",
        "required": ["level"],
        "properties": {
            "level": {"type": "integer"},
            "flags": flags,
            "open": {"x-kubernetes-preserve-unknown-fields": True},
        },
    }
    options = {"type": "object", "default": {}, "properties": {"fast": {"type": "boolean", "default": False}}}
    backend = {
        "type": "object",
        "properties": {
            "name": text,
            "port": {"type": "integer", "default": 80},
            "kind": {**text, "default": "Service"},
            "options": options,
        },
    }
    spec = {
        "size": {"x-kubernetes-int-or-string": True},
        "when": {**text, "format": "date-time"},
        "rules": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["path", "host"],
            "items": rule,
        },
        "zones": {
            "type": "object",
            "additionalProperties": {"type": "array", "x-kubernetes-list-type": "set", "items": text},
        },
        "levels": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["level"],
            "items": level,
        },
        "maybe": {
            "type": "object",
            "nullable": True,
            "properties": {"a": {"type": "integer", "nullable": True}},
        },
        "list": {"type": "array", "nullable": True, "items": text},
        "backends": {"type": "array", "items": backend},
        **({"young": text} if version == "v2" else {}),
    }
    return {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
        "properties": {"spec": {"type": "object", "properties": spec}},
    }
