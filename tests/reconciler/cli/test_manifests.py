"""Manifests and differences between revisions from a file, where there is no cluster."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.reconciler.cli.conftest import Call
from tests.reconciler.source.support import CHART, config_map
from tests.repositories import GitRepository

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: canary-4711}\n"
VERSION = (
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: version}\ndata:\n"
    '  kube: "{{ .Capabilities.KubeVersion }}"\n  jobs: "{{ .Capabilities.APIVersions.Has "batch/v1/Job" }}"\n'
)


@pytest.fixture
def origin(git_repository: Callable[[Mapping[str, str]], GitRepository]) -> GitRepository:
    return git_repository({"app/a.yaml": config_map("a"), "app/s.yaml": SECRET})


@pytest.fixture
def file(origin: GitRepository, tmp_path: Path) -> Path:
    path = tmp_path / "app.yaml"
    path.write_text(application_text(origin, "app"))
    return path


def application_text(origin: GitRepository, folder: str) -> str:
    return f"""
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: web}}
spec:
  project: default
  destination: {{server: https://kubernetes.default.svc, namespace: demo}}
  source: {{repoURL: "{origin.url}", path: {folder}}}
"""


def test_manifests_need_no_cluster(call: Call, file: Path, origin: GitRepository) -> None:
    first = origin.head
    origin.commit({"app/b.yaml": config_map("b")})
    status, out, err = call("app", "manifests", "-f", str(file), "-o", "name")
    assert (status, out, err) == (0, "ConfigMap a\nConfigMap b\nSecret s\n", "")
    status, out, _ = call("app", "manifests", "-f", str(file), "--revision", first, "-o", "json")
    assert (status, [entry["metadata"]["name"] for entry in json.loads(out)]) == (0, ["a", "s"])
    status, out, _ = call("app", "manifests", "-f", str(file), "--revision", first)
    assert out.count("---\n") == 1


def test_an_empty_render_is_said(call: Call, file: Path, origin: GitRepository) -> None:
    origin.commit({"app/a.yaml": None, "app/s.yaml": None, "app/README.md": "nothing"})
    status, out, err = call("app", "manifests", "-f", str(file))
    assert (status, out) == (0, "")
    assert err == f"web has no manifests at {origin.head}\n"


def test_capabilities_come_from_options_or_a_file(
    call: Call, origin: GitRepository, file: Path, tmp_path: Path
) -> None:
    origin.commit(CHART | {"chart/templates/version.yaml": VERSION})
    file.write_text(application_text(origin, "chart"))

    def asked(*options: str) -> dict[str, str]:
        status, out, err = call("app", "manifests", "-f", str(file), "-o", "json", *options)
        assert (status, err) == (0, "")
        data: dict[str, str] = {entry["metadata"]["name"]: entry for entry in json.loads(out)}["version"]["data"]
        return data

    recorded = tmp_path / "capabilities.yaml"
    recorded.write_text("kubeVersion: v1.31.2\napiVersions: [v1, batch/v1/Job]\n")
    assert asked("--capabilities", str(recorded)) == {"kube": "v1.31.2", "jobs": "true"}
    assert asked("--kube-version", "1.30.0", "--api-versions", "v1,apps/v1") == {"kube": "v1.30.0", "jobs": "false"}
    assert asked("--capabilities", str(recorded), "--kube-version", "1.30.0") == {"kube": "v1.30.0", "jobs": "true"}


def test_two_revisions_are_compared_without_a_cluster(call: Call, file: Path, origin: GitRepository) -> None:
    first = origin.head
    origin.commit({"app/b.yaml": config_map("b"), "app/s.yaml": SECRET.replace("4711", "4712")})
    status, out, err = call("app", "diff", "-f", str(file), "--revision", first, "--revision", "main")
    assert (status, err) == (1, "")
    assert "+ ConfigMap b (added)\n--- before\n+++ after\n+apiVersion: v1\n" in out
    assert "~ Secret s (changed)" in out
    assert "canary" not in out
    status, out, _ = call("app", "diff", "-f", str(file), "--revision", "main", "--revision", first)
    assert (status, "- ConfigMap b (removed)" in out) == (1, True)
    status, out, err = call("app", "diff", "-f", str(file), "--revision", "main", "--revision", "HEAD")
    assert (status, out, err) == (0, "", "")


def test_the_forms_of_a_difference(call: Call, file: Path, origin: GitRepository) -> None:
    first = origin.head
    origin.commit({"app/a.yaml": config_map("a").replace("name: a", "name: a, labels: {x: z}")})
    words = ("app", "diff", "-f", str(file), "--revision", first, "--revision", "main", "-o")
    status, out, _ = call(*words, "json")
    document = json.loads(out)
    assert (status, document["unchanged"]) == (1, 1)
    (change,) = document["changes"]
    assert change["key"] == {"group": "", "kind": "ConfigMap", "namespace": "", "name": "a"}
    assert call(*words, "csv")[1].splitlines() == [
        "name,path,before,after",
        "ConfigMap a,$.metadata.labels.x,absent,z",
    ]


BAD = {
    "three revisions": (
        ("diff", "--revision", "a", "--revision", "b", "--revision", "c"),
        "--revision was given 3 times",
    ),
    "options of a render beside a cluster": (("diff", "--kube-version", "1.30"), "--kube-version: the cluster answers"),
    "a revision that is not there": (("manifests", "--revision", "mian"), "did you mean main?"),
    "a form that does not fit": (("manifests", "-o", "csv"), "-o csv does not fit manifests"),
    "a file of capabilities that is not there": (("manifests", "--capabilities", "absent"), "absent: No such file"),
    "a configuration that is not there": (("manifests", "--argocd-config", "absent"), "absent: No such file"),
}


@pytest.mark.parametrize(("words", "expected"), BAD.values(), ids=BAD)
def test_bad_use_is_one_line(call: Call, file: Path, words: tuple[str, ...], expected: str) -> None:
    status, out, err = call("app", *words, "-f", str(file))
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert expected in line


def test_options_of_a_render_need_a_file(call: Call) -> None:
    status, _, err = call("app", "manifests", "web", "--kube-version", "1.30", "--argocd-config", "x")
    assert status == 2
    assert err == "error: --kube-version, --argocd-config: the cluster answers this; use it with -f FILE\n"


def test_a_capabilities_file_of_another_kind(call: Call, file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("apiVersions: v1\n")
    status, _, err = call("app", "manifests", "-f", str(file), "--capabilities", str(other))
    assert status == 2
    assert err == (
        f"error: {other}: apiVersions: must be a list of strings, such as apps/v1/Deployment; "
        "kubeVersion: must be a string, such as v1.33.0\n"
    )


def test_argo_cds_configuration_can_come_from_a_file(
    call: Call, file: Path, origin: GitRepository, tmp_path: Path
) -> None:
    origin.commit({"app/kustomization.yaml": "resources: [a.yaml]\nnamePrefix: x-\n"})
    configuration = tmp_path / "argocd.yaml"
    configuration.write_text(
        'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: argocd-cm}\ndata: {kustomize.enable: "false"}\n'
    )
    words = ("app", "manifests", "-f", str(file), "-o", "name")
    assert call(*words)[1] == "ConfigMap x-a\n"
    assert call(*words, "--argocd-config", str(configuration)) == (0, "ConfigMap a\nSecret s\n", "")
