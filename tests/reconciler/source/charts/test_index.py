"""The index of a chart repository: one chart's block is cut out, and says what the whole would."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import GenerationError, RevisionError
from reconciler.manifest.yaml import dump_document, load_document
from reconciler.source.charts import index as index_module
from reconciler.source.charts.index import ChartIndex, ChartVersion

DIGEST = "ab" * 32


def _entry(version: object, **fields: Any) -> dict[str, Any]:
    return {"name": "x", "version": version, "urls": [f"x-{version}.tgz"], "digest": DIGEST, **fields}


def _index(entries: object, **fields: Any) -> bytes:
    return dump_document({"apiVersion": "v1", "entries": entries, "generated": "now", **fields}).encode()


def _find(data: bytes, chart: str, wanted: str = "*") -> ChartVersion:
    return ChartIndex(data, name="https://charts.example").find(chart, wanted)


def test_only_the_block_of_the_chart_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def load(text: str, *, file: str) -> Any:
        parsed.append(text)
        return load_document(text, file=file)

    monkeypatch.setattr(index_module, "load_document", load)
    data = _index(
        {"a": [_entry("1.0.0")], "b": [_entry("2.0.0", description="many\nlines\n- a\nb:\n")], "c": [_entry("3")]}
    )

    assert _find(data, "b").version == "2.0.0"
    assert len(parsed) == 1
    assert "1.0.0" not in parsed[0]
    assert "version: '3'" not in parsed[0]


_texts = st.text(st.sampled_from("ab:-# \n'\"|>{}[]&*!"), max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["a", "b", "web", "web-2", "x.y", "123", "true", "a b", "é"]),
        st.lists(st.tuples(st.sampled_from(["1.0.0", "1.1.0", "2.0.0-rc.1"]), _texts, _texts), min_size=1, max_size=3),
        min_size=1,
    ),
    st.booleans(),
)
def test_the_cut_says_what_the_whole_says(charts: dict[str, list[tuple[str, str, str]]], indented: bool) -> None:
    entries = {
        name: [_entry(version, description=text, annotations={"k": other}) for version, text, other in versions]
        for name, versions in charts.items()
    }
    data = _index(entries)
    if indented:
        # Another form that the same document may have.
        import yaml

        class Indented(yaml.SafeDumper):
            def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
                return super().increase_indent(flow, False)

        data = yaml.dump({"entries": entries, "apiVersion": "v1"}, Dumper=Indented, indent=4, width=40).encode()
    index = ChartIndex(data, name="https://charts.example")

    assert index.charts() == sorted(charts)
    for name, versions in charts.items():
        for version, _, _ in versions:
            assert index.find(name, version) == ChartVersion(version, (f"x-{version}.tgz",), DIGEST)


@pytest.mark.parametrize(
    "text",
    [
        '{"apiVersion":"v1","entries":{"web":[{"version":"1.0.0","urls":["u"]}]}}',
        "entries: {web: [{version: 1.0.0, urls: [u]}]}\n",
        "entries:\n    web:\n    - version: 1.0.0\n      urls: [u]\n",
        "entries:\n  # all of them\n\n  web:\n  - version: 1.0.0\n    urls: [u]\n",
        "entries:\r\n  web:\r\n  - version: 1.0.0\r\n    urls: [u]\r\n",
        "entries:\n  'web':\n    - version: 1.0.0\n      urls:\n      - u\n  ? other\n  : []\n",
        "entries:\n  a:\n  - &one\n    version: 1.0.0\n    urls: [u]\n  web:\n  - *one\n",
        "---\nentries:\n  web:\n  - version: 1.0.0\n    urls: [u]\n...\n",
        'entries:\n  a:\n  - description: "open\n  b:\n    end"\n    version: 2.0.0\n  web:\n  - version: 1.0.0\n    urls: [u]\n',
    ],
    ids=[
        "json",
        "flow",
        "four spaces",
        "comment",
        "carriage returns",
        "odd keys",
        "anchor",
        "marks",
        "lines in quotes",
    ],
)
def test_every_form_of_an_index_is_read(text: str) -> None:
    assert _find(text.encode(), "web") == ChartVersion("1.0.0", ("u",), "")


def test_an_exact_spelling_comes_before_a_range() -> None:
    data = _index({"web": [_entry("1.2.9"), _entry("1.2"), _entry("v1.2.0")]})

    assert _find(data, "web", "1.2").version == "1.2"
    assert _find(data, "web", "1.2.0").version == "1.2"
    assert _find(data, "web", "v1.2.0").version == "v1.2.0"
    assert _find(data, "web", "1.2.x").version == "1.2.9"


def test_of_two_entries_of_one_version_the_first_counts() -> None:
    data = _index({"web": [_entry("1.0.0", urls=["first"]), _entry("1.0.0", urls=["second"])]})

    assert _find(data, "web", "1.0.0").urls == ("first",)


def test_entries_that_cannot_be_used_are_left_out() -> None:
    odd: list[Any] = [None, "text", {}, _entry("3.0.0", urls=[]), _entry("3.0.0", urls=None), _entry(None), _entry([1])]
    data = _index({"web": [*odd, _entry("1.0.0", digest="sha256:" + DIGEST.upper()), _entry("0.9.0", digest="md5:1")]})

    assert _find(data, "web") == ChartVersion("1.0.0", ("x-1.0.0.tgz",), DIGEST)
    assert _find(data, "web", "0.9.0").digest == ""


def test_a_version_that_reads_as_a_number_is_text() -> None:
    data = b"entries:\n  web:\n  - version: 1.5\n    urls: [u]\n  - version: 1\n    urls: [v]\n"

    assert _find(data, "web").version == "1.5"


@pytest.mark.parametrize("data", [b"", b"entries: []\n", b"entries:\n", b"[]", b"entries: text\n", b"a: [\n"])
def test_what_is_no_index_is_refused(data: bytes) -> None:
    with pytest.raises(
        GenerationError, match=r"^https://charts\.example: index\.yaml.*(check that repoURL|must be repaired)"
    ):
        _find(data, "web")


def test_an_index_that_is_not_text_is_refused() -> None:
    with pytest.raises(GenerationError, match=r"index\.yaml is not UTF-8 text"):
        _find(b"\xff\xfe\x00", "web")


def test_a_chart_without_versions_says_so() -> None:
    with pytest.raises(
        RevisionError, match=r"there is no version '\*' of chart 'web' in https://charts\.example; it has no"
    ):
        _find(_index({"web": []}), "web")


def test_a_key_that_comes_twice_is_refused() -> None:
    data = b"entries:\n  web:\n  - version: 1.0.0\n    urls: [u]\n  web:\n  - version: 2.0.0\n    urls: [u]\n"

    with pytest.raises(GenerationError, match="duplicate key 'web'"):
        _find(data, "web")
