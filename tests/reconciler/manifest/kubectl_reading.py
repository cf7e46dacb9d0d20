"""What kubectl makes of YAML files: many files in one run of ``kubectl create --dry-run=client``.

Even a dry run of the client asks a server which kinds there are, so it needs a cluster to ask; nothing is created.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reconciler.errors import SpecError
from reconciler.manifest.objects import flatten_lists, require_object
from reconciler.manifest.yaml import load_documents

KUBECTL = Path(sys.executable).parent / "kubectl"
_FILE = re.compile(r"/(c\d+)\.yaml")
NAME = "NAME"
"""Stands in a text for the object's name, by which its file is known; ``NAME-a`` and ``NAME-b`` tell several apart."""


def read_with_kubectl(texts: Mapping[str, str], folder: Path, kubeconfig: Path) -> dict[str, list[Any] | str]:
    """The objects of each text as kubectl reads them, or what it says where it refuses the text."""
    folder.mkdir()
    for index, text in enumerate(texts.values()):
        (folder / f"c{index}.yaml").write_bytes(_named(text, index).encode())
    command = [KUBECTL, "--kubeconfig", kubeconfig, "create", "--dry-run=client", "--validate=false", "-o", "json"]
    done = subprocess.run([*command, "-f", folder], capture_output=True, text=True)
    read: dict[str, list[Any]] = {}
    decoder, position = json.JSONDecoder(parse_int=_go_integer), 0
    while position < len(done.stdout):
        obj, position = decoder.raw_decode(done.stdout, position)
        position += 1
        obj["metadata"].pop("namespace", None)
        read.setdefault(obj["metadata"]["name"].partition("-")[0], []).append(obj)
    refused = {found[1]: line for line in done.stderr.splitlines() if (found := _FILE.search(line))}
    assert len(refused) == len(done.stderr.splitlines()), [
        line for line in done.stderr.splitlines() if not _FILE.search(line)
    ]
    return {
        case: refused[f"c{index}"] if f"c{index}" in refused else read.get(f"c{index}", [])
        for index, case in enumerate(texts)
    }


def read_with_ours(texts: Mapping[str, str]) -> dict[str, list[Any] | str]:
    """The objects of each text as our loader reads them, or its message."""
    return {case: _read(_named(text, index)) for index, (case, text) in enumerate(texts.items())}


def same(ours: object, theirs: object) -> bool:
    """Whether both are the same JSON: 1, 1.0 and true are three things."""
    return json.dumps(ours, sort_keys=True) == json.dumps(theirs, sort_keys=True)


def _go_integer(text: str) -> int | float:
    # Go writes floats below 1e21 without an exponent.
    return int(text) if -(2**63) <= int(text) < 2**63 else float(text)


def _named(text: str, index: int) -> str:
    return text.replace(NAME, f"c{index}")


def _read(text: str) -> list[Any] | str:
    try:
        documents = load_documents(text.encode(), file="f")
        return [obj for document in documents for obj in flatten_lists(require_object(document, "f"))]
    except SpecError as error:
        return str(error)
