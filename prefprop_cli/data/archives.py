"""Reading .tar.gz files that may be hostile: in memory, with limits, never onto the disk."""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from prefprop_cli.errors import CorruptFileError

MAX_RATIO = 100
MAX_BYTES = 2 * 1024**3
MAX_MEMBERS = 100_000
FREE_BYTES = 16 * 1024**2  # a small archive may pack better than MAX_RATIO


def read_members(path: Path, *, max_bytes: int | None = None) -> Iterator[tuple[str, bytes]]:
    """(name, content) of each regular file of a .tar.gz, in the order of the archive.

    Args:
        path: the archive.
        max_bytes: limit on its unpacked size; default: 100 times its size, at most 2 GiB.

    Raises:
        CorruptFileError: damaged, unpacks to more than the limit, has too many members, or a
            member is no plain file below the archive's root.
    """
    if max_bytes is None:
        max_bytes = min(MAX_BYTES, max(MAX_RATIO * path.stat().st_size, FREE_BYTES))
    try:
        with gzip.open(path) as unpacked:
            limited = _Limited(unpacked, max_bytes, path)
            with tarfile.open(fileobj=limited, mode="r|") as archive:
                for count, member in enumerate(archive):
                    _check(member, count, path)
                    content = archive.extractfile(member)
                    if content is not None:
                        yield member.name, content.read()
            while limited.read(2**20):  # the checksum stands behind the last byte
                pass
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise CorruptFileError(f"{path}: not a readable .tar.gz: {error}") from error


def _check(member: tarfile.TarInfo, count: int, path: Path) -> None:
    if count >= MAX_MEMBERS:
        raise CorruptFileError(f"{path}: more than {MAX_MEMBERS:,} members")
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or not (member.isreg() or member.isdir()):
        raise CorruptFileError(
            f"{path}: member {member.name!r} is not a plain file below the archive's root"
        )


class _Limited(io.RawIOBase):
    """A stream that refuses to give more than `limit` bytes, headers of the archive included."""

    def __init__(self, stream: gzip.GzipFile, limit: int, path: Path) -> None:
        self._stream, self._left, self._limit, self._path = stream, limit, limit, path

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise CorruptFileError(
                f"{self._path}: unpacks to more than {self._limit:,} bytes, which no archive of "
                f"its size should. Unpack it yourself and give the folder if you trust it"
            )
        return data
