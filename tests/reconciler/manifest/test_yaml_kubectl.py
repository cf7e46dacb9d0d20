"""YAML as kubectl reads it: every text of the tables through ``kubectl create --dry-run=client`` and through our loader."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import SpecError
from reconciler.manifest.yaml import load_documents
from tests.reconciler.manifest.kubectl_reading import read_with_kubectl, read_with_ours, same
from tests.reconciler.manifest.yaml_texts import READ_ONLY_BY_US, REFUSED_ONLY_BY_US, texts


@pytest.fixture(scope="module")
def theirs(shared_sandbox_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[Any] | str]:
    """All of it as kubectl reads it, in one run."""
    return read_with_kubectl(
        texts() | {name: text for name, (text, _) in REFUSED_ONLY_BY_US.items()} | READ_ONLY_BY_US,
        tmp_path_factory.mktemp("kubectl") / "texts",
        shared_sandbox_kubeconfig,
    )


def test_every_text_is_read_as_kubectl_reads_it(theirs: Mapping[str, list[Any] | str]) -> None:
    ours = read_with_ours(texts())
    different = {}
    for case, found in ours.items():
        refused = isinstance(found, str), isinstance(theirs[case], str)
        if refused[0] != refused[1] or (not refused[0] and not same(found, theirs[case])):
            different[case] = (found, theirs[case])
    assert not different
    assert len(ours) > 900


@pytest.mark.parametrize("case", REFUSED_ONLY_BY_US)
def test_refused_where_kubectl_reads(theirs: Mapping[str, list[Any] | str], case: str) -> None:
    text, message = REFUSED_ONLY_BY_US[case]
    assert isinstance(theirs[case], list), "kubectl refuses it too: it belongs into the table"
    assert read_with_ours({case: text}) == {case: message}


@pytest.mark.parametrize("case", READ_ONLY_BY_US)
def test_read_where_kubectl_refuses(theirs: Mapping[str, list[Any] | str], case: str) -> None:
    assert isinstance(theirs[case], str), "kubectl reads it too: it belongs into the table"
    assert isinstance(read_with_ours({case: READ_ONLY_BY_US[case]})[case], list)


MESSAGES = {
    "text behind a mark": ("a: 1\n--- {b: 1}", "f:2: text behind the document mark ---; put it on the next line"),
    "key beyond 64 bits": (
        "{18446744073709551615: x}",
        "f:1: an integer beyond 64 bits cannot be a key; quote it if text is meant",
    ),
    "alias of a list merged": (
        "a: &a [{b: 1}]\nc: {<<: *a}",
        "f:2: a merge key (<<) takes no alias of a list; write a list of aliases",
    ),
    "binary with spaces": ("!!binary 'a G k ='", "f:1: !!binary value is not base64"),
    "no timestamp": ("!!timestamp 2001-02-30", "f:1: cannot read '2001-02-30' as !!timestamp"),
    "number of JSON": ('{"a":\n  1e400}', "f:2: 1e400 is too large for a number; quote it if text is meant"),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_refusals_say_where_and_what_to_do(case: str) -> None:
    text, message = MESSAGES[case]
    with pytest.raises(SpecError) as caught:
        load_documents(text, file="f")
    assert str(caught.value) == message
