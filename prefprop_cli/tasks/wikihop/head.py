"""The head of WikiHop: a linear layer scores each `[ent]`, and the markers have embeddings.

Axes: R rows, C candidates of the question that has most, W hidden size.
"""

from math import inf

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from prefprop_cli.core.attention import Rows
from prefprop_cli.tasks.batch import Head
from prefprop_cli.tasks.wikihop.rows import MARKERS

INIT_STD = 0.02  # about that of a backbone's embeddings


class CandidateHead(Head):
    """A score for each `[ent]`, and the embeddings of the marker tokens.

    Trainable parameters: W for the score, which has no bias, and 4 · W for the markers.

    The markers train as multiples of `INIT_STD`. Adam moves each number by the learning rate, and
    that of a prefix is as large as an embedding: in a few steps the markers alone would be seen,
    not where they stand, and all candidates would be alike.
    """

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.marker_weights = nn.Parameter(torch.randn(len(MARKERS), hidden_size))
        self.score = nn.Linear(hidden_size, 1, bias=False)
        nn.init.normal_(self.score.weight, std=INIT_STD)

    @property
    def markers(self) -> Tensor:
        return INIT_STD * self.marker_weights

    def forward(self, hidden: Tensor, rows: Rows) -> Tensor:
        """Scores (R, C) of hidden states at the `[ent]` of all rows, -inf where a row has fewer."""
        scores = self.score(hidden).squeeze(1).split(rows.lengths)
        return pad_sequence(list(scores), batch_first=True, padding_value=-inf)
