"""The logits of runs: stored ones, and those that have to be computed first."""

from collections.abc import Callable

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.options import Machine
from prefprop_cli.data.corpus import SPLITS
from prefprop_cli.errors import UsageError
from prefprop_cli.experiment.evaluate import Evaluator, OwnDocuments
from prefprop_cli.experiment.stored_logits import SavedLogits, logits_path
from prefprop_cli.runs import RunFolder


def check_split(folder: RunFolder, split: str) -> None:
    """See that there is such a split, before anything is loaded.

    Raises:
        UsageError: data have no such split, and no logits of that name are stored.
    """
    if split not in SPLITS and not logits_path(folder.evaluation, split).exists():
        raise UsageError(f"--split {split}: there is no such split. There are {', '.join(SPLITS)}")


def logits_of(
    console: Console,
    folder: RunFolder,
    documents: str | OwnDocuments,
    *,
    machine: Machine,
    warn: Callable[[str], None] = lambda text: None,
) -> SavedLogits:
    """The logits of a split or of documents of one's own, with progress where they are computed.

    Raises:
        UsageError: there is no such split.
        PrefpropError: as `Evaluator`.
    """
    if isinstance(documents, str):
        check_split(folder, documents)
    with console.progress(total=None, label="document") as progress:
        evaluator = Evaluator(
            folder,
            device=machine.device,
            batch_size=machine.batch_size,
            backbone=machine.backbone,
            progress=lambda done, total: progress.update(done, total=total),
            warn=warn,
        )
        if isinstance(documents, str):
            return evaluator.of_split(documents)
        return evaluator.of_documents(documents)
