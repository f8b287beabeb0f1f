import gzip
import io
import tarfile
from pathlib import Path

import pytest

from prefprop_cli.data import archives
from prefprop_cli.data.archives import read_members
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


def test_the_limit_grows_with_the_archive_and_can_be_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path, member("a", bytes(30_000)))
    monkeypatch.setattr(archives, "FREE_BYTES", 0)
    with pytest.raises(CorruptFileError, match=f"more than {100 * path.stat().st_size:,} bytes"):
        names(path)
    assert [len(content) for _, content in read_members(path, max_bytes=50_000)] == [30_000]


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
