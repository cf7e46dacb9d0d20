from hypothesis import given
from hypothesis import strategies as st

from reconciler.formatting.lines import DiffLine, Fold, diff_lines, fold_lines, sections_at, unified

LINES = st.lists(st.sampled_from(["a: 1", "a: 2", "b: 1", "- x", "- y", "  c: 3", ""]), max_size=25)


def signs(rows: object) -> list[str]:
    return [
        f"{row.stop - row.start} folded"
        if isinstance(row, Fold)
        else (
            f" {row.live_text}"
            if not row.changed
            else f"-{row.live_text}"
            if row.live is not None
            else f"+{row.target_text}"
        )
        for row in rows  # type: ignore[attr-defined]
    ]


def test_lines_of_the_same_key_stand_beside_each_other() -> None:
    rows = diff_lines(["image: a:1", "tag: x"], ["replicas: 2", "image: a:2", "tag: x"])
    assert [(row.live_text, row.target_text) for row in rows] == [
        ("", "replicas: 2"),
        ("image: a:1", "image: a:2"),
        ("tag: x", "tag: x"),
    ]


def test_words_that_differ_are_marked() -> None:
    (row,) = diff_lines(["image: web:1.27.3"], ["image: web:1.28.0"])
    assert row.live == (("image: web:1.", False), ("27", True), (".", False), ("3", True))
    assert row.target == (("image: web:1.", False), ("28", True), (".", False), ("0", True))


def test_lines_with_little_in_common_are_not_marked_word_by_word() -> None:
    (row,) = diff_lines(["a: one two three"], ["bcd = 77 88 99 11"])
    assert row.live == (("a: one two three", False),)


def test_like_items_of_a_list_stand_beside_each_other() -> None:
    rows = diff_lines(["- --level=debug"], ["- --trace", "- --level=info"])
    assert [(row.live_text, row.target_text) for row in rows] == [
        ("", "- --trace"),
        ("- --level=debug", "- --level=info"),
    ]


def test_folds_keep_context_and_name_their_section() -> None:
    before = ["spec:", "  template:", *(f"    k{number}: 0" for number in range(8)), "    image: a"]
    rows = diff_lines(before, [*before[:-1], "    image: b"])
    folded = fold_lines(rows, context=2)
    assert folded[0] == Fold(0, 8, "spec › template")
    assert len(folded) == 4
    assert fold_lines(rows, context=None) == rows


def test_a_single_unchanged_line_is_not_folded() -> None:
    rows = diff_lines(["x: 0", "a: 1", "b: 1", "c: 1"], ["x: 0", "a: 1", "b: 1", "c: 2"])
    assert signs(fold_lines(rows, context=2)) == [" x: 0", " a: 1", " b: 1", "-c: 1"]


def test_unified_lists_what_goes_before_what_comes() -> None:
    rows = diff_lines(["a: 1", "b: 1", "z: 0"], ["a: 2", "b: 2", "z: 0"])
    assert signs(unified(rows)) == ["-a: 1", "-b: 1", "+a: 2", "+b: 2", " z: 0"]


def test_sections_at_a_list_item_names_its_list() -> None:
    rows = diff_lines(["spec:", "  containers:", "  - name: web", "    image: x"], [])
    assert sections_at(rows, [0, 3, 4]) == {0: "", 3: "spec › containers", 4: ""}


def test_a_large_document_is_aligned_quickly() -> None:
    live = [f"key{number % 700}: value" for number in range(20_000)]
    target = list(live)
    target[10_000] = "key0: other"
    rows = diff_lines(live, target)
    assert [row.live_number for row in rows if row.changed] == [10_001]


@given(LINES, LINES)
def test_both_texts_can_be_read_from_the_rows(live: list[str], target: list[str]) -> None:
    rows = diff_lines(live, target)
    assert [row.live_text for row in rows if row.live is not None] == live
    assert [row.target_text for row in rows if row.target is not None] == target
    assert [row.live_number for row in rows if row.live_number] == list(range(1, len(live) + 1))
    assert [row.target_number for row in rows if row.target_number] == list(range(1, len(target) + 1))
    assert all(
        row.changed == (row.live_text != row.target_text or row.live is None or row.target is None) for row in rows
    )


@given(LINES)
def test_a_text_does_not_differ_from_itself(lines: list[str]) -> None:
    assert not any(row.changed for row in diff_lines(lines, lines))


@given(LINES, LINES, st.integers(0, 3))
def test_folding_loses_no_row(live: list[str], target: list[str], context: int) -> None:
    rows = diff_lines(live, target)
    covered: list[DiffLine] = []
    for part in fold_lines(rows, context=context):
        covered += rows[part.start : part.stop] if isinstance(part, Fold) else [part]
    assert tuple(covered) == rows
