"""What is read of a text that is longer than the room for it; token ids in, token ids out."""

from collections.abc import Sequence
from itertools import pairwise

from prefprop_cli.tables import Truncation

Ids = Sequence[int]


def pieces(
    ids: Ids, *, room: int, truncation: Truncation = "truncate", max_chunks: int | None = None
) -> list[Ids]:
    """Return the parts of a text that are read, in order; each becomes a row.

    `truncate` reads the beginning, `head+tail` the beginning and the end, half of the room each
    (the beginning has the odd token), `chunk` all of it, or what `max_chunks` parts hold. Of no
    tokens there is one part, an empty one.
    """
    if truncation == "chunk":
        return chunks(ids if max_chunks is None else ids[: max_chunks * room], room=room)
    if truncation == "truncate" or len(ids) <= room:
        return [ids[:room]]
    return [[*ids[: room - room // 2], *ids[len(ids) - room // 2 :]]]


def chunks(ids: Ids, *, room: int) -> list[Ids]:
    """Cut tokens into as few parts as fit, of one length to within one, longer ones first."""
    n_chunks = max(1, -(-len(ids) // room))
    length, n_longer = divmod(len(ids), n_chunks)
    cuts = [number * length + min(number, n_longer) for number in range(n_chunks + 1)]
    return [ids[start:end] for start, end in pairwise(cuts)]
