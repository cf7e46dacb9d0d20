"""Texts that our loader and kubectl have to read alike, and the few that only one of them reads."""

import re

_HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\n"

PLAIN = """
    012 0o14 0O14 0o8 08 0 00 -0 +0 007 0x1f 0X1F 0x 0xg 0x_1f -0x10 +0x10 0b11 0B11 0b2 -0b1 0b 0b_1
    .59_0 ._5 .5_ .5__0 .5e1_0 .5_e1
    1 +1 -1 ++1 --1 +-1 - + 1- 1+ 1_000 1__0 1_ _1 -_1 +_1 0_7 0_9 1_000.5 1._5 1.5_ 1_e3 1e_3 1e3_ 0x_ 0o_7 0o7_
    1. .5 +.5 -.5 . .. -. .e3 .5. 1.2.3 1.0 1.00 0.0 -0.0 1.5 .5e3 ._5 1e3 1E3 1e+3 1e-3 1.e5 1e 1e+ e3 1e3x 1.5e300
    1e400 -1e400 1e-400 1e20 1e21 1e22 123456789012345678901 5e-324 1e-7 0.1 100000000000000000000.5 1e5 123456.0 1e15
    0.30000000000000004 0.1000000000000000055511151231257827 3.14159265358979323846264338327950288419716939937510582097
    9007199254740992 9007199254740993 9007199254740993.0 -9007199254740993 9223372036854775807 9223372036854775808
    -9223372036854775808 -9223372036854775809 +9223372036854775807 +9223372036854775808 18446744073709551615
    18446744073709551616 +18446744073709551615 99999999999999999999999999999 9223372036854775807.0 9223372036854774784.0
    9223372036854775808.0 1e18 1e19 9.3e18 4611686018427387905.0 0x7fffffffffffffff 0x8000000000000000
    0xffffffffffffffff 0x10000000000000000 -0x8000000000000000 -0x8000000000000001 0777777777777777777777
    01777777777777777777777 02000000000000000000000 0o1777777777777777777777 0b1111111111111111111111111111111111111111
    -0b1000000000000000000000000000000000000000000000000000000000000000
    true True TRUE tRUE false False FALSE yes Yes YES yEs no No NO nO on On ON oN off Off OFF oFF y Y n N t f
    ~ null Null NULL nULL none None nil undefined
    .inf .Inf .INF .iNF +.inf +.Inf -.inf -.INF inf +inf -inf Inf infinity .nan .NaN .NAN .nAN NaN nan -.nan +.nan
    12:30:45 12:30 1:2 -1:20 190:20:30.15 22:22 0:0 2001-01-01 2001-1-1 2001-99-99 2001-12-14t21:59:43.10-05:00
    2001-12-14T21:59:43Z 2001-12-14T21:59:43.123456789Z 0001-01-01 20010101 2001-01
    = <= => << < > <<x ! !x ? : :x x: @x `x %x |x >x &x *x #x x#y x:y a,b [x ]x {x }x 'x "x - -x --- ... -1x 1x 0x1x +x .x
    1,000 1e1,2 1px 10Gi 500m 1.5Gi 0777 0644 v1 1.2.3-rc1 1e2e3 0e0 -0e0 0e5 00e5 01e5 012.5 09.5 010. 1_2_3 1.2e1_0
    ０ ١٢ é ñ 日本 😀 x\u00a0y \u2028 \u0085x \ufeffx
"""

FLOW = {
    "double quoted": '"x"',
    "double quoted number": '"012"',
    "single quoted": "'x'",
    "single quoted number": "'1e3'",
    "single quoted quote": "'it''s'",
    "single quoted backslash": r"'\n\u0041'",
    "empty double": '""',
    "empty single": "''",
    "nothing": "",
    "escapes": r'"\0\a\b\e\f\n\r\t\v\x41\u00e9\U0001F600\N\_\L\P\\\""',
    "escaped surrogate pair": r'"\ud83d\ude00"',
    "lone surrogate": r'"\ud800"',
    "unknown escape": r'"\q"',
    "escaped line break": '"a\\\n    b"',
    "folded double": '"a\n\n    b\n    c"',
    "folded single": "'a\n\n    b\n    c'",
    "folded plain": "a\n    b\n\n    c",
    "tag str": "!!str 12",
    "tag str null": "!!str null",
    "tag str empty": "!!str",
    "tag str true": "!!str true",
    "tag int of a string": '!!int "3"',
    "tag int": "!!int 012",
    "tag int of a float": "!!int 1.0",
    "tag int of text": "!!int x",
    "tag float of an int": "!!float 3",
    "tag float of a string": '!!float "3.5"',
    "tag float of text": "!!float x",
    "tag float of octal": "!!float 012",
    "tag bool": "!!bool yes",
    "tag bool of a string": '!!bool "on"',
    "tag bool of an int": "!!bool 1",
    "tag null": "!!null null",
    "tag null of text": "!!null x",
    "tag null of nothing": "!!null",
    "tag null of a string": '!!null ""',
    "tag binary": "!!binary aGVsbG8=",
    "tag binary of bytes": "!!binary //79",
    "tag binary wrong": "!!binary '@@'",
    "tag binary unpadded": "!!binary aGk",
    "tag binary with spaces": "!!binary 'aG Vs bG8='",
    "tag binary block": "!!binary |\n    aGVs\n    bG8=",
    "tag binary empty": '!!binary ""',
    "tag timestamp": "!!timestamp 2001-01-01",
    "tag timestamp of text": "!!timestamp x",
    **{
        f"tag timestamp of {text}": f"!!timestamp {text}"
        for text in (
            *("2001-2-3", "2001-02-30", "2001-13-01", "0000-02-29", "2001-1-1T1:2:3Z", "2001-1-1t1:2:3.5+01:00"),
            *("2001-1-1 1:2:3", "2001-1-1 1:2:3Z", "2001-1-1T1:2:3", "2001-1-1T24:00:00Z", "2001-1-1 1:2", "x-1-1"),
            *("2001-1-1  1:2:3", "2001-1-1T1:2:3+1:00", "2001-1-1T1:2:60Z", "20010101", "2001-1-1T1:2:3z", "2001"),
            *("2001-1-1T1:2:3.1234567891Z", "2001-1-1T1:2:3.Z", "2001-001-1", "2001-1-1T1:2:3+25:00", "2001-0-0"),
        )
    },
    "tag merge": "!!merge <<",
    "tag map": "!!map {a: 1}",
    "tag seq": "!!seq [1]",
    "tag seq on a map": "!!seq {a: 1}",
    "tag map on a list": "!!map [1]",
    "tag set": "!!set {a, b}",
    "tag omap": "!!omap [a: 1]",
    "tag pairs": "!!pairs [a: 1]",
    "private tag": "!x 12",
    "private tag on a map": "!x {a: 1}",
    "private tag of nothing": "!x",
    "non-specific tag": "! 12",
    "non-specific tag of nothing": "!",
    "non-specific tag of a list": "! [1]",
    "verbatim tag": "!<tag:yaml.org,2002:str> 12",
    "verbatim tag of int": '!<tag:yaml.org,2002:int> "12"',
    "undeclared handle": "!e!x 12",
    "list": "[1, yes, ~, 'x', [], {}, 1.0]",
    "list with trailing comma": "[1, 2,]",
    "list with holes": "[1, , 2]",
    "list of pairs": "[a: 1, b]",
    "list of null pairs": "[? a : 1, : 2]",
    "map": "{a: 1, b: {c: []}}",
    "map of bare keys": "{a, b}",
    "map with trailing comma": "{a: 1,}",
    "map without space": '{"a":1,"b":yes}',
    "map value with colon": "{a: b:c, url: http://x/y}",
    "flow over lines": "[1,\n    2,\n    # three\n    3]",
    "flow with tab": "[1,\t2]",
    "flow line with tab": "{\n\t    a: 1}",
    "comment behind": "x # y",
    "no comment": "x#y",
    "comment first": "# y",
    "comment then value": "# y\n    x",
    "colon at the end of text": "a:",
    "two colons": "a: b: c",
    "unclosed list": "[1",
    "unclosed quote": '"x',
    "text after quote": '"x" y',
    "alias to nothing": "*nothing",
    "anchored": "&a [1, 2]",
    "anchor of nothing": "&a",
    "anchor and tag": "&a !!str 12",
    "tag and anchor": "!!str &a 12",
    "two anchors": "&a &b x",
    "alias in a list": "[&a 012, *a, &b {x: *a}, *b]",
    "alias to itself": "&a [*a]",
    "anchor defined twice": "[&a 1, *a, &a 2, *a]",
    "anchor with odd name": "[&a-b_1 x, *a-b_1]",
    "anchored key": "{&k key: 1, other: *k}",
    "alias as key": "[&k key, {*k : 1}]",
    "alias of an int as key": "[&k 12, {*k : 1}]",
    "infinity in a list": "[.inf]",
    "not a number in a map": "{a: .nan}",
    "float beyond": "[1e309]",
    "complex key": "{? a : 1}",
    "list as key": "{[a]: 1}",
    "map as key": "{{a: 1}: 1}",
    "reserved at sign": "@x",
    "reserved backtick": "`x`",
    "percent": "%x",
    "directive-like": "%YAML 1.1",
    "question mark": "?x",
    "control character": "a\x01b",
    "delete character": "a\x7fb",
    "quoted control character": '"a\x01b"',
    "next line": "a\x85b",
    "line separator": "a\u2028b",
    "tab in text": "a\tb",
    "tab before value": "\tx",
    "tab behind value": "x\t",
    "quoted byte order mark": '"\ufeffx"',
}

KEY_WORDS = """
    1 01 0x10 0o7 0b11 -1 +1 1_000 1.5 0.1 1.0 1e3 1e6 1e21 1e-5 .5 1e300 -0.0 16777217.5 123456789.5 0.333333333333
    9007199254740993 9223372036854775807 9223372036854775808 18446744073709551615 18446744073709551616 99999.5
    3.4028235e38 3.5e38 1e38 1.17549435e-38 1e-45 1e-46 1e-400 100000.0 999999.9 1000000.5 2097152.5 1e5 12345678
    yes y n no on off true True FALSE ~ null Null .inf -.inf .nan 12:30 2001-01-01 2001-12-14T21:59:43Z = << x.y/z
"""

KEYS = (
    *(
        "''",
        '""',
        "'1'",
        '"yes"',
        "'<<'",
        "!!str 1",
        '!!int "1"',
        "!!float 1",
        "!!bool yes",
        "!!binary aGk=",
        "!x 1",
        "? x",
    ),
    *("? [1]", "? {a: 1}", "!!null ~", "a b", "a: b", "- a", "x ", "é", "😀", "&a k", "!!merge <<", "!!str <<"),
    *(
        "0",
        "-0",
        "00",
        "1.",
        "-.5",
        "+.5",
        "1e",
        "0.00001",
        "0.0001",
        "123456.7",
        "1234567.8",
        "-1e10",
        "!!timestamp 2001-01-01",
    ),
)

BLOCKS = {
    f"{style}{indent}{chomp} of {kind}": f"{style}{indent}{chomp}\n{body}"
    for style in "|>"
    for indent in ("", "2")
    for chomp in ("", "-", "+")
    for kind, body in {
        "a line": "    x\n",
        "two lines": "    x\n    y\n",
        "empty lines behind": "    x\n\n\n",
        "empty lines first": "\n\n    x\n",
        "an empty line between": "    x\n\n    y\n",
        "more indented": "    x\n      y\n\n      z\n    w\n",
        "nothing": "",
        "only empty lines": "\n\n",
        "no line break at the end": "    x",
        "spaces behind": "    x  \n    y\t\n",
        "a comment behind": "    x\n# comment\n",
        "text like YAML": "    a: 1\n    - b\n    # c\n    ---x\n",
        "tabs": "    \tx\n",
    }.items()
} | {
    "comment on the header": "| # why\n    x\n",
    "indent and chomp swapped": "|-2\n    x\n",
    "indent of 0": "|0\n    x\n",
    "text on the header": "| x\n",
    "first line more indented": "|\n      x\n    y\n",
    "empty line more indented": "|\n      \n    y\n",
    "block with document mark": "|\n    x\n---\n",
    "carriage returns": "|\r\n    x\r\n    y\r\n",
    "folded carriage returns": ">\r\n    x\r\n    y\r\n",
    "next line in a block": "|\n    x\x85    y\n",
}

# The value of `data`.
MAPS = {
    "merge": "\n  a: &a {x: 1, y: 2}\n  b: {<<: *a, y: 3}\n",
    "merge behind own key": "\n  a: &a {x: 1, y: 2}\n  b: {y: 3, <<: *a}\n",
    "merge of a list": "\n  a: &a {x: 1}\n  b: &b {x: 2, y: 2}\n  c: {<<: [*a, *b]}\n",
    "merge of a list, other order": "\n  a: &a {x: 1}\n  b: &b {x: 2, y: 2}\n  c: {<<: [*b, *a], z: 3}\n",
    "merge of a list behind own keys": "\n  a: &a {x: 1}\n  b: &b {x: 2, y: 2}\n  c: {x: 3, <<: [*b, *a]}\n",
    "merge of a list in block": "\n  a: &a {x: 1}\n  c:\n    <<:\n    - *a\n    - {y: 2}\n    x: 3\n",
    "merge twice": "\n  a: &a {x: 1}\n  b: &b {y: 2}\n  c:\n    <<: *a\n    <<: *b\n",
    "merge twice, same keys": "\n  a: &a {x: 1}\n  b: &b {x: 2}\n  c:\n    <<: *a\n    <<: *b\n",
    "merge in place": "\n  a: {<<: {x: 1}, y: 2}\n",
    "merge of a merged": "\n  a: &a {x: 1}\n  b: &b {<<: *a, y: 2}\n  c: {<<: *b, z: 3}\n",
    "merge does not go deep": "\n  a: &a {x: {p: 1}}\n  b: {<<: *a, x: {q: 2}}\n",
    "merge of a scalar": "\n  b: {<<: 1}\n",
    "merge of null": "\n  b: {<<: }\n",
    "merge of an empty list": "\n  b: {<<: []}\n",
    "merge of an empty map": "\n  b: {<<: {}, a: 1}\n",
    "merge of a list of scalars": "\n  b: {<<: [1]}\n",
    "merge of a list of lists": "\n  b: {<<: [[{a: 1}]]}\n",
    "merge of an alias to a list": "\n  a: &a [{x: 1}, {x: 2, y: 2}]\n  b: {<<: *a}\n",
    "merge of an alias to a scalar": "\n  a: &a 1\n  b: {<<: *a}\n",
    "merge of non-string keys": "\n  a: &a {1: x, yes: y}\n  b: {<<: *a, 1: z}\n",
    "merge at the top": "\n  <<: {a: 1}\n  b: 2\n",
    "merge, null overrides": "\n  a: &a {x: 1}\n  b: {<<: *a, x: }\n",
    "merge into null": "\n  a: &a {x: }\n  b: {x: 1, <<: *a}\n",
    "merge key as alias": "\n  a: &a <<\n  b: {*a : {x: 1}}\n",
    "merge key quoted": "\n  a: {'<<': {x: 1}}\n",
    "merge of a tagged map": "\n  a: {<<: !!map {x: 1}}\n",
    "merge of a set": "\n  a: {<<: !!set {x}}\n",
    "merge with own anchor": "\n  a: &a {x: 1, b: {<<: *a}}\n",
    "anchor on the merged": "\n  a: {<<: &m {x: 1}}\n  b: *m\n",
    "aliases of aliases": "\n  a: &a 1\n  b: &b [*a]\n  c: &c {b: *b}\n  d: [*c, *c]\n",
    "alias before anchor": "\n  a: *b\n  b: &b 1\n",
    "anchor reused after change": "\n  a: &a {x: 1}\n  b: *a\n  c: &a {x: 2}\n  d: *a\n",
    "list at the key's column": "\n  a:\n  - 1\n  - 2\n",
    "list more indented": "\n  a:\n      - 1\n      - 2\n",
    "list of lists": "\n  a:\n  - - 1\n    - 2\n  -\n    - 3\n",
    "list of maps": "\n  a:\n  - x: 1\n    y: 2\n  -   x: 3\n      y: 4\n",
    "null items": "\n  a:\n  -\n  - ~\n  -   # nothing\n",
    "explicit keys": "\n  ? a\n  : 1\n  ? b\n  :\n    - 2\n",
    "explicit key without a value": "\n  ? a\n  ? b\n",
    "key without space": "\n  a:1\n",
    "tab indentation": "\n\ta: 1\n",
    "tab behind indentation": "\n  \ta: 1\n",
    "tab behind colon": "\n  a:\t1\n",
    "tab between keys": "\n  a: 1\n\t\n  b: 2\n",
    "uneven indentation": "\n  a: 1\n   b: 2\n",
    "less indentation": "\n  a: 1\n b: 2\n",
    "long key": f"\n  {'k' * 1000}: 1\n",
    "key beyond 1024": f"\n  {'k' * 1100}: 1\n",
    "many lines in a quoted key": '\n  "a\n   b": 1\n',
    "comments everywhere": "  # a\n  # b\n  a: 1 # c\n  # d\n\n# e\n  b: 2\n# f\n",
    "trailing spaces": "  \n  a: 1  \n  b:   \n",
    "empty": "\n",
    "empty map": " {}\n",
    "empty list": " []\n",
    "a list": " [1]\n",
    "null": " ~\n",
    "deep": " " + "[" * 200 + "]" * 200 + "\n",
    "wide": " {" + ", ".join(f"k{n}: {n}" for n in range(500)) + "}\n",
    "unicode keys": '\n  é: 1\n  "\\u00e8": 2\n  😀: 3\n',
}

_OTHER = _HEAD.replace("NAME", "NAME-b")
_JSON = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "NAME"}, "data": %s}'
_ITEM = "{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME-%s}}"

STREAMS = {
    "two documents": f"{_HEAD}---\n{_OTHER}",
    "begins with a mark": f"---\n{_HEAD}",
    "ends with a mark": f"{_HEAD}---\n",
    "only marks between": f"---\n---\n{_HEAD}---\n---\n---\n{_OTHER}---",
    "ended": f"{_HEAD}...\n",
    "ended, then another": f"{_HEAD}...\n---\n{_OTHER}...\n",
    "ended twice": f"{_HEAD}...\n...\n",
    "mark with a comment": f"--- # one\n{_HEAD}--- # two\n{_OTHER}",
    "mark with spaces": f"---   \n{_HEAD}---\t\n{_OTHER}",
    "mark with text": f"{_HEAD}---x\n",
    "mark, content on its line": "--- {apiVersion: v1, kind: ConfigMap, metadata: {name: NAME}}\n",
    "mark, block on its line": "--- apiVersion: v1\nkind: ConfigMap\n",
    "indented mark": f"{_HEAD} ---\n",
    "mark in a block": f"{_HEAD}data:\n  a: |\n    x\n    ---\n    y\n",
    "mark in a quoted text": f'{_HEAD}data: {{a: "x\n---\ny"}}\n',
    "comments only": "# nothing\n",
    "comments between": f"# a\n---\n# b\n{_HEAD}---\n# c\n---\n{_OTHER}# d\n",
    "comment documents": f"---\n# a\n---\n{_HEAD}---\n# b\n",
    "empty": "",
    "spaces only": "  \n \n",
    "null document": f"null\n---\n{_HEAD}",
    "tilde document": f"~\n---\n{_HEAD}",
    "number document": f"12\n---\n{_HEAD}",
    "list document": f"- 1\n---\n{_HEAD}",
    "text document": f"some text\n---\n{_HEAD}",
    "empty map document": f"{{}}\n---\n{_HEAD}",
    "directive of 1.0": f"%YAML 1.0\n---\n{_HEAD}",
    "directive without a mark": f"%YAML 1.1\n{_HEAD}",
    "directive twice": f"%YAML 1.1\n%YAML 1.1\n---\n{_HEAD}",
    "unknown directive": f"%FOO bar\n---\n{_HEAD}",
    "byte order mark": f"\ufeff{_HEAD}",
    "byte order mark before a mark": f"\ufeff---\n{_HEAD}",
    "byte order mark in the second": f"{_HEAD}---\n\ufeff{_OTHER}",
    "byte order mark before JSON": "\ufeff" + _JSON % "{}",
    "carriage returns": f"---\n{_HEAD}data:\n  a: x\n  b: 'y'\n---\n{_OTHER}".replace("\n", "\r\n"),
    "carriage returns in a block": f"{_HEAD}data:\n  a: |\n    x\n    y\n".replace("\n", "\r\n"),
    "bare carriage returns": f"{_HEAD}data:\n  a: x\n  b: y\n".replace("\n", "\r"),
    "no line break at the end": _HEAD.rstrip(),
    "spaces first": f"\n\n  \n{_HEAD}",
    "indented throughout": " " + _HEAD.replace("\n", "\n ").rstrip(),
    "anchors end with their document": f"{_HEAD}data: &a {{x: 1}}\n---\n{_OTHER}data: *a\n",
    "syntax in the second": f"{_HEAD}---\n{_OTHER}data: [\n",
    "List": f"apiVersion: v1\nkind: List\nitems:\n- {_ITEM % 'a'}\n- {_ITEM % 'b'}\n",
    "List with metadata": f"apiVersion: v1\nkind: List\nmetadata: {{resourceVersion: ''}}\nitems: [{_ITEM % 'a'}]\n",
    "typed list": f"apiVersion: v1\nkind: ConfigMapList\nitems: [{_ITEM % 'a'}, {_ITEM % 'b'}]\n",
    "List as JSON": '{"apiVersion": "v1", "kind": "List", "items": [%s]}' % (_JSON % "{}"),
    "JSON": _JSON % '{"a": 1, "b": [1.0, 2.5, true, null, "x", {}], "c": "\\u00e9\\ud83d\\ude00\\/\\n"}',
    "JSON after spaces": "\n  " + _JSON % "{}",
    "JSON big integer": _JSON % '{"a": 9007199254740993, "b": 9223372036854775807, "c": 9223372036854775808}',
    "JSON bigger integer": _JSON % '{"a": 18446744073709551616, "b": -9223372036854775809, "c": -0}',
    "JSON floats": _JSON % '{"a": 1e3, "b": 1E+2, "c": 1.5e-7, "d": 0.1, "e": -0.0, "f": 1e20, "g": 100.0}',
    "JSON float beyond": _JSON % '{"a": 1e400}',
    "JSON very small float": _JSON % '{"a": 1e-400}',
    "JSON with tabs": (_JSON % '{"a": 1}').replace(" ", "\t"),
    "JSON with a comment": "# x\n" + _JSON % "{}",
    "JSON with a comment inside": _JSON % '{"a": 1 # x\n}',
    "JSON with a trailing comma": _JSON % '{"a": 1,}',
    "JSON with words of YAML": _JSON % '{"a": yes}',
    "JSON with octal": _JSON % '{"a": 012}',
    "JSON with single quotes": _JSON % "{'a': 'x'}",
    "JSON with NaN": _JSON % '{"a": NaN}',
    "JSON cut off": (_JSON % "{}")[:-1],
    "JSON twice": _JSON % "{}" + "\n" + (_JSON % "{}").replace("NAME", "NAME-b"),
    "JSON twice on one line": _JSON % "{}" + (_JSON % "{}").replace("NAME", "NAME-b"),
    "JSON with a mark between": _JSON % "{}" + "\n---\n" + (_JSON % "{}").replace("NAME", "NAME-b"),
    "JSON, then YAML": _JSON % "{}" + "\n---\n" + _OTHER,
    "JSON, then text": _JSON % "{}" + "\nx",
    "YAML, then JSON": f"{_HEAD}---\n" + (_JSON % "{}").replace("NAME", "NAME-b"),
    "JSON after a mark": "---\n" + _JSON % '{"a": 9007199254740993, "b": 1e3}',
    "JSON array": "[" + _JSON % "{}" + "]",
    "JSON control character": _JSON % '{"a": "\\u0001"}',
    "JSON raw control character": _JSON % '{"a": "\x01"}',
    "JSON raw tab": _JSON % '{"a": "x\ty"}',
    "JSON empty key": _JSON % '{"": 1}',
    "JSON key of a merge": _JSON % '{"<<": {"a": 1}}',
    "flow that is no JSON": "{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME}, data: {a: 012, b: yes}}",
}

# What kubectl reads and our loader refuses, with its message: a mistake of the writer's, or a danger.
REFUSED_ONLY_BY_US = {
    "duplicate key": (f"{_HEAD}data:\n  a: 1\n  a: 2\n", "f:6: duplicate key 'a'; remove one of them"),
    "duplicate key in flow": (f"{_HEAD}data: {{a: 1, a: 2}}\n", "f:4: duplicate key 'a'; remove one of them"),
    "duplicate key after conversion": (
        f"{_HEAD}data: {{1: x, '1': y}}\n",
        "f:4: duplicate key '1'; remove one of them",
    ),
    "duplicate key in JSON": (_JSON % '{"a": 1, "a": 2}', "f:1: duplicate key 'a'; remove one of them"),
    "tag that asks for an object": (f"{_HEAD}data: [!!foo 12]\n", "f:4: tag !!foo is not plain data; remove it"),
    "document that kubectl leaves out": (f"{_HEAD}...\n{_OTHER}", "f:5: did not find expected <document start>"),
    "half of a surrogate pair": (_JSON % '{"a": "\\ud800"}', "f:1: found invalid Unicode character escape code"),
    # libyaml and go-yaml disagree about these two.
    "colon before a bracket": (f"{_HEAD}data: [x:]\n", "f:4: found unexpected ':'"),
    "colon behind a tag": (f"{_HEAD}data: {{!!str: x}}\n", "f:4: tag !!str: is not plain data; remove it"),
}

# What our loader reads as YAML says, and kubectl refuses: go-yaml lacks an escape, and the splitting of documents cuts
# directives from what they are about.
READ_ONLY_BY_US = {
    "escaped slash": f'{_HEAD}data: ["a\\/b"]\n',
    "directive": f"%YAML 1.1\n---\n{_HEAD}",
    "directive of 1.2": f"%YAML 1.2\n---\n{_HEAD}",
    "tag directive": f"%TAG !e! tag:yaml.org,2002:\n---\n{_HEAD}data: {{a: !e!str 12}}\n",
    "directive in the second": f"{_HEAD}...\n---\n%YAML 1.1\n---\n{_OTHER}",
}


def texts() -> dict[str, str]:
    """Every case that both have to read alike, by its name."""
    plain = {f"plain {value!r}": f"{_HEAD}data:\n  v: {value}\n" for value in _words(PLAIN)}
    items = {f"item {value!r}": f"{_HEAD}data: [{value}]\n" for value in _words(PLAIN) if value != "x:"}
    flow = {f"flow {name}": f"{_HEAD}data:\n  v: {value}\n  w: 1\n" for name, value in FLOW.items()}
    keys = {f"key {key!r}": f"{_HEAD}data:\n  {key}: x\n" for key in (*_words(KEY_WORDS), *KEYS)}
    blocks = {f"block {name}": f"{_HEAD}data:\n  v: {text}" for name, text in BLOCKS.items()}
    maps = {f"map {name}": f"{_HEAD}data:{text}" for name, text in MAPS.items()}
    return plain | items | flow | keys | blocks | maps | {f"stream {name}": text for name, text in STREAMS.items()}


def _words(text: str) -> list[str]:
    # Not split() alone: it would eat the odd spaces that stand inside words here.
    return [word for word in re.split("[ \n]+", text) if word]
