"""What the flags of ``app set`` and ``app unset`` make of an Application."""

import copy
from typing import Any

import pytest
import yaml

from reconciler.errors import UsageError
from reconciler.model import parse_application
from reconciler.model.editing import (
    SOURCE_EDITS,
    SPEC_EDITS,
    UNSET_EDITS,
    SourceChoice,
    set_fields,
    unset_fields,
    with_sources,
)

IN_CLUSTER = "https://kubernetes.default.svc"


def application(source: str = "path: app", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd"},
        "spec": {
            "project": "default",
            "destination": {"server": IN_CLUSTER, "namespace": "shop"},
            "source": {"repoURL": "https://git.example/shop", **yaml.safe_load(source)},
            **spec,
        },
    }


def several() -> dict[str, Any]:
    document = application()
    del document["spec"]["source"]
    document["spec"]["sources"] = [
        {"repoURL": "https://charts.example", "chart": "web", "targetRevision": "1.0.0", "name": "chart"},
        {"repoURL": "https://git.example/shop", "ref": "values"},
    ]
    return document


# Given flags, the source before, and the source after; of both without the address of the repository.
SOURCES: dict[str, tuple[dict[str, Any], str, str]] = {
    "texts of the source": (
        {"path": "base", "revision": "v2", "tag-prefix": "web-"},
        "path: app",
        "{path: base, targetRevision: v2, tagPrefix: web-}",
    ),
    "an empty text takes the field out": ({"revision": ""}, "{path: app, targetRevision: v1}", "path: app"),
    "a chart instead of a folder": ({"helm-chart": "web", "path": ""}, "path: app", "chart: web"),
    "value files replace those there are": (
        {"values": ["b.yaml", "c.yaml"]},
        "{path: app, helm: {valueFiles: [a.yaml]}}",
        "{path: app, helm: {valueFiles: [b.yaml, c.yaml]}}",
    ),
    "parameters, each in the place of its namesake": (
        {"helm-set": ["b=3", "c=x,y", "d=x\\,y"], "helm-set-string": ["e=1"], "parameter": ["a=4=5"]},
        "{path: app, helm: {parameters: [{name: a, value: '1', forceString: true}, {name: b, value: '2'}]}}",
        (
            "{path: app, helm: {parameters: [{name: a, value: 4=5}, {name: b, value: '3'}, {name: c, value: 'x\\,y'}, "
            "{name: d, value: 'x\\,y'}, {name: e, value: '1', forceString: true}]}}"
        ),
    ),
    "parameters from files": (
        {"helm-set-file": ["cert=a.pem"]},
        "path: app",
        "{path: app, helm: {fileParameters: [{name: cert, path: a.pem}]}}",
    ),
    "values of a file": (
        {"values-literal-file": "a:\n  b: [1]  # one\n"},
        "{path: app, helm: {values: 'a: 2'}}",
        "{path: app, helm: {valuesObject: {a: {b: [1]}}}}",
    ),
    "no values": ({"values-literal-file": ""}, "{path: app, helm: {valuesObject: {a: 2}}}", "path: app"),
    "switches of Helm": (
        {"helm-skip-crds": True, "helm-pass-credentials": True, "helm-skip-tests": False},
        "{path: app, helm: {skipTests: true}}",
        "{path: app, helm: {skipCrds: true, passCredentials: true}}",
    ),
    "the last switch takes its tool along": (
        {"helm-skip-crds": False},
        "{path: app, helm: {skipCrds: true}}",
        "path: app",
    ),
    "images, by what they override": (
        {"kustomize-image": ["web=registry/web:2", "db:16", "cache@sha256:2"]},
        "{path: app, kustomize: {images: ['web=web:1', 'db:15', 'other:1']}}",
        "{path: app, kustomize: {images: ['web=registry/web:2', 'db:16', 'other:1', 'cache@sha256:2']}}",
    ),
    "replicas": (
        {"kustomize-replica": ["web=3", "db=1"]},
        "{path: app, kustomize: {replicas: [{name: web, count: 1}]}}",
        "{path: app, kustomize: {replicas: [{name: web, count: 3}, {name: db, count: 1}]}}",
    ),
    "labels and annotations replace those there are": (
        {"kustomize-common-label": ["team=web"], "kustomize-common-annotation": ["a=b=c"]},
        "{path: app, kustomize: {commonLabels: {old: x}}}",
        "{path: app, kustomize: {commonLabels: {team: web}, commonAnnotations: {a: b=c}}}",
    ),
    "names of kustomize": (
        {"nameprefix": "a-", "namesuffix": "-z", "kustomize-namespace": "web"},
        "path: app",
        "{path: app, kustomize: {namePrefix: a-, nameSuffix: -z, namespace: web}}",
    ),
    "folders": (
        {"directory-recurse": True, "directory-include": "*.yaml", "directory-exclude": "{x,y}/*"},
        "path: app",
        "{path: app, directory: {recurse: true, include: '*.yaml', exclude: '{x,y}/*'}}",
    ),
    "Jsonnet": (
        {
            "jsonnet-tla-str": ["a=1", "b"],
            "jsonnet-tla-code": ["c={x: 1}"],
            "jsonnet-ext-var-str": ["d=2"],
            "jsonnet-ext-var-code": ["d=3"],
            "jsonnet-libs": ["lib", "vendor"],
        },
        "{path: app, directory: {jsonnet: {tlas: [{name: a, value: '0', code: true}], libs: [lib]}}}",
        (
            "{path: app, directory: {jsonnet: {tlas: [{name: a, value: '1'}, {name: b, value: ''}, {name: c, value: '{x: 1}', "
            "code: true}], extVars: [{name: d, value: '3', code: true}], libs: [lib, vendor]}}}"
        ),
    ),
    "a plugin is another one, without what the old one had": (
        {"config-management-plugin": "cue"},
        "{path: app, plugin: {name: old, env: [{name: A, value: '1'}]}}",
        "{path: app, plugin: {name: cue}}",
    ),
    "a plugin's environment": (
        {"plugin-env": ["A=2", "B="]},
        "{path: app, plugin: {name: cue, env: [{name: A, value: '1'}]}}",
        "{path: app, plugin: {name: cue, env: [{name: A, value: '2'}, {name: B, value: ''}]}}",
    ),
}


def source_of(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document["spec"]["source"].items() if name != "repoURL"}


@pytest.mark.parametrize(("given", "before", "after"), SOURCES.values(), ids=SOURCES)
def test_a_source_is_set(given: dict[str, Any], before: str, after: str) -> None:
    document = application(before)
    kept = copy.deepcopy(document)
    edited = set_fields(document, given)
    assert source_of(edited) == yaml.safe_load(after)
    assert document == kept
    parse_application(edited)
    assert set_fields(edited, given) == edited


POLICIES: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "automated": ({"sync-policy": "auto"}, None, {"automated": {}}),
    "automated anew forgets its switches": (
        {"sync-policy": "automated"},
        {"automated": {"prune": True}, "syncOptions": ["A=b"]},
        {"automated": {}, "syncOptions": ["A=b"]},
    ),
    "none": ({"sync-policy": "none"}, {"automated": {"prune": True}}, None),
    "manual keeps the rest": (
        {"sync-policy": "manual"},
        {"automated": {}, "syncOptions": ["A=b"]},
        {"syncOptions": ["A=b"]},
    ),
    "switches": (
        {"auto-prune": True, "self-heal": False, "allow-empty": True},
        {"automated": {"selfHeal": True}},
        {"automated": {"selfHeal": False, "prune": True, "allowEmpty": True}},
    ),
    "the policy before its switches": (
        {"auto-prune": True, "sync-policy": "automated"},
        {"automated": {"selfHeal": True}},
        {"automated": {"prune": True}},
    ),
    "a switch of what is off leaves it off": (
        {"self-heal": True},
        None,
        {"automated": {"enabled": False, "selfHeal": True}},
    ),
    "options": (
        {"sync-option": ["Prune=false", "!Replace=true", "Prune=false", "!Absent=true"]},
        {"syncOptions": ["Replace=true", "Validate=false"]},
        {"syncOptions": ["Validate=false", "Prune=false"]},
    ),
    "the last option": ({"sync-option": ["!Prune=false"]}, {"syncOptions": ["Prune=false"]}, None),
    "retries": (
        {"sync-retry-limit": 3},
        {"retry": {"limit": 1, "refresh": True}},
        {"retry": {"limit": 3, "backoff": {"duration": "5s", "maxDuration": "3m0s", "factor": 2}}},
    ),
    "retries in full": (
        {
            "sync-retry-backoff-factor": 3,
            "sync-retry-backoff-duration": "1s",
            "sync-retry-backoff-max-duration": "1h",
            "sync-retry-refresh": True,
            "sync-retry-limit": 2,
        },
        None,
        {"retry": {"limit": 2, "backoff": {"duration": "1s", "maxDuration": "1h", "factor": 3}, "refresh": True}},
    ),
    "one wait of retries that there are": (
        {"sync-retry-backoff-duration": "9s"},
        {"retry": {"limit": 2}},
        {"retry": {"limit": 2, "backoff": {"duration": "9s"}}},
    ),
    "no retries": ({"sync-retry-limit": 0}, {"retry": {"limit": 1}}, None),
}


@pytest.mark.parametrize(("given", "before", "after"), POLICIES.values(), ids=POLICIES)
def test_the_sync_policy_is_set(given: dict[str, Any], before: Any, after: Any) -> None:
    document = application(**({} if before is None else {"syncPolicy": before}))
    edited = set_fields(document, given)
    assert edited["spec"].get("syncPolicy") == after
    parse_application(edited)


def test_the_rest_of_the_spec_is_set() -> None:
    given = {
        "project": "web",
        "dest-server": "",
        "dest-name": "prod",
        "dest-namespace": "front",
        "revision-history-limit": 0,
    }
    spec = set_fields(application(), given)["spec"]
    assert (spec["project"], spec["revisionHistoryLimit"]) == ("web", 0)
    assert spec["destination"] == {"name": "prod", "namespace": "front"}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "a parameter without a value": ({"helm-set": ["a"]}, "--helm-set: expected NAME=VALUE"),
    "a label without a name": ({"kustomize-common-label": ["=a"]}, "--kustomize-common-label: expected NAME=VALUE"),
    "a count that is none": ({"kustomize-replica": ["web=many"]}, "--kustomize-replica web=many: the count must be"),
    "values that are a list": ({"values-literal-file": "- a"}, "--values-literal-file: expected one YAML mapping"),
    "values that are no YAML": ({"values-literal-file": "a: ["}, "--values-literal-file"),
    "a policy that there is not": ({"sync-policy": "often"}, "--sync-policy often: expected automated or none"),
    "an option without a value": ({"sync-option": ["Prune"]}, "--sync-option Prune: expected NAME=VALUE"),
    "a negative limit": ({"sync-retry-limit": -1}, "--sync-retry-limit -1: expected 0 or more"),
    "a wait without retries": ({"sync-retry-backoff-factor": 2}, "say how many with --sync-retry-limit"),
}


@pytest.mark.parametrize(("given", "message"), REFUSED.values(), ids=REFUSED)
def test_what_means_nothing_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        set_fields(application(), given)
    assert str(refused.value).startswith(message) or message in str(refused.value)


@pytest.mark.parametrize(
    ("source", "status", "found"),
    [
        ("{path: app, kustomize: {namePrefix: a}}", {}, "kustomize"),
        ("path: app", {"sourceType": "Directory"}, "directory"),
        ("path: app", {"sourceType": "Helm"}, ""),
        ("path: app", {}, ""),
        ("{path: app, chart: web}", {"sourceType": "Directory"}, ""),
    ],
)
def test_a_parameter_is_of_a_chart(source: str, status: dict[str, Any], found: str) -> None:
    document = application(source) | {"status": status}
    if not found:
        assert source_of(set_fields(document, {"parameter": ["a=1"]}))["helm"]
        return
    with pytest.raises(UsageError, match=f"this source is of type {found}"):
        set_fields(document, {"parameter": ["a=1"]})


def test_one_of_several_sources_is_set() -> None:
    named = set_fields(several(), {"revision": "2.0.0"}, source=SourceChoice(name="chart"))
    assert [entry.get("targetRevision") for entry in named["spec"]["sources"]] == ["2.0.0", None]
    second = set_fields(several(), {"revision": "v2"}, source=SourceChoice(position=2))
    assert [entry.get("targetRevision") for entry in second["spec"]["sources"]] == ["1.0.0", "v2"]
    # What is not of a source needs no choice.
    assert set_fields(several(), {"project": "web"})["spec"]["project"] == "web"


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (SourceChoice(), "the Application has 2 sources; choose one with --source-position"),
        (SourceChoice(position=3), "--source-position 3: the Application has sources 1 to 2"),
        (SourceChoice(position=0), "--source-position 0: the Application has sources 1 to 2"),
        (SourceChoice(name="none"), "--source-name none: 0 sources have that name; there are chart"),
        (SourceChoice(1, "chart"), "--source-position and --source-name both choose the source; give one"),
    ],
)
def test_a_source_that_is_not_clear(choice: SourceChoice, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        set_fields(several(), {"path": "x"}, source=choice)
    assert str(refused.value).startswith(message)


def test_a_source_is_chosen_for_nothing() -> None:
    with pytest.raises(UsageError, match="nothing is set there"):
        set_fields(several(), {"project": "web"}, source=SourceChoice(position=1))


UNSET: dict[str, tuple[dict[str, Any], str, str]] = {
    "parameters": (
        {"parameter": ["a", "absent"]},
        "{path: app, helm: {parameters: [{name: a, value: '1'}, {name: b, value: '2'}]}}",
        "{path: app, helm: {parameters: [{name: b, value: '2'}]}}",
    ),
    "value files": (
        {"values": ["a.yaml"]},
        "{path: app, helm: {valueFiles: [a.yaml, b.yaml]}}",
        "{path: app, helm: {valueFiles: [b.yaml]}}",
    ),
    "all of a tool": (
        {"values-literal": True, "ignore-missing-value-files": True, "pass-credentials": True},
        "{path: app, helm: {values: 'a: 1', ignoreMissingValueFiles: true, passCredentials: true}}",
        "path: app",
    ),
    "images by name, whatever follows": (
        {"kustomize-image": ["web", "db"], "kustomize-replica": ["web"]},
        "{path: app, kustomize: {images: ['web=x:1', 'db:15', 'd:1'], replicas: [{name: web, count: 1}]}}",
        "{path: app, kustomize: {images: ['d:1']}}",
    ),
    "fields of kustomize": (
        {"nameprefix": True, "namesuffix": True, "kustomize-version": True, "kustomize-namespace": True},
        "{path: app, kustomize: {namePrefix: a, nameSuffix: b, version: v5, namespace: c, components: [d]}}",
        "{path: app, kustomize: {components: [d]}}",
    ),
    "a plugin's environment, not its name": (
        {"plugin-env": ["A"]},
        "{path: app, plugin: {name: cue, env: [{name: A, value: '1'}]}}",
        "{path: app, plugin: {name: cue}}",
    ),
    "a reference": ({"ref": True}, "{path: app, ref: values}", "path: app"),
    "what is not there": ({"parameter": ["a"], "ref": True, "nameprefix": True}, "path: app", "path: app"),
}


@pytest.mark.parametrize(("given", "before", "after"), UNSET.values(), ids=UNSET)
def test_a_source_is_unset(given: dict[str, Any], before: str, after: str) -> None:
    document = application(before)
    kept = copy.deepcopy(document)
    assert source_of(unset_fields(document, given)) == yaml.safe_load(after)
    assert document == kept


def test_every_flag_is_tried() -> None:
    tried = {name for table in (SOURCES, POLICIES) for given, *_ in table.values() for name in given}
    plain = {"project", "dest-server", "dest-name", "dest-namespace", "revision-history-limit", "repo", "ref"}
    texts = {"release-name", "helm-version", "helm-namespace", "helm-kube-version", "helm-api-versions"}
    texts |= {"kustomize-version", "kustomize-kube-version", "kustomize-api-versions"}
    left = {*SOURCE_EDITS, *SPEC_EDITS} - tried - plain - texts
    for name in sorted(left | texts):
        value: Any = True if name in left else ["x"] if name.endswith("api-versions") else "x"
        edited = set_fields(application(), {name: value})
        assert edited != application(), name
        parse_application(edited)
    assert {name for given, *_ in UNSET.values() for name in given} | {"ignore-missing-components"} == set(UNSET_EDITS)


def test_sources_of_another_time() -> None:
    earlier = {"repoURL": "https://git.example/old", "path": "x"}
    assert with_sources(application(), [earlier])["spec"]["source"] == earlier
    assert with_sources(several(), [earlier])["spec"]["sources"] == [earlier]
    several_now = with_sources(application(), [earlier, earlier])["spec"]
    assert (several_now["sources"], "source" in several_now) == ([earlier, earlier], False)
