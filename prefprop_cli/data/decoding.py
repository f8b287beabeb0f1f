"""Bytes to text: UTF-8 without BOM, CRLF read as LF, each defect named with its place."""

import codecs
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Literal, TypeVar

from prefprop_cli.errors import DataError

T = TypeVar("T")
Errors = Literal["strict", "replace"]
REPLACE_HINT = (
    "Save the file as UTF-8, or have U+FFFD in its place: --errors replace in predict, "
    "-s data.errors=replace elsewhere"
)
MARKS = {  # UTF-32 first, whose mark begins with that of UTF-16
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """The file, open for reading bytes.

    Raises:
        DataError: it does not exist, is a folder, or cannot be read.
    """
    if "\0" in str(path):
        raise DataError(f"{str(path)!r}: no name of a file")
    try:
        with path.open("rb") as stream:
            yield stream
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def read_text(stream: BinaryIO, *, name: str, errors: Errors) -> str:
    """All of a stream as one text; raises as `decode`."""
    data = stream.read()
    return decode(data, where=name, errors=errors).removeprefix("\ufeff").replace("\r\n", "\n")


def read_lines(stream: BinaryIO, *, name: str, errors: Errors) -> Iterator[tuple[int, str]]:
    """(number from 1, text without its line end) of each line; raises as `decode`."""
    for number, line in each_line(stream, name=name, errors=errors):
        yield number, sound(line)


def each_line(
    stream: BinaryIO, *, name: str, errors: Errors
) -> Iterator[tuple[int, str | DataError]]:
    """The same, where a line that cannot be decoded is the error and the others follow."""
    offset = 0
    for number, data in enumerate(stream, start=1):
        where = f"{name}:{number}"
        text = attempt(partial(decode, data, where=where, errors=errors, offset=offset))
        offset += len(data)
        if isinstance(text, str):
            text = text.removeprefix("\ufeff" if number == 1 else "").rstrip("\r\n")
        yield number, text


def attempt(work: Callable[[], T]) -> T | DataError:
    """What a piece of work gives, or the error in its place."""
    try:
        return work()
    except DataError as error:
        return error


def sound(found: T | DataError) -> T:
    """What was found; an error in its place is raised."""
    if isinstance(found, DataError):
        raise found
    return found


def decode(data: bytes, *, where: str, errors: Errors, offset: int = 0) -> str:
    """Bytes as text.

    Args:
        data: UTF-8.
        where: file and line for the message.
        errors: `strict` refuses bytes that are not UTF-8 text, `replace` puts U+FFFD for them.
        offset: of the first byte in its file.

    Raises:
        DataError: invalid UTF-8 or a NUL byte, with its offset in the file; or the byte order mark
            of another encoding, of which `replace` would leave nothing.
    """
    if offset == 0:
        _check_mark(data, where)
    if errors == "replace":
        return data.decode(errors="replace").replace("\0", "\ufffd")
    bad = data.find(b"\0")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        bad = error.start if bad < 0 else min(bad, error.start)
    if bad >= 0:
        raise DataError(
            f"{where}: byte {data[bad]:#04x} at offset {offset + bad} is not UTF-8 text. "
            f"{REPLACE_HINT}"
        )
    return text


def _check_mark(data: bytes, where: str) -> None:
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            raise DataError(
                f"{where}: {encoding}, by its first bytes, and only UTF-8 is read. Save the file "
                f"as UTF-8 (iconv -f {encoding} -t UTF-8)"
            )


def clean(text: str, *, where: str, errors: Errors) -> str:
    """Text that came inside JSON or a table: CRLF as LF, no half of a surrogate pair.

    Raises:
        DataError: a lone surrogate, which no UTF-8 text can hold.
    """
    text = text.replace("\r\n", "\n")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        if errors == "strict":
            raise DataError(
                f"{where}: character {error.start} is half of a surrogate pair. {REPLACE_HINT}"
            ) from None
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
