import re
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefprop_cli.data.cleaning import clean_article

PIECES = [*"abA1_é²-!?./ \t\n\r\u00a0\u0301", "aaa", "---", "!!!", "http", "www", "href", "&#160;"]


def plain(text: str) -> str:
    """The published rules one after another, with no thought of speed."""
    text = re.sub(r"[a-zA-Z]+/[a-zA-Z]+", " ", text)
    text = re.sub(r"\n", " ", text)
    text = re.sub(r"&#160;", "", text)
    for start in ("http", "www", "href"):
        text = re.sub(start + r"\S+", "", text)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"([!?.]){2,}", r"\1", text)
    text = re.sub(r"\b(\S*?)(.)\2{2,}\b", r"\1\2", text, flags=re.DOTALL)
    return text.strip()


@settings(max_examples=1500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=16).map("".join))
def test_is_the_plain_rules(text: str) -> None:
    assert clean_article(text) == plain(text)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("see http://a.b/c now", "see now"),
        ("either/or, 1/2", ", 1/2"),
        ("one\n\n two&#160;three\t", "one twothree"),
        ("What?!?! Well...", "What! Well."),
        ("sooo long, well---known", "so long, well-known"),
        ("---known stays, aaab stays", "---known stays, aaab stays"),
    ],
)
def test_examples(text: str, cleaned: str) -> None:
    assert clean_article(text) == cleaned


@pytest.mark.parametrize("unit", ["a-", "a", "-", "!", "!!! ", "a---", "x---+++", "a/", "http "])
@pytest.mark.parametrize(("start", "end"), [("", ""), ("x", " "), ("", "b")])
def test_time_is_linear_in_the_length(unit: str, start: str, end: str) -> None:
    # The published expressions need minutes for 100 kB of some of these.
    assert _seconds(start + unit * (100_000 // len(unit)) + end) < 1


def test_10_mb_take_seconds() -> None:
    assert _seconds("a-" * 5_000_000) < 6  # about 1.3 s


def _seconds(text: str) -> float:
    start = time.process_time()
    clean_article(text)
    return time.process_time() - start


@pytest.mark.shared
def test_the_same_result_on_the_real_articles(shared: Path) -> None:
    path = shared / "data/hyperpartisan/articles-training-byarticle-20181122.xml"
    articles = ElementTree.parse(path).getroot().findall("article")
    assert len(articles) == 645
    for article in articles:
        text = "".join(article.itertext())
        assert clean_article(text) == plain(text)
