from typing import Any

import pytest

from reconciler.sandbox.decoding import Decoder
from reconciler.sandbox.documents import Documents
from reconciler.sandbox.status import StatusError

DOCUMENTS = Documents()


def decode(kind: str, obj: dict[str, Any], group: str = "", version: str = "v1") -> tuple[dict[str, Any], list[str]]:
    name = DOCUMENTS.schema_name(group, version, kind)
    assert name is not None
    decoder = Decoder(DOCUMENTS.schemas(group, version))
    return decoder.decode(obj, name), decoder.unknown


def test_unknown_members_are_dropped_and_told() -> None:
    containers = [{"name": "c", "imagge": "x"}]
    result, unknown = decode("Pod", {"spec": {"containers": containers}, "extra": 1})
    assert unknown == ["spec.containers[0].imagge", "extra"]
    assert result["spec"]["containers"] == [{"name": "c", "resources": {}}]


def test_nulls_and_zero_values_vanish_where_go_leaves_them_out() -> None:
    spec = {
        "hostNetwork": False,
        "containers": [{"name": "c", "env": [{"name": "A", "value": ""}], "args": [], "tty": False}],
        "volumes": [{"name": "v", "emptyDir": {}}],
        "automountServiceAccountToken": False,
        "nodeSelector": None,
    }
    result, _ = decode("Pod", {"metadata": {"labels": {}, "creationTimestamp": None}, "spec": spec})
    assert result == {
        "metadata": {},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "c", "env": [{"name": "A"}], "resources": {}}],
            "volumes": [{"name": "v", "emptyDir": {}}],
        },
        "status": {},
    }


def test_members_that_go_always_writes_appear() -> None:
    assert decode("ClusterRole", {}, "rbac.authorization.k8s.io")[0] == {"metadata": {}, "rules": None}


def test_nulls_in_collections_become_zero_values() -> None:
    assert decode("ConfigMap", {"data": {"a": None}})[0]["data"] == {"a": ""}


def test_quantities_and_base64_become_canonical() -> None:
    assert decode("ResourceQuota", {"spec": {"hard": {"cpu": 0.5}}})[0]["spec"] == {"hard": {"cpu": "500m"}}
    assert decode("Secret", {"data": {"a": "eA=\n="}})[0]["data"] == {"a": "eA=="}


@pytest.mark.parametrize(
    ("kind", "group", "obj", "message"),
    [
        (
            "Deployment",
            "apps",
            {"spec": {"replicas": "three"}},
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "Deployment",
            "apps",
            {"spec": {"replicas": 1.5}},
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            "Deployment",
            "apps",
            {"spec": {"template": 3}},
            "json: cannot unmarshal number into Go struct field DeploymentSpec.spec.template of type v1.PodTemplateSpec",
        ),
        (
            "Pod",
            "",
            {"spec": {"containers": {}}},
            "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container",
        ),
        (
            "Pod",
            "",
            {"spec": {"containers": [{"ports": [{"containerPort": "a"}]}]}},
            "json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32",
        ),
        (
            "ConfigMap",
            "",
            {"data": {"a": 1}},
            "json: cannot unmarshal number into Go struct field ConfigMap.data of type string",
        ),
        (
            "ConfigMap",
            "",
            {"metadata": {"labels": "x"}},
            "json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string",
        ),
        ("Secret", "", {"data": {"a": "*"}}, "illegal base64 data at input byte 0"),
        (
            "ConfigMap",
            "",
            {"metadata": {"creationTimestamp": "x"}},
            'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"',
        ),
    ],
)
def test_wrong_types_are_refused_in_gos_words(kind: str, group: str, obj: dict[str, Any], message: str) -> None:
    with pytest.raises(StatusError) as caught:
        decode(kind, obj, group)
    assert (caught.value.status, str(caught.value)) == (400, message)
