"""Runs in groups: a data set, in it variants of method and configuration, in each its seeds."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TypeVar

from prefprop_cli.config.schema import Config, MethodTable
from prefprop_cli.experiment.stored_logits import load_logits
from prefprop_cli.report.collect import FinishedRun
from prefprop_cli.report.paper import PROPAGATION, backbone_name, method_order
from prefprop_cli.tables import METHODS
from prefprop_cli.tasks.metrics import better

SEARCHED = ("train.lr", "method.alpha")
"""What the paper searches on validation (appendix B); of variants that differ in nothing else, the
best one is read on other splits."""

_SEARCHED = dict.fromkeys(SEARCHED)
# What changes no prediction, or nothing but where and how fast it is computed.
_NEUTRAL = {
    *("train.seed", "train.keep", "train.save_every", "train.micro_batch_size"),
    *("train.chunks_per_pass", "model.attention", "model.gradient_checkpointing"),
    *("model.backbone", "data.source"),
}
_OF_KERNELS = ("alpha", "alpha_trainable", "alpha_per_head", "lengthscale", "degree")
_OF_PREFIXES = ("prefix_length", "dropout", "init_std")
_NAMED = {"method.name", "method.kernel"}

Settings = Mapping[str, object]
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Variant:
    """One method in one configuration."""

    method: str
    settings: Settings
    """Dotted keys and values of all that may change a prediction, but the seed."""
    runs: tuple[FinishedRun, ...]
    """By seed."""
    own: Settings = field(default_factory=dict)
    """Those settings that set it apart from other variants of its method."""

    @property
    def config(self) -> Config:
        """Of its first run."""
        return self.runs[0].config

    @property
    def name(self) -> str:
        """The method and, in brackets, what sets this variant apart, e.g. `(lr = 0.01)`."""
        parts = [f"{key.split('.')[-1]} = {value}" for key, value in self.own.items()]
        return f"{self.method} ({', '.join(parts)})" if parts else self.method

    def with_own(self, keys: Iterable[str]) -> "Variant":
        """Return the same, set apart by these settings."""
        return replace(self, own={k: self.settings[k] for k in keys if k in self.settings})


@dataclass(frozen=True)
class DataSet:
    """The variants that were trained and validated on the same documents."""

    set: str
    """`data.set` of the configuration."""
    name: str
    """With split and limit where they say something."""
    variants: tuple[Variant, ...]
    """In the order of table 2."""
    searched: tuple[Variant, ...]
    """Those that lost on validation to one of `variants`."""

    @property
    def runs(self) -> list[FinishedRun]:
        """Of all variants, without those that lost."""
        return [run for variant in self.variants for run in variant.runs]


def group(
    runs: Iterable[FinishedRun], *, pick_best: bool = True
) -> tuple[list[DataSet], list[str]]:
    """Sort finished runs into data sets and variants.

    With `pick_best`, of each search on validation only the best variant is kept. Returned are the
    sets, and notes on runs that were left out.

    Raises:
        UsageError: a run has no logits of its validation split.
        CorruptFileError: they are damaged.
    """
    notes: list[str] = []
    sets = [_data_set(part, notes, pick_best) for part in _by(_documents, runs).values()]
    return sorted(_renamed(sets), key=lambda each: each.name), notes


def validation_score(variant: Variant, *, seeds: Iterable[int] | None = None) -> float | None:
    """Average the metric that chose the best epochs, over these seeds or all of a variant."""
    wanted = {run.seed for run in variant.runs} if seeds is None else set(seeds)
    metric = str(variant.settings["train.metric"])
    found = [run.validation.get(metric) for run in variant.runs if run.seed in wanted]
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known else None


def usual_settings(variants: Sequence[Variant]) -> Settings:
    """Return the value of each setting that most variants have."""
    values = _values([each.settings for each in variants])
    return {key: max(found, key=found.count) for key, found in values.items()}


def unusual_settings(variants: Sequence[Variant]) -> dict[str, list[Variant]]:
    """Return by key the variants with an unusual value, beyond what their names say."""
    usual = usual_settings(variants)
    found = {
        key: [each for each in variants if each.settings.get(key, usual[key]) != usual[key]]
        for key in _differing([each.settings for each in variants])
    }
    return {
        key: others for key, others in found.items() if not any(key in each.own for each in others)
    }


def _data_set(runs: Sequence[FinishedRun], notes: list[str], pick_best: bool) -> DataSet:
    by_settings = _by(lambda run: (run.method, repr(_settings(run))), runs)
    variants = [_variant(part, notes) for part in by_settings.values()]
    searches = _by(lambda each: (each.method, repr({**each.settings, **_SEARCHED})), variants)
    best = [_best(search) for search in searches.values()] if pick_best else variants
    losers = [each for each in variants if all(each is not winner for winner in best)]
    return DataSet(
        set=runs[0].config.data.set,
        name=_name(runs[0]),
        variants=tuple(
            sorted(_told_apart(best), key=lambda each: (method_order(each.method), each.name))
        ),
        searched=tuple(each.with_own(SEARCHED) for each in losers),
    )


def _variant(runs: Sequence[FinishedRun], notes: list[str]) -> Variant:
    newest: dict[int, FinishedRun] = {}
    for run in sorted(runs, key=lambda run: run.started):
        if earlier := newest.get(run.seed):
            notes.append(
                f"left out {earlier.folder.path}: {run.folder.path} is the same run, and later"
            )
        newest[run.seed] = run
    seeds = tuple(newest[seed] for seed in sorted(newest))
    return Variant(seeds[0].method, _settings(seeds[0]), seeds)


def _best(search: Sequence[Variant]) -> Variant:
    """The best variant on validation, over the seeds that all of them have, if there are such."""
    shared = set.intersection(*({run.seed for run in each.runs} for each in search))
    metric = str(search[0].settings["train.metric"])
    best, best_score = search[0], None
    for each in search:
        score = validation_score(each, seeds=shared or None)
        if score is not None and better(metric, score, best_score):
            best, best_score = each, score
    return best


def _settings(run: FinishedRun) -> Settings:
    tables = run.config.model_dump(include={"model", "data", "method", "train"})
    flat = {
        f"{table}.{key}": value for table, keys in tables.items() for key, value in keys.items()
    }
    idle = _NEUTRAL | _without_effect(run.config.method)
    weights = {"backbone": backbone_name(run.config), "weights": run.backbone_sha256[:8]}
    return weights | {key: value for key, value in flat.items() if key not in idle}


def _without_effect(method: MethodTable) -> set[str]:
    """Keys that this method does not read; of one of another package nobody knows."""
    if method.name in METHODS.added:
        return set()
    has_placeholders = method.name in (PROPAGATION, "combined")
    is_read = {
        "tuning_length": method.name == "combined",
        "placeholder": has_placeholders,
        **dict.fromkeys(_OF_KERNELS, method.kernel != "none"),
        **dict.fromkeys(_OF_PREFIXES, has_placeholders or method.name == "prefix-tuning"),
    }
    return {f"method.{key}" for key, has_effect in is_read.items() if not has_effect}


def _told_apart(variants: Sequence[Variant]) -> Iterator[Variant]:
    """The variants with what sets them apart: values that most of the set do not have."""
    values = _values([each.settings for each in variants])
    usual = {key: max(found, key=found.count) for key, found in values.items() if not _tie(found)}
    for same in _by(lambda each: each.method, variants).values():
        keys = _differing([each.settings for each in same])
        for each in same:
            settings = each.settings
            yield each.with_own(k for k in keys if k not in usual or settings.get(k) != usual[k])


def _tie(values: Sequence[object]) -> bool:
    counts = [values.count(value) for value in values]
    return counts.count(max(counts)) > max(counts)


def _differing(settings: Sequence[Settings]) -> list[str]:
    """Keys that have several values among those that have them, without those of the name."""
    values = {key: set(map(repr, found)) for key, found in _values(settings).items()}
    differing = [key for key, found in values.items() if len(found) > 1 and key not in _NAMED]
    # Weights of one name that are not the same; else the name says it.
    return [key for key in differing if key != "weights" or "backbone" not in differing]


def _values(settings: Sequence[Settings]) -> dict[str, list[object]]:
    """By key, the value of each that has it."""
    keys = dict.fromkeys(key for each in settings for key in each)
    return {key: [each[key] for each in settings if key in each] for key in keys}


def _documents(run: FinishedRun) -> tuple[str, str]:
    """What tells whether two runs were trained for the same task: set and validation documents."""
    saved = load_logits(run.folder.evaluation, "validation")
    digest = hashlib.sha256(repr((saved.ids, saved.labels.tolist())).encode())
    return run.config.data.set, digest.hexdigest()


def _name(run: FinishedRun) -> str:
    data = run.config.data
    source = PurePath(data.source or "").name
    parts = [source if data.set in ("files", "hub") and source else data.set]
    parts += [data.split] if data.split != "default" else []
    parts += [f"fold {data.fold}"] if data.split.startswith("kfold") else []
    parts += [f"limit {data.limit}"] if data.limit else []
    return ", ".join(parts)


def _renamed(sets: Sequence[DataSet]) -> Iterator[DataSet]:
    """The sets, with the settings of their data in the name where names alone are the same."""
    for same in _by(lambda each: each.name, sets).values():
        data = [each.runs[0].config.data.model_dump() for each in same]
        for each, settings in zip(same, data, strict=True):
            parts = [f"{key} = {settings[key]}" for key in _differing(data)]
            yield replace(each, name=", ".join([each.name, *parts]))


def _by(key: Callable[[T], K], items: Iterable[T]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
