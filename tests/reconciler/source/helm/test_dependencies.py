"""Sub-charts that are declared and not vendored: what `helm dependency build` would bring."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError, RepositoryUnreachableError
from reconciler.source.helm.render import render_helm
from tests.reconciler.source.helm.charts import (
    Files,
    HelmProgram,
    chart_yaml,
    dumping,
    in_order,
    pack,
    rendered,
    request_for,
    values_of,
    write,
)

DB = {"name": "db", "version": "^1", "repository": "https://charts.example.com"}
LIB = {
    "name": "lib",
    "version": ">=1.0.0",
    "repository": "file://../lib",
    "alias": "other",
    "import-values": [{"parent": "p", "child": "<&>"}],
}


def child(name: str, version: str = "1.2.3", **more: str) -> dict[str, str]:
    return {"Chart.yaml": chart_yaml(name, version), "templates/a.yaml": dumping(f"from-{name}-{version}")} | more


class Server:
    """Charts by name and version; notes what it is asked for."""

    def __init__(self, *charts: Files, error: GenerationError | None = None) -> None:
        self._charts = {json.loads(chart["Chart.yaml"])["name"]: chart for chart in charts}
        self._error = error
        self.asked: list[Any] = []

    def archive(self, repo_url: str, chart: str, version: str, *, project: str, pass_credentials: bool) -> bytes:
        self.asked.append((repo_url, chart, version, project, pass_credentials))
        if self._error:
            raise self._error
        return pack(self._charts[chart], folder=chart)

    def value_file(self, url: str) -> bytes:
        raise AssertionError


def chart(*dependencies: dict[str, Any], **more: str) -> dict[str, str]:
    return {"chart/Chart.yaml": chart_yaml(dependencies=dependencies)} | {f"chart/{k}": v for k, v in more.items()}


def names(files: Files, **options: Any) -> list[str]:
    return [obj["metadata"]["name"] for obj in rendered(files, **options)]


def test_a_missing_chart_is_fetched() -> None:
    server = Server(child("db"), child("queue"))
    oci = {"name": "queue", "version": "1.2.3", "repository": "oci://registry.example.com/charts"}
    request = request_for(chart(DB, oci), downloads=server, passCredentials=True)
    assert [origin for _, origin in render_helm(request).objects] == [
        "chart/charts/db/templates/a.yaml",
        "chart/charts/queue/templates/a.yaml",
    ]
    assert server.asked == [
        ("https://charts.example.com", "db", "^1", "default", True),
        ("oci://registry.example.com/charts", "queue", "1.2.3", "default", True),
    ]
    assert len(request.observations.downloads) == 2, "the render is looked at again when the servers have other charts"


def test_only_what_is_missing_is_fetched() -> None:
    server = Server(child("db"))
    assert (
        names(chart(DB | {"version": "*"}, **{"charts/any-folder/Chart.yaml": chart_yaml("db")}), downloads=server)
        == []
    )
    packed = {"chart/charts/other-name.tgz": pack(child("db"), folder="x")}
    assert names(chart(DB) | packed, downloads=server) == ["from-db-1.2.3"]
    assert server.asked == []


def test_two_versions_of_one_chart() -> None:
    class Versions(Server):
        def archive(self, repo_url: str, chart: str, version: str, *, project: str, pass_credentials: bool) -> bytes:
            return pack(child(chart, version), folder=chart)

    files = chart(DB | {"version": "1.0.0", "alias": "old"}, DB | {"version": "2.0.0", "alias": "new"})
    assert sorted(names(files, downloads=Versions())) == ["from-db-1.0.0", "from-db-2.0.0"]


def test_a_chart_that_is_switched_off_is_fetched_all_the_same() -> None:
    server = Server(child("db"))
    assert names(chart(DB | {"condition": "db.on"}), downloads=server, valuesObject={"db": {"on": False}}) == []
    assert len(server.asked) == 1, "as Helm does, which looks at conditions afterwards"


@pytest.mark.parametrize("api_version", ["v1", "v2"])
def test_the_lock_file_says_which_version(api_version: str, helm: HelmProgram, tmp_path: Path) -> None:
    """Its digest is checked as Helm makes it: here from a folder, with an alias and imported values."""
    listed, lock = ("requirements.yaml", "requirements.lock") if api_version == "v1" else ("Chart.yaml", "Chart.lock")
    declared = json.dumps({"dependencies": [LIB, {"name": "near", "version": "*", "repository": ""}]})
    files = {
        "chart/Chart.yaml": chart_yaml(
            apiVersion=api_version, **(json.loads(declared) if listed == "Chart.yaml" else {})
        ),
        "chart/charts/near/Chart.yaml": chart_yaml("near"),
        **{f"lib/{name}": text for name, text in child("lib").items()},
    }
    if listed != "Chart.yaml":
        files["chart/requirements.yaml"] = declared
    write(tmp_path, files)
    helm.run(tmp_path / "chart", "dependency", "update", "--skip-refresh")
    locked = (tmp_path / "chart" / lock).read_text()
    theirs = helm.template(tmp_path / "chart")
    assert in_order(rendered(files | {f"chart/{lock}": locked})) == in_order(theirs)
    changed = {f"chart/{listed}": str(files[f"chart/{listed}"]).replace(">=1.0.0", ">=1.0.1"), f"chart/{lock}": locked}
    with pytest.raises(GenerationError) as caught:
        rendered(files | changed)
    assert str(caught.value) == (
        f"chart/{lock}: the lock is out of sync with the declared dependencies; "
        "run `helm dependency update` and commit the lock file"
    )


def test_the_version_of_the_lock_file_is_fetched() -> None:
    # The digest is Helm's own for these two lists.
    locked = {**DB, "version": "1.2.3"}
    lock = {
        "dependencies": [locked],
        "digest": "sha256:" + _digest([[DB], [locked]]),
        "generated": "2026-01-01T00:00:00Z",
    }
    server = Server(child("db"))
    assert names(chart(DB, **{"Chart.lock": json.dumps(lock)}), downloads=server) == ["from-db-1.2.3"]
    assert [version for _, _, version, *_ in server.asked] == ["1.2.3"]


def test_a_lock_file_of_helm_2() -> None:
    old = {"name": "db", "version": "^1", "repository": "https://charts.example.com"}
    lock = {"dependencies": [{**old, "version": "1.2.3"}], "digest": "sha256:" + _digest({"dependencies": [old]})}
    files = {
        "chart/Chart.yaml": chart_yaml(apiVersion="v1"),
        "chart/requirements.yaml": json.dumps({"dependencies": [old]}),
        "chart/requirements.lock": json.dumps(lock),
    }
    assert names(files, downloads=Server(child("db"))) == ["from-db-1.2.3"]


def test_a_chart_of_the_same_repository_is_taken_as_it_lies_there(helm: HelmProgram, tmp_path: Path) -> None:
    """What it declares itself must be in its own charts folder."""
    deeper = {"name": "deeper", "version": "1.2.3", "repository": "file://../deeper"}
    files = {
        **chart({**LIB, "import-values": []}),
        **{f"lib/{name}": text for name, text in child("lib").items()},
        "lib/Chart.yaml": chart_yaml("lib", dependencies=[deeper]),
        "lib/.helmignore": "*.bak\n",
        "lib/x.bak": "x",
        **{f"deeper/{name}": text for name, text in child("deeper").items()},
    }
    write(tmp_path, files)
    helm.run(tmp_path / "chart", "dependency", "build", "--skip-refresh")
    theirs = helm.template(tmp_path / "chart")
    assert in_order(rendered(files)) == in_order(theirs)
    assert [obj["metadata"]["name"] for obj in theirs] == ["from-lib-1.2.3"]


@pytest.mark.parametrize(
    ("dependency", "message"),
    [
        ({"repository": "@stable"}, r"dependencies\[0\]\.repository: '@stable' is the alias .*write the repository's URL"),
        ({"repository": "alias:stable"}, r"dependencies\[0\]\.repository: 'alias:stable' is the alias"),
        ({"repository": ""}, r"^chart/Chart\.yaml: dependencies\[0\]: not in charts/: db \^1; run `[a-z ]+` and [a-z ]+$"),
        ({"repository": "s3://bucket"}, r"not in charts/: db \^1; run .*; 's3://bucket' is not a repository \(https://, oci://, file://\)$"),
        ({"repository": "file://../../x"}, r"dependencies\[0\]\.repository: '\.\./\.\./x' leaves the repository"),
        ({"repository": "file:///etc"}, r"dependencies\[0\]\.repository: '/etc' is absolute"),
        ({"repository": "file://../lib", "version": "^2"}, r"\.version: '\^2' is asked for, but 'lib' holds version '1\.2\.3'"),
        ({"name": "../x"}, r"dependencies\[0\]\.name: '\.\./x' is not a chart name"),
        ({"repository": "file://../lib"}, r"Helm chart chart in memory at 1\.0\.0: Chart\.yaml: not in charts/: db \^1"),
    ],
)  # fmt: skip
def test_dependencies_that_cannot_be_had(dependency: dict[str, Any], message: str) -> None:
    files = chart(DB | dependency) | {f"lib/{name}": text for name, text in child("lib").items()}
    with pytest.raises(GenerationError, match=message):
        rendered(files, downloads=Server(child("db")))


def test_a_repository_that_does_not_answer() -> None:
    server = Server(error=RepositoryUnreachableError("https://charts.example.com does not answer"))
    with pytest.raises(RepositoryUnreachableError) as caught:
        rendered(chart(DB), downloads=server)
    assert str(caught.value) == (
        "chart/Chart.yaml: dependencies[0]: not in charts/: db ^1; run `helm dependency build` and commit the charts folder, "
        "as it cannot be fetched: https://charts.example.com does not answer"
    )


def test_values_reach_a_fetched_chart() -> None:
    files = chart(DB | {"alias": "store"})
    chart_of_db = child("db", **{"values.yaml": "size: 1\n"})
    assert values_of(files, downloads=Server(chart_of_db), valuesObject={"store": {"size": 5}}) == {
        "global": {},
        "size": 5,
    }


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()
