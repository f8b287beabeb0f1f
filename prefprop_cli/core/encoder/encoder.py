"""The encoder: Longformer, RoBERTa and BERT in one, over packed tokens.

RoBERTa and BERT are the same encoder without a window and without global projections.

Axes: B rows, S longest row, T packed tokens, W hidden size, P placeholders, R positions that are
read.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from prefprop_cli.core.attention import choose
from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.encoder.dropout import Dropout
from prefprop_cli.core.encoder.layout import Layout, OutputPositions, Tokens, pack, unpack
from prefprop_cli.core.encoder.prefix import LayerPrefix, Prefix
from prefprop_cli.core.encoder.self_attention import Context, SelfAttention
from prefprop_cli.core.modes import tensors_on_cpu

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "gelu_new": lambda x: functional.gelu(x, approximate="tanh"),
    "relu": functional.relu,
    "silu": functional.silu,
}


class Encoder(nn.Module):
    """A Longformer, RoBERTa or BERT encoder; `attention` names a backend, or is `auto`."""

    def __init__(
        self,
        config: EncoderConfig,
        *,
        attention: str = "auto",
        dropout: float = 0.1,
        attention_dropout: float = 0.0,
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.config = config
        self.attention = attention
        self.gradient_checkpointing = gradient_checkpointing
        self.attention_dropout = attention_dropout
        self.embeddings = Embeddings(config, dropout=dropout)
        windows = config.windows or (None,) * config.n_layers
        self.layers = nn.ModuleList(
            Layer(config, window=window, dropout=dropout) for window in windows
        )

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        global_mask: Tensor | None = None,
        prefix: Prefix | None = None,
    ) -> Tensor:
        """Compute the hidden states of the last layer for padded texts.

        Args:
            input_ids: (B, S) int64.
            attention_mask: (B, S) bool, False for padding, which stands at the end of a row.
            global_mask: (B, S) bool, True for global tokens. Without a window every token sees
                every token, and it has no effect.
            prefix: what a method gives each layer; None is the plain model.

        Returns:
            (B, S, W), zeros at padding. Placeholders are not among them.

        Raises:
            ValueError: a shape is wrong, or a row has more tokens than the encoder positions.
        """
        with tensors_on_cpu():
            tokens = pack(input_ids, attention_mask, global_mask)
            layout = Layout.of(tokens, n_placeholders=prefix.n_placeholders if prefix else 0)
            hidden = self.encode(tokens, layout, prefix)
            padded = unpack(hidden[layout.text_index], tokens.rows)
        return functional.pad(padded, (0, 0, 0, input_ids.shape[1] - padded.shape[1]))

    def encode(
        self,
        tokens: Tokens,
        layout: Layout,
        prefix: Prefix | None = None,
        *,
        read: OutputPositions | None = None,
        markers: Tensor | None = None,
    ) -> Tensor:
        """Compute the hidden states of the last layer, packed.

        `markers` (M, W) are words of a task that the vocabulary does not have, with negative ids.

        Returns:
            (T, W), placeholders included, or (R, W) for the positions in `read`.

        Raises:
            ValueError: a row has more tokens than the encoder has positions.
        """
        hidden = self.embeddings(tokens, layout, prefix, markers)
        given = prefix.layers if prefix else (LayerPrefix(),) * len(self.layers)
        *early, last = (self._context(hidden, layout, layer_prefix) for layer_prefix in given)
        for layer, context in zip(self.layers, early, strict=False):
            hidden = self._run_layer(layer, hidden, context)
        # Where it can, the last layer computes the positions that are read and no others.
        if read is None or self.config.windows is None or read.all_global:
            return self._run_layer(self.layers[-1], hidden, last, read)
        return self._run_layer(self.layers[-1], hidden, last)[read.index]

    def _run_layer(
        self,
        layer: nn.Module,
        hidden: Tensor,
        context: Context,
        read: OutputPositions | None = None,
    ) -> Tensor:
        if self.gradient_checkpointing and torch.is_grad_enabled():
            return checkpoint(layer, hidden, context, read, use_reentrant=False)
        return layer(hidden, context, read)

    def _context(self, hidden: Tensor, layout: Layout, prefix: LayerPrefix) -> Context:
        dropout = self.attention_dropout if self.training else 0.0
        backend = choose(
            self.attention,
            device=hidden.device.type,
            dropout=dropout > 0,
            backward=torch.is_grad_enabled(),
        )
        return Context(layout, prefix, backend.attend, dropout)


class Embeddings(nn.Module):
    """Word, position and token-type embeddings, normalised; placeholders have no word."""

    def __init__(self, config: EncoderConfig, *, dropout: float) -> None:
        super().__init__()
        self.config = config
        self.word = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position = nn.Embedding(config.n_positions, config.hidden_size)
        self.token_type = nn.Embedding(config.n_token_types, config.hidden_size)
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = Dropout(dropout)

    def forward(
        self, tokens: Tokens, layout: Layout, prefix: Prefix | None, markers: Tensor | None = None
    ) -> Tensor:
        """Compute the hidden states before the first layer; (T, W)."""
        longest = max(layout.rows.lengths)
        if longest > self.config.max_length:
            n = layout.n_placeholders
            placeholders = f", {n} placeholders included" if n else ""
            raise ValueError(
                f"{longest} positions asked for{placeholders}; "
                f"the backbone has {self.config.max_length}"
            )
        ids = tokens.input_ids
        words = self.word(ids if markers is None else ids.clamp_min(0))
        if markers is not None:
            own = markers[(-1 - ids).clamp_min(0)]
            words = torch.where((ids < 0).unsqueeze(1), own, words)
        if layout.n_placeholders:
            nothing = words.new_zeros(layout.rows.n_tokens, self.config.hidden_size)
            words = nothing.index_copy(0, layout.text_index, words)
        position = self.position(layout.positions + self.config.first_position)
        hidden = self.dropout(self.norm(words + position + self.token_type.weight[0]))
        if prefix and prefix.placeholder == "zero":
            hidden = hidden.masked_fill(layout.is_placeholder.unsqueeze(1), 0.0)
        return hidden


class Layer(nn.Module):
    """One transformer layer, normalised after each residual sum."""

    def __init__(self, config: EncoderConfig, *, window: int | None, dropout: float) -> None:
        super().__init__()
        size, eps = config.hidden_size, config.layer_norm_eps
        self.activation = ACTIVATIONS[config.activation]
        self.attention = SelfAttention(config, window=window)
        self.attention_output = nn.Linear(size, size)
        self.attention_norm = nn.LayerNorm(size, eps=eps)
        self.up = nn.Linear(size, config.intermediate_size)
        self.down = nn.Linear(config.intermediate_size, size)
        self.output_norm = nn.LayerNorm(size, eps=eps)
        self.dropout = Dropout(dropout)

    def forward(
        self, hidden: Tensor, context: Context, read: OutputPositions | None = None
    ) -> Tensor:
        """Map (T, W) to (T, W), or to (R, W) if only the positions in `read` are wanted."""
        text = hidden
        if (added := context.prefix.added) is not None:
            positions = context.layout.placeholder_index
            # Out of place: a checkpointed layer sees its input a second time.
            hidden = hidden.index_add(0, positions, added.flatten(0, 1).to(hidden.dtype))
        mixed = self.attention(hidden, context, read, text=text)
        if read is not None:
            hidden = hidden[read.index]
        hidden = self.attention_norm(self.dropout(self.attention_output(mixed), onto=hidden))
        expanded = self.down(self.activation(self.up(hidden)))
        return self.output_norm(self.dropout(expanded, onto=hidden))
