"""WikiHop: a question, its candidate answers, and the texts that together hold the answer.

A row is `<s> [question] q [/question] [ent] c1 [/ent] … [ent] cN [/ent] </s> support </s> …`; what
stands before the supports is global and stands in every row. Supports that do not fit are cut into
chunks, one row each. A linear layer scores each `[ent]`, and the scores of a candidate are pooled
over the rows: one logit per candidate.

Source: Beltagy et al. 2020, section 6 (arXiv 2004.05150); the paper, section 4.

Axes: N questions, R rows, C candidates of the question that has most, W hidden width.
"""

from collections.abc import Sequence
from math import inf

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from prefprop_cli.core.attention import Rows
from prefprop_cli.data.question_rows import MARKERS, question_rows
from prefprop_cli.tasks.batch import Batch, Head, Record, Row, pack_rows


class CandidateHead(Head):
    """A score for each `[ent]`, and the embeddings of the marker tokens.

    Trained numbers: W for the score, which has no bias, and 4 · W for the markers.

    The markers train as multiples of `init_std`. Adam moves each number by the learning rate, and
    that of a prefix is as large as an embedding: in a few steps the markers alone would be seen,
    not where they stand, and all candidates would be alike.

    Args:
        width: W.
        init_std: of the markers, about that of a backbone's embeddings.
    """

    def __init__(self, width: int, *, init_std: float = 0.02) -> None:
        super().__init__()
        self.marker_weights = nn.Parameter(torch.randn(len(MARKERS), width))
        self._init_std = init_std
        self.score = nn.Linear(width, 1, bias=False)
        nn.init.normal_(self.score.weight, std=init_std)

    @property
    def markers(self) -> Tensor:
        return self._init_std * self.marker_weights

    def forward(self, hidden: Tensor, rows: Rows) -> Tensor:
        """Scores (R, C) of hidden states at the `[ent]` of all rows, -inf where a row has fewer."""
        scores = self.score(hidden).squeeze(1).split(rows.lengths)
        return pad_sequence(list(scores), batch_first=True, padding_value=-inf)


def collate(records: Sequence[Record], *, max_tokens: int, cls_id: int, sep_id: int) -> Batch:
    """The batch of prepared questions.

    Args:
        records: columns `id`, `query`, `candidates`, `supports` (token ids) and `label`.
        max_tokens: longest row, placeholders not counted.
        cls_id: the token that opens a row.
        sep_id: the token around supports.
    """
    questions = [
        question_rows(
            record["query"],
            record["candidates"],
            record["supports"],
            max_tokens=max_tokens,
            cls_id=cls_id,
            sep_id=sep_id,
        )
        for record in records
    ]
    return pack_rows(
        [record["id"] for record in records],
        [[Row(row, q.n_global, q.places) for row in q.rows] for q in questions],
        [record["label"] for record in records],
    )


def shuffled(record: Record, random: np.random.RandomState) -> Record:
    """The question with its candidates and supports in another order."""
    order = random.permutation(len(record["candidates"]))
    return {
        **record,
        "candidates": [record["candidates"][place] for place in order],
        "supports": [
            record["supports"][place] for place in random.permutation(len(record["supports"]))
        ],
        "label": int(np.flatnonzero(order == record["label"])[0]),
    }
