"""A data set of the Hugging Face hub, by name; no code that a data set brings is run."""

from collections.abc import Iterator

import datasets

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.corpus import Corpus, Document, Splits, content_hash
from prefprop_cli.data.sets.common import corpus_of, default_split, document_of
from prefprop_cli.data.sets.files import SPLIT_NAMES
from prefprop_cli.errors import DataError

UNLABELLED = "-1"  # what hub sets put where the labels of a test split are secret


def read(table: DataTable) -> Corpus:
    """The data set `data.source`: `owner/name`, or `owner/name:configuration`.

    Raises:
        DataError: no name is given, the set cannot be had, or its rows are not as they should be.
    """
    default_split(table)
    if table.source is None:
        raise DataError('data.set = "hub" needs data.source (or --source): owner/name')
    name, _, configuration = table.source.partition(":")
    return load(name, configuration or None, table)


def load(name: str, configuration: str | None, table: DataTable) -> Corpus:
    """A hub data set by name; splits it has not, or whose labels are secret, are drawn.

    Raises:
        DataError: as `read`.
    """
    datasets.disable_progress_bars()
    try:
        parts = datasets.load_dataset(name, configuration)
    except (OSError, RuntimeError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise DataError(
            f"data.source = {name}: not to be had from the Hugging Face hub or its local cache: "
            f"{error}\nWithout network give the documents as local files: data.set = "
            f'"files", data.source = a folder with train.jsonl, validation.jsonl, test.jsonl'
        ) from error
    given: Splits = {}
    for part, rows in parts.items():
        if part in SPLIT_NAMES:
            documents = list(_documents(rows, f"{name}/{part}", table))
            if not all(document.label == UNLABELLED for document in documents):
                given[SPLIT_NAMES[part]] = documents
    if "train" not in given:
        raise DataError(f"{name}: no split called train; found {', '.join(parts)}")
    inputs = {f"{name}/{part}": content_hash(documents) for part, documents in given.items()}
    labels = _class_names(parts["train"], table.label_column)
    title = f"{name}:{configuration}" if configuration else name
    return corpus_of(given, table, name=title, inputs=inputs, labels=labels)


def _documents(rows: datasets.Dataset, source: str, table: DataTable) -> Iterator[Document]:
    names = _class_names(rows, table.label_column)
    for number, row in enumerate(rows, start=1):
        label = row.get(table.label_column)
        if names and str(label) != UNLABELLED:
            row[table.label_column] = names[label]
        where = f"{source}:{number}"
        yield document_of(row, table, id=where, where=where)


def _class_names(rows: datasets.Dataset, column: str) -> tuple[str, ...]:
    """The names of the classes where the data set states them."""
    feature = rows.features.get(column)
    return tuple(feature.names) if isinstance(feature, datasets.ClassLabel) else ()
