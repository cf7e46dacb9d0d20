"""The original: Masterminds/semver inside Helm's own library, asked through a template of one chart."""

import io
import json
import tarfile
from functools import cache
from typing import Any

_TEMPLATE = "{{ range .Values.pairs }}{{ if semverCompare .constraint .version }}yes{{ else }}no{{ end }} {{ end }}"


def compare(pairs: list[tuple[str, str]]) -> list[bool] | None:
    """Whether each version satisfies its constraint; None when Helm refuses one of the texts."""
    from helm_python import HelmError, _native

    values = {"pairs": [{"constraint": constraint, "version": version} for constraint, version in pairs]}
    try:
        rendered = json.loads(_native.call_string("helm_render", _chart()._raw(), json.dumps(values), None))
    except HelmError:
        return None
    return [word == "yes" for word in next(iter(rendered.values())).split()]


@cache
def _chart() -> Any:
    from helm_python.chart import Chart

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        metadata = "apiVersion: v2\nname: compare\nversion: 1.0.0\n"
        for name, text in {"Chart.yaml": metadata, "templates/answer.txt": _TEMPLATE}.items():
            member = tarfile.TarInfo(f"compare/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return Chart.load_archive(buffer.getvalue())
