"""Records as text for people: the terminal's tables and diffs, and the words and signs that every other view shares."""

from reconciler.formatting.characters import visible
from reconciler.formatting.states import summarize_comparison
from reconciler.formatting.tasks import summarize_plan
from reconciler.formatting.text import (
    format_applications_text,
    format_comparison_text,
    format_diff_text,
    format_history_text,
    format_plan_text,
    format_result_text,
    format_revisions_text,
)
from reconciler.formatting.values import format_duration, format_instant, format_value, plain_value

__all__ = [
    "format_applications_text",
    "format_comparison_text",
    "format_diff_text",
    "format_duration",
    "format_history_text",
    "format_instant",
    "format_plan_text",
    "format_result_text",
    "format_revisions_text",
    "format_value",
    "plain_value",
    "summarize_comparison",
    "summarize_plan",
    "visible",
]
