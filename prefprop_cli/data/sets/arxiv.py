"""ArXiv-11: papers by subject, from the hub or from the class folders of its authors.

Source: He et al. (2019), "Long Document Classification From Local Word Glimpses via Recurrent
Attention Learning", IEEE Access 7; 33,388 papers in 11 classes. On the hub:
`ccdv/arxiv-classification`, configuration `no_ref` (without the words that name the class), with
28,388 / 2,500 / 2,500 papers.
"""

from dataclasses import replace

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.corpus import Corpus, Document
from prefprop_cli.data.sets import files, hub
from prefprop_cli.data.sets.hub_names import HubSet
from prefprop_cli.notes import Note

WHAT = files.WHAT
SPLITS = ("default",)
NEEDS_FILES = False
MAX_CHARACTERS = 30_000
HUB_SET = HubSet("ccdv/arxiv-classification", configuration="no_ref")


def read(table: DataTable) -> Corpus:
    """Read the papers, each cut at 30,000 characters as in the released code of the paper.

    `data.source` is a folder with a folder of .txt files for each class, or split files; without
    it the hub is asked.
    """
    corpus = hub.read_set(HUB_SET, table) if table.source is None else files.read(table)
    documents = [document for part in corpus.splits.values() for document in part]
    n_cut = sum(len(document.text) > MAX_CHARACTERS for document in documents)
    note = Note(f"{n_cut} of {len(documents)} papers cut at {MAX_CHARACTERS:,} characters")
    splits = {name: [_cut(document) for document in part] for name, part in corpus.splits.items()}
    return replace(corpus, name="arxiv", splits=splits, notes=(*corpus.notes, note))


def _cut(document: Document) -> Document:
    return replace(document, text=document.text[:MAX_CHARACTERS])
