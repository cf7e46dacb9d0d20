"""Record what Go's JSON and protobuf do with each built-in type: ``python -m tests.reconciler.sandbox.record_facts``.

Needs Go and the Go module proxy; only types that the recorded OpenAPI documents name are kept, with those they hold.
"""

import gzip
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from reconciler.sandbox.documents import Documents, load_document

SOURCE = Path(__file__).with_name("facts") / "main.go"
TARGET = Path(__file__).resolve().parents[3] / "reconciler" / "sandbox" / "facts.json.gz"
VERSION = "v0.37.2"
MODULES = ("api", "apiextensions-apiserver", "apimachinery", "client-go", "kube-aggregator")


def collect() -> dict[str, dict[str, Any]]:
    """Every type's facts, as the Go program prints them."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = "\n".join(f"\tk8s.io/{name} {VERSION}" for name in MODULES)
        Path(folder, "go.mod").write_text(f"module facts\n\ngo 1.26.0\n\nrequire (\n{requirements}\n)\n")
        Path(folder, "main.go").write_text(SOURCE.read_text())
        result = subprocess.run(["go", "run", "-mod=mod", "."], cwd=folder, capture_output=True, check=True)
    found: dict[str, dict[str, Any]] = json.loads(result.stdout)
    return found


def used(facts: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The facts of the types that the documents name, and of those that they hold."""
    waiting = {name for path in Documents().paths() for name in load_document(path)["components"]["schemas"]}
    kept: dict[str, dict[str, Any]] = {}
    while waiting:
        name = waiting.pop()
        if name not in facts or name in kept:
            continue
        kept[name] = {key: value for key, value in facts[name].items() if value}
        waiting |= {kind.rpartition("m:")[2] for _, kind in facts[name].get("wire", {}).values() if "m:" in kind}
    return {name: kept[name] for name in sorted(kept) if kept[name]}


def main() -> None:
    packed = json.dumps(used(collect()), separators=(",", ":"), sort_keys=True).encode()
    with TARGET.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as target:
        target.write(packed)


if __name__ == "__main__":
    main()
