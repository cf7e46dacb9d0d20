"""Record Argo CD's three definitions for the sandbox: ``python -m tests.reconciler.sandbox.record_argo_crds``.

Making them from the models takes a third of the sandbox's start; reading them takes a millisecond.
"""

import gzip
from pathlib import Path

import orjson

from reconciler.model.crds import argo_crds

TARGET = Path(__file__).resolve().parents[3] / "reconciler" / "sandbox" / "argo_crds.json.gz"


def main() -> None:
    packed = orjson.dumps(argo_crds(), option=orjson.OPT_SORT_KEYS)
    with TARGET.open("wb") as file, gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0) as target:
        target.write(packed)


if __name__ == "__main__":
    main()
