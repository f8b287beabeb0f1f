"""A folder for each class: `<label>/*.txt`; what else lies there is said, not passed over."""

from collections.abc import Iterator
from pathlib import Path

from prefprop_cli.data.corpus import Document, Splits
from prefprop_cli.data.decoding import opened, read_text
from prefprop_cli.data.sets.common import files_below
from prefprop_cli.errors import DataError
from prefprop_cli.tables import Errors
from prefprop_cli.words import listed

TEXT = ".txt"
UNLABELLED = ("unsup", "unsupervised", "unlabeled", "unlabelled")
"""Folders of texts without a class, such as `train/unsup` of the film reviews `aclImdb`."""


def class_folders(folder: Path, *, root: Path, errors: Errors) -> Iterator[Document]:
    """Read the documents `folder/<label>/*.txt`, in order; the id is the path below `root`.

    Raises:
        DataError: there are none, texts lie deeper, or bytes are not UTF-8.
    """
    texts = [path for path in files_below(folder) if _is_text(path, folder)]
    if deeper := [path for path in texts if path.parent.parent != folder]:
        raise DataError(
            f"{folder}: {len(deeper)} texts lie deeper than in a folder for each class, such as "
            f"{deeper[0]}. Give the folder in which the folders of the classes are, or move the "
            "texts up into these"
        )
    if not texts:
        raise DataError(
            f"{folder}: holds neither files for the splits (train.jsonl, dev.csv, test.parquet) "
            "nor a folder for each class with .txt files in it"
        )
    for path in texts:
        with opened(path) as stream:
            text = read_text(stream, name=str(path), errors=errors)
        yield Document(path.relative_to(root).as_posix(), text, label=path.parent.name)


def labelled(documents: list[Document], folder: Path) -> tuple[list[Document], list[str]]:
    """Keep the documents of a folder that have a class; note all that is left out of it."""
    kept = [each for each in documents if str(each.label).lower() not in UNLABELLED]
    notes = []
    if len(kept) < len(documents):
        names = sorted({str(each.label) for each in documents} - {str(each.label) for each in kept})
        notes.append(
            f"{len(documents) - len(kept)} texts in {folder.name}/ are left out, for the name of "
            f"their folder says that they have no class: {', '.join(names)}. If it is a class, "
            "give the folder another name"
        )
    if others := [path for path in files_below(folder) if not _is_text(path, folder)]:
        named = listed([path.relative_to(folder).as_posix() for path in others], shown=5)
        notes.append(
            f"{len(others)} files in {folder.name}/ are not <label>/*{TEXT} and are left out: "
            f"{named}"
        )
    return kept, notes


def check_all_tested(given: Splits, parts: dict[str, Path]) -> None:
    """Refuse a class with a folder in train and none in the folders of the other splits.

    `parts` are where the documents of each split come from.

    Raises:
        DataError: there is such a class.
    """
    others = [path for split, path in parts.items() if split != "train" and path.is_dir()]
    if not others or not parts["train"].is_dir():
        return
    labels = {split: {str(d.label) for d in documents} for split, documents in given.items()}
    known = set.union(*(labels[split] for split in labels if split != "train"))
    known |= {folder.name for path in others for folder in path.iterdir()}
    for label in sorted(labels["train"] - known):
        raise DataError(
            f"{parts['train'] / label}: there is no such class in "
            f"{' nor '.join(path.name for path in others)}, so that no result would tell of it. "
            "Move the folder away if it is no class; if it is one, make an empty folder "
            f"{others[-1] / label}"
        )


def _is_text(path: Path, folder: Path) -> bool:
    return path.suffix.lower() == TEXT and path.parent != folder
