import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from datasets import Features, List, Value

from prefprop_cli.cache import default_cache
from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.corpus import Corpus, Document, content_hash
from prefprop_cli.data.prepare import Prepared, load_prepared
from prefprop_cli.data.prepare import prepare as prepare_in_form
from prefprop_cli.data.questions import read_questions
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.errors import CorruptFileError, Interrupted, ResourceError
from prefprop_cli.notes import Note
from prefprop_cli.tables import TASKS
from tests.helpers.heard import hearing

WORDS = ("war", "tax", "law")
TEXTS = ["the war", "the state of the union", "", "law", "peace, " * 30, "the law of war"]


def documents(split: str, texts: list[str]) -> list[Document]:
    return [Document(f"{split}:{i}", text, "ba"[i % 2]) for i, text in enumerate(texts)]


CORPUS = Corpus(
    "my set/1",
    {"train": documents("train", TEXTS), "test": documents("test", ["the law", "the  WAR"])},
    labels=("a", "b"),
    inputs={"mine.csv": "0123"},
    notes=(Note("a note"), Note("a warning", "warning")),
)
FILES = DataTable()


def prepare(
    corpus: Corpus,
    *,
    tokenizer: TextTokenizer,
    data: DataTable,
    max_tokens: int,
    cache: Path,
    **options: object,
) -> Prepared:
    """The corpus in the form of its task."""
    form = TASKS[data.task].form(
        data, labels=corpus.labels, tokenizer=tokenizer, max_tokens=max_tokens
    )
    return prepare_in_form(corpus, form=form, cache=cache, **options)


@pytest.fixture
def tokenizer(tokenizers: tuple[TextTokenizer, ...]) -> TextTokenizer:
    return tokenizers[0]


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the number of texts whenever the tokenizer is at work."""
    calls: list[int] = []
    encode = TextTokenizer.ids

    def counted(self: TextTokenizer, texts: list[str]) -> object:
        calls.append(len(texts))
        return encode(self, texts)

    monkeypatch.setattr(TextTokenizer, "ids", counted)
    return calls


def test_rows_are_the_tokens_of_the_documents(tokenizer: TextTokenizer, tmp_path: Path) -> None:
    with hearing() as heard:
        prepared = prepare(CORPUS, tokenizer=tokenizer, data=FILES, max_tokens=12, cache=tmp_path)
    assert heard.loops == [], "what takes a moment is not worth a word"
    assert list(prepared.splits) == ["train", "test"]
    assert prepared.labels == ("a", "b")
    assert prepared.folder.parent == tmp_path
    assert prepared.folder.name.startswith("my-set-1-")
    for name, rows in prepared.splits.items():
        assert len(rows) == len(CORPUS.splits[name])
        for row, document in zip(rows, CORPUS.splits[name], strict=True):
            [ids] = tokenizer.ids([document.text])
            read = [tokenizer.cls_id, *ids[:10], tokenizer.sep_id]
            assert row == {
                "id": document.id,
                "rows": [read],
                "label": CORPUS.labels.index(str(document.label)),
                "n_tokens": len(ids) + 2,
                "n_cut": len(ids) + 2 - len(read),
                "n_rows": 1,
                "n_computed": len(read),
            }
    assert prepared.splits["train"].features == Features(
        {
            "id": Value("string"),
            "rows": List(List(Value("int32"))),
            **dict.fromkeys(["label", "n_tokens", "n_cut", "n_rows", "n_computed"], Value("int64")),
        }
    )
    assert prepared.splits["train"].cache_files  # mapped from the disk


def test_the_summary(tokenizer: TextTokenizer, tmp_path: Path) -> None:
    prepared = prepare(CORPUS, tokenizer=tokenizer, data=FILES, max_tokens=12, cache=tmp_path)
    assert prepared.summary == {
        "source": "my set/1",
        "inputs": {"mine.csv": "0123"},
        "contents": {name: content_hash(documents) for name, documents in CORPUS.splits.items()},
        "labels": ["a", "b"],
        "notes": ["a note"],
        "leaks": [
            "leak: documents of test that are in train, too: 1 of 2 (test:1); figures of test are "
            "not those of new documents",
        ],
        "warnings": [
            "leak: documents of test that are in train, too: 1 of 2 (test:1); figures of test are "
            "not those of new documents",
            "a warning",
            "texts with more than one label: 1 (train:0 'b' and test:1 'a')",
        ],
        "tokenizer": tokenizer.fingerprint,
        "max_tokens": 12,
        "beyond": "truncate",
        "tokens": {
            "train": {"5": 2, "25": 3, "50": 4, "75": 7, "95": 62, "100": 62},
            "test": {"5": 4, "25": 4, "50": 4, "75": 4, "95": 4, "100": 4},
        },
        "truncated": {"train": pytest.approx(1 / 6), "test": 0.0},
        "chunked": {"train": 0.0, "test": 0.0},
        "rows": {"train": 6, "test": 2},
        "overall": {
            "n_documents": 8,
            "documents": {"a": 4, "b": 4},
            "tokens": {"5": 2, "25": 4, "50": 4, "75": 6, "95": 62, "100": 62},
            "longer": 1 / 8,
            "contradictory": 1,
        },
        "documents": {"train": {"a": 3, "b": 3}, "test": {"a": 1, "b": 1}},
        "empty": {"train": 1, "test": 0},
        "duplicates": {"train": 0, "test": 0},
        "shared": {"test in train": 1},
    }
    assert json.loads(json.dumps(prepared.summary)) == prepared.summary


def test_long_documents_in_chunks(tokenizer: TextTokenizer, tmp_path: Path) -> None:
    chunked = DataTable(beyond="chunk")
    prepared = prepare(CORPUS, tokenizer=tokenizer, data=chunked, max_tokens=12, cache=tmp_path)
    summary = prepared.summary
    assert summary["beyond"] == "chunk"
    assert summary["truncated"] == {"train": 0.0, "test": 0.0}
    assert summary["chunked"] == {"train": pytest.approx(1 / 6), "test": 0.0}
    assert summary["rows"] == {"train": 5 + 6, "test": 2}  # 60 tokens, 10 a row
    [long] = [row for row in prepared.splits["train"] if row["n_rows"] > 1]
    assert long["n_computed"] == 60 + 2 * 6


def test_questions_in_their_parts(tokenizer: TextTokenizer, tmp_path: Path) -> None:
    record = '{"query": "a_state x", "candidates": ["war", "tax"], "supports": ["law law", "war"]}'
    answered = record[:-1] + ', "answer": "tax"}'
    lines = io.BytesIO(f"{record}\n{answered}".encode())
    questions = [*read_questions(lines, lines=True)]
    corpus = Corpus("wikihop", {"train": [*questions]}, labels=(), inputs={}, has_classes=False)
    wikihop = DataTable(set="wikihop")
    prepared = prepare(corpus, tokenizer=tokenizer, data=wikihop, max_tokens=16, cache=tmp_path)
    [war], [tax], [law] = tokenizer.ids(WORDS)
    first, second = prepared.splits["train"]
    assert first["candidates"] == [[war], [tax]]
    assert first["supports"] == [[law, law], [war]]
    assert (first["label"], second["label"]) == (-1, 1)
    # The front: [CLS] [question] a state x [/question] and two candidates of three tokens.
    assert len(first["query"]) == 3
    assert (first["n_tokens"], first["n_cut"]) == (12 + 7, 0)
    assert (first["n_rows"], first["n_computed"]) == (2, 2 * 12 + 7)
    assert prepared.summary["documents"] == {"train": {"question": 2}}
    assert prepared.summary["chunked"] == {"train": 1.0}
    assert prepared.labels == ()


def test_many_documents_come_in_batches(
    tokenizer: TextTokenizer, tmp_path: Path, work: list[int]
) -> None:
    texts = ["x " * 400_000] * 2 + ["the law"] * 150 + [""] * 2
    many = replace(CORPUS, splits={"train": documents("train", texts)})
    with hearing() as heard:
        prepared = prepare(many, tokenizer=tokenizer, data=FILES, max_tokens=12, cache=tmp_path)
    assert (heard.loops, heard.done) == ([("tokenised document", 154)], [2, 66, 130, 154])
    assert work[:3] == [2, 64, 64]
    assert sum(work) == len(texts)
    assert prepared.splits["train"]["id"] == [document.id for document in many.splits["train"]]
    assert prepared.splits["train"]["n_tokens"] == [400_002] * 2 + [4] * 150 + [2] * 2


def test_a_second_call_opens_what_is_there(
    tokenizer: TextTokenizer, tmp_path: Path, work: list[int]
) -> None:
    first = prepare(CORPUS, tokenizer=tokenizer, data=FILES, max_tokens=12, cache=tmp_path)
    assert sum(work) == 8
    second = prepare(CORPUS, tokenizer=tokenizer, data=FILES, max_tokens=12, cache=tmp_path)
    assert sum(work) == 8
    assert (second.folder, second.summary) == (first.folder, first.summary)
    assert second.splits["train"].to_list() == first.splits["train"].to_list()
    forced = prepare(
        CORPUS, tokenizer=tokenizer, data=FILES, max_tokens=12, cache=tmp_path, force=True
    )
    assert sum(work) == 16
    assert forced.splits["test"].to_list() == first.splits["test"].to_list()


def test_another_content_has_another_folder(
    tokenizers: tuple[TextTokenizer, ...], tmp_path: Path
) -> None:
    train = CORPUS.splits["train"]
    contents = [
        CORPUS,
        replace(CORPUS, labels=("b", "a")),
        replace(CORPUS, inputs={}),
        replace(CORPUS, notes=CORPUS.facts),
        replace(CORPUS, notes=CORPUS.warnings),
        replace(CORPUS, splits={"train": train}),
        replace(CORPUS, splits={"train": train[::-1], "test": CORPUS.splits["test"]}),
        replace(CORPUS, splits={"test": train, "train": CORPUS.splits["test"]}),
    ]
    choices = [(corpus, tokenizers[0], FILES, 12) for corpus in contents]
    choices += [(CORPUS, tokenizers[0], FILES, 13), (CORPUS, tokenizers[1], FILES, 12)]
    choices += [
        (CORPUS, tokenizers[0], DataTable(beyond="head+tail"), 12),
        (CORPUS, tokenizers[0], DataTable(beyond="chunk"), 12),
        (CORPUS, tokenizers[0], DataTable(beyond="chunk", max_chunks=2), 12),
    ]
    folders = {
        prepare(
            corpus, tokenizer=tokenizer, data=data, max_tokens=max_tokens, cache=tmp_path
        ).folder
        for corpus, tokenizer, data, max_tokens in choices
    }
    assert len(folders) == len(choices)


@pytest.mark.parametrize("name", ["train.arrow", "test.arrow", "summary.json", "MANIFEST.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_folder_is_noticed_and_made_again(
    tokenizer: TextTokenizer, tmp_path: Path, name: str, damage: str
) -> None:
    sound = prepare(CORPUS, tokenizer=tokenizer, data=FILES, max_tokens=12, cache=tmp_path)
    rows = sound.splits["train"].to_list()
    path = sound.folder / name
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage == "flip":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CorruptFileError, match=str(sound.folder)):
        load_prepared(sound.folder)
    again = prepare(CORPUS, tokenizer=tokenizer, data=FILES, max_tokens=12, cache=tmp_path)
    assert again.folder == sound.folder
    assert again.splits["train"].to_list() == rows


def test_a_folder_can_be_opened_by_its_path(tokenizer: TextTokenizer, tmp_path: Path) -> None:
    prepared = prepare(
        CORPUS, tokenizer=tokenizer, data=FILES, max_tokens=12, cache=tmp_path / "new" / "cache"
    )
    opened = load_prepared(prepared.folder)
    assert (opened.labels, opened.summary) == (prepared.labels, prepared.summary)
    assert opened.splits["test"].to_list() == prepared.splits["test"].to_list()
    with pytest.raises(CorruptFileError, match="nowhere"):
        load_prepared(tmp_path / "nowhere")


def test_a_stop_leaves_nothing_behind(tokenizer: TextTokenizer, tmp_path: Path) -> None:
    asked = []

    def stop() -> None:
        asked.append(1)
        if len(asked) == 2:
            raise Interrupted("stopped", signal_number=15)

    with pytest.raises(Interrupted):
        prepare(CORPUS, tokenizer=tokenizer, data=FILES, max_tokens=12, cache=tmp_path, stop=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written(tokenizer: TextTokenizer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match=str(tmp_path / "file")):
        prepare(
            CORPUS,
            tokenizer=tokenizer,
            data=FILES,
            max_tokens=12,
            cache=tmp_path / "file" / "cache",
        )


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PREFPROP_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("PREFPROP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert "prefprop" in default_cache().parts[-1]


def test_the_package_prepares_silently_and_without_torch(
    tokenizer: TextTokenizer, tmp_path: Path
) -> None:
    (tmp_path / "tokenizer").mkdir()
    tokenizer.save(tmp_path / "tokenizer")
    (tmp_path / "data.csv").write_text(
        "text,label\n" + "".join(f"law {i},{i % 2}\n" for i in range(40))
    )
    script = """
import sys
from pathlib import Path
from prefprop_cli.config.schema import DataTable
from prefprop_cli.data import read_corpus
from prefprop_cli.data.prepare import prepare
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.tables import SETS, TASKS
readers, tasks = list(SETS.values()), list(TASKS.values())
import prefprop_cli.data.texts
root = Path(sys.argv[1])
corpus = read_corpus(DataTable(source=str(root / "data.csv"), split_seed=1))
tokenizer = TextTokenizer.load(root / "tokenizer")
form = TASKS["classification"].form(
    DataTable(), labels=corpus.labels, tokenizer=tokenizer, max_tokens=9
)
prepare(corpus, form=form, cache=root / "cache")
assert "torch" not in sys.modules
assert "transformers" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
