"""Charts for the tests of Helm: in memory, in packed form, and as the `helm` program renders them."""

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reconciler.manifest.yaml import load_documents
from reconciler.model.source import ApplicationSource, HelmOptions
from reconciler.source.files.archive import read_archive
from reconciler.source.files.tree import Tree
from reconciler.source.helm.render import render_helm
from reconciler.source.observations import Downloads, Observations, ObservedDownloads, ObservedVariables
from reconciler.source.rendering import RenderRequest
from tests.reconciler.source.support import CAPABILITIES

Files = Mapping[str, str | bytes]
VARIABLES = {"ARGOCD_APP_NAME": "web", "ARGOCD_ENV_HOME": ""}


def chart_yaml(name: str = "shop", version: str = "1.2.3", **more: Any) -> str:
    """A Chart.yaml; JSON is YAML."""
    return json.dumps({"apiVersion": "v2", "name": name, "version": version, **more})


def dumping(name: str = "values", expression: str = ".Values") -> str:
    """A template that shows an expression as JSON."""
    return showing(name, json=f"{expression} | toJson")


def showing(name: str, **expressions: str) -> str:
    """A template that prints expressions as text."""
    lines = [f"  {key}: {{{{ {expression} | toString | quote }}}}\n" for key, expression in expressions.items()]
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata:\n{''.join(lines)}"


def pack(files: Files, *, folder: str = "") -> bytes:
    """A ``.tgz``, below ``folder`` where one is given."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(f"{folder}/{name}" if folder else name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


def tree_of(files: Files, *, name: str = "memory") -> Tree:
    """The files as a tree."""
    store = read_archive(pack(files), name=name)
    return Tree(store, store.root_id, name=name, revision="1.0.0")


def request_for(
    files: Files,
    *,
    path: str = "chart",
    references: Mapping[str, Files] | None = None,
    downloads: Downloads | None = None,
    **options: Any,
) -> RenderRequest:
    """A request to render the chart at ``path`` of ``files``; ``options`` are those of ``spec.source.helm``."""
    observations = Observations()
    source = ApplicationSource(repo_url="memory", path=path, helm=HelmOptions.model_validate(options))
    return RenderRequest(
        source,
        tree_of(files),
        path,
        "spec.source",
        "web",
        "demo",
        references={key: tree_of(each, name=key) for key, each in (references or {}).items()},
        capabilities=CAPABILITIES,
        variables=ObservedVariables(VARIABLES, observations),
        observations=observations,
        downloads=ObservedDownloads(downloads, observations),
    )


def rendered(files: Files, **options: Any) -> list[Any]:
    """The objects of a chart, as this project renders them."""
    return [obj for obj, _ in render_helm(request_for(files, **options)).objects]


def values_of(files: Files, **options: Any) -> Any:
    """What the chart's only object shows as JSON."""
    (obj,) = rendered(files, **options)
    return json.loads(obj["data"]["json"])


class HelmProgram:
    """The `helm` program, in a home of its own."""

    def __init__(self, program: Path, home: Path) -> None:
        self._program = program
        self._home = home

    def run(self, folder: Path, *arguments: str) -> str:
        """What it prints; an error is the test's."""
        environment = {"HOME": str(self._home), "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [str(self._program), *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def template(self, folder: Path, **options: Any) -> list[Any]:
        """The objects of ``helm template`` with the arguments that Argo CD gives it (util/helm/cmd.go)."""
        text = self.run(folder, "template", ".", *arguments_for(HelmOptions.model_validate(options), folder))
        return load_documents(text, file="helm template")


def arguments_for(options: HelmOptions, folder: Path) -> Sequence[str]:
    """The command line for ``options``, values in a file."""
    arguments = ["--name-template", options.release_name or "web", "--namespace", options.namespace or "demo"]
    arguments += ["--kube-version", (options.kube_version or CAPABILITIES.kube_version).removeprefix("v")]
    for parameter in options.parameters:
        value = parameter.value if parameter.value.startswith("{") else parameter.value.replace(",", "\\,")
        arguments += ["--set-string" if parameter.force_string else "--set", f"{parameter.name}={value}"]
    for file in options.file_parameters:
        arguments += ["--set-file", f"{file.name}={file.path}"]
    for name in options.value_files:
        arguments += ["--values", name]
    if options.values or options.values_object is not None:
        text = (
            options.values if options.values_object is None else json.dumps(options.values_object, ensure_ascii=False)
        )
        (folder.parent / "extra.yaml").write_text(text)
        arguments += ["--values", "../extra.yaml"]
    for version in options.api_versions or CAPABILITIES.api_versions:
        arguments += ["--api-versions", version]
    flags = {
        "--include-crds": not options.skip_crds,
        "--skip-schema-validation": options.skip_schema_validation,
        "--skip-tests": options.skip_tests,
    }
    return [*arguments, *(flag for flag, is_set in flags.items() if is_set)]


def write(folder: Path, files: Files) -> Path:
    """The files on disk."""
    for name, content in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def in_order(objects: Sequence[Any]) -> list[Any]:
    """The objects in an order that does not depend on who rendered them."""
    return sorted(objects, key=lambda obj: json.dumps(obj, sort_keys=True))
