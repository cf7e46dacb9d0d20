"""The rules on pod specs.

Source: k8s.io/kubernetes/pkg/apis/core/validation/validation.go, v1.37.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

from reconciler.manifest.objects import Manifest
from reconciler.sandbox.quantity import quantity_value
from reconciler.sandbox.status import (
    Cause,
    duplicate,
    field_forbidden,
    field_not_found,
    invalid_value,
    not_supported,
    required,
)
from reconciler.sandbox.validation.names import label_errors

RESTART_POLICIES: Final = ("Always", "OnFailure", "Never")
_HANDLERS: Final = ("exec", "httpGet", "tcpSocket", "grpc")
_ENV_NAME: Final = re.compile(r"[ -<>-~]+")


def validate_pod_spec(spec: Manifest, field: str, *, claims: Sequence[str] = ()) -> list[Cause]:
    """Check a pod's or a template's spec; ``field`` is its path, such as ``spec.template.spec``.

    ``claims`` are the names of volumes that come from elsewhere: a StatefulSet's claim templates.
    """
    volumes = _volumes(spec.get("volumes") or (), f"{field}.volumes")
    names = {volume.get("name") for volume in spec.get("volumes") or ()} | set(claims)
    causes = list(volumes)
    if not spec.get("containers"):
        causes.append(required(f"{field}.containers"))
    causes += _containers(spec.get("containers") or (), names, f"{field}.containers", set())
    known = {container.get("name") for container in spec.get("containers") or ()}
    causes += _containers(spec.get("initContainers") or (), names, f"{field}.initContainers", known)
    if spec.get("restartPolicy") not in RESTART_POLICIES:
        causes.append(not_supported(f"{field}.restartPolicy", spec.get("restartPolicy"), RESTART_POLICIES))
    policies = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
    if spec.get("dnsPolicy") not in policies:
        causes.append(not_supported(f"{field}.dnsPolicy", spec.get("dnsPolicy"), policies))
    if spec.get("activeDeadlineSeconds") is not None and spec["activeDeadlineSeconds"] < 1:
        path, value = f"{field}.activeDeadlineSeconds", spec["activeDeadlineSeconds"]
        causes.append(invalid_value(path, value, "must be between 1 and 2147483647, inclusive"))
    for index, container in enumerate(spec.get("containers") or ()):
        image = container.get("image") or ""
        if image and image.strip() != image:
            path = f"{field}.containers[{index}].image"
            causes.append(invalid_value(path, image, "must not have leading or trailing whitespace"))
    return causes


def _volumes(volumes: Sequence[Manifest], field: str) -> list[Cause]:
    causes: list[Cause] = []
    seen: set[str] = set()
    for index, volume in enumerate(volumes):
        path = f"{field}[{index}]"
        sources = [key for key in volume if key != "name"]
        causes += [field_forbidden(f"{path}.{key}", "may not specify more than 1 volume type") for key in sources[1:]]
        name = volume.get("name") or ""
        if not name:
            causes.append(required(f"{path}.name"))
        else:
            causes += [invalid_value(f"{path}.name", name, error) for error in label_errors(name)]
        if name in seen:
            causes.append(duplicate(f"{path}.name", name))
        seen.add(name)
        for key, member in (("secret", "secretName"), ("configMap", "name"), ("persistentVolumeClaim", "claimName")):
            if key in volume and not volume[key].get(member):
                causes.append(required(f"{path}.{key}.{member}"))
    return causes


def _containers(containers: Sequence[Manifest], volumes: set[Any], field: str, known: set[Any]) -> list[Cause]:
    causes: list[Cause] = []
    seen = set(known)
    for index, container in enumerate(containers):
        path = f"{field}[{index}]"
        name = container.get("name") or ""
        if not name:
            causes.append(required(f"{path}.name"))
        else:
            causes += [invalid_value(f"{path}.name", name, error) for error in label_errors(name)]
        if not container.get("image"):
            causes.append(required(f"{path}.image"))
        policies = ("Always", "IfNotPresent", "Never")
        if container.get("imagePullPolicy") not in policies:
            causes.append(not_supported(f"{path}.imagePullPolicy", container.get("imagePullPolicy"), policies))
        causes += _ports(container.get("ports") or (), f"{path}.ports")
        causes += _env(container.get("env") or (), f"{path}.env")
        causes += _mounts(container.get("volumeMounts") or (), volumes, f"{path}.volumeMounts")
        causes += _resources(container.get("resources") or {}, f"{path}.resources")
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            if probe in container:
                causes += _probe(container[probe], probe, f"{path}.{probe}")
        if name and name in seen:
            causes.append(duplicate(f"{path}.name", name))
        seen.add(name)
    return causes


def _ports(ports: Sequence[Manifest], field: str) -> list[Cause]:
    causes = []
    for index, port in enumerate(ports):
        path = f"{field}[{index}]"
        number = port.get("containerPort")
        if not number:
            causes.append(required(f"{path}.containerPort"))
        elif not 0 < number < 65536:
            causes.append(invalid_value(f"{path}.containerPort", number, "must be between 1 and 65535, inclusive"))
        protocols = ("SCTP", "TCP", "UDP")
        if port.get("protocol") not in protocols:
            causes.append(not_supported(f"{path}.protocol", port.get("protocol"), protocols))
        name = port.get("name") or ""
        if len(name) > 15:
            causes.append(invalid_value(f"{path}.name", name, "must be no more than 15 characters"))
    return causes


def _env(env: Sequence[Manifest], field: str) -> list[Cause]:
    causes = []
    for index, entry in enumerate(env):
        path, name = f"{field}[{index}]", entry.get("name") or ""
        if not name:
            causes.append(required(f"{path}.name"))
        elif not _ENV_NAME.fullmatch(name):
            why = (
                "a valid environment variable name must consist only of printable ASCII characters other than '=' "
                "(e.g. 'MY_NAME',  or 'MY.NAME',  or 'MyName1', regex used for validation is '[ -<>-~]+')"
            )
            causes.append(invalid_value(f"{path}.name", name, why))
        if entry.get("valueFrom") is not None and entry.get("value"):
            why = "may not be specified when `value` is not empty"
            causes.append(invalid_value(f"{path}.valueFrom", "", why))
    return causes


def _mounts(mounts: Sequence[Manifest], volumes: set[Any], field: str) -> list[Cause]:
    causes = []
    seen: set[str] = set()
    for index, mount in enumerate(mounts):
        path, name, where = f"{field}[{index}]", mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            causes.append(required(f"{path}.name"))
        elif name not in volumes:
            causes.append(field_not_found(f"{path}.name", name))
        if not where:
            causes.append(required(f"{path}.mountPath"))
        elif where in seen:
            causes.append(invalid_value(f"{path}.mountPath", where, "must be unique"))
        seen.add(where)
    return causes


def _resources(resources: Manifest, field: str) -> list[Cause]:
    causes = []
    limits = resources.get("limits") or {}
    for name, request in sorted((resources.get("requests") or {}).items()):
        if name in limits and quantity_value(request) > quantity_value(limits[name]):
            why = f"must be less than or equal to {name} limit of {limits[name]}"
            causes.append(invalid_value(f"{field}.requests", request, why))
    return causes


def _probe(probe: Manifest, name: str, field: str) -> list[Cause]:
    handlers = [handler for handler in _HANDLERS if handler in probe]
    causes = [field_forbidden(f"{field}.{key}", "may not specify more than 1 handler type") for key in handlers[1:]]
    if not handlers:
        causes.append(required(field, "must specify a handler type"))
    if name != "readinessProbe" and probe.get("successThreshold") != 1:
        causes.append(invalid_value(f"{field}.successThreshold", probe.get("successThreshold"), "must be 1"))
    return causes
