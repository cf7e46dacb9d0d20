"""Scalars made at random, hundreds in one document, read by our loader and by kubectl."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.reconciler.manifest.kubectl_reading import read_with_kubectl, read_with_ours, same

NUMBERLIKE = st.text(alphabet=st.sampled_from("0123456789017+-._eExXoObBaf:TZ"), min_size=1, max_size=12)
PIECES = [
    "0x",
    "0b",
    "0o",
    "1",
    "9",
    "e",
    "E",
    "+",
    "-",
    ".",
    "_",
    "12",
    "2001-01-02",
    "T",
    ":",
    "inf",
    "nan",
    "yes",
    "~",
]
JOINED = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join)
INTEGERS = st.integers(-(2**66), 2**66).map(str) | st.floats(allow_nan=False, allow_infinity=False).map(repr)
# Only in double quotes is every character harmless to the document around it, so these stay plain.
PLAIN = (NUMBERLIKE | JOINED | INTEGERS).filter(lambda text: text not in ("-", "---") and not text.endswith(":"))


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(PLAIN, min_size=300, max_size=500, unique=True))
def test_plain_scalars_are_read_as_kubectl_reads_them(shared_sandbox_kubeconfig: Path, scalars: list[str]) -> None:
    head = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: NAME}\ndata:\n"
    texts = {scalar: f"{head}  value: {scalar}\n  key: {{? {scalar} : x}}\n" for scalar in scalars}
    with tempfile.TemporaryDirectory() as folder:
        theirs = read_with_kubectl(texts, Path(folder) / "texts", shared_sandbox_kubeconfig)
    ours = read_with_ours(texts)
    different = {
        scalar: (ours[scalar], theirs[scalar])
        for scalar in scalars
        if isinstance(ours[scalar], str) != isinstance(theirs[scalar], str)
        or (not isinstance(ours[scalar], str) and not same(ours[scalar], theirs[scalar]))
    }
    assert not different
