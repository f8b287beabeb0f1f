"""Files and folders that survive a crash at any moment.

Each is written beside its place, synchronised and renamed into place, so that a reader, or the
next start after a power cut, finds the old one or the new one, whole. A folder carries a manifest
with the SHA-256 of each file: what the disk changed later is detected when it is read.
"""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from prefprop_cli.errors import CorruptFileError, ResourceError, is_disk_full

Record = dict[str, Any]
"""A JSON object."""

MANIFEST = "MANIFEST.json"
_TAKEN = {errno.ENOTEMPTY, errno.EEXIST}
_LEFTOVER = re.compile(r"\.(tmp|old)-(.+)-(\d+)", re.DOTALL)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file as a whole or not at all; a ResourceError says why it cannot be."""
    temporary = _beside(path, "tmp")
    with disk_errors(path, len(data)):
        try:
            _write_synced(temporary, data)
            os.replace(temporary, path)
            _sync(path.parent)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise


def save_folder(target: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder and its manifest as a whole or not at all, in place of an older one.

    Contents are by plain file name. Any number of processes may read. If several write the same at
    once, as into a cache, what the first has put there stays.
    """
    temporary = _beside(target, "tmp")
    with disk_errors(target, sum(map(len, files.values()))):
        make_folder(target.parent)
        remove_leftovers(target.parent)
        try:
            temporary.mkdir()
            entries = {
                name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                for name, data in files.items()
            }
            for name, data in (*files.items(), (MANIFEST, seal({"files": entries}))):
                _write_synced(temporary / name, data)
            _sync(temporary)
            _put_in_place(temporary, target)
        except BaseException:
            with suppress(OSError):
                remove_leftovers(target.parent)
            raise


def remove_folder(target: Path) -> None:
    """Remove a folder so that no half of it is ever seen under its name."""
    doomed = _beside(target, "tmp")
    with disk_errors(target):
        os.rename(target, doomed)
        shutil.rmtree(doomed)


def read_verified(folder: Path) -> dict[str, bytes]:
    """Read every file of a folder that `save_folder` wrote, each once, and verify it.

    Raises:
        CorruptFileError: a file is missing, cannot be read or was changed; it is named.
    """
    while True:
        before = _identity(folder)
        try:
            return _read_once(folder if folder.exists() else _moved_aside(folder))
        except CorruptFileError:
            if _identity(folder) == before:  # else: replaced by a live writer while we read
                raise


def seal(record: Mapping[str, object]) -> bytes:
    """Return the record as JSON that ends with the SHA-256 of itself, under `seal`."""
    digest = hashlib.sha256((json.dumps(record, indent=2) + "\n").encode()).hexdigest()
    return (json.dumps({**record, "seal": digest}, indent=2) + "\n").encode()


def read_sealed(path: Path) -> Record:
    """Read a JSON object that `seal` made; a CorruptFileError if it is missing or was changed."""
    data = _read(path)
    try:
        record = json.loads(data)
        if not isinstance(record, dict):
            raise CorruptFileError(f"{path} is damaged: it holds no JSON object")
        record.pop("seal", None)
        if seal(record) != data:
            raise CorruptFileError(f"{path} is damaged: it is not what was written")
    except (ValueError, RecursionError):
        raise CorruptFileError(f"{path} is damaged: it is not JSON") from None
    return record


def make_folder(path: Path) -> None:
    """Make a folder and its parents, and see that their names are on the disk."""
    with disk_errors(path):
        for folder in [*reversed(path.parents), path]:
            if not folder.is_dir():
                folder.mkdir(exist_ok=True)
                _sync(folder.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove what dead writers left, and put back a folder whose replacement never came."""
    for name in os.listdir(folder):
        found = _LEFTOVER.fullmatch(name)
        if found is None or _is_other_live_process(int(found[3])):
            continue
        if found[1] == "old" and not (folder / found[2]).exists():
            os.rename(folder / name, folder / found[2])
        elif (folder / name).is_dir():
            shutil.rmtree(folder / name)
        else:
            (folder / name).unlink()


def is_leftover(name: str) -> bool:
    """Whether a file or folder of this name is what a writer that died has left."""
    return _LEFTOVER.fullmatch(name) is not None


@contextmanager
def disk_errors(path: Path, n_bytes: int = 0) -> Iterator[None]:
    """Turn the errors of the operating system while writing into one that names the path."""
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise ResourceError(
                f"no room to write {path} ({n_bytes:,} bytes): {error.strerror}. "
                "Free some space and start again"
            ) from error
        raise ResourceError(f"cannot write {path}: {error.strerror or error}") from error


def _put_in_place(temporary: Path, target: Path) -> None:
    old = _beside(target, "old")
    if target.exists():
        with suppress(FileNotFoundError):  # another process moves it away, too
            os.rename(target, old)
    try:
        os.rename(temporary, target)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        shutil.rmtree(temporary)
    _sync(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _read_once(folder: Path) -> dict[str, bytes]:
    try:
        entries = read_sealed(folder / MANIFEST)["files"].items()
        expected = {name: (entry["size"], entry["sha256"]) for name, entry in entries}
    except (KeyError, TypeError, AttributeError):
        raise CorruptFileError(f"{folder / MANIFEST} is damaged: it lists no files") from None
    files = {}
    for name, size_and_digest in expected.items():
        if Path(name).name != name:
            raise CorruptFileError(f"{folder / MANIFEST} lists {name!r}, which is not a file name")
        data = _read(folder / name)
        if (len(data), hashlib.sha256(data).hexdigest()) != size_and_digest:
            raise CorruptFileError(
                f"{folder / name} is damaged: its size or sha256 is not the one in {MANIFEST}"
            )
        files[name] = data
    return files


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CorruptFileError(f"{path} cannot be read: {reason}") from None


def _moved_aside(folder: Path) -> Path:
    """Return what a writer that died has moved aside to put a new folder in its place."""
    for other in folder.parent.iterdir() if folder.parent.is_dir() else ():
        found = _LEFTOVER.fullmatch(other.name)
        if found and found.group(1, 2) == ("old", folder.name):
            return other
    return folder


def _identity(folder: Path) -> tuple[int, int] | None:
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _write_synced(path: Path, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{kind}-{path.name}-{os.getpid()}")


def _is_other_live_process(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return pid != os.getpid()
