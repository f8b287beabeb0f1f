"""The classification head: dropout → dense → tanh → dropout → out, on one position per document.

Trained numbers: W² + W for the dense layer, W · C + C for the output. Source: the paper's
set-up, after RoBERTa's classification head.
"""

from torch import Tensor, nn


class ClassificationHead(nn.Module):
    """Two layers on the pooled hidden state.

    Args:
        width: W.
        n_classes: C.
        dropout: before each layer.
    """

    def __init__(self, width: int, n_classes: int, *, dropout: float) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.out = nn.Linear(width, n_classes)
        self.dropout = nn.Dropout(dropout)
        for layer in (self.dense, self.out):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.zeros_(layer.bias)

    def forward(self, pooled: Tensor) -> Tensor:
        """Logits (N, C) of pooled hidden states (N, W)."""
        hidden = self.dense(self.dropout(pooled)).tanh()
        return self.out(self.dropout(hidden))
