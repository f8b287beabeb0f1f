"""The small files of a backbone folder, and what may lie there in place of any of its files."""

import hashlib
import json
from functools import cache
from pathlib import Path

from prefprop_cli.errors import CorruptFileError, DataError

Version = tuple[Path, int, int]
"""A file, its size and its time: another one where it was written again."""
_POINTER = b"version https://git-lfs.github.com/spec/"


def read_json(file: Path) -> dict[str, object]:
    """The object in a JSON file of a backbone folder.

    Raises:
        DataError: there is no such file.
        CorruptFileError: it is not a JSON object.
    """
    refuse_pointer(file)
    try:
        values = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise DataError(f"{file.parent} has no {file.name}; a backbone folder needs one") from error
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(f"{file} is not JSON: {error}") from error
    if not isinstance(values, dict):
        raise CorruptFileError(f"{file} holds no JSON object")
    return values


def version_of(file: Path) -> Version:
    """Return what a cache has to know a file by."""
    found = file.stat()
    return file.resolve(), found.st_size, found.st_mtime_ns


def file_sha256(file: Path) -> str:
    """Return the hash of a file; each version of it is read once in a process."""
    return _sha256(version_of(file))


@cache
def _sha256(version: Version) -> str:
    with version[0].open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def refuse_pointer(file: Path) -> None:
    """Refuse what a clone without Git LFS has in place of a large file.

    Raises:
        CorruptFileError: the file is such a pointer.
    """
    if not file.is_file():
        return
    with file.open("rb") as stream:
        start = stream.read(len(_POINTER))
    if start == _POINTER:
        raise CorruptFileError(
            f"{file} is a Git LFS pointer, not the file itself. In {file.parent} run: git lfs pull"
        )
