import hashlib
import json
import random
import zipfile
from pathlib import Path

import pytest

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data import read_corpus
from prefprop_cli.data.audit import Audit
from prefprop_cli.data.corpus import Corpus
from prefprop_cli.data.prepare import prepare
from prefprop_cli.data.questions import Question
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.errors import CorruptFileError, DataError
from prefprop_cli.tables import TASKS
from prefprop_cli.tasks.wikihop.rows import ENT

Record = dict[str, object]


def records(part: str, n: int) -> list[Record]:
    return [
        {
            "id": f"WH_{part}_{i}",
            "query": f"country place {part} {i}",
            "candidates": ["austria", "italy", f"land {i}"],
            "supports": [f"Place {i} lies in land {i} .", "Italy is far away ."],
            "answer": f"land {i}",
        }
        for i in range(n)
    ]


def content(**changes: object) -> dict[str, list[Record]]:
    train, dev = records("train", 6), records("dev", 9)
    train[2] |= changes
    return {"train.json": train, "dev.json": dev}


def folder(root: Path, inside: str, files: dict[str, list[Record]]) -> Path:
    for name, rows in files.items():
        (root / inside).mkdir(parents=True, exist_ok=True)
        (root / inside / name).write_text(json.dumps(rows))
    return root


def archive(path: Path, inside: str, files: dict[str, list[Record]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("qangaroo_v1.1/medhop/train.json", "[")
        for name, rows in files.items():
            target.writestr(inside + name, json.dumps(rows))
    return path


def read(source: Path, **options: object) -> Corpus:
    return read_corpus(DataTable(set="wikihop", source=str(source), **options))


def ids(corpus: Corpus, split: str) -> list[str]:
    return [document.id for document in corpus.splits[split]]


@pytest.mark.parametrize("inside", ["", "wikihop/", "qangaroo_v1.1/wikihop/"])
def test_folder_and_archive_give_the_same(tmp_path: Path, inside: str) -> None:
    unpacked = folder(tmp_path / "unpacked", inside, content())
    packed = archive(tmp_path / "qangaroo_v1.1.zip", inside, content())
    one, two = read(unpacked), read(packed)
    assert (one.splits, one.notes) == (two.splits, two.notes)
    assert one.name == two.name == "wikihop-halves"
    assert two.inputs == {packed.name: hashlib.sha256(packed.read_bytes()).hexdigest()}
    train = (unpacked / inside / "train.json").read_bytes()
    assert set(one.inputs) == {"train.json", "dev.json"}
    assert one.inputs["train.json"] == hashlib.sha256(train).hexdigest()


def test_dev_is_halved_by_seed_and_train_stays(tmp_path: Path) -> None:
    source = folder(tmp_path, "", content())
    corpus = read(source)
    assert corpus.labels == ()
    assert ids(corpus, "train") == [f"WH_train_{i}" for i in range(6)]
    validation, test = ids(corpus, "validation"), ids(corpus, "test")
    assert sorted(validation + test) == [f"WH_dev_{i}" for i in range(9)]
    assert abs(len(validation) - len(test)) == 1
    assert read(source, split="halves") == corpus
    assert ids(read(source, split_seed=11), "test") != test
    assert corpus.facts == (
        "the development questions are halved for validation and test, seed 10",
    )


def test_the_split_of_the_released_code_is_flagged(tmp_path: Path) -> None:
    corpus = read(folder(tmp_path, "", content()), split="dev")
    assert corpus.name == "wikihop-dev"
    assert ids(corpus, "validation") == ids(corpus, "test") == [f"WH_dev_{i}" for i in range(9)]
    assert "validation and test are the same questions" in corpus.facts[0]
    leak = "leak: documents of test that are in validation, too: 9 of 9 (WH_dev_0, WH_dev_1, "
    assert Audit(corpus).warnings[0].startswith(leak)
    with pytest.raises(DataError, match="wikihop has default, halves, dev"):
        read(tmp_path, split="dedup")


def test_a_limit_takes_some_by_seed(tmp_path: Path) -> None:
    corpus = read(folder(tmp_path, "", content()), limit=3)
    assert [len(part) for part in corpus.splits.values()] == [3, 3, 3]
    assert ids(read(tmp_path, limit=3, split_seed=3), "train") != ids(corpus, "train")


def test_repeated_candidates_are_counted(tmp_path: Path) -> None:
    repeated = content(candidates=["italy", "land 2", "land  2", "italy"])
    corpus = read(folder(tmp_path, "", repeated))
    assert corpus.facts[1:] == ("2 candidates read like an earlier one and are left out",)


def test_wrong_records_are_named(tmp_path: Path) -> None:
    folder(tmp_path, "", content(answer="nowhere"))
    with pytest.raises(DataError, match=r"train.json, record 3 \(WH_train_2\): the answer"):
        read(tmp_path)
    folder(tmp_path, "", content(answer=None))
    with pytest.raises(DataError, match=r"train.json: WH_train_2 has no answer"):
        read(tmp_path)


def test_sources_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"needs data.source \(or --source\): qangaroo_v1.1.zip"):
        read_corpus(DataTable(set="wikihop"))
    only_train = folder(tmp_path / "train", "wikihop", {"train.json": records("train", 3)})
    with pytest.raises(DataError, match=r"train.json and dev.json are not both in it"):
        read(only_train)
    text = tmp_path / "text.zip"
    text.write_text("text")
    with pytest.raises(CorruptFileError, match=r"text.zip: not a readable .zip"):
        read(text)
    hostile = archive(tmp_path / "hostile.zip", "", content())
    with zipfile.ZipFile(hostile, "a") as target:
        target.writestr("../outside", "")
    with pytest.raises(CorruptFileError, match="not a plain file below the archive's root"):
        read(hostile)


SPECIAL = (
    *("<s>", "</s>", "<mask>", "<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]", "[PAD]"),
    *("[ent]", "[/ent]", "[question]", "[/question]"),
)


@pytest.fixture(scope="module")
def real(shared: Path) -> Corpus:
    return read(shared / "data/wikihop", split="dev")


@pytest.fixture(scope="module")
def roberta(shared: Path) -> TextTokenizer:
    return TextTokenizer.load(shared / "data/roberta_tokenizer")


def real_records(shared: Path) -> list[Record]:
    files = [shared / "data/wikihop" / name for name in ("train.json", "dev.json")]
    return [record for file in files for record in json.loads(file.read_text())]


@pytest.mark.shared
def test_the_real_records(real: Corpus, shared: Path) -> None:
    questions = [*real.splits["train"], *real.splits["test"]]
    assert len(questions) == 50
    for question, record in zip(questions, real_records(shared), strict=True):
        assert isinstance(question, Question)
        assert question.id == record["id"]
        assert question.n_repeated == 0
        assert question.candidates.index(question.label) == record["candidates"].index(
            record["answer"]
        )
        assert len(question.supports) == len(record["supports"])
        words = "".join(question.query.split())
        assert words == "".join(record["query"].replace("_", "").split())


@pytest.mark.shared
@pytest.mark.parametrize(("max_tokens", "rows"), [(4064, [24, 28]), (512, [106, 108])])
def test_the_real_records_as_rows(
    real: Corpus, roberta: TextTokenizer, tmp_path: Path, max_tokens: int, rows: list[int]
) -> None:
    table = DataTable(set="wikihop")
    form = TASKS["wikihop"].form(table, labels=(), tokenizer=roberta, max_tokens=max_tokens)
    prepared = prepare(real, form=form, cache=tmp_path)
    summary = prepared.summary
    # The same numbers come from the tokenizer of transformers and a division.
    assert [summary["rows"]["train"], summary["rows"]["test"]] == rows
    assert summary["documents"]["train"] == {"question": 22}
    for split in ("train", "test"):
        questions = real.splits[split]
        for row, question in zip(prepared.splits[split], questions, strict=True):
            assert len(row["candidates"]) == len(question.candidates)
            assert len(row["supports"]) == len(question.supports)
            assert row["n_cut"] == 0


def injected(record: Record, generator: random.Random) -> Record:
    """The record with special tokens spliced into query, candidates and supports."""

    def splice(text: str) -> str:
        place = generator.randrange(len(text) + 1)
        return text[:place] + generator.choice(SPECIAL) + text[place:]

    candidates = [splice(text) for text in record["candidates"]]
    answer = candidates[record["candidates"].index(record["answer"])]
    supports = [splice(text) for text in record["supports"]]
    spliced = {"candidates": candidates, "answer": answer, "supports": supports}
    return {**record, "query": splice(record["query"]), **spliced}


@pytest.mark.shared
def test_no_text_adds_a_candidate_or_a_special_token(
    roberta: TextTokenizer, shared: Path, tmp_path: Path
) -> None:
    generator = random.Random(0)
    rows = [injected(record, generator) for record in real_records(shared)]
    corpus = read(folder(tmp_path, "", {"train.json": rows, "dev.json": rows}), split="dev")
    form = TASKS["wikihop"].form(
        DataTable(set="wikihop"), labels=(), tokenizer=roberta, max_tokens=512
    )
    special = {roberta.cls_id, roberta.sep_id, roberta.pad_id, roberta.mask_id}
    for question, record in zip(corpus.splits["train"], rows, strict=True):
        [columns] = form.encode([question])
        parts = [columns["query"], *columns["candidates"], *columns["supports"]]
        assert not any(special.intersection(part) or min(part) < 0 for part in parts)
        built = [row.input_ids for row in form.rows(columns)]
        n_candidates = len(dict.fromkeys(record["candidates"]))
        assert all(row.count(ENT) == n_candidates for row in built)
        assert sum(row.count(roberta.cls_id) for row in built) == len(built)
        n_separators = sum(row.count(roberta.sep_id) for row in built)
        assert n_separators == 2 * len(record["supports"])
