"""Records as static HTML, beside the engine's texts. Imports neither pandas nor ipywidgets."""

from gitops_nb.formatting.html import (
    format_applications_html,
    format_comparison_html,
    format_history_html,
    format_result_html,
)
from gitops_nb.formatting.html_diff import format_diff_html
from gitops_nb.formatting.html_plan import format_plan_html
from gitops_nb.formatting.html_tree import format_tree_html
from reconciler.formatting import (
    format_applications_text,
    format_comparison_text,
    format_diff_text,
    format_history_text,
    format_plan_text,
    format_result_text,
)
from reconciler.formatting.tree import format_tree_text

__all__ = [
    "format_applications_html",
    "format_applications_text",
    "format_comparison_html",
    "format_comparison_text",
    "format_diff_html",
    "format_diff_text",
    "format_history_html",
    "format_history_text",
    "format_plan_html",
    "format_plan_text",
    "format_result_html",
    "format_result_text",
    "format_tree_html",
    "format_tree_text",
]
