"""The classification head: dropout → dense → tanh → dropout → out, on one position per document.

Trainable parameters: W² + W for the dense layer, W · C + C for the output. Source: the paper's
set-up, after RoBERTa's classification head.
"""

from torch import Tensor, nn

from prefprop_cli.core.attention import Rows
from prefprop_cli.tasks.batch import Head


class ClassificationHead(Head):
    """Two layers on the hidden state that is read, with dropout before each."""

    def __init__(self, hidden_size: int, n_classes: int, *, dropout: float) -> None:
        super().__init__()
        self.dense = nn.Linear(hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, n_classes)
        self.dropout = nn.Dropout(dropout)
        for layer in (self.dense, self.out):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, hidden: Tensor, rows: Rows) -> Tensor:
        """Logits (R, C) of the hidden states (R, W) that are read, one of each row."""
        return self.out(self.dropout(self.dense(self.dropout(hidden)).tanh()))
