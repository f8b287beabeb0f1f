"""Hyperpartisan news by article: 645 articles, from the original XML files.

Source: Kiesel et al. (2019), SemEval-2019 task 4; CC BY 4.0, doi.org/10.5281/zenodo.1489920.
Cleaning and the split `reference`: Beltagy et al. (2020), arXiv 2004.05150.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler

from defusedxml import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.cleaning import clean_article
from prefprop_cli.data.corpus import Corpus, Document, Splits
from prefprop_cli.data.decoding import opened, read_text
from prefprop_cli.data.json_text import parse_json
from prefprop_cli.data.sets.common import digest, source_of
from prefprop_cli.data.splits import complete, k_fold
from prefprop_cli.errors import CorruptFileError, DataError
from prefprop_cli.notes import Note
from prefprop_cli.words import listed

ARTICLE_FILE = "articles-training-byarticle-20181122.xml"
LABEL_FILE = "ground-truth-training-byarticle-20181122.xml"
REFERENCE_FILE = "hp-splits.json"
WHAT = f"a folder with {ARTICLE_FILE} and {LABEL_FILE}"
SPLITS = ("default", "dedup", "kfold5", "reference")
NEEDS_FILES = True
LABELS = ("false", "true")
N_FOLDS = 5
CHUNK_BYTES = 2**16


def read(table: DataTable) -> Corpus:
    """Read the articles; `data.source` is a folder with the original files.

    `data.split`: `dedup` (default) draws splits in which no text stands twice; `kfold5` holds out
    fold `data.fold` for testing; `reference` is the split of Beltagy et al. (hp-splits.json), whose
    test articles are mostly in its training data, too.
    """
    folder = source_of(table, what=WHAT)
    labels = _by_id(read_labels(folder / LABEL_FILE), folder / LABEL_FILE)
    texts = _by_id(read_articles(folder / ARTICLE_FILE), folder / ARTICLE_FILE)
    if unpaired := sorted(labels.keys() ^ texts.keys()):
        raise DataError(
            f"{folder}: {len(unpaired)} articles have a text or a label, not both: "
            f"{listed(unpaired, shown=5)}. {ARTICLE_FILE} and {LABEL_FILE} must be one release"
        )
    documents = [Document(id, clean_article(text), labels[id]) for id, text in texts.items()]
    shares = {"validation": table.validation_fraction, "test": table.test_fraction}
    seed, used = table.split_seed, [ARTICLE_FILE, LABEL_FILE]
    name = "dedup" if table.split == "default" else table.split
    if name == "reference":
        used.append(REFERENCE_FILE)
        splits, note = _reference(documents, folder / REFERENCE_FILE)
    elif name == "kfold5":
        test, train = k_fold(documents, n_folds=N_FOLDS, fold=table.fold, seed=seed)
        shares = {"validation": shares["validation"] * N_FOLDS / (N_FOLDS - 1), "test": 0}
        splits = complete({"train": train, "test": test}, **shares, seed=seed)
        note = f"test is fold {table.fold} of {N_FOLDS} (0 to {N_FOLDS - 1}), seed {seed}"
    else:
        splits = complete({"train": documents}, **shares, seed=seed)
        note = f"no text is in two splits; drawn with seed {seed}"
    inputs = {file: digest(folder / file) for file in used}
    return Corpus(f"hyperpartisan-{name}", splits, LABELS, inputs, (Note(note),))


def _by_id(pairs: Iterator[tuple[str, str]], path: Path) -> dict[str, str]:
    values: dict[str, str] = {}
    for id, value in pairs:
        if id in values:
            raise DataError(f"{path}: two articles with the id {id!r}")
        values[id] = value
    return values


def _reference(documents: list[Document], path: Path) -> tuple[Splits, str]:
    """The articles that a file lists by number, split by split."""
    with opened(path) as stream:
        content = read_text(stream, name=str(path), errors="strict")
    numbers: Any = parse_json(content, name=str(path))
    if unnumbered := [document.id for document in documents if not document.id.isdecimal()]:
        raise DataError(f"{path} names articles by number, and one has the id {unnumbered[0]!r}")
    by_number = {document.id.lstrip("0") or "0": document for document in documents}
    parts = {"train": "train", "validation": "dev", "test": "test"}
    try:
        splits = {
            split: [by_number[str(number)] for number in numbers[part]]
            for split, part in parts.items()
        }
    except (KeyError, TypeError) as error:
        raise DataError(
            f"{path}: not a list of articles for each split: {error}. It must be of one release "
            f"with {ARTICLE_FILE}"
        ) from error
    n_used = len({document.id for part in splits.values() for document in part})
    return splits, f"{len(documents) - n_used} of {len(documents)} articles are in no split"


def read_articles(path: Path) -> Iterator[tuple[str, str]]:
    """Read (id, text) of each article, streamed; titles and attributes are no text.

    Raises:
        DataError: the file cannot be read, or an article has no id or no label.
        CorruptFileError: the file is not well-formed, or declares a document type.
    """
    for attributes, text in _articles(path):
        yield _attribute(attributes, "id", path), text


def read_labels(path: Path) -> Iterator[tuple[str, str]]:
    """Read (id, `true` or `false`) of each article; raises as `read_articles`."""
    for attributes, _ in _articles(path):
        label = _attribute(attributes, "hyperpartisan", path)
        if label not in LABELS:
            raise DataError(f'{path}: hyperpartisan="{label}"; expected true or false')
        yield _attribute(attributes, "id", path), label


def _attribute(attributes: dict[str, str], name: str, path: Path) -> str:
    if name not in attributes:
        raise DataError(f"{path}: an article without {name}; found {attributes or 'nothing'}")
    return attributes[name]


class _Articles(ContentHandler):
    """Collects (attributes, text) of each <article> as the parser meets them."""

    def __init__(self) -> None:
        super().__init__()
        self.finished: list[tuple[dict[str, str], str]] = []
        self._attributes: dict[str, str] = {}
        self._text: list[str] = []

    def startElement(self, name: str, attributes: Any) -> None:  # noqa: N802 - of xml.sax
        if name == "article":
            self._attributes, self._text = dict(attributes), []

    def characters(self, text: str) -> None:
        self._text.append(text)

    def endElement(self, name: str) -> None:  # noqa: N802 - of xml.sax
        if name == "article":
            self.finished.append((self._attributes, "".join(self._text)))


def _articles(path: Path) -> Iterator[tuple[dict[str, str], str]]:
    """(attributes, text) of each <article>, in chunks, so that memory does not grow."""
    found, parser = _Articles(), DefusedExpatParser(forbid_dtd=True)
    parser.setContentHandler(found)
    try:
        with opened(path) as stream:
            parser.feed(b"")  # a file without a byte is no XML
            while chunk := stream.read(CHUNK_BYTES):
                parser.feed(chunk)
                yield from found.finished
                found.finished.clear()
        parser.close()
    except DefusedXmlException as error:
        raise CorruptFileError(
            f"{path}:{parser.getLineNumber()}: a document type declaration, which the original "
            "files do not have and which can be used for attacks"
        ) from error
    except SAXParseException as error:
        place = f"{path}:{error.getLineNumber()}:{(error.getColumnNumber() or 0) + 1}"
        raise CorruptFileError(f"{place}: not well-formed XML: {error.getMessage()}") from error
