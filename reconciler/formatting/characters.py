"""Text that can be shown: characters that a terminal or a browser would act on, or that nobody can see, are escaped."""

import re
from typing import Final

_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}

# Unicode's categories Cc, Cf, Cs, Zl, Zp and Zs without the space, then letters that every font leaves blank.
# Written out because reading the categories of all code points at start-up takes longer than most commands.
_HIDDEN: Final = re.compile(
    "["
    "\x00-\x1f\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e\u2000-\u200f\u2028-\u202f"
    "\u205f-\u206f\u3000\ud800-\udfff\ufeff\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\u115f\u1160\u2800\u3164\uffa0"
    "]"
)


def visible(text: str) -> str:
    """The text with every control, bidirectional and invisible character escaped, line ends and tabs included.

    The result is one line, holds no terminal sequence and reads in the order in which it is stored.

    >>> visible("a\\u202eb\\x1b[2J")
    'a\\\\u202eb\\\\x1b[2J'
    """
    if text.isascii() and text.isprintable():
        return text
    return _HIDDEN.sub(_escape, text)


def visible_line(line: str) -> str:
    """As `visible`, but tabs stay: they indent the lines of a longer text, and do no harm there."""
    return "\t".join(map(visible, line.split("\t")))


def visible_text(text: str) -> str:
    """As `visible`, but line breaks and tabs stay: for a value that goes on as data."""
    return "\n".join(map(visible_line, text.split("\n")))


def clipped(text: str, limit: int) -> str:
    """At most ``limit`` characters, with the number of those left out."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character in _SHORT:
        return _SHORT[character]
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
