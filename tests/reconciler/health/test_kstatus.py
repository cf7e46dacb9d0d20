"""Health of kinds without a rule, by the conventions of all objects."""

from typing import Any

import pytest

from reconciler.diff.records import Health
from reconciler.health import assess_by_conventions, assess_health
from reconciler.terms import HealthStatus

HEALTHY, _, PROGRESSING, _, DEGRADED, _ = HealthStatus


def widget(*conditions: dict[str, str], **status: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "apiVersion": "shop.example/v1",
        "kind": "Widget",
        "metadata": {"name": "w", "generation": 3},
    }
    return {**made, "status": {**status, "conditions": list(conditions)}}


def condition(type_: str, status: str = "True", reason: str = "", message: str = "") -> dict[str, str]:
    return {"type": type_, "status": status, "reason": reason, "message": message}


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        pytest.param(widget(condition("Ready", message="all is well")), Health(HEALTHY, "all is well"), id="ready"),
        pytest.param(widget(condition("Ready", "False", "Rolling")), Health(PROGRESSING, "Rolling"), id="not ready"),
        pytest.param(widget(condition("Ready", "Unknown")), Health(PROGRESSING), id="ready unknown"),
        pytest.param(widget(condition("Available")), Health(HEALTHY), id="available"),
        pytest.param(
            widget(condition("Available", "False"), condition("Ready")), Health(HEALTHY), id="ready before available"
        ),
        pytest.param(
            widget(condition("Ready"), condition("Stalled", message="no such chart")),
            Health(DEGRADED, "no such chart"),
            id="stalled",
        ),
        pytest.param(
            widget(condition("Ready"), condition("Reconciling", message="step 2")),
            Health(PROGRESSING, "step 2"),
            id="reconciling",
        ),
        pytest.param(
            widget(condition("Reconciling", message="step 2"), condition("Stalled")),
            Health(PROGRESSING, "step 2"),
            id="the first of both",
        ),
        pytest.param(widget(condition("Stalled", "False"), condition("Ready")), Health(HEALTHY), id="not stalled"),
        pytest.param(widget(condition("Failed", reason="Quota")), Health(DEGRADED, "Quota"), id="failed"),
        pytest.param(
            widget(condition("Ready"), observedGeneration=2),
            Health(PROGRESSING, "Widget generation is 3, but latest observed generation is 2"),
            id="behind",
        ),
        pytest.param(widget(observedGeneration=3), Health(HEALTHY), id="observed, no condition"),
        pytest.param(widget(condition("Tidy")), None, id="conditions of its own"),
        pytest.param(widget(), None, id="says nothing"),
        pytest.param({"apiVersion": "shop.example/v1", "kind": "Widget"}, None, id="bare"),
        pytest.param({"apiVersion": "a/v1", "kind": "Widget", "status": "fine"}, None, id="free form"),
        pytest.param({"apiVersion": "a/v1", "kind": "Widget", "status": {"conditions": ["x"]}}, None, id="odd list"),
        pytest.param(widget(condition("Ready"), observedGeneration="3"), Health(HEALTHY), id="generation as text"),
    ],
)
def test_conventions(obj: dict[str, Any], expected: Health | None) -> None:
    assert assess_by_conventions(obj) == expected
    assert assess_health(obj) == expected


def test_a_rule_of_the_kind_comes_first() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "status": {"conditions": [condition("Ready", "False")]}}
    assert assess_health(service) == Health(HEALTHY)
