import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from prefprop_cli.data import archives
from prefprop_cli.data.archives import read_members, read_zip
from prefprop_cli.errors import CorruptFileError


@pytest.fixture
def quiet_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder in which anything that is unpacked would show."""
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def member(name: str, content: bytes = b"text", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


def archive(folder: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    path = folder / "a.tar.gz"
    with tarfile.open(path, "w:gz") as target:
        for info, content in members:
            target.addfile(info, io.BytesIO(content))
    return path


def names(path: Path) -> list[str]:
    return [name for name, _ in read_members(path)]


def test_regular_files_in_order(tmp_path: Path) -> None:
    folder = member("b", b"", type=tarfile.DIRTYPE)
    path = archive(tmp_path, folder, member("b/2", b"two"), member("a/1", b"one"))
    assert list(read_members(path)) == [("b/2", b"two"), ("a/1", b"one")]


@pytest.mark.parametrize(
    "hostile",
    [
        member("../outside"),
        member("a/../../outside"),
        member("/outside"),
        member("link", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("link", b"", type=tarfile.LNKTYPE, linkname="../outside"),
        member("device", b"", type=tarfile.CHRTYPE),
        member("pipe", b"", type=tarfile.FIFOTYPE),
    ],
    ids=lambda pair: f"{pair[0].name}-{pair[0].type!r}",
)
def test_what_points_outside_is_refused(
    tmp_path: Path, quiet_place: Path, hostile: tuple[tarfile.TarInfo, bytes]
) -> None:
    with pytest.raises(CorruptFileError, match="not a plain file below the archive's root"):
        names(archive(tmp_path, member("good"), hostile))
    assert list(quiet_place.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"a.tar.gz", "place"}


def test_a_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = archive(tmp_path, member("bomb", bytes(40 * 2**20)))
    assert path.stat().st_size < 2**17
    with pytest.raises(CorruptFileError, match="unpacks to more than 16,777,216 bytes"):
        names(path)


def test_a_bomb_in_a_header_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path, member("good", b"", pax_headers={"comment": "x" * (40 * 2**20)}))
    with pytest.raises(CorruptFileError, match="unpacks to more than 16,777,216 bytes"):
        names(path)


def test_the_limit_grows_with_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = archive(tmp_path, member("a", bytes(30_000)))
    monkeypatch.setattr(archives, "FREE_BYTES", 0)
    with pytest.raises(CorruptFileError, match=f"more than {100 * path.stat().st_size:,} bytes"):
        names(path)
    monkeypatch.setattr(archives, "FREE_BYTES", 50_000)
    assert [len(content) for _, content in read_members(path)] == [30_000]


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    assert names(archive(tmp_path, *map(member, "abc"))) == ["a", "b", "c"]
    with pytest.raises(CorruptFileError, match="more than 3 members"):
        names(archive(tmp_path, *map(member, "abcd")))


def test_damaged_archives(tmp_path: Path) -> None:
    whole = archive(tmp_path, member("a", bytes(range(256)) * 300)).read_bytes()
    path = tmp_path / "damaged.tar.gz"
    for content in (
        b"",
        b"no archive",
        gzip.compress(b"no archive"),
        whole[: len(whole) // 2],
        whole[:-4],
    ):
        path.write_bytes(content)
        with pytest.raises(CorruptFileError, match=r"damaged.tar.gz: not a readable .tar.gz"):
            names(path)


def zipped(folder: Path, **contents: bytes) -> Path:
    path = folder / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in contents.items():
            target.writestr(name, content)
    return path


def with_member(path: Path, name: str, mode: int) -> Path:
    """The archive with one more member, of that type."""
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    with zipfile.ZipFile(path, "a") as target:
        target.writestr(info, b"../outside")
    return path


def test_wanted_members_of_a_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path, **{"b/2": b"two", "a/1": b"one", "b/": b""})
    assert read_zip(path, wanted=["a/1", "c/3"]) == {"a/1": b"one"}
    assert read_zip(path, wanted=["b/2", "a/1"]) == {"a/1": b"one", "b/2": b"two"}


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("../outside", 0),
        ("a/../../outside", 0),
        ("/outside", 0),
        ("link", stat.S_IFLNK | 0o777),
        ("device", stat.S_IFCHR),
        ("pipe", stat.S_IFIFO),
    ],
)
def test_a_zip_that_points_outside_is_refused(
    tmp_path: Path, quiet_place: Path, name: str, mode: int
) -> None:
    path = with_member(zipped(tmp_path, good=b"text"), name, mode)
    with pytest.raises(CorruptFileError, match="not a plain file below the archive's root"):
        read_zip(path, wanted=["good"])
    assert list(quiet_place.iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip", "place"}


def test_a_zip_bomb_is_refused_unopened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path, good=b"text", bomb=bytes(40 * 2**20))
    monkeypatch.delattr(zipfile.ZipFile, "read")
    with pytest.raises(CorruptFileError, match="unpacks to more than 16,777,216 bytes"):
        read_zip(path, wanted=["good"])


def test_a_zip_that_lies_about_sizes_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path, bomb=bytes(40 * 2**20))
    size, lie = (number.to_bytes(4, "little") for number in (40 * 2**20, 1000))
    path.write_bytes(path.read_bytes().replace(size, lie))
    with pytest.raises(CorruptFileError, match=r"a.zip: not a readable .zip: Bad CRC"):
        read_zip(path, wanted=["bomb"])


def test_the_limit_of_a_zip_counts_all_members(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = zipped(tmp_path, a=bytes(30_000), b=b"b")
    monkeypatch.setattr(archives, "FREE_BYTES", 0)
    with pytest.raises(CorruptFileError, match=f"more than {100 * path.stat().st_size:,} bytes"):
        read_zip(path, wanted=["b"])
    monkeypatch.setattr(archives, "FREE_BYTES", 30_001)
    assert read_zip(path, wanted=["b"]) == {"b": b"b"}
    monkeypatch.setattr(archives, "MAX_MEMBERS", 1)
    with pytest.raises(CorruptFileError, match="more than 1 members"):
        read_zip(path, wanted=["b"])


def patched(content: bytes, *, local: dict[int, int], listed: dict[int, int]) -> bytes:
    """The archive with some bytes of its first header and of its directory replaced."""
    changed = bytearray(content)
    for start, bytes_ in ((content.index(b"PK\3\4"), local), (content.index(b"PK\1\2"), listed)):
        for place, byte in bytes_.items():
            changed[start + place] = byte
    return bytes(changed)


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"no archive",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-4],
        lambda whole: whole[:80] + b"x" + whole[81:],
        lambda whole: whole[:-6] + b"\xff\xff" + whole[-4:],  # the directory before the start
        lambda whole: patched(whole, local={31: 0xFF}, listed={}),  # no block of deflate
        lambda whole: patched(whole, local={}, listed={10: 0, 22: 1, 26: 1}),  # beyond the end
        lambda whole: patched(whole, local={6: 1}, listed={8: 1}),  # encrypted
        lambda whole: patched(whole, local={}, listed={10: 99}),  # an unknown method
        lambda whole: patched(whole, local={}, listed={9: 8, 46: 0xFF}),  # a name not UTF-8
    ],
)
def test_damaged_zips(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = zipped(tmp_path, a=bytes(range(256)) * 300)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(CorruptFileError, match=r"a.zip: not a readable .zip"):
        read_zip(path, wanted=["a"])
