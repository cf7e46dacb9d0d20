"""Secrets with slips of the pen: whatever holds a value is masked in every output, in the history and in its file."""

import base64
import json
from pathlib import Path

import pytest

from tests.reconciler.cli.places import Place, place

__all__ = ["place"]

pytestmark = pytest.mark.parametrize("cluster_kubeconfig", ["sandbox"], indirect=True)
CANARY = "c4n4ry-hunter2"
ENCODED = base64.b64encode(CANARY.encode()).decode()
SECRET = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: db}}\ntype: Opaque\nstringData: {{password: {CANARY}}}\n"
SLIPS = {
    "none": SECRET,
    "encoded": SECRET.replace(f"stringData: {{password: {CANARY}}}", f"data: {{password: {ENCODED}}}"),
    "another letter case": SECRET.replace("stringData", "stringdata"),
    "another word": SECRET.replace("stringData", "dates"),
    "a list": SECRET.replace(f"{{password: {CANARY}}}", f"[{CANARY}]"),
    "a list of another word": SECRET.replace(f"stringData: {{password: {CANARY}}}", f"values: [{CANARY}]"),
    "a level too few": SECRET.replace(f"stringData: {{password: {CANARY}}}", f"password: {CANARY}"),
    "a level too many": SECRET.replace(f"{{password: {CANARY}}}", f"{{db: {{password: {CANARY}}}}}"),
    "below metadata": SECRET.replace("{name: db}", f"{{name: db, stringData: {{password: {CANARY}}}}}"),
    "below labels": SECRET.replace("{name: db}", f"{{name: db, labels: {{stringData: {{password: {CANARY}}}}}}}"),
    "a kind in lower case": SECRET.replace("kind: Secret", "kind: secret"),
    "another version": SECRET.replace("v1\n", "v2\n"),
    "in a list": f"apiVersion: v1\nkind: List\nitems: [{json.dumps({'apiVersion': 'v1', 'kind': 'Secret'})[:-1]}, "
    f"metadata: {{name: db}}, dates: {{password: {CANARY}}}}}]\n",
}


@pytest.mark.parametrize("manifest", SLIPS.values(), ids=SLIPS)
def test_no_value_is_shown(place: Place, manifest: str, tmp_path: Path) -> None:
    place.write(web=manifest)
    said = [
        place.app("manifests", "web"),
        place.app("manifests", "web", "-o", "json"),
        *(place.app("diff", "web", "-o", form) for form in ("table", "wide", "json", "csv")),
        place.app("get", "web", "-o", "json"),
        place.app("plan", "web", "--out", str(tmp_path / "plan.json")),
        place.app("plan", "web", "-o", "json"),
        place.app("sync", "web", "-o", "json"),
        place.app("diff", "web", "--show-ignored"),
        place.call(*place.words("history", "-o", "json")),
    ]
    kept = [file.read_bytes().decode(errors="replace") for file in tmp_path.glob("*.*") if file.is_file()]
    status = json.dumps(place.application("web").get("status"))
    for text in (*(part for _, out, err in said for part in (out, err)), *kept, status):
        assert CANARY not in text
        assert ENCODED not in text
    # It was there to be shown.
    assert "(masked " in said[0][1]
    assert "db" in said[2][1]


def test_a_misspelt_field_is_masked_between_two_revisions(place: Place) -> None:
    place.write(web=SECRET.replace("stringData", "dates"))
    before = place.origin.head
    place.write(web=SECRET.replace("stringData", "dates").replace(CANARY, "c4n4ry-two"))
    for form in ("table", "wide", "json", "csv"):
        status, out, err = place.app("diff", "web", "--revision", before, "--revision", "HEAD", "-o", form)
        assert status == 1
        assert "(masked " in out
        assert "c4n4ry" not in out + err
