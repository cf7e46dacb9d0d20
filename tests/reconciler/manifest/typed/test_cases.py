"""What a real API server once answered differently from a prediction, kept as a case each."""

import json
from pathlib import Path

import pytest

from reconciler.manifest import OpenApi
from tests.reconciler.manifest.typed.judging import Case, judge
from tests.reconciler.manifest.typed.recorded import recorded_openapi

CASES = sorted((Path(__file__).parents[3] / "data" / "typed" / "cases").glob("*.json"))
assert CASES


@pytest.fixture(scope="module")
def documented() -> OpenApi:
    return recorded_openapi()


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_the_prediction_is_what_was_answered(documented: OpenApi, file: Path) -> None:
    case = Case(**json.loads(file.read_text()))
    _, lines = judge(case, documented)
    assert not lines, "\n".join(lines)


def test_a_wrong_answer_is_told(documented: OpenApi) -> None:
    """The judge itself: an answer that no server would give."""
    case = Case(**json.loads(CASES[0].read_text()))
    answer = {**case.answer, "metadata": {**case.answer["metadata"], "labels": {"never": "set"}, "managedFields": []}}
    _, lines = judge(Case(**{**case.to_json(), "status": 200, "answer": answer}), documented)
    assert lines
