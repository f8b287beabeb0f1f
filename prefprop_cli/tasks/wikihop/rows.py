"""A question with its candidates and supports as rows of tokens; token ids in, token ids out.

```
[CLS] [question] q [/question] [ent] c1 [/ent] … [ent] cN [/ent]    the front, in every row, global
[SEP] support [SEP] [SEP] support [SEP] …                           cut into chunks, one per row
```

The four markers are no words of the tokenizer: they have the ids -1 to -4, which no text can give,
so a text that spells `[ent]` cannot add a candidate. Where the candidates stand is known from the
construction.

Source: Beltagy et al. (2020), section 6 and appendix (arXiv 2004.05150).
"""

from bisect import bisect_right
from collections.abc import Sequence

from prefprop_cli.data.form import Row
from prefprop_cli.data.truncation import Ids, chunks
from prefprop_cli.errors import DataError

MARKERS = (QUESTION, END_QUESTION, ENT, END_ENT) = (-1, -2, -3, -4)
"""Their trained embeddings are kept in this order: that of marker m is row -1 - m."""
SUPPORTS_SHARE = 4  # the supports get at least a quarter of a row, if they need it


def question_rows(
    query: Ids,
    candidates: Sequence[Ids],
    supports: Sequence[Ids],
    *,
    max_tokens: int,
    cls_id: int,
    sep_id: int,
) -> tuple[list[Row], int]:
    """Build the rows of a question, as few as its supports need, with chunks of equal length.

    Where query and candidates leave less than a quarter of a row to supports that need it, the
    longest of them are shortened to one length. How many rows there are and how long they are does
    not depend on the order of candidates and supports.

    Returns:
        The rows, whose positions are those of each candidate's `[ent]`, and how many tokens of
        query and candidates found no room; of the supports none is cut.

    Raises:
        DataError: the candidates leave no room even at one token each.
    """
    stream = [token for support in supports for token in (sep_id, *support, sep_id)] or [sep_id]
    room = max_tokens - min(len(stream), -(-max_tokens // SUPPORTS_SHARE))
    parts = [query, *candidates]
    short_query, *short = shortened = _shortened(parts, room=room - 1 - 2 * len(parts))
    front = [cls_id, QUESTION, *short_query, END_QUESTION]
    positions = []
    for candidate in short:
        positions.append(len(front))
        front += [ENT, *candidate, END_ENT]
    supported = chunks(stream, room=max_tokens - len(front))
    rows = [Row([*front, *chunk], len(front), positions) for chunk in supported]
    return rows, sum(map(len, parts)) - sum(map(len, shortened))


def _shortened(parts: Sequence[Ids], *, room: int) -> list[Ids]:
    """The parts, those longer than some length cut to it, the largest at which all fit."""
    lengths = [len(part) for part in parts]

    def total(most: int) -> int:
        return sum(min(length, most) for length in lengths)

    most = bisect_right(range(max(lengths) + 1), room, key=total) - 1
    if most < min(1, max(lengths)):
        raise DataError(
            f"{len(parts) - 1} candidates need {total(1) - room} positions more than a row has, "
            "even at one token each. Use a larger data.max_length"
        )
    return [part[:most] for part in parts]
