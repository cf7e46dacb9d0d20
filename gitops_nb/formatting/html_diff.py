"""The visual diff as static HTML: a line a resource that unfolds to its changed lines and fields."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gitops_nb.formatting.elements import (
    BORDER,
    CODE_FONT,
    Content,
    Html,
    details,
    element,
    join,
    muted,
    notice,
    panel,
    sign_mark,
    table,
    tint,
)
from gitops_nb.formatting.html import comparison_head, health_badge, key_label
from gitops_nb.formatting.html_fields import fields_table, unused_rules
from reconciler.diff.records import Comparison, ResourceComparison
from reconciler.formatting.differences import resource_note
from reconciler.formatting.documents import live_and_target_lines
from reconciler.formatting.ignored import ignored, other_warnings, without_ignored
from reconciler.formatting.lines import CONTEXT_LINES, DiffLine, Fold, Segments, diff_lines, fold_lines, unified
from reconciler.formatting.states import ResourceState, Tone, ordered, state_of
from reconciler.formatting.values import counted

MAX_RESOURCES: Final = 50
"""Resources of a comparison whose lines are shown; a page with more of them serves nobody."""
MAX_LINES: Final = 400
"""Lines shown of one resource."""

_QUIET: Final = (ResourceState.SYNCED, ResourceState.HOOK)


def format_diff_html(
    compared: Comparison | ResourceComparison, *, context: int | None = CONTEXT_LINES, neat: bool = True
) -> str:
    """What a sync would take away (``-``) and add (``+``), by resource and line, and by field.

    ``context`` is the number of unchanged lines around a change, None for all; ``neat`` leaves out fields that only the
    API server writes. At most `MAX_RESOURCES` resources and `MAX_LINES` lines of each are written; what is left out is
    counted.
    """
    if isinstance(compared, ResourceComparison):
        only = _resource(compared, context, neat=neat, opened=True)
        return str(panel(_legend(), only, label=f"Diff of {compared.key}"))
    differing = [resource for resource in ordered(compared.resources) if state_of(resource) not in _QUIET]
    quiet = [resource for resource in ordered(compared.resources) if state_of(resource) in _QUIET]
    kept_apart = [resource for resource in quiet if resource.differences]
    left_out = len(differing) - MAX_RESOURCES
    return str(
        panel(
            comparison_head(replace(compared, warnings=other_warnings(compared))),
            unused_rules(compared.unused_rules) if compared.unused_rules else None,
            _legend() if differing else None,
            [_resource(resource, context, neat=neat, opened=True) for resource in differing[:MAX_RESOURCES]],
            muted(f"… {counted(left_out, 'more resource')} with differences") if left_out > 0 else None,
            [_resource(resource, context, neat=neat, opened=False) for resource in kept_apart[:MAX_RESOURCES]],
            _quiet_part(quiet) if quiet else None,
            label=f"Diff of {compared.application}",
        )
    )


def _legend() -> Html:
    signs = (
        sign_mark("-", Tone.REMOVE),
        muted(" live in the cluster"),
        " ",
        sign_mark("+", Tone.ADD),
        muted(" target, after a sync"),
    )
    return element("div", signs, style="margin:4px 0")


def _resource(resource: ResourceComparison, context: int | None, *, neat: bool, opened: bool) -> Html:
    state = state_of(resource)
    hidden = counted(len(ignored(resource)), "ignored field")
    note = "; ".join(part for part in (resource_note(resource), hidden if ignored(resource) else "") if part)
    summary: list[Content] = [
        sign_mark(state.sign, state.tone),
        " ",
        key_label(resource.key),
        f" {state} " if state is not ResourceState.UNKNOWN else " ",
        health_badge(resource.health),
        muted(f" {note}") if note and state is not ResourceState.UNKNOWN else None,
    ]
    if state is ResourceState.UNKNOWN:
        body: Content = notice("?", "Unknown:", resource.reason, Tone.BUSY)
    else:
        body = _lines(resource, context, neat=neat)
    fields = details("By field", fields_table(resource), opened=False) if resource.differences else None
    return details(summary, body, fields, opened=opened, style=f"border-top:{BORDER};padding:4px 0")


def _lines(resource: ResourceComparison, context: int | None, *, neat: bool) -> Html:
    live, target = live_and_target_lines(without_ignored(resource), neat=neat)
    rows = diff_lines(live, target)
    if not any(row.changed for row in rows):
        hidden = " The fields that differ are hidden here; see them by field." if resource.differences else ""
        return muted(f"Every line shown is the same on both sides.{hidden}")
    shown = list(unified(fold_lines(rows, context=context)))
    written = [_line(row) for row in shown[:MAX_LINES]]
    if len(shown) > MAX_LINES:
        written.append(_fold_line(f"… {counted(len(shown) - MAX_LINES, 'more line')}"))
    style = f"{CODE_FONT};margin:4px 0;padding:0;border:{BORDER};border-radius:6px;overflow:hidden;white-space:pre-wrap"
    return element("pre", written, style=style, aria_label="Changed lines")


def _line(row: DiffLine | Fold) -> Html:
    if isinstance(row, Fold):
        section = f" · {row.section}" if row.section else ""
        return _fold_line(f"… {counted(row.stop - row.start, 'unchanged line')}{section}")
    if not row.changed:
        return _written("  ", row.live or (), "", None)
    if row.live is not None:
        return _written("- ", row.live, "del", Tone.REMOVE)
    return _written("+ ", row.target or (), "ins", Tone.ADD)


def _written(sign: str, segments: Segments, emphasis: str, tone: Tone | None) -> Html:
    pieces: list[Content] = [sign]
    for text, marked in segments:
        # Tabs are harmless and indent; everything else was made visible when the lines were made.
        piece = _keeping_tabs(text)
        if marked and tone is not None:
            style = f"text-decoration:none;background:{tint(tone, 0.4)};color:inherit;border-radius:2px"
            pieces.append(element(emphasis, piece, style=style))
        else:
            pieces.append(piece)
    return _block(pieces, tint(tone, 0.15) if tone else "none")


def _keeping_tabs(text: str) -> Content:
    parts: list[Content] = []
    for number, part in enumerate(text.split("\t")):
        parts += [Html("\t"), part] if number else [part]
    return parts


def _fold_line(text: str) -> Html:
    return _block(muted(text), tint(Tone.MUTED, 0.1))


def _block(content: Content, background: str) -> Html:
    # An inline block as wide as its line keeps one line break a row whether styles are kept or dropped.
    style = f"display:inline-block;width:100%;box-sizing:border-box;padding:0 8px;background:{background};overflow-wrap:anywhere"
    return join([element("span", content, style=style), Html("\n")])


def _quiet_part(resources: Sequence[ResourceComparison]) -> Html:
    rows: list[list[Content]] = [
        [
            sign_mark(state_of(resource).sign, state_of(resource).tone),
            key_label(resource.key),
            state_of(resource).value,
            health_badge(resource.health),
            muted(resource_note(resource)),
        ]
        for resource in resources
    ]
    return details(
        f"{counted(len(resources), 'resource')} without differences",
        table(("", "Resource", "State", "Health", "Note"), rows, label="Resources without differences"),
        opened=False,
        style=f"border-top:{BORDER};padding:4px 0",
    )
