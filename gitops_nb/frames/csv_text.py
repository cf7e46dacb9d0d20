"""Frames as CSV that a terminal and a spreadsheet can open without harm."""

import csv
import io
from typing import TYPE_CHECKING, Any

from reconciler.formatting import format_value, visible

if TYPE_CHECKING:
    import pandas as pd

_FORMULA_STARTS = ("=", "+", "-", "@")


def format_csv(frame: "pd.DataFrame") -> str:
    """The frame as CSV that a spreadsheet can open: control characters escaped, no cell read as a formula.

    A text that begins with ``=``, ``+``, ``-`` or ``@`` gets an apostrophe before it; missing values are empty, times
    are ISO 8601.
    """
    import pandas as pd

    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(frame.columns)
    for row in frame.itertuples(index=False, name=None):
        writer.writerow([_csv_cell(value, missing=value is pd.NA or value is pd.NaT) for value in row])
    return buffer.getvalue()


def _csv_cell(value: Any, *, missing: bool) -> str:
    import pandas as pd

    if missing:
        return ""
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    if isinstance(value, str):
        text = visible(value)
        return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
    if isinstance(value, dict | list) or value is None:
        return format_value(value, limit=2**15)
    return str(value)
