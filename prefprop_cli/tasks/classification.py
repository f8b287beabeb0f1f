"""Classification of whole documents: `[CLS]` of each row is global, and the head reads it."""

from collections.abc import Sequence

from torch import Tensor

from prefprop_cli.tasks.batch import Batch, Record, Row, pack_rows


def collate(records: Sequence[Record]) -> Batch:
    """The batch of prepared documents: columns `id`, `rows` (token ids of each row) and `label`."""
    return pack_rows(
        [record["id"] for record in records],
        [[_row(input_ids) for input_ids in record["rows"]] for record in records],
        [record["label"] for record in records],
    )


def _row(input_ids: Sequence[int] | Tensor) -> Row:
    return Row(input_ids, n_global=1, places=(0,))
