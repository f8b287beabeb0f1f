"""Full attention of a few queries without projecting the keys and values they read.

q·(W_k x + b_k) = (W_kᵀ q)·x + q·b_k and Σ p_j (W_v x_j + b_v) = W_v Σ p_j x_j + b_v Σ p_j, so a
few global queries take the two projections upon themselves, and the two S x W x W products over
the text disappear. Exact; cheaper while a row has G · H <= 2 W.

Axes: T packed tokens, S tokens of one row, G queries, H heads, D head width, W hidden width.
"""

import torch
from torch import Tensor
from torch.nn import Linear, functional

from prefprop_cli.attention.spec import Band, VisibleKeys


def attend_absorbed(
    query: Tensor,
    hidden: Tensor,
    key_projection: Linear,
    value_projection: Linear,
    band: Band,
    *,
    visible: VisibleKeys | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """The same as `attend(query, key_projection(hidden), value_projection(hidden), band)`.

    Args:
        query: (G, H, D), not scaled.
        hidden: (T, W).
        key_projection: W to H · D.
        value_projection: W to H · D.
        band: without a window.
        visible: projected keys (B, V, H, D) that each query of a row sees as well.
        dropout: probability with which an attention weight is dropped.

    Returns:
        (G, H, D), dtype of `hidden`.
    """
    n_heads, head_width = query.shape[1:]
    key_weight = key_projection.weight.unflatten(0, (n_heads, head_width))
    value_weight = value_projection.weight.unflatten(0, (n_heads, head_width))
    outputs = []
    for row, (queries, keys) in enumerate(zip(band.query_rows, band.key_rows, strict=True)):
        row_query, row_hidden = query[queries].transpose(0, 1), hidden[keys]
        scores = (row_query @ key_weight) @ row_hidden.T
        scores = scores + (row_query @ key_projection.bias.view(n_heads, head_width, 1))
        if band.unseen is not None:
            scores = scores.masked_fill(band.unseen[keys], torch.finfo(scores.dtype).min)
        if visible is not None:
            scores = torch.cat([scores, _visible_scores(row_query, visible, row)], dim=-1)
        weights = (scores.float() * head_width**-0.5).softmax(dim=-1).to(hidden.dtype)
        weights = functional.dropout(weights, dropout, training=dropout > 0)
        of_text, of_visible = weights.tensor_split([len(row_hidden)], dim=-1)
        context = (of_text @ row_hidden) @ value_weight.transpose(1, 2)
        bias = value_projection.bias.view(n_heads, 1, head_width)
        context = context + of_text.sum(-1, keepdim=True) * bias
        if visible is not None:
            context = context + of_visible @ visible.value[row].transpose(0, 1)
        outputs.append(context.transpose(0, 1))
    return torch.cat(outputs)


def _visible_scores(query: Tensor, visible: VisibleKeys, row: int) -> Tensor:
    scores = query @ visible.key[row].permute(1, 2, 0)
    if visible.mask is None:
        return scores
    return scores.masked_fill(~visible.mask[row], torch.finfo(scores.dtype).min)
