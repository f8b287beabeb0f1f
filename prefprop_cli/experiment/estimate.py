"""How much memory a training step needs, before any weight is loaded.

The estimate counts float32 numbers: weights, gradients and AdamW's moments of what trains, and
what autograd keeps of one micro-batch. It leaves out the interpreter and its libraries.
"""

from prefprop_cli.experiment.model import ParameterCounts
from prefprop_cli.experiment.plan import Plan

_BYTES = 4


def training_bytes(plan: Plan, numbers: ParameterCounts) -> int:
    """Peak of a step on the longest documents, in bytes, to about a third.

    Args:
        plan: the run.
        numbers: what trains.
    """
    weights = numbers.of_backbone + numbers.method + numbers.head
    gradients_and_moments = 3 * numbers.total
    activations = _kept_per_token(plan, numbers) * _tokens(plan)
    return _BYTES * (weights + gradients_and_moments + activations)


def _tokens(plan: Plan) -> int:
    return plan.config.train.micro_batch_size * plan.config.data.max_length


def _kept_per_token(plan: Plan, numbers: ParameterCounts) -> int:
    """Numbers autograd keeps per token over all layers."""
    encoder = plan.encoder
    if plan.config.method.name == "head-only":
        return 4 * encoder.width
    # Query, key, value, their strips, mixed values, two sums before LayerNorm, two outputs.
    per_layer = 12 * encoder.width + 2 * encoder.ffn_width
    if numbers.backbone:
        per_layer += 2 * encoder.width
    if plan.config.model.gradient_checkpointing:
        return encoder.n_layers * encoder.width + per_layer
    return encoder.n_layers * per_layer
