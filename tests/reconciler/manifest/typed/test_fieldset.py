import json
import re
from typing import Any

import pytest

from reconciler.errors import SpecError
from reconciler.manifest import GroupVersionKind, OpenApi
from reconciler.manifest.typed.elements import canonical_element
from reconciler.manifest.typed.fieldset import format_fields, iterate, parse_fields

REAL = {
    "f:metadata": {"f:annotations": {".": {}, "f:a": {}}, "f:labels": {}},
    "f:spec": {
        "f:containers": {
            'k:{"name":"web"}': {
                ".": {},
                "f:env": {".": {}, 'k:{"name":"A"}': {".": {}, "f:name": {}}},
                "f:ports": {
                    ".": {},
                    'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}},
                    'k:{"containerPort":443,"protocol":"TCP"}': {".": {}, "f:containerPort": {}},
                },
            }
        },
        "f:finalizers": {".": {}, 'v:"a"': {}, 'v:"b\\u003cc"': {}},
    },
}


def test_what_the_server_wrote_is_read_and_written_as_it_is() -> None:
    fields = parse_fields(REAL)
    assert fields == REAL
    assert json.dumps(format_fields(fields)) == json.dumps(REAL)


def test_members_before_what_lies_deeper() -> None:
    assert list(iterate(parse_fields({"f:b": {".": {}, "f:x": {}}, "f:a": {"f:y": {}}, "f:c": {}}))) == [
        ("f:b",),
        ("f:c",),
        ("f:a", "f:y"),
        ("f:b", "f:x"),
    ]


def test_order_of_elements() -> None:
    raw = {
        "i:10": {},
        "i:9": {},
        "v:true": {},
        'v:"s"': {},
        "v:10": {},
        "v:9": {},
        'k:{"a":1}': {},
        "f:z": {},
        "f:a": {},
    }
    assert list(format_fields(parse_fields(raw))) == [
        "f:a",
        "f:z",
        'k:{"a":1}',
        "v:9",
        "v:10",
        'v:"s"',
        "v:true",
        "i:9",
        "i:10",
    ]


CANONICAL = [
    ('k:{"protocol":"TCP","containerPort":80}', 'k:{"containerPort":80,"protocol":"TCP"}'),
    ('k:{ "name" : "a" }', 'k:{"name":"a"}'),
    ("v:1.0", "v:1"),
    ('v:"<&>"', 'v:"\\u003c\\u0026\\u003e"'),
    ('v:"é"', 'v:"é"'),
    ("f:any thing:", "f:any thing:"),
    ("i:3", "i:3"),
    ("x:future", None),
]


@pytest.mark.parametrize(("element", "expected"), CANONICAL)
def test_elements_are_read_in_any_form(element: str, expected: str | None) -> None:
    assert canonical_element(element) == expected


def test_elements_of_unknown_kinds_are_dropped() -> None:
    assert parse_fields({"x:future": {"f:a": {}}, "f:b": {}}) == {"f:b": {}}


@pytest.mark.parametrize("raw", [{"nonsense": {}}, {"": {}}, {"k:[1]": {}}, {"k:{": {}}, {"i:x": {}}, {"v:": {}}])
def test_refuses_what_is_no_element(raw: Any) -> None:
    (element,) = raw
    with pytest.raises(SpecError, match=re.escape(f"fieldsV1 holds {element!r}, which is not a path element")):
        parse_fields(raw)


def test_refuses_other_shapes() -> None:
    with pytest.raises(SpecError, match=r"fieldsV1 is not an object"):
        parse_fields(["f:a"])
    with pytest.raises(SpecError, match=r"fieldsV1 holds 'f:a' that is not an object"):
        parse_fields({"f:a": 1})


def test_a_field_that_became_atomic_takes_the_place_of_its_members(openapi: OpenApi) -> None:
    schema = openapi.schema(GroupVersionKind("typed.example.com", "v1", "Widget"))
    assert schema is not None
    raw = {
        "f:spec": {
            "f:unit": {"f:a": {}},
            "f:whole": {'v:"x"': {}},
            "f:labels": {"f:a": {}},
            "f:anything": {"f:l": {"v:1": {}}},
        }
    }
    assert parse_fields(raw, schema) == {
        "f:spec": {"f:unit": {}, "f:whole": {}, "f:labels": {"f:a": {}}, "f:anything": {"f:l": {"v:1": {}}}}
    }
