"""What a run must never do silently: train nothing, train on NaN, or predict one class only."""

from collections.abc import Collection, Mapping, Sequence

from torch import Tensor, nn

from prefprop_cli.errors import NonFiniteError, PrefpropError
from prefprop_cli.training.events import Evaluation
from prefprop_cli.words import listed

MOST_NAMED = 8
"""Names a message lists before it only counts."""
_MISSING = (
    "have no gradient: the loss does not reach them. Likely they are not part of what the encoder "
    "computes, or gradient checkpointing or a detach() cut them off"
)
_ZERO = (
    "have a gradient that is zero everywhere: training would not change them. Likely something "
    "multiplies them by 0 (method.alpha = 0?)"
)
_LEAKING = (
    "are frozen and have a gradient: it is computed for nothing. Likely they were not frozen with "
    "requires_grad_(False)"
)


def check_gradients(
    model: nn.Module, trainable: Mapping[str, nn.Parameter], *, unreached: Collection[str] = ()
) -> None:
    """Check after the first backward that exactly the trainable parameters receive a gradient.

    A tensor passes with one non-zero gradient anywhere: rows of an embedding whose tokens do not
    occur in the batch are rightly zero. The loss cannot depend on those named in `unreached`.

    Raises:
        PrefpropError: another trainable tensor has no gradient or one that is all zero, or a
            frozen parameter has a gradient.
    """
    reached = {name: tensor.grad for name, tensor in trainable.items() if name not in unreached}
    ids = set(map(id, trainable.values()))
    frozen = [(name, each.grad) for name, each in model.named_parameters() if id(each) not in ids]
    guilty = {
        _MISSING: [name for name, grad in reached.items() if grad is None],
        _ZERO: [name for name, g in reached.items() if g is not None and not g.any().item()],
        _LEAKING: [name for name, grad in frozen if grad is not None],
    }
    if problems := [
        f"{listed(names, shown=MOST_NAMED)} {what}" for what, names in guilty.items() if names
    ]:
        raise PrefpropError("\n".join(["the first step does not train what it should:", *problems]))


def check_finite_step(
    losses: Tensor, grad_norm: Tensor, *, step: int, ids: Sequence[str], lr: float
) -> None:
    """Check, before the update, that the losses (N,) and the gradient norm () are finite.

    Raises:
        NonFiniteError: with the step and the documents; for a loss only those it is not finite of.
    """
    finite = losses.isfinite().tolist()
    guilty = [name for name, is_finite in zip(ids, finite, strict=True) if not is_finite]
    if not guilty and grad_norm.isfinite().item():
        return
    what = "the loss" if guilty else "the gradient"
    raise NonFiniteError(
        f"{what} of step {step} is not finite, in {listed(guilty or ids, shown=MOST_NAMED)}. "
        f"The weights are still those of step {step - 1}, and no checkpoint holds a NaN. "
        f"Try a smaller train.lr (this step: {lr:.3g}), look at these documents, "
        'or set train.precision = "fp32"'
    )


def check_finite_state(tensors: Mapping[str, Tensor], *, step: int) -> None:
    """Check that the tensors a step made are worth saving.

    Raises:
        NonFiniteError: some tensor holds a NaN or an infinity.
    """
    guilty = [name for name, tensor in tensors.items() if not tensor.isfinite().all().item()]
    if guilty:
        raise NonFiniteError(
            f"step {step} made {listed(guilty, shown=MOST_NAMED)} not finite; the checkpoint was "
            "not written and earlier ones are as they were. Try a smaller train.lr or "
            "train.max_grad_norm"
        )


def collapse_warning(evaluation: Evaluation) -> str | None:
    """Return what to say if all documents were predicted to be of one class, else None."""
    n_predicted, n_labelled = (
        sum(count > 0 for count in counts)
        for counts in (evaluation.n_predicted, evaluation.n_labelled)
    )
    if n_predicted != 1 or n_labelled < 2:
        return None
    return (
        f"collapse: all {sum(evaluation.n_predicted)} validation documents were predicted to be "
        f"of one class, and they are of {n_labelled}. If it lasts, try a "
        "smaller train.lr, a longer train.warmup, or another train.seed"
    )
