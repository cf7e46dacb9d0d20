import re
from typing import Any

import pytest

from reconciler.errors import SpecError
from reconciler.manifest.yaml import MAX_DEPTH, MAX_NODES, dump_document, load_document, load_documents

READ = {
    "booleans": ("{a: yes, b: off, c: n, d: 'yes'}", {"a": True, "b": False, "c": False, "d": "yes"}),
    "bare y as key is true": ("y: 1", {"true": 1}),
    "keys become strings": ("{1: a, 1.5: b, ~x: c}", {"1": "a", "1.5": "b", "~x": "c"}),
    "explicit tags": ("[!!str 12, !!int '3', !!float 3, !!bool 'yes', !!binary aGk=]", ["12", 3, 3, True, "hi"]),
    "private tags are dropped": ("[!foo 12, !foo {a: 1}]", ["12", {"a": 1}]),
    "set and omap are plain": ("[!!set {a}, !!omap [a: 1]]", [{"a": None}, [{"a": 1}]]),
    "block scalars": ("a: |\n  x\n  y\nb: >-\n  p\n  q", {"a": "x\ny\n", "b": "p q"}),
    "alias": ("- &a {x: 1}\n- *a", [{"x": 1}, {"x": 1}]),
    "alias as key": ("&a k: 1\nb: *a", {"k": 1, "b": "k"}),
    "merge, own key later": (
        "x: &x {a: 1, b: 2}\nz:\n  <<: *x\n  a: 9",
        {"x": {"a": 1, "b": 2}, "z": {"a": 9, "b": 2}},
    ),
    "merge after own key wins": ("x: &x {a: 1}\nz:\n  a: 9\n  <<: *x", {"x": {"a": 1}, "z": {"a": 1}}),
    "merge list, first wins": (
        "p: &p {a: 1}\nq: &q {a: 2, c: 3}\nz: {<<: [*p, *q]}",
        {"p": {"a": 1}, "q": {"a": 2, "c": 3}, "z": {"a": 1, "c": 3}},
    ),
    "quoted << is a key": ("z: {'<<': {a: 1}}", {"z": {"<<": {"a": 1}}}),
    "JSON": (
        '{"a": [1, 2.5, "x", null, true], "b": "\\ud83d\\ude00"}',
        {"a": [1, 2.5, "x", None, True], "b": "\U0001f600"},
    ),
    "JSON with tabs": ('{\n\t"a": 1\n}', {"a": 1}),
    "flow mapping that is no JSON": ("{a: 1, b: yes}", {"a": 1, "b": True}),
    "byte order mark": ("\ufeffa: 1", {"a": 1}),
}


@pytest.mark.parametrize("case", READ)
def test_reads_as_kubernetes(case: str) -> None:
    text, expected = READ[case]
    assert load_document(text, file="f") == expected
    assert load_document(text.encode(), file="f") == expected


STREAMS: dict[str, tuple[str, list[Any]]] = {
    "empty": ("", []),
    "comments only": ("# nothing\n---\n# more\n", []),
    "empty documents are dropped": ("---\na: 1\n---\n---\n# x\n---\nb: 2\n", [{"a": 1}, {"b": 2}]),
    "null document": ("null\n---\n~\n---\n0\n", [0]),
    "anchors end with their document": ("a: &x 1\n---\nb: &x 2\nc: *x", [{"a": 1}, {"b": 2, "c": 2}]),
    "JSON one after another": ('{"a": 1}\n{"b": 2}', [{"a": 1}, {"b": 2}]),
    "JSON with separators": ('---\n{"a": 1}\n--- # two\n{"b": 2}\n---\n', [{"a": 1}, {"b": 2}]),
    "JSON then YAML": ('{"a": 1}\n---\nb: 2', [{"a": 1}, {"b": 2}]),
}


@pytest.mark.parametrize("case", STREAMS)
def test_streams(case: str) -> None:
    text, expected = STREAMS[case]
    assert load_documents(text, file="f") == expected


REFUSED = {
    "syntax": ("a: 1\nb: c: d", "f:2: mapping values are not allowed in this context"),
    "unclosed": ("a: [1,\n2", "f:2: did not find expected ',' or ']'"),
    "tab as indentation": ("a:\n\tb: 1", "f:2: found character that cannot start any token"),
    "duplicate key": ("a: 1\nb:\n  c: 1\n  c: 2", "f:4: duplicate key 'c'; remove one of them"),
    "duplicate after conversion": ("{1: a, '1': b}", "f:1: duplicate key '1'; remove one of them"),
    "duplicate key in JSON": ('{"a": 1,\n "a": 2}', "f:2: duplicate key 'a'; remove one of them"),
    "null key": ("~: 1", "f:1: a null cannot be a key; quote it if text is meant"),
    "list as key": ("[a]: 1", "f:1: a mapping or sequence cannot be a key"),
    "mapping alias as key": ("x: &x {a: 1}\n? *x\n: 2", "f:2: a mapping or sequence cannot be a key"),
    "infinity": ("a: .inf", "f:1: inf is not a number in JSON; quote it if text is meant"),
    "not a number": ("a: [.nan]", "f:1: nan is not a number in JSON; quote it if text is meant"),
    "unknown anchor": ("a: *x", "f:1: unknown anchor 'x'"),
    "cycle": ("a: &x\n  b: [*x]", "f:2: anchor 'x' contains itself"),
    "merge of a scalar": ("a:\n  <<: 3", "f:2: a merge key (<<) takes a mapping or a list of mappings"),
    "merge of a list of lists": ("a:\n  <<: [[b]]", "f:2: a merge key (<<) takes a mapping or a list of mappings"),
    "merge of a list of scalars": ("a:\n  <<: [b]", "f:2: a merge key (<<) takes a mapping or a list of mappings"),
    "wrong value of a tag": ("a: !!int x", "f:1: cannot read 'x' as !!int"),
    "float as !!int": ("a: !!int 1e3", "f:1: cannot read '1e3' as !!int"),
    "bad base64": ("a: !!binary x", "f:1: !!binary value is not base64"),
    "control character": ("a: 1\nb: \x01", "f:2: control characters are not allowed"),
    "lone surrogate escape": ('a: "\\ud800"', "f:1: found invalid Unicode character escape code"),
    "lone surrogate escape in JSON": ('{"a": "\\ud800"}', "f:1: found invalid Unicode character escape code"),
    "lone surrogate": ("a: 1\nb: \ud800", "f:2: half of a UTF-16 surrogate pair is not text"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refuses_with_file_and_line(case: str) -> None:
    text, message = REFUSED[case]
    with pytest.raises(SpecError) as caught:
        load_documents(text, file="f")
    assert str(caught.value) == message


def test_refuses_other_encodings() -> None:
    with pytest.raises(SpecError, match=re.escape("f:2: not UTF-8 text; save the file as UTF-8")):
        load_documents(b"a: 1\nb: \xff", file="f")


def test_refuses_a_second_document() -> None:
    with pytest.raises(SpecError, match=re.escape("f:1: expected one document, found 2; split the file")):
        load_document("a: 1\n---\nb: 2", file="f")
    assert load_document("# nothing", file="f") is None


OBJECT_TAGS = [
    "!!python/object/apply:os.system [x]",
    "!!python/name:os.system",
    "!!python/object/new:type [x]",
    "!!python/module:os ''",
    "!!python/tuple [1]",
    "!!java.net.URL [x]",
    "!!js/function 'x'",
    "!<tag:yaml.org,2002:python/object:os.X> {}",
]


@pytest.mark.parametrize("text", OBJECT_TAGS)
def test_no_tag_builds_an_object(text: str) -> None:
    with pytest.raises(SpecError, match=r"^f:1: tag !!.* is not plain data; remove it$"):
        load_documents(text, file="f")


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 1000, 30_000, 200_000])
@pytest.mark.parametrize("opener", ["[", "- ", "? ", "{a: ", '{"a":', "[{a: "])
def test_deep_nesting_is_refused(opener: str, levels: int) -> None:
    with pytest.raises(SpecError, match=r"^f:\d+: "):
        load_documents(opener * levels, file="f")


def test_depth_limit_is_exact() -> None:
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert load_document(deepest, file="f")
    with pytest.raises(SpecError, match=f"f:1: nested more than {MAX_DEPTH} levels deep"):
        load_document(f"[{deepest}]", file="f")
    json_deepest = '{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH
    assert load_document(json_deepest, file="f")
    with pytest.raises(SpecError, match=f"f:1: nested more than {MAX_DEPTH} levels deep"):
        load_document('{"a":' + json_deepest + "}", file="f")


def test_aliases_count_towards_depth() -> None:
    lines = ["- &a0 []"] + [f"- &a{n} [*a{n - 1}]" for n in range(1, MAX_DEPTH + 2)]
    with pytest.raises(SpecError, match=r"^f:\d+: nested more than 500 levels deep$"):
        load_documents("\n".join(lines), file="f")


def test_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9)]
    with pytest.raises(SpecError, match=rf"^f:7: more than {MAX_NODES} values in one document, aliases expanded$"):
        load_documents("\n".join(lines), file="f")


def test_scalars_that_hang_other_readers() -> None:
    sexagesimal = "1:" * 200_000 + "1"
    assert load_document(f"a: {sexagesimal}", file="f") == {"a": sexagesimal}
    assert load_document("a: " + "9" * 5000, file="f") == {"a": "9" * 5000}
    separators = ("---" + " " * 50 + "\n") * 10_000
    assert load_documents(separators + '{"a": 1}\n' + separators, file="f") == [{"a": 1}]


def test_aliases_give_independent_values() -> None:
    document = load_document("a: &x {l: [1]}\nb: *x", file="f")
    document["b"]["l"].append(2)
    assert document["a"] == {"l": [1]}


def test_dump_is_block_style_in_the_order_given() -> None:
    obj = {"b": [{"y": "no", "x": 1}], "a": {"text": "two\nlines\n", "empty": {}, "none": None, "t": "2001-01-01"}}
    assert dump_document(obj) == (
        'b:\n- "y": "no"\n  x: 1\na:\n  text: |\n    two\n    lines\n  empty: {}\n  none: null\n  t: \'2001-01-01\'\n'
    )


def test_dump_writes_shared_values_twice() -> None:
    shared = {"x": 1}
    assert dump_document([shared, shared]) == "- x: 1\n- x: 1\n"
