"""The baselines below the methods: what the same documents give without any of them."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace

import numpy as np

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.audit import Audit
from prefprop_cli.data.corpus import Corpus
from prefprop_cli.errors import DataError, PrefpropError
from prefprop_cli.experiment.baselines import label_indices, majority_logits, tfidf_logits
from prefprop_cli.report.scores import (
    Estimate,
    ScoredSet,
    ScoredVariant,
    Seed,
    estimates_of,
    seed_of,
)
from prefprop_cli.stats.seeds import summary
from prefprop_cli.tasks.metrics import chance_share

CorpusOf = Callable[[DataTable], Corpus]


@dataclass(frozen=True)
class Baseline:
    """A classifier without seeds, and its metrics."""

    name: str
    estimates: Mapping[str, Estimate]
    seeds: tuple[Seed, ...] = ()
    """None, nor has the paper any figures: it is a row like a variant's."""
    paper: Mapping[str, float] = field(default_factory=dict)

    def mean(self, metric: str) -> float | None:
        """Return its figure; None where it has none."""
        return self.estimates[metric].seeds.mean if metric in self.estimates else None

    def as_dict(self) -> dict[str, object]:
        """Return all of it as JSON types."""
        figures = {metric: each.seeds.mean for metric, each in self.estimates.items()}
        intervals = {name: each.overall for name, each in self.estimates.items() if each.overall}
        ends = {name: asdict(interval) for name, interval in intervals.items()}
        return {"name": self.name, "figures": figures, "intervals": ends}


Row = ScoredVariant | Baseline


@dataclass(frozen=True)
class Baselines:
    """What stands below the methods on a data set, and what its reader says of the documents."""

    found: tuple[Baseline, ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] | None = None
    """What may be wrong with the documents; None where nobody knows."""

    def below(self, scored: ScoredSet) -> list[Row]:
        """Return the rows of a table: the variants, and then the baselines."""
        return [*scored.variants, *self.found]


def baselines_of(scored: ScoredSet, *, corpus_of: CorpusOf) -> Baselines:
    """Fit the baselines on the set's training documents and evaluate them on its split.

    `corpus_of` reads the texts; what it raises becomes a note.
    """
    run = scored.data.runs[0]
    if not scored.task.has_classes:
        chance = summary([chance_share(scored.variants[0].logits[0])])
        by_lot = Baseline("a candidate by lot", {"accuracy": Estimate(chance, None)})
        return Baselines((by_lot,), warnings=run.data_warnings)
    try:
        corpus = corpus_of(run.config.data)
        return replace(_fitted(scored, corpus), warnings=Audit(corpus).warnings)
    except PrefpropError as error:
        return Baselines(notes=(f"without baselines: {error}",), warnings=run.data_warnings)


def _fitted(scored: ScoredSet, corpus: Corpus) -> Baselines:
    split = scored.split
    ids = tuple(document.id for document in corpus.splits.get(split, ()))
    is_same = ids == scored.ids and np.array_equal(label_indices(corpus, split), scored.labels)
    # Earlier versions did not record the texts.
    recorded = scored.data.runs[0].folder.manifest.get("documents_sha256")
    if not is_same or recorded not in (None, corpus.contents):
        raise DataError("the documents are no longer those of the runs")
    fits = {"TF-IDF, logistic regression": tfidf_logits, "most frequent class": majority_logits}
    found, notes = [], list[str](corpus.facts)
    for name, logits_of in fits.items():
        try:
            logits = logits_of(corpus, split)
            found.append(Baseline(name, estimates_of([seed_of(logits, scored)])))
        except PrefpropError as error:
            notes.append(f"without {name}: {error}")
    return Baselines(tuple(found), tuple(notes))
