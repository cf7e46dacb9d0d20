import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from reconciler.errors import GenerationError
from reconciler.model import parse_application
from reconciler.model.source import ApplicationSource
from reconciler.source import RepositoryCache
from reconciler.source.files.tree import Tree
from reconciler.source.jsonnet.ksonnet import merge_patch, parameter_value, render_ksonnet
from reconciler.source.jsonnet.ksonnet_application import is_ksonnet_application
from reconciler.source.rendering import Rendering, RenderRequest
from reconciler.source.target import SourceType
from tests.reconciler.source.support import tree_at
from tests.repositories import GitRepository

Files = dict[str, str]
Render = Callable[..., Rendering]

K_LIBSONNET = """
local k8s = import 'k8s.libsonnet';
k8s {
  apps:: k8s.apps {
    v1beta1:: {
      deployment:: {
        new(name, replicas, containers, labels):: {
          apiVersion: 'apps/v1beta1',
          kind: 'Deployment',
          metadata: { name: name },
          spec: { replicas: replicas, template: { metadata: { labels: labels }, spec: { containers: containers } } },
        },
        mixin:: { metadata:: { withLabels(labels):: { metadata+: { labels: labels } } } },
      },
    },
  },
}
"""
K8S_LIBSONNET = """
{
  apps:: {},
  core:: { v1:: {
    container:: { new(name, image):: { name: name, image: image } },
    service:: { new(name, selector, ports):: {
      apiVersion: 'v1', kind: 'Service', metadata: { name: name }, spec: { selector: selector, ports: ports },
    } },
  } },
}
"""
LIBRARY = {
    "ks/lib/ksonnet-lib/v1.10.3/k.libsonnet": K_LIBSONNET,
    "ks/lib/ksonnet-lib/v1.10.3/k8s.libsonnet": K8S_LIBSONNET,
}
APPLICATION = """
apiVersion: 0.3.0
kind: ksonnet.io/app
name: shop
version: 0.0.1
environments:
  default:
    destination: {namespace: shop, server: "https://kubernetes.default.svc"}
    k8sVersion: v1.10.3
    path: default
  production:
    destination: {namespace: live, server: "https://live.example.com"}
    k8sVersion: v1.10.3
    path: eu/production
    targets: [/, tools.cache]
libraries:
  incubator/banner: {name: banner, registry: incubator, version: 1.2.0}
"""
SHOP: Files = {
    **LIBRARY,
    "ks/app.yaml": APPLICATION,
    "ks/components/params.libsonnet": """{
  global: {},
  components: {
    'web-ui': { name: 'web', image: 'web:1', replicas: 1, port: 8080, label: self.name },
    settings: { data: { colour: 'blue' } },
  },
}""",
    "ks/components/web-ui.jsonnet": """
local env = std.extVar('__ksonnet/environments');
local params = std.extVar('__ksonnet/params').components['web-ui'];
local k = import 'k.libsonnet';
local deployment = k.apps.v1beta1.deployment;
local container = k.core.v1.container;
[
  k.core.v1.service.new(params.name, { app: params.label }, [{ port: params.port }]),
  deployment.new(params.name, params.replicas, [container.new(params.name, params.image)], { app: params.label })
  + deployment.mixin.metadata.withLabels({ namespace: env.namespace }),
]
""",
    "ks/components/settings.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {colour: red, size: s}\n",
    "ks/components/notes.txt": "no component",
    "ks/environments/base.libsonnet": "local components = std.extVar('__ksonnet/components'); components + {}",
    "ks/environments/default/main.jsonnet": "local base = import 'base.libsonnet';\nlocal k = import 'k.libsonnet';\nbase + {}\n",
    "ks/environments/default/globals.libsonnet": "{}",
    "ks/environments/default/params.libsonnet": """
local params = std.extVar('__ksonnet/params');
local globals = import 'globals.libsonnet';
local envParams = params + { components+: { 'web-ui'+: { replicas: 2 } } };
{ components: { [x]: envParams.components[x] + globals, for x in std.objectFields(envParams.components) } }
""",
    "ks/environments/eu/production/main.jsonnet": """
local base = import 'base.libsonnet';
base + { banner: import 'incubator/banner/banner.libsonnet' }
""",
    "ks/environments/eu/production/params.libsonnet": """
local params = import "../../components/params.libsonnet";
params + { components+: { 'tools.cache.redis'+: { size: 3 }, settings+: { data+: { size: 'xl' } } } }
// a comment at the end""",
    "ks/vendor/incubator/banner@1.2.0/banner.libsonnet": "{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'banner' } }",
    "ks/components/tools/cache/params.libsonnet": "{ global: { team: 'infra' }, components: { redis: { size: 1 } } }",
    "ks/components/tools/cache/redis.jsonnet": """
local params = std.extVar('__ksonnet/params').components.redis;
{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'redis' }, data: { size: '%d' % params.size, team: params.team } }
""",
}


@pytest.fixture
def tree_of(
    git_repository: Callable[[Mapping[str, str | bytes]], GitRepository], repositories: RepositoryCache
) -> Callable[[Files], Tree]:
    def tree_of(files: Files) -> Tree:
        origin = git_repository(files)
        return tree_at(repositories.open(origin.url, allow_local=True), origin.head)

    return tree_of


@pytest.fixture
def render(tree_of: Callable[[Files], Tree]) -> Render:
    def render(files: Files, environment: str = "", *parameters: tuple[str, str, str]) -> Rendering:
        options = {
            "environment": environment,
            "parameters": [dict(zip(("component", "name", "value"), item, strict=True)) for item in parameters],
        }
        source = ApplicationSource.model_validate(
            {"repoURL": "https://example.com/x.git", "path": "ks", "ksonnet": options}
        )
        return render_ksonnet(
            RenderRequest(source, tree_of(files), "ks", "spec.source", application="shop", namespace="fallback")
        )

    return render


def by_name(rendering: Rendering) -> dict[str, Any]:
    return {f"{obj['kind']}/{obj['metadata']['name']}": obj for obj, _ in rendering.objects}


def test_an_environment_is_rendered_as_ks_shows_it(render: Render) -> None:
    rendering = render(SHOP)
    assert rendering.source_type is SourceType.KSONNET
    assert rendering.objects == (
        (
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "settings"},
                "data": {"colour": "blue", "size": "s"},
            },
            "ks/components/settings.yaml",
        ),
        (
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "web"},
                "spec": {"ports": [{"port": 8080}], "selector": {"app": "web"}},
            },
            "ks/components/web-ui.jsonnet",
        ),
        (
            {
                "apiVersion": "apps/v1beta1",
                "kind": "Deployment",
                "metadata": {"labels": {"namespace": "shop"}, "name": "web"},
                "spec": {
                    "replicas": 2,
                    "template": {
                        "metadata": {"labels": {"app": "web"}},
                        "spec": {"containers": [{"image": "web:1", "name": "web"}]},
                    },
                },
            },
            "ks/components/web-ui.jsonnet",
        ),
    )


def test_parameters_are_set_as_by_ks_param_set(render: Render) -> None:
    objects = by_name(
        render(
            SHOP,
            "",
            ("web-ui", "replicas", "5"),
            ("web-ui", "image", "web:2"),
            ("settings", "data", '{"colour": "red"}'),
        )
    )
    spec = objects["Deployment/web"]["spec"]
    assert (spec["replicas"], spec["template"]["spec"]["containers"][0]["image"]) == (5, "web:2")
    assert objects["ConfigMap/settings"]["data"]["colour"] == "red"


def test_a_parameter_of_no_component_is_reported(render: Render, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert len(render(SHOP, "", ("web", "replicas", "5")).objects) == 3
    assert "spec.source.ksonnet.parameters: ks has no component 'web'" in caplog.text


def test_modules_packages_and_the_older_form_of_parameters(render: Render) -> None:
    rendering = render(SHOP, "production", ("tools.cache.redis", "team", "web"))
    objects = by_name(rendering)
    assert len(rendering.objects) == len(objects)
    assert sorted(objects) == [
        "ConfigMap/banner",
        "ConfigMap/redis",
        "ConfigMap/settings",
        "Deployment/web",
        "Service/web",
    ]
    assert objects["ConfigMap/redis"]["data"] == {"size": "3", "team": "web"}
    assert objects["ConfigMap/settings"]["data"] == {"colour": "blue", "size": "xl"}
    assert objects["Deployment/web"]["metadata"]["labels"] == {"namespace": "live"}


def test_global_parameters_win_over_those_of_components(render: Render) -> None:
    files = SHOP | {
        "ks/components/params.libsonnet": SHOP["ks/components/params.libsonnet"].replace("{},", "{ port: 1 },")
    }
    assert by_name(render(files))["Service/web"]["spec"]["ports"] == [{"port": 1}]


def test_an_environment_without_namespace_takes_the_destinations(render: Render) -> None:
    files = SHOP | {"ks/app.yaml": APPLICATION.replace("namespace: shop, ", "")}
    assert by_name(render(files))["Deployment/web"]["metadata"]["labels"] == {"namespace": "fallback"}


def test_components_of_several_documents_and_of_json(render: Render) -> None:
    both = SHOP["ks/components/settings.yaml"]
    files = SHOP | {
        "ks/components/settings.yaml": both + "---\n" + both.replace("settings", "more"),
        "ks/components/plain.json": '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}}',
        "ks/components/empty.yaml": "",
    }
    assert [name for name in by_name(render(files)) if name.startswith(("ConfigMap", "Namespace"))] == [
        "Namespace/n",
        "ConfigMap/settings",
        "ConfigMap/more",
    ]


def test_the_native_functions_of_ksonnet(render: Render) -> None:
    code = """
local data = {
  json: std.native('parseJson')('[1]')[0],
  yaml: std.native('parseYaml')('a: yes\\n---\\nb: 012')[0].a,
  escaped: std.native('escapeStringRegex')('a.b-c'),
  found: std.native('regexMatch')('^a+$', 'aaa'),
  swapped: std.native('regexSubst')('(\\\\w+) (\\\\w+)', 'one two', '$2-${1}'),
};
{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'n' }, data: std.mapWithKey(function(k, v) std.toString(v), data) }
"""
    objects = by_name(render(SHOP | {"ks/components/natives.jsonnet": code}))
    assert objects["ConfigMap/n"]["data"] == {
        "json": "1",
        "yaml": "true",
        "escaped": "a\\.b-c",
        "found": "true",
        "swapped": "two-one",
    }


@pytest.mark.parametrize(
    "place", ["ks/vendor/{}", "ks/lib/{}", "ks/lib/v1.10.3/{}", "ks/environments/default/.metadata/{}"]
)
def test_where_the_library_may_lie(render: Render, place: str) -> None:
    files = {path: text for path, text in SHOP.items() if path not in LIBRARY}
    files |= {place.format("k.libsonnet"): K_LIBSONNET, place.format("k8s.libsonnet"): K8S_LIBSONNET}
    assert len(render(files).objects) == 3


def test_a_missing_library_says_where_it_was_looked_for(render: Render) -> None:
    files = {path: text for path, text in SHOP.items() if path not in LIBRARY}
    with pytest.raises(GenerationError) as caught:
        render(files)
    message = str(caught.value)
    assert message.startswith(
        "jsonnet ks/environments/default/main.jsonnet: import 'k.libsonnet' in ks/components: not found in "
    )
    assert (
        "ks/lib/ksonnet-lib/v1.10.3, ks/lib/v1.10.3, ks/lib, ks/vendor, ks/environments; commit ksonnet-lib's "
        in message
    )
    assert (
        "k.libsonnet and k8s.libsonnet in ks/lib/ksonnet-lib/v1.10.3 (at ks/components/web-ui.jsonnet:4:11-31"
        in message
    )
    assert "\n" not in message


@pytest.mark.parametrize(
    ("changes", "environment", "message"),
    [
        (
            {},
            "staging",
            "environment: ks/app.yaml: there is no environment 'staging'; name one of 'default', 'production'",
        ),
        (
            {"ks/app.yaml": "kind: ksonnet.io/app\n"},
            "",
            "spec.source.ksonnet.environment: ks/app.yaml: there is no environment",
        ),
        (
            {"ks/app.yaml": APPLICATION.replace("default:\n", "test:\n")},
            "",
            "ks/app.yaml: no environment is called default; name one of 'production', 'test'",
        ),
        ({"ks/app.yaml": "kind: Deployment\n"}, "", "holds no app.yaml of kind ksonnet.io/app"),
        (
            {"ks/app.yaml": APPLICATION.replace("path: default", "path: ../../../x")},
            "",
            "environments['default'].path: '../../../x' leaves the repository",
        ),
        (
            {"ks/components/settings.json": "{}"},
            "",
            "ks/components/settings.json and ks/components/settings.yaml are both component 'settings'; rename one",
        ),
        (
            {"ks/components/params.libsonnet": "[]"},
            "",
            "ks/components/params.libsonnet: makes no object with `components`",
        ),
        (
            {"ks/environments/default/params.libsonnet": "{}"},
            "",
            "default/params.libsonnet: makes no object with `components`",
        ),
        ({"ks/environments/default/main.jsonnet": "[]"}, "", "main.jsonnet: makes no object of components but list"),
        (
            {"ks/components/web-ui.jsonnet": "{ a: error 'no name' }"},
            "",
            "no name (at ks/components/web-ui.jsonnet:1:6-21",
        ),
    ],
)
def test_what_is_wrong_is_said(render: Render, changes: Files, environment: str, message: str) -> None:
    with pytest.raises(GenerationError) as caught:
        render(SHOP | changes, environment)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-5", -5),
        ("0", 0),
        ("1.5", 1.5),
        ("007", 7.0),
        ("True", True),
        ("false", False),
        ("[1, 2]", [1, 2]),
        ('{"a": "b"}', {"a": "b"}),
        ('"80"', "80"),
        ('""', ""),
        ("null", "null"),
        ("1.2.3", "1.2.3"),
        ("nginx:1.2", "nginx:1.2"),
    ],
)
def test_values_of_parameters(text: str, value: Any) -> None:
    parsed = parameter_value(text, field="f")
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(("text", "message"), [("", "f: is empty"), ("[1,", r"f: '\[1,' begins like JSON but is none")])
def test_values_that_ksonnet_refuses(text: str, message: str) -> None:
    with pytest.raises(GenerationError, match=message):
        parameter_value(text, field="f")


def test_merge_patch() -> None:
    target = {"a": {"b": 1, "c": 2}, "d": [1]}
    assert merge_patch(target, {"a": {"b": None, "e": {"f": None, "g": 1}}, "d": [2]}) == {
        "a": {"c": 2, "e": {"g": 1}},
        "d": [2],
    }
    assert target == {"a": {"b": 1, "c": 2}, "d": [1]}


def test_detection(tree_of: Callable[[Files], Tree]) -> None:
    tree = tree_of(SHOP | {"chart/app.yaml": "kind: Deployment\n", "bad/app.yaml": "a: [", "list/app.yaml": "- a\n"})
    assert [
        path for path in ("ks", "chart", "bad", "list", "ks/components", "none") if is_ksonnet_application(tree, path)
    ] == ["ks"]


def test_an_application_of_argo_cd_1_7_is_read() -> None:
    application = parse_application(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": "guestbook"},
            "spec": {
                "project": "default",
                "destination": {"server": "https://kubernetes.default.svc", "namespace": "default"},
                "source": {
                    "repoURL": "https://github.com/argoproj/argocd-example-apps",
                    "path": "ksonnet-guestbook",
                    "ksonnet": {
                        "environment": "default",
                        "parameters": [{"component": "guestbook-ui", "name": "image", "value": "redis"}],
                    },
                },
            },
        }
    )
    (source,) = application.sources
    assert source.ksonnet is not None
    assert source.ksonnet.parameters[0].value == "redis"
    assert source.to_dict()["ksonnet"]["environment"] == "default"
