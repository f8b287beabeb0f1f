"""Runs in groups: a data set, in it lines of one method and configuration, in each its seeds."""

import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TypeVar

from prefprop_cli.config.schema import MethodTable
from prefprop_cli.experiment.stored_logits import load_logits
from prefprop_cli.report.collect import FinishedRun
from prefprop_cli.report.methods import PROPAGATION, backbone_name, method_order
from prefprop_cli.tasks.metrics import better

SEARCHED = ("train.lr", "method.alpha")
"""What the paper searches on validation (appendix B); of lines that differ in nothing else, the
best one is read on other splits."""

# What changes no prediction, or nothing but where and how fast it is computed.
_NEUTRAL = {
    *("train.seed", "train.keep", "train.save_every", "train.micro_batch_size"),
    *("train.chunks_per_pass", "model.attention", "model.gradient_checkpointing"),
    *("model.backbone", "data.source"),
}
_OF_KERNELS = ("alpha", "alpha_trainable", "alpha_per_head", "lengthscale", "degree")
_OF_PREFIXES = ("prefix_length", "dropout", "init_std")
_NAMED = {"method.name", "method.kernel"}
_TABLES = {"model", "data", "method", "train"}

Settings = Mapping[str, object]
T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Line:
    """One method in one configuration.

    Attributes:
        method: as `method_label`.
        settings: dotted keys and values of all that may change a prediction, but the seed.
        runs: by seed.
        own: those that set it apart from other lines of its method.
    """

    method: str
    settings: Settings
    runs: tuple[FinishedRun, ...]
    own: Settings = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The method and, in brackets, what sets this line apart, e.g. `(lr = 0.01)`."""
        parts = [f"{key.split('.')[-1]} = {value}" for key, value in self.own.items()]
        return f"{self.method} ({', '.join(parts)})" if parts else self.method


@dataclass(frozen=True)
class DataSet:
    """The lines that were trained and validated on the same documents.

    Attributes:
        set: `data.set` of the configuration.
        name: with split and limit where they say something.
        lines: in the order of table 2.
        searched: lines that lost on validation to one of `lines`.
    """

    set: str
    name: str
    lines: tuple[Line, ...]
    searched: tuple[Line, ...]


def group(
    runs: Iterable[FinishedRun], *, pick_best: bool = True
) -> tuple[list[DataSet], list[str]]:
    """Sort runs into data sets and lines.

    Args:
        runs: finished ones.
        pick_best: keep the best line of each search on validation; False keeps all.

    Returns:
        The sets, and notes on runs that were left out.

    Raises:
        UsageError: a run has no logits of its validation split.
        CorruptFileError: they are damaged.
    """
    notes: list[str] = []
    sets = [_data_set(part, notes, pick_best) for part in _by(_documents, runs).values()]
    return sorted(_renamed(sets), key=lambda each: each.name), notes


def _data_set(runs: Sequence[FinishedRun], notes: list[str], pick_best: bool) -> DataSet:
    lines = [
        _line(part, notes)
        for part in _by(lambda run: (run.method, repr(_settings(run))), runs).values()
    ]
    searches = _by(lambda line: (line.method, repr(_fixed(line.settings))), lines)
    best = [_best(search) for search in searches.values()] if pick_best else lines
    losers = [line for line in lines if all(line is not winner for winner in best)]
    return DataSet(
        set=runs[0].config.data.set,
        name=_name(runs[0]),
        lines=tuple(
            sorted(_told_apart(best), key=lambda line: (method_order(line.method), line.name))
        ),
        searched=tuple(replace(line, own=_picked(line, SEARCHED)) for line in losers),
    )


def validation_score(line: Line, *, seeds: Iterable[int] | None = None) -> float | None:
    """Mean of the metric that chose the best epochs, over these seeds or all of the line."""
    wanted = {run.seed for run in line.runs} if seeds is None else set(seeds)
    metric = str(line.settings["train.metric"])
    found = [run.validation.get(metric) for run in line.runs if run.seed in wanted]
    known = [value for value in found if value is not None]
    return sum(known) / len(known) if known else None


def usual_settings(lines: Sequence[Line]) -> Settings:
    """The value of each setting that most lines have."""
    keys = _union([line.settings for line in lines])
    values = {key: [line.settings[key] for line in lines if key in line.settings] for key in keys}
    return {key: max(found, key=found.count) for key, found in values.items()}


def unusual_settings(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """By key, the lines with another than the usual value, beyond what their names say."""
    usual = usual_settings(lines)
    found = {
        key: [line for line in lines if line.settings.get(key, usual[key]) != usual[key]]
        for key in _differing([line.settings for line in lines])
    }
    return {
        key: others for key, others in found.items() if not any(key in line.own for line in others)
    }


def _best(search: Sequence[Line]) -> Line:
    """The best line on validation, over the seeds that all of them have, if there are such."""
    shared = set.intersection(*({run.seed for run in line.runs} for line in search))
    metric = str(search[0].settings["train.metric"])
    best, best_score = search[0], None
    for line in search:
        score = validation_score(line, seeds=shared or None)
        if score is not None and better(metric, score, best_score):
            best, best_score = line, score
    return best


def _line(runs: Sequence[FinishedRun], notes: list[str]) -> Line:
    newest: dict[int, FinishedRun] = {}
    for run in sorted(runs, key=lambda run: run.started):
        if earlier := newest.get(run.seed):
            notes.append(
                f"left out {earlier.folder.path}: {run.folder.path} is the same run, and later"
            )
        newest[run.seed] = run
    seeds = tuple(newest[seed] for seed in sorted(newest))
    return Line(seeds[0].method, _settings(seeds[0]), seeds)


def _settings(run: FinishedRun) -> Settings:
    tables = run.config.model_dump(include=_TABLES)
    flat = {
        f"{table}.{key}": value for table, keys in tables.items() for key, value in keys.items()
    }
    idle = _NEUTRAL | _without_effect(run.config.method)
    weights = {"backbone": backbone_name(run.config), "weights": run.backbone_sha256[:8]}
    return weights | {key: value for key, value in flat.items() if key not in idle}


def _without_effect(method: MethodTable) -> set[str]:
    """Keys that this method does not read."""
    has_placeholders = method.name in (PROPAGATION, "combined")
    idle = {
        "tuning_length": method.name == "combined",
        "placeholder": has_placeholders,
        **dict.fromkeys(_OF_KERNELS, method.kernel != "none"),
        **dict.fromkeys(_OF_PREFIXES, has_placeholders or method.name == "prefix-tuning"),
    }
    return {f"method.{key}" for key, is_read in idle.items() if not is_read}


def _fixed(settings: Settings) -> Settings:
    return {key: value for key, value in settings.items() if key not in SEARCHED}


def _told_apart(lines: Sequence[Line]) -> Iterator[Line]:
    """The lines with what sets them apart: values that are not what most lines of the set have."""
    usual = {key: v for key, v in usual_settings(lines).items() if not _is_tied(key, lines)}
    for same in _by(lambda line: line.method, lines).values():
        keys = _differing([line.settings for line in same])
        for line in same:
            own = _picked(line, keys)
            yield replace(
                line, own={k: v for k, v in own.items() if k not in usual or v != usual[k]}
            )


def _is_tied(key: str, lines: Sequence[Line]) -> bool:
    """Whether as many lines have another value as have the usual one."""
    found = [line.settings[key] for line in lines if key in line.settings]
    counts = [found.count(value) for value in found]
    return counts.count(max(counts)) > max(counts)


def _picked(line: Line, keys: Iterable[str]) -> Settings:
    return {key: line.settings[key] for key in keys if key in line.settings}


def _differing(settings: Sequence[Settings]) -> list[str]:
    """Keys that have several values among those that have them, without those of the name."""
    keys = {key: {repr(each[key]) for each in settings if key in each} for key in _union(settings)}
    differing = [key for key, values in keys.items() if len(values) > 1 and key not in _NAMED]
    # Weights of one name that are not the same; else the name says it.
    return [key for key in differing if key != "weights" or "backbone" not in differing]


def _union(settings: Sequence[Settings]) -> dict[str, None]:
    return dict.fromkeys(key for each in settings for key in each)


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
        data = [each.lines[0].runs[0].config.data.model_dump() for each in same]
        for each, settings in zip(same, data, strict=True):
            parts = [f"{key} = {settings[key]}" for key in _differing(data)]
            yield replace(each, name=", ".join([each.name, *parts]))


def _by(key: Callable[[T], K], items: Iterable[T]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups
