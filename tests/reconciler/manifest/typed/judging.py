"""What a cluster answered to one request, held to what is predicted from the object as it was before."""

import copy
import datetime
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from reconciler.errors import SpecError
from reconciler.manifest import OpenApi, predict_apply, predict_update

LONG_AGO = "2001-01-01T00:00:00Z"
ABSENT = "<absent>"
CONDITIONS = "f:autoscaling.alpha.kubernetes.io/conditions"
APPLIES = ("apply", "force", "apply-status")


class Verdict(StrEnum):
    EQUAL = "equal"
    #: Equal but for fields that the server itself defaults.
    DEFAULTED = "defaulted"
    #: The server's validation refused what fits the schema, so that there is nothing to compare.
    REFUSED = "refused"
    WRONG = "wrong"


@dataclass(frozen=True)
class Case:
    """One request and its answer."""

    name: str
    #: The object before, at the version of the request; None where there was none.
    live: dict[str, Any] | None
    action: str
    manager: str
    subresource: str
    #: What was applied, created or put; of a patch or a scale the patch.
    body: dict[str, Any]
    status: int
    #: The object after, or the server's status.
    answer: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Tally:
    """How many cases were judged, and what differed."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    #: Lines that tell a difference, with the case.
    wrong: list[tuple[str, Case]] = field(default_factory=list)

    @property
    def compared(self) -> int:
        return sum(self.counts.values()) - self.counts[Verdict.REFUSED]

    def merge(self, other: "Tally") -> None:
        for verdict, count in other.counts.items():
            self.counts[verdict] += count
        self.wrong += other.wrong

    def add(self, case: Case, openapi: OpenApi) -> None:
        verdict, lines = judge(case, openapi)
        self.counts[verdict] += 1
        if lines:
            self.wrong.append((f"{case.name}: " + "\n".join(lines), case))


def judge(case: Case, openapi: OpenApi) -> tuple[Verdict, list[str]]:
    """Predict the answer and compare; the lines say what differs."""
    before = copy.deepcopy((case.live, case.body))
    verdict, lines = (_judge_apply if case.action in APPLIES else _judge_update)(case, openapi)
    if (case.live, case.body) != before:
        lines.append("the prediction changed what it was given")
    return (Verdict.WRONG if lines else verdict), lines


def _judge_apply(case: Case, openapi: OpenApi) -> tuple[Verdict, list[str]]:
    options: dict[str, Any] = {"field_manager": case.manager, "openapi": openapi, "now": _now(case)}
    options["subresource"] = case.subresource
    force = case.action == "force"
    try:
        prediction = predict_apply(case.live, case.body, force=force, **options)
    except SpecError as error:
        if case.status == 500:
            return Verdict.EQUAL, []
        return Verdict.WRONG, [f"predicted {error}, got {case.status} {_told(case)}"]
    if case.status == 409 or prediction.conflicts:
        expected = sorted(str(case.answer.get("message", "")).splitlines()) if case.status == 409 else []
        if expected != sorted(prediction.message.splitlines()):
            return Verdict.WRONG, [f"predicted {prediction.message!r}, got {case.status} {expected}"]
        return Verdict.EQUAL, []
    if case.status >= 300:
        # 403 is admission's: a history's limit range holds for the pods of the next one for a moment.
        return Verdict.REFUSED, [] if case.status in (403, 422) else [f"got {case.status} {_told(case)}"]
    assert prediction.object is not None
    verdict, lines = _compare(prediction.object, case.answer, case.body)
    if _has_changed_version(case):
        # On the way through the other version the server may bring lists into its order, and back the next time.
        return verdict, lines
    again = predict_apply(case.answer, case.body, force=True, **options).object
    assert again is not None
    drift = list(differences(_comparable(again), _comparable(case.answer), ""))
    # An empty list or map that was pruned away comes back empty; so it does on the server.
    if any(mine not in ([], {}) for _, mine, _ in drift):
        lines.append(f"applied again differs {drift}")
    return verdict, lines


def _has_changed_version(case: Case) -> bool:
    mine = [
        entry
        for entry in _entries(case.live or {})
        if entry["manager"] == case.manager and entry["operation"] == "Apply"
    ]
    return any(entry["apiVersion"] != case.body["apiVersion"] for entry in mine)


def _judge_update(case: Case, openapi: OpenApi) -> tuple[Verdict, list[str]]:
    if case.status >= 300:
        return Verdict.REFUSED, []
    new = _as_stored(case)
    given = case.body["metadata"].get("managedFields")
    if given is not None:
        new["metadata"]["managedFields"] = given
    predicted = predict_update(
        case.live, new, field_manager=case.manager, openapi=openapi, subresource=case.subresource, now=_now(case)
    )
    nulls = {key: None for key, value in case.answer.items() if value is None}
    return _compare({**predicted, **nulls}, case.answer, None)


def _now(case: Case) -> datetime.datetime:
    """After all that was written before; within a second the server tells times apart that managedFields does not."""
    entries = [entry for obj in (case.live or {}, case.answer) for entry in _entries(obj)]
    latest = max((entry["time"] for entry in entries if entry.get("time")), default=LONG_AGO)
    return datetime.datetime.fromisoformat(latest) + datetime.timedelta(seconds=1)


def _entries(obj: dict[str, Any]) -> list[dict[str, Any]]:
    return (obj.get("metadata") or {}).get("managedFields") or []


def _told(case: Case) -> Any:
    return case.answer.get("message", case.answer)


def _as_stored(case: Case) -> dict[str, Any]:
    """The object as it was when its managedFields were computed: versions and addresses come after that."""
    obj, body = case.answer, case.body
    meta = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    result = {**obj, "metadata": meta}
    if case.live is not None:
        meta["resourceVersion"] = case.live["metadata"]["resourceVersion"]
    is_whole = case.live is None or case.action == "put"
    if is_whole and body["apiVersion"] == "autoscaling/v1" and "annotations" in meta:
        # What this version has no fields for is written into annotations later.
        given = body["metadata"].get("annotations") or {}
        kept = {key: text for key, text in meta["annotations"].items() if "autoscaling." not in key or key in given}
        meta = result["metadata"] = {**meta, "annotations": kept} if kept else _without(meta, "annotations")
    if is_whole and obj["kind"] == "HorizontalPodAutoscaler":
        # The status comes back later, too, and autoscaling/v1 tells of it in annotations.
        result = {**_without(result, "status"), **({"status": body["status"]} if "status" in body else {})}
    # An empty list that is always written comes back as null.
    result |= {key: [] for key, value in obj.items() if value is None and body.get(key) == []}
    if is_whole and obj["kind"] == "Service":
        allocated = {"clusterIPs", "ipFamilies", "ipFamilyPolicy"} - body["spec"].keys()
        result["spec"] = {key: value for key, value in obj["spec"].items() if key not in allocated}
    return result


def _without(mapping: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if key != name}


def _compare(
    predicted: dict[str, Any], actual: dict[str, Any], sent: dict[str, Any] | None
) -> tuple[Verdict, list[str]]:
    verdict, lines = Verdict.EQUAL, []
    for path, mine, theirs in differences(_comparable(predicted), _comparable(actual), ""):
        if mine is ABSENT or _is_null(sent, path):
            verdict = Verdict.DEFAULTED
        else:
            lines.append(f"{path} predicted {mine!r}, got {theirs!r}")
    mine_owners, their_owners = owners(predicted), owners(actual)
    for key in sorted({*mine_owners, *their_owners}):
        if mine_owners.get(key) != their_owners.get(key):
            lines.append(f"owner {key}: predicted {mine_owners.get(key)}\n   got {their_owners.get(key)}")
    return verdict, lines


def _is_null(sent: dict[str, Any] | None, path: str) -> bool:
    """Whether an explicit null was sent there, which the server replaces by its default."""
    value: Any = sent
    for step in path.split(".")[1:]:
        if not isinstance(value, dict) or step not in value:
            return False
        value = value[step]
    return value is None and sent is not None


def differences(mine: Any, theirs: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Leaves that differ, in order of path."""
    if isinstance(mine, dict) and isinstance(theirs, dict):
        for key in sorted(mine.keys() | theirs.keys()):
            yield from differences(mine.get(key, ABSENT), theirs.get(key, ABSENT), f"{path}.{key}")
    elif isinstance(mine, list) and isinstance(theirs, list) and len(mine) == len(theirs):
        for index, (left, right) in enumerate(zip(mine, theirs, strict=True)):
            yield from differences(left, right, f"{path}[{index}]")
    elif mine != theirs or (isinstance(mine, bool) != isinstance(theirs, bool)):
        yield path, mine, theirs


def _comparable(obj: dict[str, Any]) -> dict[str, Any]:
    drop = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "namespace")
    meta = {key: value for key, value in obj["metadata"].items() if key not in drop}
    return {**{key: value for key, value in obj.items() if key != "status"}, "metadata": meta}


def owners(obj: dict[str, Any]) -> dict[tuple[Any, ...], list[Any]]:
    """managedFields as a set; of times only whether there is one and whether it is an old one."""
    result: dict[tuple[Any, ...], list[Any]] = {}
    for entry in _entries(obj):
        key = (entry["manager"], entry["operation"], entry["apiVersion"], entry.get("subresource", ""))
        result.setdefault(key, []).append((_age(entry), _without_conditions(entry["fieldsV1"])))
    return result


def _without_conditions(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields but for the one annotation by which autoscaling/v1 tells of the status that a controller writes."""
    annotations = fields.get("f:metadata", {}).get("f:annotations", {})
    if CONDITIONS not in annotations:
        return fields
    return {**fields, "f:metadata": {**fields["f:metadata"], "f:annotations": _without(annotations, CONDITIONS)}}


def _age(entry: dict[str, Any]) -> str:
    time = entry.get("time")
    return "none" if time is None else "old" if time == LONG_AGO else "recent"
