"""How long a plan will take here, before its weights are read.

Timed on a model of the same shape with made-up weights and texts: neither the run's own weights nor
its random numbers are touched, and nothing has to be loaded for it.
"""

import torch
from torch import nn

from prefprop_cli.core.attention import Rows
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.encoder.layout import Tokens
from prefprop_cli.core.modes import plain_modes
from prefprop_cli.experiment.model import Classifier, create_classifier
from prefprop_cli.experiment.plan import Plan
from prefprop_cli.tasks.batch import DocumentBatch
from prefprop_cli.training.device import resolve_precision
from prefprop_cli.training.forecast import Costs, measure

MOST_S = 0.5
"""Seconds that one timed pass may take."""
_NOISE = 4099


@plain_modes()
def costs_of(plan: Plan, *, n_labels: int, device: str = "cpu") -> Costs:
    """What a document costs in training and in evaluation, in less than two seconds.

    `Costs.run_s` makes seconds of a training of it, evaluations included; loading, tokenising and
    what comes after the training are left out.

    Args:
        plan: what the run uses.
        n_labels: classes; 0 where the task has none.
        device: `cpu`, `cuda` or `cuda:N`.
    """
    with torch.random.fork_rng(devices=_generators(device)):
        model = _made_up(plan, n_labels=n_labels).to_empty(device=device)
        _fill(model)
        precision = resolve_precision(plan.config.train.precision, device=device)
        kind = torch.device(device).type

        def forward(length: int) -> torch.Tensor:
            with torch.autocast(kind, dtype=torch.bfloat16, enabled=precision == "bf16"):
                return model(_text(length).to(device)).float().sum()

        def train(length: int) -> None:
            forward(length).backward()
            _wait(device)

        def evaluate(length: int) -> None:
            with torch.no_grad():
                forward(length).item()

        training = measure(train, longest=plan.max_tokens, most_s=MOST_S)
        model.eval()
        return Costs(training, measure(evaluate, longest=plan.max_tokens, most_s=MOST_S / 2))


def _made_up(plan: Plan, *, n_labels: int) -> Classifier:
    table = plan.config.model
    with torch.device("meta"):
        encoder = Encoder(
            plan.encoder,
            attention=table.attention,
            dropout=table.dropout,
            attention_dropout=table.attention_dropout,
            gradient_checkpointing=table.gradient_checkpointing,
        )
        return create_classifier(encoder, plan.config, n_labels=n_labels).train()


@torch.no_grad()
def _fill(model: nn.Module) -> None:
    """Numbers of the usual size, since tiny ones are slow to compute with; drawn once, repeated."""
    noise = 0.05 * torch.randn(_NOISE)
    for parameter in model.parameters():
        if parameter.ndim < 2:
            parameter.fill_(1.0)
            continue
        repeats = -(-parameter.numel() // _NOISE)
        parameter.copy_(noise.repeat(repeats)[: parameter.numel()].view_as(parameter))


def _text(length: int) -> DocumentBatch:
    is_global = torch.arange(length) == 0
    # Ids that every vocabulary has.
    tokens = Tokens(torch.arange(length) % 8, Rows.of_lengths([length]), is_global)
    return DocumentBatch(("made up",), tokens, ((0,),), (1,), torch.zeros(1, dtype=torch.int64))


def _generators(device: str) -> list[torch.device]:
    return [torch.device(device)] if torch.device(device).type == "cuda" else []


def _wait(device: str) -> None:
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)
