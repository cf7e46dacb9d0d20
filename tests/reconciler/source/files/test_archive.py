"""Archives as trees of files."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from reconciler.errors import GenerationError
from reconciler.source.files.archive import ArchiveLimits, read_archive, single_folder
from reconciler.source.files.tree import Kind, Tree
from tests.reconciler.source.charts.servers import packed, packed_chart


def _tree(data: bytes) -> Tree:
    store = read_archive(data, name="chart web")
    return Tree(store, store.root_id, name="chart web", revision="1.0.0")


@pytest.mark.parametrize("compress", [True, False])
def test_files_and_folders_are_found(compress: bool) -> None:
    tree = _tree(
        packed({"./web/Chart.yaml": "name: web\n", "web/templates/a.yaml": "a", "web/z": b"\0"}, compress=compress)
    )

    entry = tree.find("web/templates/a.yaml")
    assert entry is not None
    assert tree.read(entry) == b"a"
    assert tree.size(entry) == 1
    assert [path for path, _ in tree.walk(tree.folder("web", field="path"), recurse=True)] == [
        "Chart.yaml", "templates/a.yaml", "z",
    ]  # fmt: skip
    assert tree.find("web/missing") is None


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_form_of_long_names_and_links_is_read(form: int) -> None:
    long = "/".join(["folder-with-a-long-name"] * 9 if form == tarfile.USTAR_FORMAT else ["ordner-mit-ü"] * 30)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=form) as archive:
        member = tarfile.TarInfo(f"{long}/file")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"abc"))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "x" * 90 if form == tarfile.USTAR_FORMAT else f"{long}/file"
        archive.addfile(link)

    store = read_archive(buffer.getvalue(), name="archive")
    tree = Tree(store, store.root_id, name="archive", revision="1")
    entry = tree.find(f"{long}/file")
    assert entry is not None
    assert tree.read(entry) == b"abc"
    assert store.entries(store.root_id)["link"][0] is Kind.LINK


def test_links_are_judged_by_the_tree() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("data/values.yaml")
        member.size = 2
        archive.addfile(member, io.BytesIO(b"a\n"))
        for name, target in {"inside": "data/values.yaml", "data/outside": "../../etc/passwd"}.items():
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            archive.addfile(link)
    tree = _tree(buffer.getvalue())

    inside = tree.find("inside")
    assert inside is not None
    assert inside.path == "data/values.yaml"
    with pytest.raises(GenerationError, match="leaves the"):
        tree.find("data/outside")


def test_an_id_pins_all_that_is_below_it() -> None:
    one = read_archive(packed({"a/x": "1", "a/y": "2", "b/z": "3"}), name="one")
    other = read_archive(packed({"b/z": "3", "a/y": "2", "a/x": "changed"}, compress=False), name="other")
    same = read_archive(packed({"b/z": "3", "a/y": "2", "a/x": "1"}, compress=False), name="same")

    assert one.root_id == same.root_id
    assert one.root_id != other.root_id
    assert one.entries(one.root_id)["a"] != other.entries(other.root_id)["a"]
    assert one.entries(one.root_id)["b"] == other.entries(other.root_id)["b"]


def test_a_file_and_a_link_of_the_same_text_differ() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        link = tarfile.TarInfo("a")
        link.type, link.linkname = tarfile.SYMTYPE, "b"
        archive.addfile(link)
    linked = read_archive(buffer.getvalue(), name="linked")
    plain = read_archive(packed({"a": "b"}), name="plain")

    assert linked.entries(linked.root_id)["a"][1] != plain.entries(plain.root_id)["a"][1]


def test_the_folder_of_a_chart_is_found() -> None:
    chart = read_archive(packed_chart("web", "1.0.0"), name="chart web")
    beside = read_archive(packed({"web/Chart.yaml": "", "LICENSE": ""}), name="chart web")

    assert "Chart.yaml" in chart.entries(single_folder(chart, preferred="web"))
    assert "Chart.yaml" in chart.entries(single_folder(chart, preferred="renamed"))
    assert "Chart.yaml" in beside.entries(single_folder(beside, preferred="web"))
    with pytest.raises(GenerationError, match="chart web is no chart: expected one folder at its top, found 2 entries"):
        single_folder(beside)


def test_what_git_keeps_is_left_out() -> None:
    store = read_archive(packed({".git/config": "x", "a/.GIT/hooks/post-checkout": "x", "a/b": "1"}), name="archive")

    assert list(store.entries(store.root_id)) == ["a"]
    assert list(store.entries(store.entries(store.root_id)["a"][1])) == ["b"]


def test_names_packed_on_windows_are_paths() -> None:
    tree = _tree(packed({"web\\templates\\a.yaml": "a"}))

    assert tree.find("web/templates/a.yaml") is not None


def test_several_gzip_streams_are_one_archive() -> None:
    tar = packed({"a": "1" * 5000}, compress=False)
    tree = _tree(gzip.compress(tar[:700]) + gzip.compress(tar[700:]) + b"\0" * 100)

    assert tree.find("a") is not None


def test_limits_of_reading_hold() -> None:
    store = read_archive(packed({"a": "12345"}), name="archive")
    object_id = store.entries(store.root_id)["a"][1]

    assert store.read(object_id, limit=5) == b"12345"
    with pytest.raises(GenerationError, match="a file in archive has 5 bytes; the limit is 4"):
        store.read(object_id, limit=4)


def test_an_empty_archive_is_an_empty_folder() -> None:
    store = read_archive(packed({}), name="archive")

    assert store.entries(store.root_id) == {}


def test_helm_s_own_packages_are_read(tmp_path: Path) -> None:
    from helm_python import package

    chart = tmp_path / "web"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.2.3\n")
    (chart / "templates/a.yaml").write_text("a: 1\n")
    packaged = Path(package(str(chart), destination=str(tmp_path)))

    store = read_archive(packaged.read_bytes(), name="chart web")
    assert set(store.entries(single_folder(store, preferred="web"))) == {"Chart.yaml", "templates"}


def test_a_limit_is_the_caller_s() -> None:
    with pytest.raises(GenerationError, match="archive holds more than 2 entries"):
        read_archive(packed({"a": "", "b": "", "c": ""}), name="archive", limits=ArchiveLimits(entries=2))
