import json
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data import read_corpus
from prefprop_cli.data.audit import Audit
from prefprop_cli.data.corpus import Corpus
from prefprop_cli.data.sets.hyperpartisan import (
    ARTICLE_FILE,
    LABEL_FILE,
    REFERENCE_FILE,
    read_articles,
    read_labels,
)
from prefprop_cli.errors import CorruptFileError, DataError

LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
<articles><article id="1">&b;</article></articles>"""
EXTERNAL = '<!DOCTYPE x SYSTEM "file:///etc/passwd"><articles/>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sixty articles of the original form; 58 and 59 have the text of 0."""
    articles = [
        f'<article id="{i:07d}" title="not text"><p>Story {i if i < 58 else 0}: &amp; '
        f'<a href="http://x">link</a> sooo</p>\n either/or</article>'
        for i in range(60)
    ]
    labels = [
        f'<article hyperpartisan="{"true" if i % 3 == 0 or i > 57 else "false"}" id="{i:07d}"/>'
        for i in range(60)
    ]
    xml = '<?xml version="1.0" encoding="UTF-8"?><articles>{}</articles>'
    (tmp_path / ARTICLE_FILE).write_text(xml.format("\n".join(articles)))
    (tmp_path / LABEL_FILE).write_text(xml.format("\n".join(reversed(labels))))
    parts = {"train": list(range(40)), "dev": list(range(35, 48)), "test": [0, 1, 2, 47, 50, 58]}
    (tmp_path / REFERENCE_FILE).write_text(json.dumps(parts))
    return tmp_path


def read(folder: Path, **options: object) -> Corpus:
    return read_corpus(DataTable(set="hyperpartisan", source=str(folder), **options))


def write(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def test_articles_are_cleaned_and_labelled_by_id(folder: Path) -> None:
    corpus = read(folder)
    assert corpus.labels == ("false", "true")
    documents = {d.id: d for part in corpus.splits.values() for d in part}
    assert documents["0000007"].text == "Story 7: & link so"
    assert len(documents) == 60
    assert all(
        (d.label == "true") == (int(id) % 3 == 0 or int(id) > 57) for id, d in documents.items()
    )
    assert set(corpus.inputs) == {ARTICLE_FILE, LABEL_FILE}


@pytest.mark.parametrize("seed", range(5))
def test_the_default_split_has_no_text_twice(folder: Path, seed: int) -> None:
    corpus = read(folder, split_seed=seed)
    assert corpus.name == "hyperpartisan-dedup"
    assert corpus.splits == read(folder, split="dedup", split_seed=seed).splits
    assert list(corpus.splits) == ["train", "validation", "test"]
    assert set(Audit(corpus).counts["shared"].values()) == {0}  # type: ignore[attr-defined]


def test_five_folds(folder: Path) -> None:
    folds = [read(folder, split="kfold5", fold=fold).splits for fold in range(5)]
    tests = [{d.id for d in splits["test"]} for splits in folds]
    assert sum(map(len, tests)) == len(set.union(*tests)) == 60
    for splits in folds:
        assert len(splits["validation"]) in (5, 6, 7)
        assert sum(map(len, splits.values())) == 60
    with pytest.raises(DataError, match="there are 5 folds"):
        read(folder, split="kfold5", fold=5)


def test_the_reference_split_tells_its_leak(folder: Path) -> None:
    corpus = read(folder, split="reference")
    assert {name: len(part) for name, part in corpus.splits.items()} == {
        "train": 40, "validation": 13, "test": 6,
    }  # fmt: skip
    # 0, 1, 2 and 58 (the text of 0) are in train, 47 is in validation.
    assert corpus.facts == ("10 of 60 articles are in no split",)
    assert [told.split(" (")[0] for told in Audit(corpus).warnings[:3]] == [
        "leak: documents of validation that are in train, too: 5 of 13",
        "leak: documents of test that are in train, too: 4 of 6",
        "leak: documents of test that are in validation, too: 1 of 6",
    ]
    assert REFERENCE_FILE in corpus.inputs


def test_splits_that_are_not_there(folder: Path) -> None:
    with pytest.raises(DataError, match="hyperpartisan has default, dedup, kfold5, reference"):
        read(folder, split="random")
    (folder / REFERENCE_FILE).write_text('{"train": [0], "dev": [1], "test": [99]}')
    with pytest.raises(DataError, match=f"{REFERENCE_FILE}: not a list of articles for each"):
        read(folder, split="reference")
    (folder / REFERENCE_FILE).unlink()
    with pytest.raises(DataError, match=f"{REFERENCE_FILE}: no such file"):
        read(folder, split="reference")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("no JSON", "hp-splits.json:1:1: not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[1, 2]", "not a list of articles for each split"),
        ('{"train": [1], "dev": [2]}', "not a list of articles for each split: 'test'"),
        ('{"train": [1.5], "dev": [2], "test": [3]}', "not a list of articles .*'1.5'"),
        ('{"train": [[1]], "dev": [2], "test": [3]}', "not a list of articles"),
        ('{"train": 5, "dev": [2], "test": [3]}', "not a list of articles"),
    ],
)
def test_splits_of_another_form(folder: Path, content: str, problem: str) -> None:
    (folder / REFERENCE_FILE).write_text(content)
    with pytest.raises(DataError, match=problem):
        read(folder, split="reference")


@pytest.mark.parametrize("id", ["abc", "", "12.0", "-7", "²"])
def test_articles_without_a_number_are_in_no_reference_split(folder: Path, id: str) -> None:
    for name in (ARTICLE_FILE, LABEL_FILE):
        content = (folder / name).read_text()
        (folder / name).write_text(content.replace('id="0000055"', f'id="{id}"'))
    assert sum(map(len, read(folder).splits.values())) == 60
    with pytest.raises(DataError, match=f"names articles by number, and one has the id '{id}'"):
        read(folder, split="reference")


@pytest.mark.parametrize("name", [ARTICLE_FILE, LABEL_FILE])
def test_an_id_stands_for_one_article(folder: Path, name: str) -> None:
    content = (folder / name).read_text()
    (folder / name).write_text(content.replace('id="0000055"', 'id="0000054"'))
    with pytest.raises(DataError, match=f"{name}: two articles with the id '0000054'"):
        read(folder)


def test_files_that_do_not_belong_together(folder: Path) -> None:
    articles = (folder / ARTICLE_FILE).read_text()
    (folder / ARTICLE_FILE).write_text(articles.replace('id="0000003"', 'id="0000103"'))
    with pytest.raises(DataError, match="2 articles have a text or a label, not both: 0000003, 00"):
        read(folder)
    (folder / ARTICLE_FILE).unlink()
    with pytest.raises(DataError, match=f"{ARTICLE_FILE}: no such file"):
        read(folder)


@pytest.mark.parametrize("content", [LAUGHS, EXTERNAL, "<!DOCTYPE x><articles/>"])
def test_any_document_type_is_refused_at_once(tmp_path: Path, content: str) -> None:
    path = write(tmp_path / "a.xml", content)
    start = time.process_time()
    with pytest.raises(CorruptFileError, match=r"a.xml:\d: a document type declaration"):
        list(read_articles(path))
    assert time.process_time() - start < 0.1


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ('<articles><article id="1">text', "1:31: not well-formed XML: no element found"),
        ('<articles>\n<article id="1"></p></article></articles>', "2:19: .* mismatched tag"),
        ("", "1:1: not well-formed XML: no element found"),
        ("<articles>&undefined;</articles>", "1:11: .* undefined entity"),
    ],
)
def test_damaged_xml_is_named_with_its_place(tmp_path: Path, content: str, place: str) -> None:
    path = write(tmp_path / "a.xml", content)
    with pytest.raises(CorruptFileError, match=rf"a.xml:{place}"):
        list(read_articles(path))


def test_articles_without_what_they_need(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xml", "<articles><article>text</article></articles>")
    with pytest.raises(DataError, match="an article without id; found nothing"):
        list(read_articles(path))
    path = write(tmp_path / "b.xml", '<articles><article id="1"/></articles>')
    with pytest.raises(DataError, match="an article without hyperpartisan"):
        list(read_labels(path))
    path = write(tmp_path / "c.xml", '<a><article id="1" hyperpartisan="maybe"/></a>')
    with pytest.raises(DataError, match='hyperpartisan="maybe"; expected true or false'):
        list(read_labels(path))


def test_deep_nesting_is_read(tmp_path: Path) -> None:
    depth = 100_000
    content = "<p>" * depth + "text" + "</p>" * depth
    path = write(tmp_path / "a.xml", f'<articles><article id="1">{content}</article></articles>')
    assert list(read_articles(path)) == [("1", "text")]


def test_a_large_file_is_streamed(tmp_path: Path) -> None:
    article = '<article id="1"><p>' + "word " * 2_000 + "</p></article>\n"
    path = write(tmp_path / "a.xml", f"<articles>{article * 2_000}</articles>")
    assert path.stat().st_size > 20_000_000
    tracemalloc.start()
    assert _count(read_articles(path)) == 2_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def _count(articles: Iterator[tuple[str, str]]) -> int:
    return sum(1 for _ in articles)


@pytest.mark.shared
def test_the_real_articles(shared: Path) -> None:
    corpus = read(shared / "data/hyperpartisan")
    assert [len(part) for part in corpus.splits.values()] == [516, 64, 65]
    documents = [d for part in corpus.splits.values() for d in part]
    assert Counter(d.label for d in documents) == {"true": 238, "false": 407}
    assert len({d.text for d in documents}) == 643
    assert sum(Audit(corpus).counts["duplicates"].values()) == 2  # type: ignore[attr-defined]
    assert set(Audit(corpus).counts["shared"].values()) == {0}  # type: ignore[attr-defined]


@pytest.mark.shared
def test_the_leak_of_the_real_reference_split(shared: Path) -> None:
    corpus = read(shared / "data/hyperpartisan", split="reference")
    assert [len(part) for part in corpus.splits.values()] == [516, 64, 65]
    assert Audit(corpus).counts["shared"] == {
        "validation in train": 0, "test in train": 51, "test in validation": 7,
    }  # fmt: skip
    assert corpus.facts == ("58 of 645 articles are in no split",)
    told = Audit(corpus).warnings[0]
    assert told.startswith("leak: documents of test that are in train, too: 51 of 65")
