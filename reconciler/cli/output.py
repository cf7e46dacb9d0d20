"""Records on stdout in the forms that ``-o`` names; all else goes to stderr."""

import csv
import io
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any, Final

from reconciler.cli.settings import OutputFormat, Settings
from reconciler.errors import UsageError

FORMULA: Final = ("=", "+", "-", "@")
"""How a cell begins that a spreadsheet takes for a formula."""
ABSENT_TEXT: Final = "absent"
"""In JSON and YAML: a field that is not there, which is not null."""


def plain(value: Any) -> Any:
    """A record as JSON values, as everywhere (`reconciler.formatting.plain_value`); what is absent reads ``absent``."""
    from reconciler.formatting.values import plain_value

    return plain_value(value, absent=ABSENT_TEXT)


def visible(text: str) -> str:
    """The text with characters that could rewrite a terminal line shown as escapes; line breaks are escaped too."""
    if text.isascii() and text.isprintable():
        return text
    from reconciler.formatting.characters import visible as escaped

    return escaped(text)


def emit_rows(
    rows: Sequence[Mapping[str, Any]],
    settings: Settings,
    *,
    columns: Sequence[str],
    wide: Sequence[str] = (),
    name: str = "name",
    data: Any = None,
) -> None:
    """Print rows: a table of ``columns`` (with ``wide`` ones too), or all of ``data`` (else the rows) as JSON or YAML."""
    match settings.output:
        case OutputFormat.JSON | OutputFormat.YAML:
            emit_data(rows if data is None else data, settings)
        case OutputFormat.CSV:
            emit_text(_csv(rows, [*columns, *wide]))
        case OutputFormat.NAME:
            emit_text("".join(f"{_cell(row[name])}\n" for row in rows))
        case OutputFormat.TABLE | OutputFormat.WIDE:
            shown = [*columns, *(wide if settings.output is OutputFormat.WIDE else ())]
            emit_text(_table(rows, shown) if rows else "")


def emit_data(data: Any, settings: Settings) -> None:
    """Print one document as JSON or YAML.

    Raises
    ------
    UsageError
        For a form that does not fit.
    """
    if settings.output is OutputFormat.JSON:
        import orjson

        emit_text(orjson.dumps(plain(data), option=orjson.OPT_INDENT_2).decode() + "\n")
    elif settings.output is OutputFormat.YAML:
        from reconciler.manifest.yaml import dump_document

        emit_text(dump_document(plain(data)))
    else:
        raise UsageError(f"-o {settings.output} does not fit here; use -o json or -o yaml")


def is_document(settings: Settings) -> bool:
    """Whether a whole document is asked for."""
    return settings.output in (OutputFormat.JSON, OutputFormat.YAML)


def emit_text(text: str) -> None:
    """Write data; text ends its last line."""
    sys.stdout.write(text if not text or text.endswith("\n") else f"{text}\n")


def note(text: str, settings: Settings) -> None:
    """A line for people, on stderr; ``--quiet`` leaves it out."""
    if not settings.quiet:
        sys.stderr.write(f"{visible(text)}\n")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, Enum):
        return str(value.value)
    return visible(str(value))


def _table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Columns as kubectl aligns them, headed in capitals, so that ``cut`` and ``awk`` work on them."""
    lines = [
        [column.upper().replace("_", "-") for column in columns],
        *([_cell(row[column]) for column in columns] for row in rows),
    ]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    return "".join(
        "   ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )


def _csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        cells = [_cell(row[column]) for column in columns]
        writer.writerow([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells])
    return buffer.getvalue()
