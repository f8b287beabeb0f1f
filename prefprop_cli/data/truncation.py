"""What is read of a text that is longer than the room for it; token ids in, token ids out."""

from collections.abc import Sequence
from itertools import pairwise

from prefprop_cli.tables import Truncation

Ids = Sequence[int]


def pieces(
    ids: Ids, *, room: int, truncation: Truncation = "truncate", max_chunks: int | None = None
) -> list[Ids]:
    """The parts of a text that are read, in order; each becomes a row.

    `truncate` reads the beginning, `head+tail` the beginning and the end, half of the room each
    (the beginning has the odd token), `chunk` all of it.

    Args:
        ids: tokens of the text, without special tokens.
        room: most tokens of a part.
        truncation: what is read of a text longer than that.
        max_chunks: most parts; of a text with more, what lies behind is not read.

    Returns:
        One part, possibly empty, or with `chunk` as many as it takes.
    """
    if truncation == "chunk":
        return chunks(ids if max_chunks is None else ids[: max_chunks * room], room=room)
    if truncation == "truncate" or len(ids) <= room:
        return [ids[:room]]
    return [[*ids[: room - room // 2], *ids[len(ids) - room // 2 :]]]


def chunks(ids: Ids, *, room: int) -> list[Ids]:
    """The tokens in as few parts as fit, their lengths equal to within one, the longer ones first.

    Put together again the parts are `ids`; of no tokens there is one part, an empty one.
    """
    n_chunks = max(1, -(-len(ids) // room))
    length, n_longer = divmod(len(ids), n_chunks)
    cuts = [number * length + min(number, n_longer) for number in range(n_chunks + 1)]
    return [ids[start:end] for start, end in pairwise(cuts)]
