"""Every override of an Application against ``kustomize edit …; kustomize build`` with the program itself."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from reconciler.errors import GenerationError
from reconciler.manifest.yaml import load_documents
from reconciler.model.source import KustomizeOptions
from reconciler.source import RepositoryCache
from reconciler.source.build_environment import substitute
from reconciler.source.kustomize.render import render_kustomize
from reconciler.source.rendering import RenderRequest
from tests.reconciler.source.support import application, tree_at
from tests.repositories import GitRepository
from tests.tools.peers.programs import Peers

VARIABLES = {"ARGOCD_APP_NAME": "shop", "ARGOCD_APP_REVISION_SHORT": "abc1234"}
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {tier: front}, annotations: {note: old}}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: "nginx:1.0"}, {name: side, image: "registry:5000/side@sha256:aa"}]
"""
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{port: 80}]}\n"
COMPONENT = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
FILES = {
    "base/deployment.yaml": DEPLOYMENT,
    "base/service.yaml": SERVICE,
    "base/kustomization.yaml": "resources: [deployment.yaml, service.yaml]\n",
    "parts/one/kustomization.yaml": f"{COMPONENT}nameSuffix: -one\n",
    "parts/two/kustomization.yaml": f"{COMPONENT}commonAnnotations: {{part: two}}\n",
    "app/patch.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {paused: true}\n",
    "app/vars.env": "PLAIN=1\nARGOCD_APP_NAME\nHOSTNAME_OF_NOBODY\n",
}
BASE = "resources: [../base]\n"
OVERRIDES: dict[str, tuple[str, dict[str, Any]]] = {
    "prefix": ("namePrefix: old-\n", {"namePrefix": "new-"}),
    "suffix": ("", {"nameSuffix": "-v2"}),
    "prefix like an option": ("", {"namePrefix": "-x"}),
    "namespace": ("namespace: old\n", {"namespace": "shop"}),
    "image tag": ("", {"images": ["nginx:1.27"]}),
    "image digest": ("", {"images": ["nginx@sha256:ab"]}),
    "image tag and digest": ("", {"images": ["nginx:1.27@sha256:ab"]}),
    "image name": ("", {"images": ["nginx=web"]}),
    "image name and tag": ("", {"images": ["nginx=registry.example:443/web:$ARGOCD_APP_REVISION_SHORT"]}),
    "image name, tag and digest": ("", {"images": ["nginx=web:2@sha256:ab"]}),
    "image of a registry with a port": ("", {"images": ["registry:5000/side:1.2"]}),
    "image over the file": ("images: [{name: nginx, newName: kept, newTag: '3'}]\n", {"images": ["nginx:4"]}),
    "image name over the file": ("images: [{name: nginx, newName: old, newTag: '3'}]\n", {"images": ["nginx=web"]}),
    "image with asterisks": ("images: [{name: nginx, newName: kept, newTag: '3'}]\n", {"images": ["nginx=*:4"]}),
    "image tag kept": ("images: [{name: nginx, newTag: '3'}]\n", {"images": ["nginx=web:*"]}),
    "image digest over a tag": ("images: [{name: nginx, newTag: '3'}]\n", {"images": ["nginx@sha256:ab"]}),
    "image twice": ("", {"images": ["nginx:1", "nginx:2"]}),
    "replicas": ("", {"replicas": [{"name": "web", "count": 3}]}),
    "replicas as text": ("replicas: [{name: web, count: 9}]\n", {"replicas": [{"name": "web", "count": "4"}]}),
    "labels": ("", {"commonLabels": {"team": "a", "rev": "$ARGOCD_APP_NAME"}}),
    "labels with a colon": ("", {"commonLabels": {"example.com/team": "a"}}),
    "labels forced": ("commonLabels: {team: b}\n", {"commonLabels": {"team": "a"}, "forceCommonLabels": True}),
    "labels without selector": ("", {"commonLabels": {"team": "a"}, "labelWithoutSelector": True}),
    "labels beside those of the file": (
        "labels: [{pairs: {x: z}}]\n",
        {"commonLabels": {"team": "a"}, "labelWithoutSelector": True},
    ),
    "labels in templates": (
        "",
        {"commonLabels": {"team": "a"}, "labelWithoutSelector": True, "labelIncludeTemplates": True},
    ),
    "annotations": ("", {"commonAnnotations": {"note": "$ARGOCD_APP_NAME: é"}}),
    "annotations with variables": (
        "",
        {"commonAnnotations": {"note": "${ARGOCD_APP_NAME}$$"}, "commonAnnotationsEnvsubst": True},
    ),
    "annotations forced": (
        "commonAnnotations: {a: b}\n",
        {"commonAnnotations": {"a": "c"}, "forceCommonAnnotations": True},
    ),
    "inline patch": (
        "",
        {"patches": [{"target": {"kind": "Deployment"}, "patch": "- {op: replace, path: /spec/replicas, value: 7}"}]},
    ),
    "strategic patch": (
        "patches: [{path: patch.yaml}]\n",
        {"patches": [{"patch": "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer}\n"}]},
    ),
    "patch by path": ("", {"patches": [{"path": "patch.yaml"}]}),
    "patch by labels with options": (
        "",
        {
            "patches": [
                {
                    "target": {"labelSelector": "tier=front", "annotationSelector": "note=old"},
                    "patch": "- {op: replace, path: /metadata/name, value: other}",
                    "options": {"allowNameChange": True},
                }
            ]
        },
    ),
    "components": ("components: [../parts/one]\n", {"components": ["../parts/one", "../parts/two"]}),
    "components by pattern": ("", {"components": ["../parts/*"]}),
    "env file with a name alone": (
        "configMapGenerator: [{name: vars, envs: [vars.env]}]\n",
        {"namePrefix": "x-"},
    ),
    "old fields": ("imageTags: [{name: nginx, newTag: '8'}]\n", {"nameSuffix": "-s"}),
}


@pytest.fixture
def source(git_repository: Callable[[Mapping[str, str]], GitRepository], repositories: RepositoryCache) -> Any:
    """Renders ``app`` with a kustomization and options; gives the repository, too."""

    def render(text: str, options: dict[str, Any]) -> tuple[list[Any], GitRepository]:
        origin = git_repository(FILES | {"app/kustomization.yaml": BASE + text})
        spec = application({"repoURL": origin.url, "path": "app", "kustomize": options}).spec.source
        assert spec is not None
        repository = repositories.open(origin.url, allow_local=True)
        request = RenderRequest(
            source=spec,
            tree=tree_at(repository, repository.resolve("")),
            path="app",
            where="spec.source",
            application="shop",
            variables=VARIABLES,
        )
        return [obj for obj, _ in render_kustomize(request).objects], origin

    return render


def edited_and_built(program: Path, folder: Path, options: KustomizeOptions) -> list[Any]:
    """What Argo CD's commands make of a checkout, in its order (util/kustomize/kustomize.go)."""

    def run(*arguments: str) -> str:
        return subprocess.run(
            [str(program), *arguments], cwd=folder, env=VARIABLES, check=True, capture_output=True, text=True
        ).stdout

    def pairs(values: Mapping[str, str]) -> list[str]:
        return [f"{name}:{value}" for name, value in values.items()]

    if options.name_prefix:
        run("edit", "set", "nameprefix", "--", options.name_prefix)
    if options.name_suffix:
        run("edit", "set", "namesuffix", "--", options.name_suffix)
    if options.images:
        run("edit", "set", "image", *(substitute(image, VARIABLES) for image in options.images))
    if options.replicas:
        run("edit", "set", "replicas", *(f"{replica.name}={int(replica.count)}" for replica in options.replicas))
    if options.common_labels:
        switches = {
            "--force": options.force_common_labels,
            "--without-selector": options.label_without_selector,
            "--include-templates": options.label_include_templates,
        }
        labels = {name: substitute(value, VARIABLES) for name, value in options.common_labels.items()}
        run("edit", "add", "label", *(name for name, on in switches.items() if on), *pairs(labels))
    if options.common_annotations:
        force = ["--force"] if options.force_common_annotations else []
        annotations = {
            name: substitute(value, VARIABLES) if options.common_annotations_envsubst else value
            for name, value in options.common_annotations.items()
        }
        run("edit", "add", "annotation", *force, *pairs(annotations))
    if options.namespace:
        run("edit", "set", "namespace", "--", options.namespace)
    if options.patches:
        file = folder / "kustomization.yaml"
        content = yaml.safe_load(file.read_text())
        patches = [patch.model_dump(by_alias=True, exclude_defaults=True) for patch in options.patches]
        content["patches"] = [*content.get("patches", []), *patches]
        file.write_text(yaml.safe_dump(content))
    if options.components:
        run("edit", "add", "component", *options.components)
    return load_documents(run("build", "."), file="expected")


@pytest.mark.parametrize("name", OVERRIDES)
def test_the_same_as_kustomize_edit(name: str, source: Any, peers: Peers) -> None:
    text, options = OVERRIDES[name]
    objects, origin = source(text, options)
    expected = edited_and_built(peers.path("kustomize"), origin.path / "app", KustomizeOptions.model_validate(options))
    assert objects == expected
    plain, _ = source(text, {})
    if name not in ("env file with a name alone",):
        assert plain != objects, "the override has no effect: the row shows nothing"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("commonLabels: {a: b}\n", {"commonLabels": {"a": "c"}}, "already in the kustomization file"),
        ("commonAnnotations: {a: b}\n", {"commonAnnotations": {"a": "c"}}, "already in the kustomization file"),
        ("", {"commonLabels": {"a": "c"}, "labelIncludeTemplates": True}, "needs labelWithoutSelector"),
        ("", {"images": ["nginx"]}, "names no tag or digest"),
        ("", {"components": ["../parts/none"]}, "is not in"),
        ("", {"patches": [{"path": "none.yaml"}]}, "is not in"),
    ],
)
def test_what_kustomize_refuses_is_refused(
    text: str, options: dict[str, Any], message: str, source: Any, peers: Peers
) -> None:
    with pytest.raises(GenerationError, match=message):
        source(text, options)
    _, origin = source(text, {})
    with pytest.raises(subprocess.CalledProcessError):
        edited_and_built(peers.path("kustomize"), origin.path / "app", KustomizeOptions.model_validate(options))
