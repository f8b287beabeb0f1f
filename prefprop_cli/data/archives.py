"""Reading archives that may be hostile: in memory, with limits, never onto the disk."""

import gzip
import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Container, Iterator
from pathlib import Path, PurePosixPath

from prefprop_cli.data.decoding import opened
from prefprop_cli.errors import CorruptFileError

MAX_RATIO = 100
MAX_BYTES = 2 * 1024**3
MAX_MEMBERS = 100_000
FREE_BYTES = 16 * 1024**2  # a small archive may pack better than MAX_RATIO


def read_members(path: Path) -> Iterator[tuple[str, bytes]]:
    """Read (name, content) of each regular file of a .tar.gz, in the order of the archive.

    Unpacked it may have 100 times its size, at most 2 GiB.

    Raises:
        CorruptFileError: damaged, unpacks to more than the limit, has too many members, or a
            member is no plain file below the archive's root.
    """
    try:
        with gzip.open(path) as unpacked:
            limited = _Limited(unpacked, path)
            with tarfile.open(fileobj=limited, mode="r|") as archive:
                for count, member in enumerate(archive):
                    plain = member.isreg() or member.isdir()
                    _check_member(member.name, count, path, plain=plain)
                    content = archive.extractfile(member)
                    if content is not None:
                        yield member.name, content.read()
            while limited.read(2**20):  # the checksum stands behind the last byte
                pass
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise CorruptFileError(f"{path}: not a readable .tar.gz: {error}") from error


def read_zip(path: Path, *, wanted: Container[str]) -> dict[str, bytes]:
    """Read those members of a .zip that are wanted and there, by name.

    No other is unpacked; all together may have what those of `read_members` may.

    Raises:
        DataError: the file cannot be read.
        CorruptFileError: as `read_members`, or a wanted member is encrypted.
    """
    damage = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
    with opened(path) as stream:
        try:
            with zipfile.ZipFile(stream) as archive:
                members = archive.infolist()
                for count, member in enumerate(members):
                    kind = stat.S_IFMT(member.external_attr >> 16)
                    plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)  # 0: packed on Windows
                    _check_member(member.filename, count, path, plain=plain)
                # The library reads no more of a member than the size it states.
                if sum(m.file_size for m in members) > _most_bytes(path):
                    raise _too_large(path)
                names = [member.filename for member in members if member.filename in wanted]
                return {name: archive.read(name) for name in names}
        except damage as error:
            raise CorruptFileError(f"{path}: not a readable .zip: {error}") from error


def _most_bytes(path: Path) -> int:
    return min(MAX_BYTES, max(MAX_RATIO * path.stat().st_size, FREE_BYTES))


def _too_large(path: Path) -> CorruptFileError:
    return CorruptFileError(
        f"{path}: unpacks to more than {_most_bytes(path):,} bytes, which no archive of its "
        "size should. Unpack it yourself and give the folder if you trust it"
    )


def _check_member(name: str, count: int, path: Path, *, plain: bool) -> None:
    if count >= MAX_MEMBERS:
        raise CorruptFileError(f"{path}: more than {MAX_MEMBERS:,} members")
    place = PurePosixPath(name)
    if place.is_absolute() or ".." in place.parts or not plain:
        raise CorruptFileError(
            f"{path}: member {name!r} is not a plain file below the archive's root"
        )


class _Limited(io.RawIOBase):
    """A stream that refuses to give more than its archive may have, headers of it included."""

    def __init__(self, stream: gzip.GzipFile, path: Path) -> None:
        self._stream, self._path, self._left = stream, path, _most_bytes(path)

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(self._path)
        return data
