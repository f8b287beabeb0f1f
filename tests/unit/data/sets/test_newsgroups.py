import io
import re
import tarfile
from collections import Counter
from collections.abc import Callable
from http.client import IncompleteRead
from pathlib import Path
from types import SimpleNamespace

import pytest
from sklearn.datasets import _twenty_newsgroups as scikit_learn

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data import read_corpus
from prefprop_cli.data.corpus import Corpus
from prefprop_cli.errors import CorruptFileError, DataError
from tests.helpers.heard import hearing

POST = """From: someone@example.org
Subject: a café

In article <1@x> someone else writes:
> the quoted part
The answer, café number {number}.

--
A signature
"""
GROUPS = ("sci.space", "rec.autos")
Posts = dict[str, bytes]


@pytest.fixture
def posts() -> Posts:
    """Ten training and twenty test posts by path, the first of which is empty but for a header."""
    paths = [f"20news-bydate-train/{GROUPS[i % 2]}/{i}" for i in range(10)]
    paths += [f"20news-bydate-test/{GROUPS[i % 2]}/{i}" for i in range(10, 30)]
    content = {path: POST.format(number=Path(path).name).encode("latin-1") for path in paths}
    same = dict.fromkeys(paths[10:15], POST.format(number=10).encode("latin-1"))
    return content | same | {paths[0]: b"Subject: nothing\n\n> quoted\n"}


def archive(folder: Path, posts: Posts) -> Path:
    path = folder / "20news-bydate.tar.gz"
    with tarfile.open(path, "w:gz") as target:
        for name, content in posts.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            target.addfile(info, io.BytesIO(content))
    return path


def unpack(folder: Path, posts: Posts) -> Path:
    for name, content in posts.items():
        path = folder / "20news" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / "20news"


def test_files_are_counted_as_they_are_read(tmp_path: Path, posts: Posts) -> None:
    with hearing() as heard:
        read_corpus(DataTable(set="newsgroups", source=str(archive(tmp_path, posts))))
    assert heard.loops == [("file", None)]
    assert heard.done == list(range(1, len(posts) + 1))


def test_the_archive_in_three_splits(tmp_path: Path, posts: Posts) -> None:
    path = archive(tmp_path, posts)
    corpus = read_corpus(DataTable(set="newsgroups", source=str(path)))
    assert corpus.labels == ("rec.autos", "sci.space")
    assert {name: Counter(d.label for d in part) for name, part in corpus.splits.items()} == {
        "train": {"sci.space": 5, "rec.autos": 5},
        "validation": {"sci.space": 5, "rec.autos": 5},
        "test": {"sci.space": 5, "rec.autos": 5},
    }
    first, second = corpus.splits["train"][:2]
    assert (first.id, first.text.strip()) == ("sci.space/0", "")
    assert (second.id, second.text) == ("rec.autos/1", "The answer, café number 1.\n")
    assert "documents without text, which are kept: 1 (sci.space/0)" in corpus.warnings
    assert list(corpus.inputs) == [path.name]


def test_folder_archive_and_download_give_the_same(
    tmp_path: Path, posts: Posts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(*, subset: str, shuffle: bool) -> SimpleNamespace:
        part = {name: text for name, text in posts.items() if subset in name}
        assert not shuffle
        return SimpleNamespace(
            filenames=[f"/home/x/{name}" for name in part],
            data=[text.decode("latin-1") for text in part.values()],
        )

    monkeypatch.setattr(scikit_learn, "fetch_20newsgroups", fetch)
    sources = [str(archive(tmp_path, posts)), str(unpack(tmp_path, posts)), None]
    corpora = [read_corpus(DataTable(set="newsgroups", source=source)) for source in sources]
    by_id = [
        {name: sorted(part, key=lambda d: d.id) for name, part in corpus.splits.items()}
        for corpus in corpora
    ]
    assert by_id[0] == by_id[1] == by_id[2]
    assert set(corpora[2].inputs) == {"train", "test"}


def test_hidden_files_are_no_posts(tmp_path: Path, posts: Posts) -> None:
    """A Mac puts them into folders that are looked at, and into archives."""
    part, group = "20news-bydate-train", "20news-bydate-train/sci.space"
    hidden = [f"{group}/._0", f"{group}/.DS_Store", f"{part}/._sci.space", f"{part}/.svn/x",
              f".cache/{group}/7"]  # fmt: skip
    more = posts | dict.fromkeys(hidden, b"Subject: none\n\nno post\n")
    for name, make in {"archive": archive, "folder": unpack}.items():
        plain, made = tmp_path / name / "plain", tmp_path / name / "made"
        plain.mkdir(parents=True), made.mkdir()
        found, expected = (
            read_corpus(DataTable(set="newsgroups", source=str(make(folder, files))))
            for folder, files in ((made, more), (plain, posts))
        )
        assert (found.splits, found.notes) == (expected.splits, expected.notes)


@pytest.mark.parametrize("make", [archive, unpack])
def test_files_in_other_places_are_left_out_and_told(
    tmp_path: Path, posts: Posts, make: Callable[[Path, Posts], Path]
) -> None:
    others = ["20news-bydate-train/sci.space/old/1", "20news-bydate-test/LICENSE"]
    source = make(tmp_path, posts | dict.fromkeys(others, b"x"))
    corpus = read_corpus(DataTable(set="newsgroups", source=str(source)))
    assert sum(map(len, corpus.splits.values())) == 30
    assert any(
        note.startswith("2 files are no <group>/<number> and are left out: 20news-bydate-")
        for note in corpus.facts
    )


@pytest.mark.parametrize("error", [OSError("no route"), IncompleteRead(b"")])
def test_without_network_the_source_is_named(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(scikit_learn, "fetch_20newsgroups", fail)
    with pytest.raises(
        DataError, match=rf"{re.escape(str(error))}.*data.source .*20news-bydate.tar.gz"
    ):
        read_corpus(DataTable(set="newsgroups"))


def test_other_and_hostile_sources(tmp_path: Path, posts: Posts) -> None:
    train = {name: content for name, content in posts.items() if "train" in name}
    with pytest.raises(DataError, match="are not both in it; expected 20news-bydate"):
        read_corpus(DataTable(set="newsgroups", source=str(archive(tmp_path, train))))
    hostile = archive(tmp_path, posts | {"20news-bydate-test/../../x/1": b""})
    with pytest.raises(CorruptFileError, match="not a plain file"):
        read_corpus(DataTable(set="newsgroups", source=str(hostile)))
    with pytest.raises(DataError, match="no such file or folder; expected 20news-bydate"):
        read_corpus(DataTable(set="newsgroups", source="nowhere"))


@pytest.fixture(scope="module")
def real(shared: Path) -> Corpus:
    source = shared / "data/20news-bydate.tar.gz"
    return read_corpus(DataTable(set="newsgroups", source=str(source)))


@pytest.mark.shared
def test_the_real_posts(real: Corpus) -> None:
    assert [len(part) for part in real.splits.values()] == [11_314, 3_766, 3_766]
    assert len(real.labels) == 20
    validation, test = (
        Counter(d.label for d in real.splits[name]) for name in ("validation", "test")
    )
    assert all(abs(validation[label] - test[label]) <= 1 for label in real.labels)
    n_words = sorted(len(d.text.split()) for part in real.splits.values() for d in part)
    assert n_words[len(n_words) // 2] == 83
    assert sum(n > 512 for n in n_words) / len(n_words) == pytest.approx(0.057, abs=0.0005)
    assert sum(n > 4096 for n in n_words) / len(n_words) == pytest.approx(0.004, abs=0.0005)
    assert sum(n == 0 for n in n_words) == 516


@pytest.mark.shared
def test_the_published_figure_of_scikit_learn(real: Corpus) -> None:
    """The documentation of scikit-learn gives macro-F1 0.76995 for four groups, stripped."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.metrics import f1_score
    from sklearn.naive_bayes import MultinomialNB

    groups = ("alt.atheism", "talk.religion.misc", "comp.graphics", "sci.space")
    train = [d for d in real.splits["train"] if d.label in groups]
    test = [d for d in real.splits["validation"] + real.splits["test"] if d.label in groups]
    vectorizer = TfidfVectorizer()
    model = MultinomialNB(alpha=0.01)
    model.fit(vectorizer.fit_transform([d.text for d in train]), [d.label for d in train])
    predicted = model.predict(vectorizer.transform([d.text for d in test]))
    score = f1_score([d.label for d in test], predicted, average="macro")
    assert score == pytest.approx(0.76995175, abs=1e-8)
