"""HTML pieces for places that keep neither a script nor a style sheet: every text escaped, every style inline.

Where even inline styles are dropped, as on GitHub, signs, words, ``<ins>``, ``<del>``, tables and ``<details>`` still
tell the story. Tints are translucent and texts inherit their colour, so that light and dark pages both work.
"""

import html
from collections.abc import Iterable, Sequence
from typing import Final

from reconciler.formatting.characters import visible
from reconciler.formatting.states import Tone

_RGB: Final = {
    Tone.ADD: "46,160,67",
    Tone.REMOVE: "218,54,51",
    Tone.CHANGE: "191,135,0",
    Tone.GOOD: "46,160,67",
    Tone.BAD: "218,54,51",
    Tone.BUSY: "56,139,253",
    Tone.MUTED: "128,128,128",
}

UI_FONT: Final = (
    "font-family:var(--jp-ui-font-family,var(--vscode-font-family,system-ui,-apple-system,'Segoe UI',sans-serif));"
    "font-size:13px;line-height:1.5"
)
CODE_FONT: Final = (
    "font-family:var(--jp-code-font-family,var(--vscode-editor-font-family,ui-monospace,Menlo,Consolas,monospace));"
    "font-size:12px;line-height:1.55"
)
BORDER: Final = "1px solid var(--jp-border-color2,var(--vscode-panel-border,rgba(128,128,128,.35)))"
MUTED: Final = "color:var(--jp-ui-font-color2,var(--vscode-descriptionForeground,inherit))"
_CELL: Final = f"text-align:left;vertical-align:top;padding:4px 12px 4px 0;border:0;border-bottom:{BORDER}"


class Html(str):
    """Finished HTML; any other string is escaped when it is put into an element."""

    __slots__ = ()


Content = str | Html | None | Iterable["Content"]


def element(tag: str, *content: Content, style: str = "", **attributes: str | bool) -> Html:
    """An element; texts are made visible and escaped, an attribute that is False is left out."""
    shown = {"style": style, **attributes} if style else attributes
    written = "".join(
        f" {name}" if value is True else f' {name}="{html.escape(visible(value))}"'
        for name, value in ((name.rstrip("_").replace("_", "-"), value) for name, value in shown.items())
        if value is not False
    )
    return Html(f"<{tag}{written}>{join(content)}</{tag}>")


def join(content: Content) -> Html:
    """Texts, elements and lists of them, one after the other; None is nothing."""
    if content is None:
        return Html()
    if isinstance(content, Html):
        return content
    if isinstance(content, str):
        return Html(html.escape(visible(content)))
    return Html("".join(join(part) for part in content))


def tint(tone: Tone, alpha: float) -> str:
    """The colour of a tone, translucent."""
    return f"rgba({_RGB[tone]},{alpha:g})"


def badge(sign: str, label: str, tone: Tone, *, title: str = "") -> Html:
    """A pill with a sign and a word."""
    style = (
        f"display:inline-block;padding:0 8px;border-radius:10px;border:1px solid {tint(tone, 0.5)};"
        f"background:{tint(tone, 0.14)};white-space:nowrap;font-size:12px;line-height:18px"
    )
    return element("span", element("b", sign), f" {label}", style=style, title=title or False)


def sign_mark(sign: str, tone: Tone) -> Html:
    """A sign alone, in a square of its tone."""
    style = (
        f"display:inline-block;min-width:18px;text-align:center;border-radius:4px;background:{tint(tone, 0.2)};"
        f"{CODE_FONT};font-weight:600"
    )
    return element("b", sign, style=style)


def chip(text: str) -> Html:
    """A kind's short name."""
    return element(
        "code",
        text,
        style=f"{CODE_FONT};font-size:11px;padding:1px 5px;border:{BORDER};border-radius:4px;background:none",
    )


def muted(*content: Content) -> Html:
    return element("span", *content, style=MUTED)


def code(text: str) -> Html:
    """A value or a path: wraps anywhere; line breaks in it are kept."""
    lines: list[Content] = []
    for number, line in enumerate(text.split("\n")):
        lines += [Html("<br>"), line] if number else [line]
    return element(
        "code", lines, style=f"{CODE_FONT};background:none;padding:0;overflow-wrap:anywhere;white-space:pre-wrap"
    )


def table(header: Sequence[str], rows: Iterable[Sequence[Content]], *, label: str) -> Html:
    """A table with left-aligned cells; ``label`` names it to screen readers."""
    head = [element("th", name, style=f"{_CELL};font-weight:600;{MUTED}", scope="col") for name in header]
    # A column without a name holds signs only.
    styles = [_CELL if name else f"{_CELL};width:26px" for name in header]
    body = [
        element(
            "tr",
            [element("td", cell, style=style) for cell, style in zip(row, styles, strict=True)],
            style="background:none",
        )
        for row in rows
    ]
    return element(
        "div",
        element(
            "table",
            element("thead", element("tr", head, style="background:none;border:0")),
            element("tbody", body),
            style=f"{UI_FONT};border-collapse:collapse;border:0;margin:0;width:100%;"
            f"table-layout:auto;min-width:{90 * len(header)}px",
            aria_label=label,
        ),
        style="overflow-x:auto",
    )


def details(summary: Content, *content: Content, opened: bool, style: str = "") -> Html:
    """A part that folds."""
    head = element("summary", summary, style="cursor:pointer;padding:4px 0")
    return element("details", head, *content, style=style, open=opened)


def notice(sign: str, label: str, text: str, tone: Tone) -> Html:
    """A line set off from the rest, for a warning or a reason."""
    style = (
        f"margin:6px 0;padding:4px 10px;border-left:3px solid {tint(tone, 0.8)};background:{tint(tone, 0.1)};"
        "overflow-wrap:anywhere"
    )
    return element("div", element("b", f"{sign} {label}"), f" {text}", style=style)


def panel(*content: Content, label: str) -> Html:
    """The frame around everything that one record shows."""
    return element("div", *content, style=f"{UI_FONT};max-width:100%", role="group", aria_label=label)
