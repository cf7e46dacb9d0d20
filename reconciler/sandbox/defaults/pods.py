"""Defaults of pods and of the pod templates inside workloads.

Source: k8s.io/kubernetes/pkg/apis/core/v1/defaults.go, v1.37.
"""

from collections.abc import Iterator
from typing import Any, Final

from reconciler.manifest.objects import Manifest

_VOLUME_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    "secret": {"defaultMode": 0o644},
    "configMap": {"defaultMode": 0o644},
    "downwardAPI": {"defaultMode": 0o644},
    "projected": {"defaultMode": 0o644},
    "hostPath": {"type": ""},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "azureDisk": {"cachingMode": "ReadWrite", "fsType": "ext4", "kind": "Shared", "readOnly": False},
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
}


def fill(obj: Manifest, **defaults: Any) -> None:
    """Set the members that are absent or the empty string."""
    for key, value in defaults.items():
        if obj.get(key) in (None, ""):
            obj[key] = value


def image_tag(image: str) -> str:
    """The tag that an image reference pulls: ``latest`` where neither tag nor digest is given."""
    name, _, digest = image.partition("@")
    last = name.rpartition("/")[2]
    _, separator, tag = last.partition(":")
    if separator:
        return tag
    return "" if digest else "latest"


def default_pod_spec(spec: Manifest) -> None:
    """Fill a PodSpec in place, as for pods and templates alike."""
    if spec.get("serviceAccountName") or spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec.get("serviceAccountName") or spec["serviceAccount"]
        spec["serviceAccount"] = spec["serviceAccountName"]
    fill(spec, dnsPolicy="ClusterFirst", restartPolicy="Always", securityContext={})
    fill(spec, terminationGracePeriodSeconds=30, schedulerName="default-scheduler")
    for container in containers_of(spec):
        default_container(container)
    for volume in spec.get("volumes") or ():
        _default_volume(volume)


def default_pod(spec: Manifest) -> None:
    """Fill the PodSpec of a pod itself: what templates do not get."""
    default_pod_spec(spec)
    fill(spec, enableServiceLinks=True)
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1
    for container in containers_of(spec):
        resources = container.setdefault("resources", {})
        if "limits" in resources:
            resources["requests"] = {**resources["limits"], **(resources.get("requests") or {})}
    if spec.get("hostNetwork"):
        for container in containers_of(spec):
            for port in container.get("ports") or ():
                if port.get("containerPort"):
                    fill(port, hostPort=port["containerPort"])


def containers_of(spec: Manifest) -> Iterator[Manifest]:
    """Init containers, then containers, then ephemeral ones."""
    for key in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(key) or ():
            if isinstance(container, dict):
                yield container


def default_container(container: Manifest) -> None:
    always = image_tag(str(container.get("image") or "")) == "latest"
    fill(container, imagePullPolicy="Always" if always else "IfNotPresent")
    fill(container, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File")
    for port in container.get("ports") or ():
        fill(port, protocol="TCP")
    for entry in container.get("env") or ():
        source = entry.get("valueFrom") or {}
        if "fieldRef" in source:
            fill(source["fieldRef"], apiVersion="v1")
        if "fileKeyRef" in source:
            fill(source["fileKeyRef"], optional=False)
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(name) is not None:
            _default_probe(container[name])
    for action in _http_actions(container):
        fill(action, path="/", scheme="HTTP")


def _default_probe(probe: Manifest) -> None:
    for key, value in {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}.items():
        if not probe.get(key):
            probe[key] = value
    if "grpc" in probe:
        fill(probe["grpc"], service="")


def _http_actions(container: Manifest) -> Iterator[Manifest]:
    handlers = [container.get(name) or {} for name in ("livenessProbe", "readinessProbe", "startupProbe")]
    lifecycle = container.get("lifecycle") or {}
    handlers += [lifecycle.get("postStart") or {}, lifecycle.get("preStop") or {}]
    for handler in handlers:
        if "httpGet" in handler:
            yield handler["httpGet"]


def _default_volume(volume: Manifest) -> None:
    sources = [key for key in volume if key != "name"]
    if not sources:
        volume["emptyDir"] = {}
        return
    for key in sources:
        if key in _VOLUME_DEFAULTS:
            fill(volume[key], **_VOLUME_DEFAULTS[key])
    if "hostPath" in volume:
        volume["hostPath"].setdefault("type", "")
    if "image" in volume:
        latest = image_tag(str(volume["image"].get("reference", ""))) == "latest"
        fill(volume["image"], pullPolicy="Always" if latest else "IfNotPresent")
    if "ephemeral" in volume:
        claim = volume["ephemeral"].get("volumeClaimTemplate") or {}
        fill(claim.setdefault("spec", {}), volumeMode="Filesystem")
    _default_items(volume.get("downwardAPI") or {})
    for source in (volume.get("projected") or {}).get("sources") or ():
        _default_items(source.get("downwardAPI") or {})
        if "serviceAccountToken" in source:
            fill(source["serviceAccountToken"], expirationSeconds=3600)


def _default_items(source: Manifest) -> None:
    for item in source.get("items") or ():
        if "fieldRef" in item:
            fill(item["fieldRef"], apiVersion="v1")
