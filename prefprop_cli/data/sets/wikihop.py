"""WikiHop: questions with candidate answers, from the original files of QAngaroo v1.1.

Source: Welbl et al. (2018), TACL 6, arXiv 1710.06481; CC BY-SA 3.0; 43,738 training and 5,129
development questions. The test questions are secret.
"""

import hashlib
import io
from pathlib import Path

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.archives import read_zip
from prefprop_cli.data.corpus import Corpus, Document, Splits
from prefprop_cli.data.decoding import opened
from prefprop_cli.data.questions import Question, questions_in
from prefprop_cli.data.sets.common import digest, source_of
from prefprop_cli.data.splits import split_off
from prefprop_cli.errors import DataError
from prefprop_cli.notes import Note

FILES = ("train.json", "dev.json")
FOLDERS = ("", "wikihop/", "qangaroo_v1.1/wikihop/")
WHAT = "qangaroo_v1.1.zip, or the folder it unpacks to"
NEEDS_FILES = True


def read(table: DataTable) -> Corpus:
    """The questions; `data.source` is the archive or its folder.

    `data.split`: `halves` (default) validates on one half of the development questions and tests on
    the other; `dev` does both on all of them, as the released code of the paper does.

    Raises:
        DataError: the files are not there, or a record is not as it should be or has no answer.
        CorruptFileError: the archive is damaged or unsafe.
    """
    divide = {"default": _halves, "halves": _halves, "dev": _whole}
    if table.split not in divide:
        raise DataError(f'data.split = "{table.split}": wikihop has {", ".join(divide)}')
    source = source_of(table, what=WHAT)
    contents = _contents(source)
    train, dev = (_questions(content, name, table) for name, content in contents.items())
    splits, note = divide[table.split](dev, table.split_seed)
    n_repeated = sum(question.n_repeated for question in train + dev)
    notes = [note]
    if n_repeated:
        notes.append(f"{n_repeated} candidates read like an earlier one and are left out")
    return Corpus(
        name=f"wikihop-{'halves' if table.split == 'default' else table.split}",
        splits={"train": [*train], **splits},
        labels=(),
        has_classes=False,
        inputs=_inputs(source, contents),
        notes=tuple(map(Note, notes)),
    )


def _halves(dev: list[Question], seed: int) -> tuple[Splits, str]:
    documents: list[Document] = [*dev]
    validation, test = split_off(documents, share=0.5, seed=seed, stratified=False)
    note = f"the development questions are halved for validation and test, seed {seed}"
    return {"validation": validation, "test": test}, note


def _whole(dev: list[Question], seed: int) -> tuple[Splits, str]:
    note = (
        "validation and test are the same questions, all of dev, as in the released code of the "
        "paper, which so chooses the best epoch on the questions it reports"
    )
    return {"validation": [*dev], "test": [*dev]}, note


def _contents(source: Path) -> dict[str, bytes]:
    """The bytes of the two files, by full name."""
    names = {folder: [folder + file for file in FILES] for folder in FOLDERS}
    wanted = [name for inside in names.values() for name in inside]
    found = _in_folder(source, wanted) if source.is_dir() else read_zip(source, wanted=wanted)
    for inside in names.values():
        if found.keys() >= set(inside):
            return {f"{source}/{name}": found[name] for name in inside}
    raise DataError(f"{source}: {' and '.join(FILES)} are not both in it; expected {WHAT}")


def _in_folder(folder: Path, names: list[str]) -> dict[str, bytes]:
    contents = {}
    for name in names:
        if (folder / name).is_file():
            with opened(folder / name) as stream:
                contents[name] = stream.read()
    return contents


def _questions(content: bytes, name: str, table: DataTable) -> list[Question]:
    questions = list(questions_in(io.BytesIO(content), name=name, errors=table.errors))
    for question in questions:
        if question.label is None:
            raise DataError(f"{name}: {question.id} has no answer, and none can be learnt from it")
    return questions


def _inputs(source: Path, contents: dict[str, bytes]) -> dict[str, str]:
    if source.is_file():
        return {source.name: digest(source)}
    return {Path(name).name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}
