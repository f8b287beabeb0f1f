"""WikiHop: questions with candidate answers, from the original files of QAngaroo v1.1.

Source: Welbl et al. (2018), TACL 6, arXiv 1710.06481; CC BY-SA 3.0; 43,738 training and 5,129
development questions. The test questions are secret.
"""

import hashlib
import io
from pathlib import Path

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.archives import read_zip
from prefprop_cli.data.corpus import Corpus
from prefprop_cli.data.decoding import opened
from prefprop_cli.data.questions import Question, read_questions
from prefprop_cli.data.sets.common import digest, source_of
from prefprop_cli.data.splits import split_off
from prefprop_cli.errors import DataError
from prefprop_cli.notes import Note

FILES = ("train.json", "dev.json")
FOLDERS = ("", "wikihop/", "qangaroo_v1.1/wikihop/")
WHAT = "qangaroo_v1.1.zip, or the folder it unpacks to"
SPLITS = ("default", "halves", "dev")
NEEDS_FILES = True


def read(table: DataTable) -> Corpus:
    """Read the questions; `data.source` is the archive or its folder.

    `data.split`: `halves` (default) validates on one half of the development questions and tests on
    the other; `dev` does both on all of them, as the released code of the paper does.

    Raises:
        DataError: the files are not there, or a record is not as it should be or has no answer.
        CorruptFileError: the archive is damaged or unsafe.
    """
    source = source_of(table, what=WHAT)
    contents = _contents(source)
    train, dev = (_questions(content, name, table) for name, content in contents.items())
    validation = test = dev
    note = (
        "validation and test are the same questions, all of dev, as in the released code of the "
        "paper, which so chooses the best epoch on the questions it reports"
    )
    if table.split != "dev":
        seed = table.split_seed
        validation, test = split_off(dev, share=0.5, seed=seed, stratified=False)
        note = f"the development questions are halved for validation and test, seed {seed}"
    notes = [note]
    n_repeated = sum(question.n_repeated for question in train + dev)
    if n_repeated:
        notes.append(f"{n_repeated} candidates read like an earlier one and are left out")
    digests = {Path(name).name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    return Corpus(
        name=f"wikihop-{'dev' if table.split == 'dev' else 'halves'}",
        splits={"train": [*train], "validation": [*validation], "test": [*test]},
        labels=(),
        has_classes=False,
        inputs={source.name: digest(source)} if source.is_file() else digests,
        notes=tuple(map(Note, notes)),
    )


def _contents(source: Path) -> dict[str, bytes]:
    """The bytes of the two files, by full name."""
    names = {folder: [folder + file for file in FILES] for folder in FOLDERS}
    wanted = [name for inside in names.values() for name in inside]
    if source.is_dir():
        found = {}
        for name in wanted:
            if (source / name).is_file():
                with opened(source / name) as stream:
                    found[name] = stream.read()
    else:
        found = read_zip(source, wanted=wanted)
    for inside in names.values():
        if found.keys() >= set(inside):
            return {f"{source}/{name}": found[name] for name in inside}
    raise DataError(f"{source}: {' and '.join(FILES)} are not both in it; expected {WHAT}")


def _questions(content: bytes, name: str, table: DataTable) -> list[Question]:
    questions = list(read_questions(io.BytesIO(content), name=name, errors=table.errors))
    for question in questions:
        if question.label is None:
            raise DataError(f"{name}: {question.id} has no answer, and none can be learnt from it")
    return questions
