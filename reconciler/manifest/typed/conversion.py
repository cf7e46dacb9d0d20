"""Objects at another version of their kind, to compare what a manager of that version owns.

Custom resources are taken to convert by their apiVersion alone (strategy None). Of built-in kinds one is served in two
versions with different fields: HorizontalPodAutoscaler of autoscaling/v1 and v2.

Source: kubernetes v1.37.2 pkg/apis/autoscaling/v1/conversion.go.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from reconciler.manifest.objects import GroupVersionKind, Manifest, metadata_of

_AUTOSCALER: Final = "HorizontalPodAutoscaler"
_V1: Final = "autoscaling/v1"
_V2: Final = "autoscaling/v2"
_PREFIX: Final = "autoscaling.alpha.kubernetes.io/"
_METRICS: Final = f"{_PREFIX}metrics"
_BEHAVIOR: Final = f"{_PREFIX}behavior"
_CONDITIONS: Final = f"{_PREFIX}conditions"
_STATUSES: Final = f"{_PREFIX}current-metrics"
_DEFAULT_CPU: Final = 80


def differs_by_version(gvk: GroupVersionKind, api_version: str) -> bool:
    """Whether the kind has other fields at that version than at its own."""
    return gvk.kind == _AUTOSCALER and {gvk.api_version, api_version} == {_V1, _V2}


def convert(obj: Manifest, api_version: str) -> Manifest:
    """The object at another version; the object itself where it is of that version or nothing is known of it.

    Annotations that keep what autoscaling/v1 has no field for tell two objects apart, but not to the letter.
    """
    if obj.get("kind") != _AUTOSCALER or obj.get("apiVersion") == api_version:
        return obj
    if api_version == _V1:
        return _to_v1(obj)
    return _to_v2(obj) if api_version == _V2 else obj


def convert_back(obj: Manifest, original: Manifest) -> Manifest:
    """What was made of an object at another version, at the version of the original, its texts kept where they mean the same."""
    result = convert(obj, str(original.get("apiVersion")))
    if result is obj or result["apiVersion"] != _V1:
        return result
    texts = _mapping(metadata_of(original).get("annotations"))
    meant = _mapping(metadata_of(convert(convert(original, _V2), _V1)).get("annotations"))
    own = dict(_mapping(metadata_of(result).get("annotations")))
    own.update((key, text) for key, text in texts.items() if key.startswith(_PREFIX) and own.get(key) == meant.get(key))
    return {**result, "metadata": {**metadata_of(result), "annotations": own}} if own else result


def _to_v1(obj: Manifest) -> Manifest:
    spec = dict(_mapping(obj.get("spec")))
    metrics, behavior = _items(spec.pop("metrics", None)), spec.pop("behavior", None)
    utilizations = [value for value in map(_cpu_utilization, metrics) if value is not None]
    if utilizations:
        spec["targetCPUUtilizationPercentage"] = utilizations[0]
    others = [metric for metric in metrics if _cpu_utilization(metric) is None]
    status = _mapping(obj.get("status"))
    kept = {_METRICS: others, _BEHAVIOR: behavior, _CONDITIONS: status.get("conditions")}
    kept[_STATUSES] = status.get("currentMetrics")
    own = {key: json.dumps(value, sort_keys=True) for key, value in kept.items() if value}
    return _made(obj, _V1, spec, own)


def _to_v2(obj: Manifest) -> Manifest:
    spec = dict(_mapping(obj.get("spec")))
    utilization = spec.pop("targetCPUUtilizationPercentage", None)
    annotations = _mapping(metadata_of(obj).get("annotations"))
    others = _items(_parsed(annotations.get(_METRICS)))
    metrics = [metric if _is_v2(metric) else _metric_v2(metric) for metric in map(_mapping, others)]
    if utilization is not None or not metrics:
        target = {"type": "Utilization", "averageUtilization": _DEFAULT_CPU if utilization is None else utilization}
        metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
    spec["metrics"] = metrics
    behavior = _lower_keys(_parsed(annotations.get(_BEHAVIOR)))
    if behavior:
        spec["behavior"] = behavior
    told = {"conditions": _parsed(annotations.get(_CONDITIONS)), "currentMetrics": _parsed(annotations.get(_STATUSES))}
    told = {key: value for key, value in told.items() if value}
    status = {**_mapping(obj.get("status")), **told}
    return _made({**obj, "status": status} if status else obj, _V2, spec, {})


def _made(obj: Manifest, api_version: str, spec: dict[str, Any], own: Mapping[str, str]) -> Manifest:
    # Go types know no nulls and write no empty lists and maps.
    metadata = {key: value for key, value in metadata_of(obj).items() if value not in (None, {}, [])}
    spec = {key: value for key, value in spec.items() if value is not None}
    annotations = _mapping(metadata.get("annotations"))
    kept = {key: value for key, value in annotations.items() if not key.startswith(_PREFIX)} | dict(own)
    if kept:
        metadata["annotations"] = kept
    elif annotations:
        del metadata["annotations"]
    return {**obj, "apiVersion": api_version, "metadata": metadata, "spec": spec}


def _cpu_utilization(metric: Any) -> Any:
    resource = _mapping(_mapping(metric).get("resource"))
    return _mapping(resource.get("target")).get("averageUtilization") if resource.get("name") == "cpu" else None


def _is_v2(metric: Mapping[str, Any]) -> bool:
    """Whether it is in the form that `_to_v1` keeps, which is that of v2."""
    source = _mapping(metric.get(_source_name(metric)))
    return isinstance(source.get("target"), Mapping) and ("name" in source or "metric" in source)


def _metric_v2(metric: Mapping[str, Any]) -> dict[str, Any]:
    """A metric of autoscaling/v1's annotation in the form of v2."""
    name = _source_name(metric)
    source = _mapping(metric.get(name))
    target = {
        "averageUtilization": source.get("targetAverageUtilization"),
        "averageValue": source.get("targetAverageValue") or source.get("averageValue"),
        "value": source.get("targetValue") if name != "object" or not source.get("averageValue") else None,
    }
    target = {key: value for key, value in target.items() if value is not None}
    kinds = {"averageUtilization": "Utilization", "averageValue": "AverageValue", "value": "Value"}
    target["type"] = next((kinds[key] for key in ("averageUtilization", "value", "averageValue") if key in target), "")
    selector = source.get("metricSelector") or source.get("selector")
    identity = {"name": source.get("metricName"), **({"selector": selector} if selector else {})}
    made: dict[str, Any] = {"target": target}
    if name in ("resource", "containerResource"):
        made |= {key: source[key] for key in ("name", "container") if source.get(key)}
    else:
        made["metric"] = identity
    if name == "object":
        made["describedObject"] = source.get("target")
    return {"type": metric.get("type"), name: made}


def _source_name(metric: Mapping[str, Any]) -> str:
    kind = str(metric.get("type") or "")
    return kind[:1].lower() + kind[1:]


def _parsed(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def _lower_keys(value: Any) -> Any:
    """The behavior as v2 has it: the annotation is of a type without names of its own for JSON."""
    if isinstance(value, dict):
        return {key[:1].lower() + key[1:]: _lower_keys(item) for key, item in value.items() if item is not None}
    return [_lower_keys(item) for item in value] if isinstance(value, list) else value


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
