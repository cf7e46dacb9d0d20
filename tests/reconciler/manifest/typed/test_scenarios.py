"""Histories of several managers as data, with the laws that hold after every step."""

import copy
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.manifest import OpenApi, field_owners, load_document, predict_apply, predict_update
from reconciler.manifest.typed.ownership import format_managers, parse_managers

_FILE = Path(__file__).parents[3] / "data" / "typed" / "scenarios.yaml"
SCENARIOS: list[dict[str, Any]] = load_document(_FILE.read_text(), file=_FILE.name)
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def shuffled(value: Any) -> Any:
    """The same object with the keys of its maps in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key]) for key in sorted(value, reverse=True)}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


def run(step: dict[str, Any], live: Any, openapi: OpenApi, now: datetime) -> tuple[Any, str]:
    """The object after a step, or the message of the conflicts."""
    if "given" in step:
        return step["given"], ""
    if "defaulted" in step:
        metadata = {**step["defaulted"]["metadata"], "managedFields": live["metadata"]["managedFields"]}
        return {**step["defaulted"], "metadata": metadata}, ""
    obj, subresource = step["object"], step.get("subresource", "")
    before = copy.deepcopy((live, obj))
    if "update" in step:
        after = predict_update(
            live, obj, field_manager=step["update"], subresource=subresource, openapi=openapi, now=now
        )
        assert (live, obj) == before
        return after, ""
    options: dict[str, Any] = {"openapi": openapi, "now": now, "subresource": subresource}
    options |= {"field_manager": step.get("apply") or step["force"], "force": "force" in step}
    prediction = predict_apply(live, obj, **options)
    assert (live, obj) == before
    assert predict_apply(live, shuffled(obj), **options) == prediction
    if prediction.object is not None:
        again = predict_apply(prediction.object, obj, **{**options, "now": now + timedelta(hours=1), "force": True})
        assert again.object is not None
        assert without_managers(again.object) == without_managers(prediction.object)
    return prediction.object, prediction.message


def without_managers(obj: dict[str, Any]) -> dict[str, Any]:
    metadata = {key: value for key, value in obj["metadata"].items() if key not in ("name", "uid", "managedFields")}
    rest = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata")}
    return {**rest, **({"metadata": metadata} if metadata else {})}


def owners(obj: dict[str, Any]) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {}
    for owner in field_owners(obj):
        words = (owner.manager, owner.operation, owner.subresource, "" if owner.time else "untimed")
        result.setdefault(" ".join(filter(None, words)), []).append(str(owner.path))
    return result


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
def test_scenario(scenario: dict[str, Any], openapi: OpenApi) -> None:
    live: Any = None
    message = ""
    for minute, step in enumerate(scenario["steps"]):
        live, message = run(step, live, openapi, START + timedelta(minutes=minute))
        if live is not None and "managedFields" in live["metadata"] and "scale" not in scenario["name"]:
            entries = live["metadata"]["managedFields"]
            assert format_managers(parse_managers(live).values()) == entries
            assert json.loads(json.dumps(entries)) == entries
    assert message == scenario.get("conflict", "")
    if live is not None:
        assert without_managers(live) == scenario["object"]
        assert _split(live) == scenario["owners"]


def _split(obj: dict[str, Any]) -> dict[str, list[str]]:
    """Owners entry by entry: after a scale an object can have two entries of one updater."""
    result: dict[str, list[str]] = {}
    for entry in obj["metadata"].get("managedFields") or []:
        result |= owners({**obj, "metadata": {"managedFields": [entry]}})
    return result
