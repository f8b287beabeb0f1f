"""What `train`, `prepare`, `sweep` and `init` share: documents, backbone, what is said of them."""

from pathlib import Path

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.cli.work.start_view import data_lines
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.experiment.choice import BackboneChoice, prepare_documents
from prefprop_cli.experiment.model import ParameterCounts, count_parameters
from prefprop_cli.experiment.plan import empty_classifier


def prepare(
    console: Console,
    choice: BackboneChoice,
    stop: StopRequest,
    *,
    cache: Path | None = None,
    force: bool = False,
) -> tuple[BackboneChoice, Prepared]:
    """Prepare the documents, and say what they are and which backbone reads them.

    Raises:
        Interrupted: a signal came.
    """
    choice, prepared = prepare_documents(
        choice, cache=cache, force=force, stop=stop.raise_if_requested
    )
    max_length = choice.plan.config.data.max_length
    for line in data_lines(prepared, choice.plan.task, max_length=max_length, width=console.width):
        console.info(line)
    for note in prepared.notes:
        if note.severity == "warning":
            console.warn(note, label="warning: " if console.width is None else "  ! ")
        else:
            console.info(f"  note: {note}")
    console.info(f"backbone: {choice}")
    return choice, prepared


def tell_trained(console: Console, choice: BackboneChoice, prepared: Prepared) -> ParameterCounts:
    """Say how many parameters train, and return how many."""
    numbers = count_parameters(empty_classifier(choice.plan, n_labels=len(prepared.labels)))
    console.info(
        f"trained: {choice.plan.config.method.name} {numbers.method + numbers.backbone:,} "
        f"({numbers.method_percent:.4f} % of {numbers.of_backbone:,}), head {numbers.head:,}, "
        f"together {numbers.total:,} ({numbers.total_percent:.4f} %)"
    )
    return numbers
