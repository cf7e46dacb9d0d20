import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import GenerationError
from reconciler.manifest.yaml import load_documents
from reconciler.source import RepositoryCache, Target, generate_manifests
from reconciler.source.kustomize.tool import kustomize_command
from reconciler.source.settings import parse_source_settings
from tests.reconciler.source.support import application, config_map
from tests.repositories import GitRepository
from tests.tools.peers.programs import Peers

Files = Mapping[str, str | bytes]

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: "nginx:1.0"}]}
"""
BASE = {
    "base/kustomization.yaml": "namePrefix: base-\nresources: [deployment.yaml]\n",
    "base/deployment.yaml": DEPLOYMENT,
    "unrelated/big.yaml": "x: y\n",
}
OVERLAY = BASE | {
    "overlay/kustomization.yaml": (
        "resources: [../base]\npatches: [{path: patches/replicas.yaml}]\ncomponents: [../component]\n"
        "configMapGenerator:\n- name: settings\n  files: [app.conf, key=other.conf]\n  envs: [vars.env]\n"
        "generatorOptions: {disableNameSuffixHash: true}\n"
    ),
    "overlay/patches/replicas.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: base-web}\nspec: {replicas: 2}\n",
    "overlay/app.conf": "a",
    "overlay/other.conf": "b",
    "overlay/vars.env": "C=d\n",
    "overlay/unused.txt": "not needed",
    "component/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -x\n",
}


@pytest.fixture
def render(git_repository: Callable[[Files], GitRepository], repositories: RepositoryCache) -> Callable[..., Target]:
    def render(files: Files, path: str = "overlay", **options: Any) -> Target:
        source: dict[str, Any] = {"repoURL": git_repository(files).url, "path": path}
        settings = parse_source_settings(options.pop("settings", {}))
        if options:
            source["kustomize"] = options
        return generate_manifests(application(source), repositories=repositories, settings=settings)

    return render


def objects(target: Target) -> dict[str, Any]:
    return {sourced.manifest["kind"]: sourced.manifest for sourced in target.manifests}


def test_an_overlay_with_all_it_refers_to(render: Callable[..., Target]) -> None:
    target = render(OVERLAY)
    found = objects(target)
    assert found["Deployment"]["metadata"]["name"] == "base-web-x"
    assert found["Deployment"]["spec"]["replicas"] == 2
    assert found["ConfigMap"]["data"] == {"app.conf": "a", "key": "b", "C": "d"}
    assert [path for path, _ in target.sources[0].files] == [
        "base/deployment.yaml",
        "base/kustomization.yaml",
        "component/kustomization.yaml",
        "overlay/app.conf",
        "overlay/kustomization.yaml",
        "overlay/other.conf",
        "overlay/patches/replicas.yaml",
        "overlay/vars.env",
    ]


def test_the_same_as_kustomize_in_a_checkout(render: Callable[..., Target], tmp_path: Path) -> None:
    for name, text in OVERLAY.items():
        (tmp_path / "checkout" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "checkout" / name).write_text(str(text))
    command = [*kustomize_command(), str(tmp_path / "checkout/overlay")]
    expected = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    assert [sourced.manifest for sourced in render(OVERLAY).manifests] == load_documents(expected, file="expected")


def test_options_of_the_application(render: Callable[..., Target]) -> None:
    target = render(
        BASE,
        "base",
        namePrefix="app-",
        nameSuffix="-s",
        namespace="elsewhere",
        images=["nginx=registry.example/web:$ARGOCD_APP_NAME"],
        replicas=[{"name": "web", "count": 3}],
        commonLabels={"team": "a"},
        commonAnnotations={"note": "$ARGOCD_APP_NAME"},
        patches=[{"target": {"kind": "Deployment"}, "patch": "- {op: add, path: /spec/paused, value: true}"}],
    )
    deployment = objects(target)["Deployment"]
    assert deployment["metadata"]["name"] == "app-web-s", "the prefix of the Application replaces that of the file"
    assert deployment["metadata"]["namespace"] == "elsewhere"
    assert deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example/web:web"
    assert (deployment["spec"]["replicas"], deployment["spec"]["paused"]) == (3, True)
    assert deployment["spec"]["selector"]["matchLabels"]["team"] == "a"
    assert deployment["metadata"]["annotations"] == {"note": "$ARGOCD_APP_NAME"}


def test_components_of_the_application(render: Callable[..., Target]) -> None:
    files = OVERLAY | {
        "extra/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: extra-\n"
    }
    target = render(files, components=["../extra", "../missing"], ignoreMissingComponents=True)
    assert objects(target)["Deployment"]["metadata"]["name"] == "extra-base-web-x"
    with pytest.raises(GenerationError, match=r"components\[1\]: '\.\./missing' is not in"):
        render(files, components=["../missing"])


def test_an_old_kustomization_with_bases(render: Callable[..., Target]) -> None:
    files = BASE | {"overlay/kustomization.yaml": "namePrefix: old-\nbases:\n- ../base\n"}
    assert objects(render(files))["Deployment"]["metadata"]["name"] == "old-base-web"


def test_generators_and_transformers(render: Callable[..., Target]) -> None:
    files = BASE | {
        "overlay/kustomization.yaml": (
            "resources: [../base]\ntransformers: [labels.yaml]\ngenerators:\n- |-\n  apiVersion: builtin\n"
            "  kind: ConfigMapGenerator\n  metadata: {name: settings}\n  files: [inner/app.conf]\n"
            "  options: {disableNameSuffixHash: true}\n"
        ),
        "overlay/labels.yaml": (
            "apiVersion: builtin\nkind: LabelTransformer\nmetadata: {name: x}\nlabels: {team: a}\n"
            "fieldSpecs: [{path: metadata/labels, create: true}]\n"
        ),
        "overlay/inner/app.conf": "a",
    }
    found = objects(render(files))
    assert found["ConfigMap"]["data"] == {"app.conf": "a"}
    assert found["Deployment"]["metadata"]["labels"] == {"team": "a"}


def test_a_base_behind_a_link(git_repository: Callable[[Files], GitRepository], repositories: RepositoryCache) -> None:
    origin = git_repository(BASE | {"overlay/kustomization.yaml": "resources: [linked]\n"})
    (origin.path / "overlay/linked").symlink_to("../base")
    origin.commit({})
    target = generate_manifests(application({"repoURL": origin.url, "path": "overlay"}), repositories=repositories)
    assert objects(target)["Deployment"]["metadata"]["name"] == "base-web"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "resources: [missing.yaml]\n",
            r"^overlay/kustomization\.yaml: resources\[0\]: 'missing\.yaml' is not in .*; kustomize would look for",
        ),
        (
            "resources: [../unrelated]\n",
            r"^overlay/kustomization\.yaml: resources\[0\]: 'unrelated' in .* holds no kustomization\.yaml",
        ),
        ("resources: [../base/deployment.yaml]\n", r"^kustomize build of overlay: .*is not in or below"),
        ("resources: [../base]\nunknownField: 1\n", r"^kustomize build of overlay: .*unknown field \"unknownField\""),
        ("- a\n", r"^overlay/kustomization\.yaml: expected one mapping"),
        ("helmCharts: [{name: x}]\n", r"^overlay/kustomization\.yaml: helmCharts needs Helm inflation, which is off"),
        ("openapi: {path: schema.json}\n", r"^overlay/kustomization\.yaml: openapi\.path: 'schema\.json' is not in"),
    ],
)
def test_bad_kustomizations_get_one_line(render: Callable[..., Target], text: str, message: str) -> None:
    with pytest.raises(GenerationError, match=message) as caught:
        render(BASE | {"overlay/kustomization.yaml": text})
    assert "\n" not in str(caught.value)
    # No folder of our own: /tmp only where the repository lies.
    assert "gitops-nb-" not in str(caught.value)


def test_two_kustomization_files(render: Callable[..., Target]) -> None:
    with pytest.raises(GenerationError, match=r"holds kustomization\.yaml and Kustomization; keep one"):
        render(BASE | {"base/Kustomization": "resources: []\n"}, "base")


def test_a_version_that_is_not_set_up(render: Callable[..., Target]) -> None:
    with pytest.raises(
        GenerationError, match=r"^spec\.source\.kustomize\.version: kustomize version 'v4\.5\.7' is not"
    ):
        render(BASE, "base", version="v4.5.7")


def test_a_version_of_the_operators(render: Callable[..., Target], peers: Peers) -> None:
    settings = {"kustomize.path.v5": str(peers.path("kustomize")), "kustomize.buildOptions": "--no-such-option"}
    assert render(OVERLAY, version="v5", settings=settings).manifests == render(OVERLAY).manifests


def test_options_of_the_operators(render: Callable[..., Target]) -> None:
    files = BASE | {"overlay/kustomization.yaml": "resources: [../base/deployment.yaml]\n"}
    with pytest.raises(GenerationError, match="is not in or below"):
        render(files)
    target = render(files, settings={"kustomize.buildOptions": "--load-restrictor LoadRestrictionsNone"})
    assert objects(target)["Deployment"]["metadata"]["name"] == "web"
    with pytest.raises(GenerationError, match=r"data\[kustomize\.buildOptions\]: '-o' is not among the options"):
        render(files, settings={"kustomize.buildOptions": "-o /tmp/x"})


def test_an_explicit_block_without_a_kustomization(render: Callable[..., Target]) -> None:
    with pytest.raises(GenerationError, match=r"^spec\.source\.path: 'app' in .* holds no kustomization\.yaml"):
        render({"app/a.yaml": config_map("a")}, "app", namePrefix="x-")
