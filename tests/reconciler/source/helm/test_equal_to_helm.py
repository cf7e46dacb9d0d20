"""Charts come out as `helm template` renders them, object by object, one option or feature of Helm a row."""

from pathlib import Path
from typing import Any

import pytest

from tests.reconciler.source.helm.charts import (
    Files,
    HelmProgram,
    chart_yaml,
    dumping,
    in_order,
    pack,
    rendered,
    showing,
    write,
)

VALUES = (
    "replicas: 1\nbig: 1000000\nimage: {name: web, tag: v1}\nlist: [a, b]\ngone: here\nnested: {deep: {x: 1, y: 2}}\n"
)
CHART = {"Chart.yaml": chart_yaml(), "values.yaml": VALUES, "templates/values.yaml": dumping()}
KINDS = {
    "templates/kinds.yaml": showing(
        "kinds", a=".Values.a", kind="kindOf .Values.a", yaml="toYaml .Values", sum="add .Values.a 1"
    )
}
CRD = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: %s.example.com}\n"
CAPABILITIES = {
    "templates/capabilities.yaml": showing(
        "capabilities",
        version=".Capabilities.KubeVersion.Version",
        major=".Capabilities.KubeVersion.Major",
        minor=".Capabilities.KubeVersion.Minor",
        built_in='.Capabilities.APIVersions.Has "apps/v1"',
        kind='.Capabilities.APIVersions.Has "apps/v1/Deployment"',
        other='.Capabilities.APIVersions.Has "x.example.com/v1"',
        helm=".Capabilities.HelmVersion.Version",
        newer='semverCompare ">=1.30-0" .Capabilities.KubeVersion.Version',
    )
}


def parameter(name: str, value: str, *, force_string: bool = False) -> dict[str, Any]:
    return {"name": name, "value": value, "forceString": force_string}


def child(name: str, **more: str) -> dict[str, str]:
    files = {
        "Chart.yaml": chart_yaml(name),
        "values.yaml": "own: 1\nlist: [x]\nexports: {data: {shared: 5}}\nglobal: {from: child}\n",
        "templates/all.yaml": dumping(f"{name}-values"),
    }
    return files | more


def inside(folder: str, files: Files) -> dict[str, str | bytes]:
    return {f"{folder}/{name}": content for name, content in files.items()}


def with_children(*dependencies: dict[str, Any], **children: Files) -> dict[str, str | bytes]:
    files: dict[str, str | bytes] = CHART | {"Chart.yaml": chart_yaml(dependencies=dependencies)}
    for name, each in children.items():
        files |= inside(f"charts/{name}", each)
    return files


FILE_NAMES = showing("files", names='include "names" .') + (
    '{{ define "names" }}{{ range $name, $_ := .Files }}{{ $name }} {{ end }}{{ end }}'
)
DB = {"name": "db", "version": "1.x", "repository": ""}
HOOK = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: %s\n  annotations: {helm.sh/hook: %r, helm.sh/hook-weight: '-5'}\n"
CASES: dict[str, tuple[Files, dict[str, Any]]] = {
    "plain": (CHART, {}),
    "objects on the line of the mark": (
        {
            "Chart.yaml": chart_yaml(),
            "templates/a.yaml": "---apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
            "---  apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n--- # a comment\n"
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n",
        },
        {},
    ),
    "release and namespace": (
        CHART | {"templates/r.yaml": dumping("release", ".Release")},
        {"releaseName": "other", "namespace": "elsewhere"},
    ),
    "chart metadata": (CHART | {"templates/r.yaml": dumping("meta", ".Chart")}, {}),
    "value files": (
        CHART
        | {"one.yaml": "replicas: 2\nlist: [c]\nimage: {tag: one}\n", "two.yaml": "gone: null\nimage: {tag: two}\n"},
        {"valueFiles": ["one.yaml", "two.yaml"]},
    ),
    "a value file of several documents": (
        CHART | {"one.yaml": "# first\n---\nreplicas: 2\nimage: {tag: x}\n--- # second\nimage: {name: y}\n---\n"},
        {"valueFiles": ["one.yaml"]},
    ),
    "odd scalars": (
        CHART,
        {"values": "a: 012\nb: 1e3\nc: yes\nd: 12:30:45\ne: 0o14\nf: 2001-01-01\ng: 1_000\nh: .5\ni: ~\n1: x\n"},
    ),
    "anchors and merge keys": (CHART, {"values": "a: &a {x: 1}\nb: {<<: *a, y: 2}\nc: *a\n"}),
    "numbers in values are floats": (CHART | KINDS, {"valuesObject": {"a": 1000660000}}),
    "numbers in parameters are integers": (
        CHART | KINDS | {"templates/eq.yaml": showing("eq", a="eq .Values.a 1000660000", b='printf "%d" .Values.a')},
        {"parameters": [parameter("a", "1000660000")]},
    ),
    "values of a huge integer": (
        CHART | {"templates/k.yaml": showing("k", a=".Values.a")},
        {"parameters": [parameter("a", "9007199254740993")]},
    ),
    "integers deep in maps": (
        CHART | {"templates/k.yaml": showing("k", x=".Values.nested.deep.x", all="toYaml .Values")},
        {"parameters": [parameter("nested.deep.x", "-7000000"), parameter("nested.new.z", "3")]},
    ),
    "integers in lists": (
        CHART | {"templates/k.yaml": showing("k", a="index .Values.list 0", all="toYaml .Values")},
        {
            "valuesObject": {"list": [{"f": 2000000, "n": None, "s": 'q"\\{{ }}é😀\n', "b": True, "d": 1.5}, 5]},
            "parameters": [
                parameter("list[1]", "3000000"),
                parameter("list[3].port", "8080"),
                parameter("other", "{1,2000000,x}"),
            ],
        },
    ),
    "an integer that is replaced": (
        CHART | {"templates/k.yaml": showing("k", a="kindOf .Values.a", b="kindOf .Values.b.c")},
        {
            "parameters": [
                parameter("a", "1"),
                parameter("a", "text", force_string=True),
                parameter("b.c", "1"),
                parameter("b.c", "2"),
            ]
        },
    ),
    "integers of a sub-chart": (
        with_children(
            DB, db=child("db", **{"templates/k.yaml": showing("k", own=".Values.own", g="toYaml .Values.global")})
        ),
        {
            "parameters": [
                parameter("db.own", "4000000"),
                parameter("global.port", "5000000"),
                parameter("global.deep.x", "6000000"),
            ]
        },
    ),
    "strings that look like numbers": (
        CHART,
        {
            "parameters": [
                parameter("a", "1.10", force_string=True),
                parameter("b", "012"),
                parameter("c", "1.5"),
                parameter("d", "1e6"),
            ]
        },
    ),
    "words in parameters": (
        CHART,
        {
            "parameters": [
                parameter("a", "true"),
                parameter("b", "null"),
                parameter("gone", "null"),
                parameter("c", ""),
                parameter("d", "x=y"),
            ]
        },
    ),
    "commas, braces and escapes": (
        CHART,
        {
            "parameters": [
                parameter("a", "x,y"),
                parameter("b", "{x,y}"),
                parameter("c", "{}"),
                parameter(r"annotations.a\.b/c", "z"),
                parameter("list[0]", "first"),
                parameter("rows[1].name", "n"),
            ]
        },
    ),
    "file parameters": (
        CHART | {"files/text.txt": "a,b\n{x}\n1000000"},
        {
            "fileParameters": [
                {"name": "text", "path": "files/text.txt"},
                {"name": "nested.text", "path": "files/text.txt"},
            ]
        },
    ),
    "values over files, parameters over values": (
        CHART | {"one.yaml": "replicas: 2\nonly: file\n"},
        {"valueFiles": ["one.yaml"], "values": "replicas: 3\nmiddle: x\n", "parameters": [parameter("replicas", "4")]},
    ),
    "null removes a default": (CHART, {"valuesObject": {"gone": None, "nested": {"deep": None}}}),
    "capabilities of the cluster": (CHART | CAPABILITIES, {}),
    "capabilities of the Application": (
        CHART | CAPABILITIES,
        {"kubeVersion": "1.30", "apiVersions": ["x.example.com/v1"]},
    ),
    "custom resource definitions": (
        with_children(DB, db=child("db", **{"crds/c.yaml": CRD % "childs"}))
        | {"crds/a.yaml": CRD % "as", "crds/sub/b.json": "", "crds/b.txt": "x"},
        {},
    ),
    "skipped custom resource definitions": (CHART | {"crds/a.yaml": CRD % "as"}, {"skipCrds": True}),
    "hooks and tests": (
        CHART
        | {
            f"templates/{name}.yaml": HOOK % (name, hook)
            for name, hook in (
                ("crd", "crd-install"),
                ("a", "pre-install,post-delete"),
                ("test", "test"),
                ("old", "test-success"),
            )
        },
        {},
    ),
    "skipped tests": (
        CHART
        | {
            f"templates/{name}.yaml": HOOK % (name, hook)
            for name, hook in (
                ("a", "pre-install"),
                ("test", "test"),
                ("both", "pre-install,test"),
                ("old", "test-success"),
            )
        },
        {"skipTests": True},
    ),
    "skipped schemas": (
        with_children(DB, db=child("db", **{"values.schema.json": '{"required": ["nowhere"]}'}))
        | {"values.schema.json": '{"properties": {"replicas": {"type": "string"}}}'},
        {"skipSchemaValidation": True},
    ),
    "skipped schema in a packed sub-chart": (
        CHART
        | {"Chart.yaml": chart_yaml(dependencies=[DB])}
        | {
            "charts/db-1.2.3.tgz": pack(child("db", **{"values.schema.json": '{"required": ["nowhere"]}'}), folder="db")
        },
        {"skipSchemaValidation": True},
    ),
    "a schema that holds": (
        CHART | {"values.schema.json": '{"properties": {"replicas": {"type": "integer"}}}'},
        {"parameters": [parameter("replicas", "3")]},
    ),
    "a vendored sub-chart": (
        with_children(DB, db=child("db")),
        {"valuesObject": {"db": {"own": 2}, "global": {"g": 1}}},
    ),
    "a packed sub-chart": (
        CHART | {"Chart.yaml": chart_yaml(dependencies=[DB]), "charts/db-1.2.3.tgz": pack(child("db"), folder="db")},
        {},
    ),
    "a sub-chart that nobody declared": (with_children(stray=child("stray")), {}),
    "sub-charts of sub-charts": (
        with_children(
            DB,
            db=child("db")
            | inside("charts/deep", child("deep"))
            | {"Chart.yaml": chart_yaml("db", dependencies=[{"name": "deep", "version": "*", "repository": ""}])},
        ),
        {"valuesObject": {"db": {"deep": {"own": 9}}, "global": {"g": 1}}},
    ),
    "packed in packed": (
        CHART
        | {"Chart.yaml": chart_yaml(dependencies=[DB])}
        | {
            "charts/db-1.2.3.tgz": pack(
                {**child("db"), "charts/deep-1.2.3.tgz": pack(child("deep"), folder="deep")}, folder="db"
            )
        },
        {},
    ),
    "a condition that is off": (
        with_children(DB | {"condition": "db.enabled"}, db=child("db", **{"crds/c.yaml": CRD % "x"})),
        {"valuesObject": {"db": {"enabled": False}}},
    ),
    "a condition that is on": (
        with_children(DB | {"condition": "nope.x,db.enabled", "tags": ["t"]}, db=child("db")),
        {"parameters": [parameter("db.enabled", "true"), parameter("tags.t", "false")]},
    ),
    "tags": (
        with_children(
            DB | {"tags": ["back"]},
            {"name": "ui", "version": "1.2.3", "repository": "", "tags": ["front"]},
            db=child("db"),
            ui=child("ui"),
        ),
        {"valuesObject": {"tags": {"back": False}}},
    ),
    "aliases": (
        with_children(DB | {"alias": "one"}, DB | {"alias": "two"}, db=child("db")),
        {"valuesObject": {"one": {"own": 11}, "two": {"own": 22}}},
    ),
    "import-values": (
        with_children(
            DB
            | {"import-values": ["data", {"child": "list", "parent": "imported"}, {"child": "global", "parent": "g2"}]},
            db=child("db"),
        ),
        {},
    ),
    "integers that are imported": (
        with_children(DB | {"import-values": ["data"]}, db=child("db"))
        | {"templates/k.yaml": showing("k", shared=".Values.shared")},
        {"parameters": [parameter("db.exports.data.shared", "7000000")]},
    ),
    "a version of a sub-chart that does not fit": (with_children(DB | {"version": "^2"}, db=child("db")), {}),
    "a library": (
        with_children(
            {"name": "lib", "version": "*", "repository": ""},
            lib={
                "Chart.yaml": chart_yaml("lib", type="library"),
                "templates/_l.tpl": '{{ define "lib.x" }}library{{ end }}',
                "templates/no.yaml": 'a: {{ fail "no" }}',
            },
        )
        | {"templates/l.yaml": showing("l", x='include "lib.x" .')},
        {},
    ),
    "requirements of an old chart": (
        with_children(db=child("db"))
        | {
            "Chart.yaml": chart_yaml(apiVersion="v1"),
            "requirements.yaml": "dependencies: [{name: db, version: 1.x, repository: '', condition: db.on}]\n",
        }
        | {"templates/f.yaml": showing("f", r='.Files.Get "requirements.yaml"')},
        {"valuesObject": {"db": {"on": False}}},
    ),
    "files": (
        CHART
        | {
            "config/a.txt": "one\n",
            "config/b.bin": b"\x00\xff\x01",
            "README.md": "# Read\n",
            "templates/f.yaml": showing(
                "f",
                a='.Files.Get "config/a.txt"',
                b='.Files.Get "config/b.bin" | b64enc',
                none='.Files.Get "none"',
                glob='(.Files.Glob "config/*").AsConfig',
                readme='.Files.Get "README.md"',
                schema='.Files.Get "values.yaml"',
            ),
        },
        {},
    ),
    "ignored files": (
        CHART
        | {
            ".helmignore": "# a comment\n*.bak\n/secret/\ntemplates/skip*.yaml\nnotes[12].txt\n[^a-z]x.md\ncharts/stray\n",
            "templates/skipped.yaml": 'x: {{ fail "no" }}',
            "templates/.hidden.yaml": 'x: {{ fail "no" }}',
            "secret/a.txt": "s",
            "inner/secret/a.txt": "kept",
            "a.bak": "x",
            "config/b.bak": "x",
            "notes1.txt": "1",
            "notes3.txt": "3",
            "Ax.md": "no",
            "ax.md": "yes",
            "templates/f.yaml": FILE_NAMES,
        }
        | inside("charts/stray", child("stray"))
        | {"charts/stray/.helmignore": "*"},
        {},
    ),
    "ignoring all but": (
        CHART | {".helmignore": "!*[a-z]*\n", "LICENSE": "x", "templates/f.yaml": FILE_NAMES},
        {},
    ),
    "notes, helpers and empty documents": (
        CHART
        | {
            "templates/NOTES.txt": "Thank you.",
            "templates/sub/NOTES.txt": "{{ .Release.Name }}",
            "templates/_h.tpl": '{{ define "h" }}h{{ end }}',
            "templates/empty.yaml": "{{ if false }}a: b{{ end }}\n---\n# nothing\n---\n\n"
            + showing("after", h='include "h" .')
            + "---\n",
        },
        {},
    ),
    "lists and odd names": (
        CHART
        | {
            "templates/list.txt": "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}]\n"
        },
        {},
    ),
    "no cluster, no names": (
        CHART | {"templates/l.yaml": showing("l", a='lookup "v1" "Secret" "" ""', b='getHostByName "localhost"')},
        {},
    ),
    "tpl and templates": (
        CHART
        | {
            "templates/t.yaml": showing(
                "t",
                a='tpl "{{ .Values.replicas }}-{{ .Template.Name }}" .',
                b=".Template.BasePath",
                c='include (print .Template.BasePath "/_x.tpl") .',
                d=".Subcharts | len",
            ),
            "templates/_x.tpl": "partial",
        },
        {"parameters": [parameter("replicas", "3")]},
    ),
    "marks of byte order": (
        CHART | {"values.yaml": "\ufeff" + VALUES, "templates/b.yaml": "\ufeff" + showing("b", x=".Values.replicas")},
        {},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_chart_comes_out_as_from_helm(name: str, helm: HelmProgram, tmp_path: Path) -> None:
    files, options = CASES[name]
    theirs = helm.template(write(tmp_path / "chart", files), **options)
    flat = [item for obj in theirs for item in (obj["items"] if obj["kind"] == "List" else [obj])]
    assert flat
    ours = rendered(inside("chart", files), **options)
    assert in_order(ours) == in_order(flat)
