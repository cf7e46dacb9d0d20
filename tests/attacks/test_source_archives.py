"""Archives that unpack outside, grow, or mislead a reader (threats 11 and 22)."""

import gzip
import io
import random
import tarfile
import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import GenerationError
from reconciler.source.files.archive import DEFAULT_LIMITS, ArchiveLimits, read_archive
from tests.reconciler.source.charts.servers import packed, packed_chart

CANARY = "canary-content"


def _entry(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "", data: bytes = b"", **fields: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, link, len(data)
    for field, value in fields.items():
        setattr(member, field, value)
    return member.tobuf(tarfile.GNU_FORMAT) + data + b"\0" * (-len(data) % 512)


def _header(name: bytes, kind: bytes, size: bytes, *, link: bytes = b"") -> bytes:
    """A header with fields as raw as wanted, and the right check sum."""
    fields = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + size.ljust(12, b"\0") + b"00000000000\0"
    header = fields + b" " * 8 + kind + link.ljust(100, b"\0") + b"ustar  \0"
    header = header.ljust(512, b"\0")
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def _refused(data: bytes, match: str, *, limits: ArchiveLimits = DEFAULT_LIMITS) -> None:
    for archive in (data, gzip.compress(data)):
        with pytest.raises(GenerationError, match=match) as caught:
            read_archive(archive, name="chart evil", limits=limits)
        text = str(caught.value)
        assert text.startswith("chart evil")
        assert "\n" not in text
        assert "\0" not in text
        assert CANARY not in text


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "a/..", "..", "a/b/../../../x", "..\\x", "a\\..\\..\\x", "./../x"],
)
def test_names_that_leave_the_archive_are_refused(name: str) -> None:
    _refused(_entry(name, data=CANARY.encode()), "leaves the archive")


@pytest.mark.parametrize("name", ["/etc/passwd", "//x", "\\x", "C:\\x", "c:/x"])
def test_absolute_names_are_refused(name: str) -> None:
    _refused(_entry(name), "is absolute")


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "a\x7f", "a\tb"])
def test_control_characters_in_names_are_refused(name: str) -> None:
    _refused(_entry(name), "control characters")


def test_nul_in_a_long_name_is_refused() -> None:
    record = b"13 path=a\0/b\n"
    pax = _header(b"pax", b"x", b"%011o" % len(record)) + record.ljust(512, b"\0")

    _refused(pax + _entry("x"), "control characters")


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.LNKTYPE, "hard link"),
        (tarfile.CHRTYPE, "character device"),
        (tarfile.BLKTYPE, "block device"),
        (tarfile.FIFOTYPE, "named pipe"),
        (tarfile.GNUTYPE_SPARSE, "entry of an unknown kind"),
        (b"V", "entry of an unknown kind"),
        (b"\xff", "entry of an unknown kind"),
    ],
)
def test_anything_but_files_folders_and_links_is_refused(kind: bytes, what: str) -> None:
    _refused(_header(b"a", kind, b"00000000000", link=b"/etc/passwd"), f"'a' is a {what}")


def test_a_name_that_comes_twice_is_refused() -> None:
    _refused(_entry("a", data=b"1") + _entry("./a", data=b"2"), "'./a' is there twice")
    _refused(_entry("a", tarfile.SYMTYPE, link="b") + _entry("a", data=b"2"), "'a' is there twice")


@pytest.mark.parametrize("first", [_entry("a", tarfile.SYMTYPE, link="/etc"), _entry("a", data=b"1")])
def test_no_entry_goes_through_a_link_or_a_file(first: bytes) -> None:
    _refused(first + _entry("a/passwd", data=b"x"), "goes through a file or link")
    _refused(first + _entry("a/", tarfile.DIRTYPE), "goes through a file or link")


def test_a_folder_is_not_replaced_by_a_link() -> None:
    _refused(_entry("a/b", data=b"x") + _entry("a", tarfile.SYMTYPE, link="/etc"), "'a' is there twice")


@pytest.mark.parametrize("name", ["", ".", "./", "/./"[1:]])
def test_an_entry_without_a_name_is_refused(name: str) -> None:
    _refused(_header(name.encode(), b"2", b"00000000000", link=b"x"), "an entry has no name")


def test_a_deep_path_and_a_long_name_are_refused() -> None:
    _refused(_entry("/".join("a" * 65)), "nested more than 64 folders deep")
    _refused(_entry("x" * 300), "its name is too long")


def test_many_entries_are_refused() -> None:
    _refused(
        b"".join(_entry(f"f{number}") for number in range(30)), "more than 29 entries", limits=ArchiveLimits(entries=29)
    )


def _peak_mb(run: Callable[[], object]) -> float:
    tracemalloc.start()
    try:
        with pytest.raises(GenerationError):
            run()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


def test_a_bomb_is_refused_before_it_grows() -> None:
    bomb = gzip.compress(_header(b"zeros", b"0", b"%011o" % (64 * 2**20)) + b"\0" * (64 * 2**20), 9)
    assert len(bomb) < 2**17

    with pytest.raises(GenerationError, match="chart evil grows more than 200 times when unpacked"):
        read_archive(bomb, name="chart evil")
    assert _peak_mb(lambda: read_archive(bomb, name="chart evil")) < 32


def test_an_archive_over_the_limit_is_refused_while_it_unpacks() -> None:
    noise = random.Random(1).randbytes(2**16) * 64
    data = gzip.compress(noise, 1)
    limits = ArchiveLimits(unpacked_bytes=2**20)

    with pytest.raises(GenerationError, match="unpacks to more than 1048576 bytes"):
        read_archive(data, name="chart evil", limits=limits)
    assert _peak_mb(lambda: read_archive(data, name="chart evil", limits=limits)) < 8
    with pytest.raises(GenerationError, match="over 10 bytes, the limit of a packed archive"):
        read_archive(data, name="chart evil", limits=ArchiveLimits(packed_bytes=10))


@pytest.mark.parametrize(
    "size",
    [b"-0000000001\0", b"\x80" + b"\0" * 10 + b"\x05", b"\xff" * 12, b"99999999999\0", b"0x10\0", b" 1 1\0"],
    ids=["minus", "binary", "negative binary", "not octal", "hexadecimal", "two numbers"],
)
def test_sizes_that_are_no_octal_number_are_refused(size: bytes) -> None:
    """A negative size sends Python's tarfile back to where it was, for ever (CVE-2025-8194)."""
    _refused(_header(b"a", b"0", size) + b"\0" * 1024, "not a tar archive, or damaged")


@pytest.mark.parametrize("size", ["-512", "1e3", "9" * 30, ""])
def test_sizes_of_pax_headers_are_numbers(size: str) -> None:
    text = f" size={size}\n"
    record = f"{len(text) + 2}{text}".encode()
    pax = _header(b"pax", b"x", b"%011o" % len(record)) + record.ljust(512, b"\0")

    _refused(pax + _entry("x"), "damaged pax header")


@pytest.mark.parametrize(
    "record", [b"0 path=x\n", b"99 path=x\n", b"9" * 400, b"5 a=b", b"-7 a=b\n", b"6 ab\n\n", b"\xff\xfe"]
)
def test_damaged_pax_records_are_refused(record: bytes) -> None:
    pax = _header(b"pax", b"x", b"%011o" % len(record)) + record.ljust(512, b"\0")

    _refused(pax + _entry("x"), "damaged pax header")


def test_a_sparse_file_is_refused() -> None:
    record = b"22 GNU.sparse.major=1\n"
    pax = _header(b"pax", b"x", b"%011o" % len(record)) + record.ljust(512, b"\0")

    _refused(pax + _entry("x"), "sparse file")


def test_large_extended_headers_are_refused_at_once() -> None:
    """Python's tarfile searches such a header in quadratic time (CVE-2024-6232)."""
    record = b"1" * 2**20
    start = time.process_time()

    _refused(_header(b"pax", b"x", b"%011o" % len(record)) + record, "extended header of 1048576 bytes")
    assert time.process_time() - start < 2


def test_endless_long_names_do_not_recurse() -> None:
    name = _header(b"././@LongLink", b"L", b"%011o" % 2) + b"a\0".ljust(512, b"\0")
    store = read_archive(name * 5000 + _entry("b"), name="chart evil")

    assert list(store.entries(store.root_id)) == ["a"]


@pytest.mark.parametrize("keep", [600, 1000, -3000])
def test_an_archive_that_is_cut_short_is_refused(keep: int) -> None:
    data = _entry("a", data=b"x" * 4000)

    with pytest.raises(GenerationError, match="chart evil is cut short"):
        read_archive(data[:keep], name="chart evil")
    with pytest.raises(GenerationError, match=r"chart evil is (cut short|not a gzip file, or damaged)"):
        read_archive(gzip.compress(data)[: keep // 100 or 6], name="chart evil")


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04" + b"x" * 600, b"\x1f\x8bnonsense", b"<html>" * 200, CANARY.encode() * 99]
)
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(GenerationError, match=r"chart evil is (not a|empty|cut)") as caught:
        read_archive(data, name="chart evil")
    assert CANARY not in str(caught.value)


_WHOLE = packed({"web/Chart.yaml": "name: web\n", "web/templates/a.yaml": "a" * 700}, compress=False)
_PACKED = packed_chart("web", "1.0.0")


def _check_message(error: GenerationError) -> None:
    assert str(error).startswith("chart evil")


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([_WHOLE, _PACKED]), st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), max_size=6))
def test_a_changed_archive_is_read_or_refused(data: bytes, changes: list[tuple[int, int]]) -> None:
    changed = bytearray(data)
    for position, value in changes:
        changed[position % len(changed)] = value
    try:
        store = read_archive(bytes(changed), name="chart evil")
    except GenerationError as error:
        _check_message(error)
        return
    names: list[str] = []
    pending = [store.root_id]
    while pending:
        for name, (kind, object_id) in store.entries(pending.pop()).items():
            names.append(name)
            if kind.value == "folder":
                pending.append(object_id)
            else:
                assert len(store.read(object_id, limit=10**6)) == store.sizes([object_id])[0]
    assert not {"..", ".", "", ".git"} & set(names)


def test_nothing_is_written_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object, **more: object) -> None:
        raise AssertionError("a file was opened")

    data = packed_chart("web", "1.0.0")
    monkeypatch.setattr("os.open", refuse)
    monkeypatch.setattr(io, "open", refuse)

    assert read_archive(data, name="chart web").root_id
