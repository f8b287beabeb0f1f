"""Bytes to text: UTF-8 or UTF-16 without mark, CRLF as LF, each defect named with its place."""

import codecs
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from io import BufferedReader
from itertools import chain
from pathlib import Path
from typing import BinaryIO, TypeVar

from prefprop_cli.errors import DataError
from prefprop_cli.tables import Errors

T = TypeVar("T")
Say = Callable[[str], None]
"""Hears what a reader has found out about a file, one sentence each."""
REPLACE_HINT = (
    "Save the file as UTF-8 (iconv -f WINDOWS-1252 -t UTF-8, if it comes from Windows), or have "
    "U+FFFD in its place: --errors replace in train and predict, -s data.errors=replace elsewhere"
)
HEAD_BYTES = 4096
"""So much of a file shows its encoding."""
_MARKS = {  # UTF-32 first, whose mark begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_NAMES = {"utf-16-le": "UTF-16", "utf-16-be": "UTF-16 (big-endian)"}
_LEAST_ZEROS = 4


def unsaid(text: str) -> None:
    """Hear a note and say nothing."""


def attempt(work: Callable[[], T]) -> T | DataError:
    """Return what a piece of work gives, or the error in its place."""
    try:
        return work()
    except DataError as error:
        return error


def sound(found: T | DataError) -> T:
    """Return what was found; raise an error in its place."""
    if isinstance(found, DataError):
        raise found
    return found


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a file for reading bytes.

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


def read_text(stream: BinaryIO, *, name: str, errors: Errors, say: Say = unsaid) -> str:
    """Read all of a stream as one text; raises as `decode`."""
    data = stream.read()
    encoding = _utf16(data, say)
    if encoding is None:
        text = decode(data, where=name, errors=errors)
    else:
        text = "".join(map(sound, _from_utf16([data], encoding, where=name, errors=errors)))
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def each_line(
    stream: BinaryIO, *, name: str, errors: Errors, say: Say = unsaid
) -> Iterator[tuple[int, str | DataError]]:
    """Read lines: (number from 1, text without its line end).

    A line that cannot be decoded is the error, and the others follow.
    """
    first = stream.readline()
    encoding = _utf16(first, say)
    chunks = chain([first] if first else [], stream)
    if encoding is None:
        lines = _utf8_lines(chunks, name=name, errors=errors)
    else:
        lines = _joined_lines(_from_utf16(chunks, encoding, where=name, errors=errors))
    for number, line in enumerate(lines, start=1):
        if isinstance(line, str):
            line = line.removeprefix("\ufeff" if number == 1 else "").rstrip("\r\n")
        yield number, line


def _utf8_lines(lines: Iterable[bytes], *, name: str, errors: Errors) -> Iterator[str | DataError]:
    offset = 0
    for number, data in enumerate(lines, start=1):
        where = f"{name}:{number}"
        yield attempt(partial(decode, data, where=where, errors=errors, offset=offset))
        offset += len(data)


def _joined_lines(texts: Iterable[str | DataError]) -> Iterator[str | DataError]:
    """Lines of texts that are cut anywhere."""
    begun = ""
    for text in texts:
        if isinstance(text, DataError):
            yield text
            return
        *whole, begun = (begun + text).split("\n")
        yield from whole
    if begun:
        yield begun


def _from_utf16(
    chunks: Iterable[bytes], encoding: str, *, where: str, errors: Errors
) -> Iterator[str | DataError]:
    """Texts of bytes that are cut anywhere; behind a defect nothing follows."""
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    offset = 0
    for data in chain(chunks, [b""]):
        kept = len(decoder.getstate()[0])
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            at = offset - kept + error.start
            yield DataError(
                f"{where}: the bytes at offset {at} are not {_NAMES[encoding]} text. {REPLACE_HINT}"
            )
            return
        offset += len(data)
        yield text.replace("\0", "\ufffd") if errors == "replace" else text


def _utf16(start: bytes, say: Say) -> str | None:
    """The kind of UTF-16 that a file begins in, by its mark or the NUL in every Latin character."""
    head = start[:HEAD_BYTES]
    encoding = next((e for mark, e in _MARKS.items() if head.startswith(mark)), None)
    even, odd = head[::2], head[1::2]
    for zeros, others, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        n_zeros = zeros.count(0)
        # A NUL among the others would make it UTF-32 or no text at all.
        if n_zeros >= _LEAST_ZEROS and 2 * n_zeros > len(zeros) and others.count(0) * 20 < n_zeros:
            encoding = encoding or name
    if encoding not in _NAMES:
        return None
    say(f"read as {_NAMES[encoding]}, by its first bytes")
    return encoding


def decode(data: bytes, *, where: str, errors: Errors, offset: int = 0) -> str:
    """Decode UTF-8; `where` and `offset`, of the first byte in its file, are for the message.

    Raises:
        DataError: invalid UTF-8 or a NUL byte, with its offset in the file; or the byte order mark
            of another encoding, of which `replace` would leave nothing.
    """
    for mark, encoding in _MARKS.items() if offset == 0 else ():
        if data.startswith(mark):
            name = encoding[:6].upper()
            raise DataError(
                f"{where}: {name}, by its first bytes, and only UTF-8 and UTF-16 are read. Save "
                f"the file as UTF-8 (iconv -f {name} -t UTF-8)"
            )
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


def clean(text: str, *, where: str, errors: Errors) -> str:
    """Clean a text that came inside JSON or a table: CRLF as LF, no half of a surrogate pair.

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
