"""How long a plan takes here, and how much memory, before its weights are read.

Time is taken on a model of the same shape with made-up weights and texts: neither the run's own
weights nor its random numbers are touched, and nothing has to be loaded for it.
"""

import torch

from prefprop_cli.core.attention import Rows
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.encoder.layout import Tokens
from prefprop_cli.core.modes import plain_modes
from prefprop_cli.experiment.model import Classifier, ParameterCounts, create_classifier
from prefprop_cli.experiment.plan import Plan
from prefprop_cli.tasks.batch import Batch
from prefprop_cli.training.device import resolve_precision
from prefprop_cli.training.forecast import Costs, measure

MOST_S = 0.5
"""Seconds that one timed pass may take."""
_BYTES, _NOISE = 4, 4099


def training_bytes(plan: Plan, counts: ParameterCounts) -> int:
    """Return the peak of a step on the longest documents, in bytes, to about a third.

    Counted are float32 numbers: weights, gradients and AdamW's moments of what trains, and what
    autograd keeps of one micro-batch; left out are the interpreter and its libraries.
    """
    encoder, config = plan.encoder, plan.config
    weights = counts.of_backbone + counts.method + counts.head
    # Query, key, value, their strips, mixed values, two sums before LayerNorm, two outputs.
    per_layer = 12 * encoder.hidden_size + 2 * encoder.intermediate_size
    if counts.backbone:
        per_layer += 2 * encoder.hidden_size
    if config.method.name == "head-only":
        per_token = 4 * encoder.hidden_size
    elif config.model.gradient_checkpointing:
        per_token = encoder.n_layers * encoder.hidden_size + per_layer
    else:
        per_token = encoder.n_layers * per_layer
    activations = per_token * config.train.micro_batch_size * config.data.max_length
    return _BYTES * (weights + 3 * counts.total + activations)


@plain_modes()
def costs_of(plan: Plan, *, n_labels: int, device: str = "cpu") -> Costs:
    """Measure what a document costs in training and in evaluation, in less than two seconds.

    `Costs.run_s` makes seconds of a training of it, evaluations included; loading, tokenising and
    what comes after the training are left out.
    """
    kind = torch.device(device).type
    with torch.random.fork_rng(devices=[device] if kind == "cuda" else []):
        model = _made_up(plan, n_labels=n_labels, device=device)
        precision = resolve_precision(plan.config.train.precision, device=device)

        def forward(length: int) -> torch.Tensor:
            with torch.autocast(kind, dtype=torch.bfloat16, enabled=precision == "bf16"):
                return model(_text(length).to(device)).float().sum()

        def train(length: int) -> None:
            forward(length).backward()
            if kind == "cuda":
                torch.cuda.synchronize(device)

        def evaluate(length: int) -> None:
            with torch.no_grad():
                forward(length).item()

        training = measure(train, longest=plan.max_tokens, most_s=MOST_S)
        model.eval()
        return Costs(training, measure(evaluate, longest=plan.max_tokens, most_s=MOST_S / 2))


def _made_up(plan: Plan, *, n_labels: int, device: str) -> Classifier:
    """A model with numbers of the usual size, since tiny ones are slow; drawn once, repeated."""
    options = plan.config.model.model_dump(exclude={"backbone", "to_long", "window"})
    with torch.device("meta"):
        encoder = Encoder(plan.encoder, **options)
        model = create_classifier(encoder, plan.config, n_labels=n_labels)
    model.train().to_empty(device=device)
    noise = 0.05 * torch.randn(_NOISE)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim < 2:
                parameter.fill_(1.0)
                continue
            repeats = -(-parameter.numel() // _NOISE)
            parameter.copy_(noise.repeat(repeats)[: parameter.numel()].view_as(parameter))
    return model


def _text(length: int) -> Batch:
    is_global = torch.arange(length) == 0
    # Ids that every vocabulary has.
    tokens = Tokens(torch.arange(length) % 8, Rows.of_lengths([length]), is_global)
    return Batch(("made up",), tokens, ((0,),), (1,), torch.zeros(1, dtype=torch.int64))
