"""How good a run is on documents that it has not learnt from, beside what needs no training.

Axes: N documents, C classes.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from prefprop_cli.arrays import Ints
from prefprop_cli.calibration.predictions import Predictions
from prefprop_cli.data import read_corpus
from prefprop_cli.data.corpus import Corpus
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.errors import PrefpropError
from prefprop_cli.experiment.evaluate import Evaluator
from prefprop_cli.experiment.plan import Plan
from prefprop_cli.experiment.stored_logits import SavedLogits
from prefprop_cli.runs import RunFolder
from prefprop_cli.runs.distributed import world
from prefprop_cli.stats import small_samples
from prefprop_cli.stats.small_samples import Stated, answers_of
from prefprop_cli.tasks.base import Task
from prefprop_cli.tasks.metrics import chance_share, confusion_matrix

DEAREST = 0.2
"""Of the time of the training: what an evaluation on test may take that nobody has asked for."""
TFIDF, CHANCE = "TF-IDF", "a candidate by lot"
MOST_CHARACTERS = 50_000_000
"""Of training texts; more would keep TF-IDF busy for a minute."""


@dataclass(frozen=True)
class Mistake:
    """A document whose label is another than the model says.

    Attributes:
        id: of the document.
        label: the true one.
        said: by the model.
        prob: that it gives to what it says.
    """

    id: str
    label: str
    said: str
    prob: float


@dataclass(frozen=True)
class Outcome:
    """What a run says of a split.

    Attributes:
        split: its name.
        saved: the logits.
        task: what it was trained for.
        labels: the classes, if the task has any.
        baselines: accuracy by name.
    """

    split: str
    saved: SavedLogits
    task: Task
    labels: tuple[str, ...]
    baselines: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def _predictions(self) -> Predictions:
        return Predictions.from_logits(self.saved.logits, self.saved.labels)

    @property
    def n(self) -> int:
        """Documents."""
        return len(self.saved.labels)

    @property
    def accuracy(self) -> float:
        """Share of the documents that are right."""
        return float(self.saved.is_right.mean())

    @property
    def interval(self) -> Stated:
        """Of the accuracy, 95 %."""
        metrics = self.task.metrics(len(self.labels))
        answers = answers_of(self.saved.logits, self.saved.labels, metrics=metrics)
        return small_samples.shares(answers)["accuracy"]

    @cached_property
    def confusions(self) -> Ints:
        """Documents of each class (rows) that are said to be of each (columns); (C, C)."""
        found = self.saved
        return confusion_matrix(found.logits, found.labels, n_classes=len(self.labels))

    @cached_property
    def mistakes(self) -> list[Mistake]:
        """What is wrong, the surest first; none where there are no classes."""
        if not self.task.has_classes:
            return []
        said = self.saved.logits.argmax(axis=1)
        wrong = np.flatnonzero(said != self.saved.labels)
        found = [
            Mistake(
                self.saved.ids[n],
                self.labels[self.saved.labels[n]],
                self.labels[said[n]],
                float(self._predictions.confidence[n]),
            )
            for n in wrong
        ]
        return sorted(found, key=lambda each: -each.prob)

    def record(self) -> dict[str, object]:
        """The same as JSON."""
        ends = self.interval
        return {
            "split": self.split,
            "n": self.n,
            "accuracy": self.accuracy,
            "low": None if isinstance(ends, str) else ends.low,
            "high": None if isinstance(ends, str) else ends.high,
            "baselines": dict(self.baselines),
            "labels": list(self.labels),
            "confusions": self.confusions.tolist() if self.task.has_classes else None,
            "mistakes": [vars(each) for each in self.mistakes],
        }


def outcome_of(
    plan: Plan,
    prepared: Prepared,
    folder: RunFolder,
    *,
    device: str,
    n_steps: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Evaluate a run that was just trained: on test, or where that takes long, on validation.

    The logits are stored in the run.

    Args:
        plan: of the run.
        prepared: its documents.
        folder: the run.
        device: where it computes.
        n_steps: that it was trained.
        progress: told how many documents of how many are done.

    Raises:
        PrefpropError: as `Evaluator.of_split`.
    """
    split = "test" if _is_cheap(plan, prepared, n_steps) else "validation"
    saved = Evaluator(folder, device=device, progress=progress).of_split(split)
    baselines = world().on_main(lambda: _baselines(plan, prepared, saved, split))
    return Outcome(split, saved, plan.task, prepared.labels, baselines)


def _is_cheap(plan: Plan, prepared: Prepared, n_steps: int) -> bool:
    """Whether test is a small part of the work of the training, a step thrice a forward pass."""
    if not len(prepared.splits.get("test", ())):
        return False
    tokens = {name: sum(table["n_computed"]) for name, table in prepared.splits.items()}
    n_train = len(prepared.splits["train"])
    epochs = n_steps * plan.config.train.batch_size / n_train
    return tokens["test"] <= DEAREST * epochs * (3 * tokens["train"] + tokens["validation"])


def _baselines(plan: Plan, prepared: Prepared, saved: SavedLogits, split: str) -> dict[str, float]:
    if not plan.task.has_classes:
        return {CHANCE: chance_share(saved.logits)}
    counts = Counter(prepared.splits["train"]["label"])
    most = max(sorted(counts), key=lambda label: counts[label])
    always = {f'always "{prepared.labels[most]}"': float((saved.labels == most).mean())}
    try:
        return {**_tfidf(plan, prepared, saved, split), **always}
    except PrefpropError:  # the texts are gone, or have no words
        return always


def _tfidf(plan: Plan, prepared: Prepared, saved: SavedLogits, split: str) -> dict[str, float]:
    corpus = read_corpus(plan.config.data)
    if corpus.contents != prepared.summary["contents"] or _is_large(corpus):
        return {}
    from prefprop_cli.experiment.baselines import tfidf_logits  # a second of scikit-learn

    numbers = {label: number for number, label in enumerate(corpus.labels)}
    train = corpus.splits["train"]
    logits = tfidf_logits(
        [document.text for document in train],
        [numbers[str(document.label)] for document in train],
        [document.text for document in corpus.splits[split]],
        n_classes=len(numbers),
    )
    return {TFIDF: float((logits.argmax(axis=1) == saved.labels).mean())}


def _is_large(corpus: Corpus) -> bool:
    return sum(len(document.text) for document in corpus.splits["train"]) > MOST_CHARACTERS
