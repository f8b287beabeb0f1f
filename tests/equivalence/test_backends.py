"""Every backend computes the reference, forward and backward; so does the absorbed form."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from prefprop_cli.core.attention import BACKENDS, Band, Rows, VisibleKeys, reference
from prefprop_cli.core.attention.absorbed import attend_absorbed
from tests.helpers.backends import ON_CPU
from tests.helpers.compare import assert_close, random

OTHERS = [name for name in ON_CPU if name != "reference"]
WITH_DROPOUT = [name for name in ON_CPU if BACKENDS[name].dropout]
H, V = 2, 3

LENGTHS = [
    [1],
    [2, 4, 3],  # shorter than most windows
    [64],  # one block exactly
    [128, 65, 63],  # blocks, one token more, one less
    [330],  # several inner blocks, and a rest
    [264, 5, 200],  # half_window 4 or 64: ends where a strip of an inner block ends
]
HALF_WINDOWS = [1, 4, 64, 100, None]  # blocks have max(half_window, 64) queries
VISIBLE = ["none", "all", "masked"]
UNSEEN = ["none", "some", "all"]


@dataclass(frozen=True)
class Inputs:
    """Leaves whose gradients are compared, and what each query sees."""

    query: Tensor
    key: Tensor
    value: Tensor
    band: Band
    visible: VisibleKeys | None

    @classmethod
    def of(
        cls,
        lengths: Sequence[int],
        half_window: int | None,
        *,
        visible: str = "none",
        unseen: str = "none",
        head_width: int = 8,
        query_lengths: Sequence[int] | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> "Inputs":
        rows = Rows.of_lengths(lengths)
        query_rows = Rows.of_lengths(query_lengths or lengths)

        def leaf(*shape: int, seed: int) -> Tensor:
            return random(*shape, H, head_width, seed=seed, std=1.5).to(dtype).requires_grad_()

        return cls(
            query=leaf(query_rows.n_tokens, seed=1),
            key=leaf(rows.n_tokens, seed=2),
            value=leaf(rows.n_tokens, seed=3),
            band=Band(query_rows, rows, half_window, unseen=_unseen(unseen, rows.n_tokens)),
            visible=None
            if visible == "none"
            else VisibleKeys(
                key=leaf(len(rows), V, seed=4),
                value=leaf(len(rows), V, seed=5),
                mask=random(len(rows), V, seed=6) > 0 if visible == "masked" else None,
            ),
        )

    @property
    def leaves(self) -> dict[str, Tensor]:
        leaves = {"query": self.query, "key": self.key, "value": self.value}
        if self.visible is not None:
            leaves |= {"visible key": self.visible.key, "visible value": self.visible.value}
        return leaves

    def is_read(self) -> Tensor:
        """(T_q,) bool: the queries that see at least one key; nobody reads the others."""
        parts = []
        for row in range(len(self.band.key_rows)):
            sees = reference.seen_keys(self.band, row, device=self.query.device).any(dim=1)
            if self.visible is not None:
                sees = sees | self.visible.full_mask()[row].any()
            parts.append(sees)
        return torch.cat(parts)

    def run(self, backend: str, *, dropout: float = 0.0) -> tuple[Tensor, dict[str, Tensor]]:
        """Output, and the gradients of a random loss on what is read of it."""
        output = BACKENDS[backend].attend(
            self.query, self.key, self.value, self.band, visible=self.visible, dropout=dropout
        )
        loss = (output * random(*output.shape, seed=7))[self.is_read()].sum()
        gradients = torch.autograd.grad(loss, list(self.leaves.values()), materialize_grads=True)
        return output.detach(), dict(zip(self.leaves, gradients, strict=True))


def _unseen(kind: str, n: int) -> Tensor | None:
    return {
        "none": None,
        "some": random(n, seed=8) > 0.5,
        "all": torch.ones(n, dtype=torch.bool),
    }[kind]


def assert_same(backend: str, inputs: Inputs) -> None:
    output, gradients = inputs.run(backend)
    expected, expected_gradients = inputs.run("reference")
    is_read = inputs.is_read()
    assert output.isfinite().all(), "numbers that nobody reads must be numbers all the same"
    assert_close(output[is_read], expected[is_read], within=1e-5, what="output")
    for name, gradient in gradients.items():
        assert_close(
            gradient, expected_gradients[name], within=1e-5, relative=True, what=f"d {name}"
        )


@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize("half_window", HALF_WINDOWS)
@pytest.mark.parametrize("lengths", LENGTHS, ids=str)
def test_bands(lengths: list[int], half_window: int | None, backend: str):
    for visible, unseen in product(VISIBLE, UNSEEN):
        assert_same(backend, Inputs.of(lengths, half_window, visible=visible, unseen=unseen))


@pytest.mark.parametrize("backend", OTHERS)
def test_head_width_32(backend: str):
    assert_same(backend, Inputs.of([150, 40], 8, visible="masked", unseen="some", head_width=32))


@pytest.mark.parametrize("backend", OTHERS)
@pytest.mark.parametrize("query_lengths", [[3, 1, 7], [0, 5, 0], [1, 0, 90]], ids=str)
@pytest.mark.parametrize(("visible", "unseen"), [*product(VISIBLE, UNSEEN)])
def test_queries_that_are_not_the_tokens_of_the_keys(
    query_lengths: list[int], visible: str, unseen: str, backend: str
):
    inputs = Inputs.of(
        [20, 70, 4], None, visible=visible, unseen=unseen, query_lengths=query_lengths
    )
    assert_same(backend, inputs)


@pytest.mark.parametrize("backend", ON_CPU)
def test_bf16_is_the_reference_up_to_its_precision(backend: str):
    settings = {"visible": "masked", "unseen": "some"}
    exact, exact_gradients = Inputs.of([200, 30], 16, **settings).run("reference")
    coarse, gradients = Inputs.of([200, 30], 16, dtype=torch.bfloat16, **settings).run(backend)
    assert coarse.dtype == torch.bfloat16
    assert_close(coarse, exact, within=0.1)
    for name, gradient in gradients.items():
        assert_close(gradient, exact_gradients[name], within=0.1, relative=True, what=f"d {name}")


@pytest.mark.parametrize("backend", ON_CPU)
def test_a_query_that_sees_nothing_puts_no_nan_into_the_gradients(backend: str):
    """Also when its numbers are carried along and multiplied by zero."""
    inputs = Inputs.of([70, 5], 4, unseen="all")
    output = BACKENDS[backend].attend(inputs.query, inputs.key, inputs.value, inputs.band)
    (0 * output).sum().backward()
    assert output.isfinite().all()
    assert all(leaf.grad.eq(0).all() for leaf in inputs.leaves.values())


DRAWS = 300  # heads that are copies of each other are as many draws of the dropout


def copies(n: int, *, seed: int) -> Tensor:
    """(n, DRAWS, D), the same in every head."""
    return random(n, 1, 8, seed=seed).repeat(1, DRAWS, 1)


def drawn(backend: str, value: Tensor, *, dropout: float) -> Tensor:
    """Outputs of 70 queries with a window and a visible key, always of the same seed."""
    rows = Rows.of_lengths([70])
    key = copies(70, seed=2)
    visible = VisibleKeys(key[None, :1], value[None, :1] + 1)
    torch.manual_seed(0)
    return BACKENDS[backend].attend(
        copies(70, seed=1), key, value, Band(rows, rows, 4), visible=visible, dropout=dropout
    )


@pytest.mark.parametrize("backend", WITH_DROPOUT)
def test_dropout_keeps_the_mean(backend: str):
    value = copies(70, seed=3)
    exact = drawn(backend, value, dropout=0.0)[:, 0]
    dropped = drawn(backend, value, dropout=0.3)
    spread = dropped.std(dim=1)
    assert spread.min() > 0.01, "nothing was dropped"
    errors = (dropped.mean(dim=1) - exact) / spread * DRAWS**0.5
    assert errors.abs().max() < 5, f"a mean is {errors.abs().max():.1f} standard errors away"
    assert errors.std() < 1.2


@pytest.mark.parametrize("backend", WITH_DROPOUT)
def test_dropout_drops_that_share_of_the_weights(backend: str):
    rows = Rows.of_lengths([1])
    ones = torch.ones(1, 20_000, 8)
    kept = BACKENDS[backend].attend(ones, ones, ones, Band(rows, rows, 4), dropout=0.3)[0, :, 0]
    assert_close(kept[kept > 0].unique(), torch.tensor([1 / 0.7]), within=1e-5)
    assert abs((kept == 0).float().mean() - 0.3) < 0.02


@pytest.mark.parametrize("backend", WITH_DROPOUT)
def test_the_backward_pass_drops_what_the_forward_pass_dropped(backend: str):
    """The output is linear in the values, so the gradient tells every difference exactly."""
    value, step = copies(70, seed=3).requires_grad_(), random(70, DRAWS, 8, seed=4)
    output = drawn(backend, value, dropout=0.3)
    weights = random(*output.shape, seed=5)
    (gradient,) = torch.autograd.grad((output * weights).sum(), value)
    difference = drawn(backend, value.detach() + step, dropout=0.3) - output
    assert_close((gradient * step).sum(), (difference * weights).sum(), within=1e-5, relative=True)


def saved_bytes(backend: str, length: int) -> int:
    """What the backward pass keeps."""
    sizes: list[int] = []

    def keep(tensor: Tensor) -> Tensor:
        sizes.append(tensor.numel() * tensor.element_size())
        return tensor

    inputs = Inputs.of([length], 16, visible="all", unseen="some")
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        BACKENDS[backend].attend(
            inputs.query, inputs.key, inputs.value, inputs.band, visible=inputs.visible
        )
    return sum(sizes)


@pytest.mark.parametrize(("backend", "ratio"), [("native", 2), ("sdpa", 2), ("reference", 4)])
def test_memory(backend: str, ratio: int):
    """Linear in the row length; the reference is quadratic, which shows that the measure works."""
    assert saved_bytes(backend, 2048) / saved_bytes(backend, 1024) == pytest.approx(ratio, rel=0.05)


W = 12


def absorbed_and_plain(
    n_queries: Sequence[int], *, visible: str, unseen: str, absorbed: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    """Output and gradients of both forms, on the same numbers."""
    inputs = Inputs.of([9, 20, 1], None, visible=visible, unseen=unseen, query_lengths=n_queries)
    hidden = random(30, W, seed=11).requires_grad_()
    with torch.random.fork_rng():
        torch.manual_seed(5)
        projections = nn.Linear(W, H * 8), nn.Linear(W, H * 8)
    if absorbed:
        output = attend_absorbed(
            inputs.query, hidden, *projections, inputs.band, visible=inputs.visible
        )
    else:
        key, value = (project(hidden).unflatten(1, (H, 8)) for project in projections)
        output = reference.attend(inputs.query, key, value, inputs.band, visible=inputs.visible)
    leaves = {"query": inputs.query, "hidden": hidden}
    for name, projection in zip(("key", "value"), projections, strict=True):
        leaves |= {f"{name} {kind}": leaf for kind, leaf in projection.named_parameters()}
    if inputs.visible is not None:
        leaves |= {"visible key": inputs.visible.key, "visible value": inputs.visible.value}
    loss = (output * random(*output.shape, seed=7)).sum()
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    return output.detach(), dict(zip(leaves, gradients, strict=True))


@pytest.mark.parametrize("n_queries", [[1, 1, 1], [0, 4, 2]], ids=str)
@pytest.mark.parametrize(("visible", "unseen"), [*product(VISIBLE, ["none", "some"])])
def test_absorbed_projections(n_queries: list[int], visible: str, unseen: str):
    """With visible keys the key bias no longer drops out of the softmax."""
    output, gradients = absorbed_and_plain(n_queries, visible=visible, unseen=unseen, absorbed=True)
    expected, expected_gradients = absorbed_and_plain(
        n_queries, visible=visible, unseen=unseen, absorbed=False
    )
    assert_close(output, expected, within=1e-5, what="output")
    for name, gradient in gradients.items():
        assert_close(
            gradient, expected_gradients[name], within=1e-5, relative=True, what=f"d {name}"
        )


def test_absorbed_projections_drop_weights_of_text_and_of_visible_keys():
    heads, rows = 8192, Rows.of_lengths([1])
    project = nn.Linear(4, heads)
    query, visible = torch.ones(1, heads, 1), VisibleKeys(*torch.ones(2, 1, 1, heads, 1))
    torch.manual_seed(0)
    arguments = query, torch.zeros(1, 4), project, nn.Linear(4, heads), Band(rows, rows)
    exact = attend_absorbed(*arguments, visible=visible)
    dropped = attend_absorbed(*arguments, visible=visible, dropout=0.5)
    both_dropped = (dropped == 0).float().mean()
    assert abs(both_dropped - 0.25) < 0.03
    assert abs((dropped - exact).mean()) < 0.03
