"""Speed on documents as long as those of a real set, in batches as training makes them.

    python benchmarks/real_lengths.py newsgroups [--shape minilm] [--pad-to 4088] > FILE.json

`transformers` pads to the longest of a batch and, with `--pad-to`, the first two documents to that
length as well. `lengths.json` holds the quantiles alone; `length_quantiles.py` writes it. Writes
one JSON document to stdout.
"""

import argparse
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from prefprop_cli.cli.process import set_up

set_up()  # before torch is imported

from torch import Tensor, nn

from prefprop_cli.bench.models import Ours, Twin
from prefprop_cli.bench.request import Request, Subject, measure
from prefprop_cli.bench.shapes import SHAPES
from prefprop_cli.config.load import load_config
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.training.schedule import effective_batches

QUANTILES = json.loads(Path(__file__).with_name("lengths.json").read_text())
PADDED_DOCUMENTS = 2
"""Documents that are padded to a fixed length: each costs the same, and seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", choices=QUANTILES)
    parser.add_argument("--shape", choices=SHAPES, default="minilm")
    parser.add_argument("--documents", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--pad-to", type=int)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    config = load_config(preset=None).config
    request = Request(config, shape=asked.shape, steps=("prefix",), against=True)
    room = request.encoder.max_length - request.n_placeholders(config.method)
    drawn = draw(QUANTILES[asked.set]["quantiles"], n=asked.documents, longest=asked.pad_to or room)
    group = subjects(request, batches(drawn, batch_size=asked.batch_size), pad_to=asked.pad_to)
    rows = measure(request, [group], warmup=asked.warmup, repeat=asked.repeat, memory=False)
    paddings = ("none", "longest", str(asked.pad_to))
    rows = [{**row, "padding": padding} for row, padding in zip(rows, paddings, strict=False)]
    what = f"documents as long as those of {asked.set}, prefix step, {asked.shape}"
    print(json.dumps({"what": what, "settings": vars(asked), "rows": rows}))


def draw(table: Sequence[int], *, n: int, longest: int, seed: int = 0) -> list[int]:
    """Lengths of `n` documents, one from each of `n` equal shares of the distribution.

    Args:
        table: quantiles at equal steps from 0 to 100 %.
        n: documents.
        longest: tokens that are read of a document; the rest is cut off.
        seed: of the place inside each share.

    Returns:
        `n` lengths, from short to long.
    """
    places = (np.arange(n) + np.random.RandomState(seed).random_sample(n)) / n
    found = np.interp(places, np.linspace(0, 1, len(table)), table)
    return [min(longest, round(float(length))) for length in found]


def batches(lengths: Sequence[int], *, batch_size: int) -> tuple[tuple[int, ...], ...]:
    """The lengths in batches as training makes them: shuffled, then bucketed by length."""
    order = effective_batches(lengths, seed=0, epoch=0, batch_size=batch_size)
    return tuple(tuple(lengths[index] for index in batch) for batch in order)


class PaddedTwin(Twin):
    """`transformers`, every document padded to a fixed length."""

    def __init__(self, encoder: Encoder, *, length: int) -> None:
        super().__init__(encoder)
        self.length = length

    def padded(self, texts: Sequence[Tensor]) -> Tensor:
        input_ids = super().padded(texts)
        short = self.length - input_ids.shape[1]
        return nn.functional.pad(input_ids, (0, short), value=self.pad_id)


def subjects(
    request: Request, drawn: tuple[tuple[int, ...], ...], *, pad_to: int | None
) -> list[Subject]:
    """Ours, `transformers`, and with `pad_to` that again on the first documents, padded."""
    method = request.config.method
    group = [
        Subject("prefprop", method, "prefix", drawn, Ours),
        Subject("transformers", method, "prefix", drawn, Twin),
    ]
    if pad_to is not None:
        few, wrap = (drawn[0][:PADDED_DOCUMENTS],), partial(PaddedTwin, length=pad_to)
        group.append(Subject("transformers", method, "prefix", few, wrap))
    return group


if __name__ == "__main__":
    main()
