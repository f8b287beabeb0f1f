"""What kind of file a name stands for, and which files of a folder are documents."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from prefprop_cli.data.table_rows import SUFFIXES
from prefprop_cli.errors import DataError
from prefprop_cli.words import listed, plural

TEXT_SUFFIXES = ("", ".txt", ".text", ".md", ".markdown", ".rst", *SUFFIXES)
"""Of the documents in a folder; a file that is named may have any other, too."""
_OTHERS = {
    "a spreadsheet. Save it as .csv": ".xlsx .xls .xlsm .ods .numbers",
    "no plain text. Export it as .txt": (
        ".pdf .docx .doc .odt .rtf .epub .pptx .ppt .pages .ipynb"
    ),
    "markup, and its tags would be read as words. Export it as .txt": ".html .htm .xhtml .xml",
    "an archive. Unpack it": ".zip .tar .gz .tgz .bz2 .xz .zst .7z .rar",
    "a table of another kind. Save it as .csv, .jsonl or .parquet": (
        ".tab .psv .arrow .feather .orc .avro .pkl .pickle .npy .npz .db .sqlite .sqlite3 .dta "
        ".rds .h5 .hdf5"
    ),
}
_WHAT = {suffix: what for what, suffixes in _OTHERS.items() for suffix in suffixes.split()}


def what_is(path: Path) -> str | None:
    """Tell by its name what a file is that cannot be read as text or table, and what to do."""
    return _WHAT.get(path.suffix.lower())


def refuse_other_kinds(path: Path) -> None:
    """Refuse a file whose name says that it is neither text nor a table that can be read.

    Raises:
        DataError: it is one; says what it is and what to do.
    """
    if (what := what_is(path)) and os.path.exists(path):
        raise DataError(f"{path}: {what}")


def files_below(folder: Path, *, inside: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """List all files below a folder, in order, without hidden ones such as `.DS_Store`.

    A link to a folder that it lies in, such as those `inside`, is not followed, for all would come
    again.

    Raises:
        DataError: a folder cannot be read.
    """
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror}") from error
    inside |= {folder.resolve()}
    for path in paths:
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if path.resolve() not in inside:
                yield from files_below(path, inside=inside)
        elif path.is_file():
            yield path


def documents_below(folder: Path, *, suffixes: Collection[str]) -> tuple[list[Path], list[Path]]:
    """List the files below a folder that have one of the endings, and the others.

    Raises:
        DataError: there is none of the first, or a folder cannot be read.
    """
    files = list(files_below(folder))
    found = [path for path in files if path.suffix.lower() in suffixes]
    if not found:
        advice = [f" ({what})" if (what := what_is(path)) else "" for path in files]
        names = [f"{p.relative_to(folder)}{a}" for p, a in zip(files, advice, strict=True)]
        none = f"{plural(len(files), 'file')}, and none that is read: {listed(names)}"
        wanted = ", ".join(suffix or "no ending" for suffix in suffixes)
        raise DataError(
            f"{folder}: {none if files else 'the folder holds no files'}. What is read: {wanted}"
        )
    return found, [path for path in files if path not in set(found)]
