"""The formulas of the methods, dense and in float64, one query and one head at a time.

Written from `transformers`' weights and the paper (arXiv 2305.12086, eq. 1-3 and 7-9) alone; it
shares no code with the package. Differentiable, so gradients can be compared too.

Axes: S text tokens, T placeholders and text tokens, P placeholders, V prefix keys, H heads, D head
width, W hidden size.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

Kernel = Callable[[Tensor, Tensor, Tensor], Tensor]

KERNELS: dict[str, Kernel] = {  # k(q, k) of two vectors and the logarithm of the length scale
    "exp": lambda q, k, _: torch.exp(q @ k / math.sqrt(len(q))),
    "rbf": lambda q, k, log_s: torch.exp(-((q - k) ** 2).sum() / (2 * torch.exp(log_s) ** 2)),
    "poly": lambda q, k, _: (q @ k / math.sqrt(len(q)) + 1) ** 2,
    "linear": lambda q, k, _: _elu_plus_1(q) @ _elu_plus_1(k),
}


@dataclass(frozen=True)
class Given:
    """What a method gives, one entry per layer; an empty list is nothing."""

    added: Sequence[Tensor] = ()  # (P, W)
    keys: Sequence[Tensor] = ()  # (V, H, D)
    values: Sequence[Tensor] = ()  # (V, H, D)
    kernel: Kernel | None = None
    alpha: Sequence[Tensor] = ()  # () or (H, 1)
    log_lengthscale: Sequence[Tensor] = ()
    zero_placeholders: bool = False

    @property
    def n_placeholders(self) -> int:
        return len(self.added[0]) if self.added else 0


def given(
    method: nn.Module, *, kernel: Kernel | None = None, zero_placeholders: bool = False
) -> tuple[Given, dict[str, Tensor]]:
    """A method's parameters as float64 leaves: as the oracle takes them, and by their names."""
    leaves = {
        name: parameter.detach().double().requires_grad_()
        for name, parameter in method.named_parameters()
    }

    def of(kind: str) -> list[Tensor]:
        return [leaf for name, leaf in leaves.items() if re.search(rf"\b{kind}(\.\d+)?$", name)]

    return (
        Given(
            added=of("prefix"),
            keys=of("key"),
            values=of("value"),
            alpha=of("alpha"),
            log_lengthscale=of("log_lengthscale"),
            kernel=kernel,
            zero_placeholders=zero_placeholders,
        ),
        leaves,
    )


@dataclass(frozen=True)
class Oracle:
    """A model of `transformers`, computed from its weights."""

    model: PreTrainedModel

    def __call__(self, input_ids: Tensor, is_global: Tensor, method: Given | None = None) -> Tensor:
        """Hidden states of one text (S,) and its placeholders after the last layer; (T, W)."""
        method = method or Given()
        weights = {name: tensor.double() for name, tensor in self.model.state_dict().items()}
        front = [True] * method.n_placeholders
        seen_by_all = {i for i, flag in enumerate(front + is_global.tolist()) if flag}
        hidden = self._embed(weights, input_ids, method)
        for number in range(self.model.config.num_hidden_layers):
            of_layer = _Scope(weights, f"encoder.layer.{number}.")
            hidden = self._layer(of_layer, hidden, number, seen_by_all, method)
        return hidden

    def _embed(self, weights: Mapping[str, Tensor], input_ids: Tensor, method: Given) -> Tensor:
        scope, n = _Scope(weights, "embeddings."), method.n_placeholders
        first = 0 if self.model.config.model_type == "bert" else self.model.config.pad_token_id + 1
        words = weights["embeddings.word_embeddings.weight"][input_ids]
        words = torch.cat([torch.zeros(n, words.shape[1], dtype=torch.float64), words])
        positions = weights["embeddings.position_embeddings.weight"][first : first + len(words)]
        kind = weights["embeddings.token_type_embeddings.weight"][0]
        hidden = self._norm(scope, "LayerNorm", words + positions + kind)
        if method.zero_placeholders:
            hidden = torch.cat([torch.zeros_like(hidden[:n]), hidden[n:]])
        return hidden

    def _layer(
        self, scope: "_Scope", hidden: Tensor, number: int, seen_by_all: set[int], method: Given
    ) -> Tensor:
        n = method.n_placeholders
        if n:
            hidden = torch.cat([hidden[:n] + method.added[number], hidden[n:]])
        mixed = torch.stack(
            [
                self._attend(scope, hidden, query, number, seen_by_all, method)
                for query in range(len(hidden))
            ]
        )
        mixed = scope.linear("attention.output.dense", mixed)
        hidden = self._norm(scope, "attention.output.LayerNorm", hidden + mixed)
        inner = nn.functional.gelu(scope.linear("intermediate.dense", hidden))
        inner = scope.linear("output.dense", inner)
        return self._norm(scope, "output.LayerNorm", hidden + inner)

    def _attend(
        self,
        scope: "_Scope",
        hidden: Tensor,
        query: int,
        number: int,
        seen_by_all: set[int],
        method: Given,
    ) -> Tensor:
        """All heads of the token at place `query`; (W,)."""
        config, n = self.model.config, method.n_placeholders
        has_window = config.model_type == "longformer"
        sees_all = query in seen_by_all or not has_window
        side = config.attention_window[number] // 2 if has_window else 0
        places = [
            key
            for key in range(len(hidden))
            if sees_all or key in seen_by_all or abs(query - key) <= side
        ]
        kind = "_global" if has_window and query in seen_by_all else ""
        heads = (-1, config.num_attention_heads, config.hidden_size // config.num_attention_heads)
        q = scope.linear(f"attention.self.query{kind}", hidden[query]).view(heads)[0]
        k = scope.linear(f"attention.self.key{kind}", hidden).view(heads)
        v = scope.linear(f"attention.self.value{kind}", hidden).view(heads)
        extra = (method.keys[number], method.values[number]) if method.keys else (k[:0], v[:0])
        if method.kernel is None:
            keys, values = torch.cat([k[places], extra[0]]), torch.cat([v[places], extra[1]])
            return torch.cat([_softmax_mean(q[h], keys[:, h], values[:, h]) for h in range(len(q))])
        text = [place for place in places if place >= n]
        keys, values = torch.cat([k[:n], extra[0]]), torch.cat([v[:n], extra[1]])
        log_s = method.log_lengthscale[number] if method.log_lengthscale else torch.tensor(0.0)
        alpha = method.alpha[number].expand(len(q), 1)
        return torch.cat(
            [
                _softmax_mean(q[h], k[text, h], v[text, h])
                + alpha[h] * _kernel_mean(method.kernel, q[h], keys[:, h], values[:, h], log_s)
                for h in range(len(q))
            ]
        )

    def _norm(self, scope: "_Scope", name: str, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        spread = (centred.square().mean(-1, keepdim=True) + self.model.config.layer_norm_eps).sqrt()
        return centred / spread * scope[f"{name}.weight"] + scope[f"{name}.bias"]


@dataclass(frozen=True)
class _Scope:
    """The weights whose names begin with `prefix`."""

    weights: Mapping[str, Tensor]
    prefix: str

    def __getitem__(self, name: str) -> Tensor:
        return self.weights[self.prefix + name]

    def linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self[f"{name}.weight"].T + self[f"{name}.bias"]


def _softmax_mean(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    return torch.softmax(keys @ query / math.sqrt(len(query)), dim=0) @ values


def _kernel_mean(
    kernel: Kernel, query: Tensor, keys: Tensor, values: Tensor, log_s: Tensor
) -> Tensor:
    weights = torch.stack([kernel(query, key, log_s) for key in keys])
    return weights @ values / weights.sum()


def _elu_plus_1(x: Tensor) -> Tensor:
    return torch.where(x > 0, x + 1, torch.exp(x.clamp_max(0)))
