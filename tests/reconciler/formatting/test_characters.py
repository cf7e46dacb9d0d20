import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.formatting.characters import clipped, visible, visible_line, visible_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("web", "web", id="plain"),
        pytest.param("Größe 東京 ♥ 🚀", "Größe 東京 ♥ 🚀", id="other scripts stay"),
        pytest.param("admin\u202enimda", "admin\\u202enimda", id="right-to-left override"),
        pytest.param("\u2066x\u2069", "\\u2066x\\u2069", id="bidirectional isolates"),
        pytest.param("\x1b[2J\x1b]0;t\x07", "\\x1b[2J\\x1b]0;t\\x07", id="terminal sequences"),
        pytest.param("\x9b31m", "\\x9b31m", id="one-byte control sequence"),
        pytest.param("a\r\nb\tc", "a\\r\\nb\\tc", id="line ends and tabs"),
        pytest.param("a\u200bb\ufeffc\u00add", "a\\u200bb\\ufeffc\\xadd", id="zero width"),
        pytest.param("a\u00a0b\u3000c", "a\\xa0b\\u3000c", id="spaces that look like the space"),
        pytest.param("\u2028\u2029", "\\u2028\\u2029", id="line and paragraph separators"),
        pytest.param("\U000e0041", "\\U000e0041", id="tag characters"),
        pytest.param("\ud800", "\\ud800", id="lone surrogate"),
        pytest.param("\u3164\u2800", "\\u3164\\u2800", id="blank letters"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_every_control_and_format_character_of_unicode_is_escaped() -> None:
    categories = {"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"}
    hidden = [code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in categories]
    assert [hex(code) for code in hidden if code != 0x20 and visible(chr(code)) == chr(code)] == []


def test_no_letter_digit_or_punctuation_is_escaped() -> None:
    shown = [code for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] in "LNPSM"]
    blank = {0x115F, 0x1160, 0x2800, 0x3164, 0xFFA0}
    # U+FFF0 to U+FFFB and the tag block hold no such characters, so their whole ranges may be escaped.
    assert {code for code in shown if visible(chr(code)) != chr(code)} - blank <= set(range(0xE0000, 0xE1000))


@given(st.text())
def test_visible_is_one_line_and_stays_as_it_is(text: str) -> None:
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert visible(shown) == shown


def test_a_line_of_a_text_keeps_its_tabs() -> None:
    assert visible_line("\tlisten 80;\x00") == "\tlisten 80;\\x00"


def test_clipped_says_how_much_is_missing() -> None:
    assert clipped("abcdef", 6) == "abcdef"
    assert clipped("abcdef", 4) == "abcd… (2 more characters)"


def test_a_text_that_goes_on_as_data_keeps_its_lines_too() -> None:
    assert visible_text("a\n\tb\r\n\u202e") == "a\n\tb\\r\n\\u202e"
