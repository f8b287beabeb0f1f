"""The cleaning of Hyperpartisan articles by Beltagy et al. (2020), in linear time.

Two of the published expressions are quadratic on a long word; here the same rules look at each
character a fixed number of times. A run is only tried from its first character, which the
lookbehinds ensure.
"""

import re

_WORD_PAIR = re.compile(r"(?<![a-zA-Z])[a-zA-Z]++/[a-zA-Z]+")
_LINKS = [re.compile(start + r"\S+") for start in ("http", "www", "href")]
_SPACES = re.compile(r"\s+")
_ALL_BUT_LAST_MARK = re.compile(r"[!?.]+(?=[!?.])")
_REST_OF_LETTER_RUN = re.compile(r"(?<=(\w))(?<!\1\1)\1\1++(?!\w)")
_SIGNS_BEFORE_WORD_OR_SIGN_RUN = re.compile(
    r"((?<!\S)[^\w\s]++(?=\w))|([^\w\s])(?<!\2\2)\2\2++(?=\w)"
)


def clean_article(text: str) -> str:
    """Return the article on one line, without links, remains of markup and stretched words.

    In this order: two words joined by a slash become a space, newlines become spaces, `&#160;`
    and whatever starts with http, www or href goes, white space shrinks to one space, repeated
    `!?.` to the last of them, and a character that stands three or more times in a row to one
    where a word boundary follows it (and a word boundary comes before it in the same token).

    Source: Beltagy, Peters, Cohan (2020), arXiv 2004.05150; their preprocessing of the articles
    of SemEval-2019 task 4.
    """
    text = _WORD_PAIR.sub(" ", text).replace("\n", " ").replace("&#160;", "")
    for link in _LINKS:
        text = link.sub("", text)
    text = _ALL_BUT_LAST_MARK.sub("", _SPACES.sub(" ", text))
    text = _SIGNS_BEFORE_WORD_OR_SIGN_RUN.sub(r"\1\2", _REST_OF_LETTER_RUN.sub("", text))
    return text.strip()
