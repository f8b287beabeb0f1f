"""What `prefprop show` prints: one run, from the files of its folder."""

import json
import math
import os
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from safetensors import SafetensorError, safe_open

from prefprop_cli.calibration.metrics import classification_metrics
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.text import age, curve, duration, size
from prefprop_cli.errors import CorruptFileError, PrefpropError, UsageError
from prefprop_cli.experiment.stored_logits import is_step_name, load_logits
from prefprop_cli.runs import RunFolder, Summary, list_runs, losses_of, summarize
from prefprop_cli.runs.atomic import Record
from prefprop_cli.runs.state import again
from prefprop_cli.stats.small_samples import Stated, share
from prefprop_cli.tables import TASK_OF_SET, TASKS
from prefprop_cli.tasks.base import Task
from prefprop_cli.words import listed

SHOWN = ("f1_macro", "nll", "ece")
"""Metrics beside the accuracy."""


@dataclass(frozen=True)
class Evaluation:
    """What the stored logits of a split say."""

    split: str
    n: int
    metrics: Mapping[str, float]
    interval: Stated
    """Of the accuracy."""


class Story:
    """One run: all that its folder tells without the model.

    Args:
        run: at a glance.

    Attributes:
        damaged: what cannot be read.
    """

    def __init__(self, run: Summary) -> None:
        self.run, self.folder = run, run.folder
        self.damaged: list[str] = []

    @property
    def task(self) -> Task:
        """What it is trained for."""
        data_set = str(self.run.table("data").get("set"))
        return TASKS[TASK_OF_SET.get(data_set, "classification")]

    @cached_property
    def labels(self) -> list[str]:
        """The classes, where the task has any."""
        return [*map(str, self.run.manifest.get("labels") or self._adapter.get("labels") or ())]

    @cached_property
    def n_texts(self) -> dict[str, int]:
        """Distinct texts in each split."""
        found = self._json(self.folder.texts)
        return {split: len(keys) for split, keys in found.items() if isinstance(keys, list)}

    @cached_property
    def n_trainable(self) -> Counter[str]:
        """Trainable parameters by part: method, head, backbone."""
        file = self.folder.adapter / "trained.safetensors"
        if not file.exists():
            file = self.folder.checkpoints / f"step-{self.run.state.step or 0:06d}" / file.name
        found: Counter[str] = Counter()
        try:
            with safe_open(file, framework="numpy") as tensors:
                for name in tensors.keys():  # noqa: SIM118
                    shape = tensors.get_slice(name).get_shape()
                    found[name.partition(".")[0]] += math.prod(shape)
        except (SafetensorError, OSError) as error:
            if file.exists():
                self.damaged.append(f"{file} is damaged: {error}")
        return found

    @cached_property
    def losses(self) -> list[float]:
        """Of each step that was logged."""
        return losses_of(self._rows)

    @property
    def last(self) -> Record:
        """The newest row of a step."""
        return next((row for row in reversed(self._rows) if "loss" in row), {})

    @cached_property
    def evaluations(self) -> list[Evaluation]:
        """Of each split whose logits are stored, validation first."""
        names = sorted(file.stem for file in self.folder.evaluation.glob("*.safetensors"))
        order = ("validation", "test")
        splits = [name for name in names if not is_step_name(name)]
        found = []
        for split in sorted(splits, key=lambda name: (name not in order, name != order[0])):
            try:
                found.append(self._evaluation(split))
            except PrefpropError as error:
                self.damaged.append(str(error))
        return found

    @cached_property
    def calibrations(self) -> list[Record]:
        """The reports that `calibrate` has stored."""
        return [self._json(file) for file in sorted(self.folder.calibration.glob("*.json"))]

    @property
    def calibrator(self) -> Record:
        """What predictions are calibrated by; empty where by nothing."""
        found = self._adapter.get("calibrator")
        return found if isinstance(found, dict) and found.get("name") != "none" else {}

    @cached_property
    def adapter_bytes(self) -> int:
        """The size of all that it takes to predict, but for the backbone."""
        return sum(file.stat().st_size for file in self.folder.adapter.glob("*"))

    @property
    def next_commands(self) -> list[str]:
        """What can be done with the run."""
        name = shlex.quote(str(self.folder.path))
        if self.run.state.status == "training":
            return []
        if self.run.state.status != "finished":
            return [again(self.folder.path)]
        new = "new.csv" if self.task.has_classes else "questions.jsonl"
        has_test = any(each.split == "test" for each in self.evaluations)
        return [
            *([] if has_test else [f"prefprop eval {name}"]),
            *([] if self.calibrations else [f"prefprop calibrate {name}"]),
            f"prefprop predict {new} --run {name}",
        ]

    @cached_property
    def _rows(self) -> list[Record]:
        try:
            return self.folder.metrics()
        except CorruptFileError as error:
            self.damaged.append(str(error))
            return []

    @cached_property
    def _adapter(self) -> Record:
        return self._json(self.folder.adapter / "adapter.json")

    def _json(self, file: Path) -> Record:
        """A JSON object; of a file that is not there an empty one."""
        try:
            found = json.loads(file.read_bytes()) if file.exists() else {}
        except (OSError, ValueError, RecursionError) as error:
            found = error
        if isinstance(found, dict):
            return found
        self.damaged.append(f"{file} is damaged: it holds no JSON object")
        return {}

    def _evaluation(self, split: str) -> Evaluation:
        saved = load_logits(self.folder.evaluation, split)
        n_bins = self.run.table("eval").get("bins", 15)
        of_task = self.task.metrics(saved.logits.shape[1])
        metrics = classification_metrics(saved.logits, saved.labels, metrics=of_task, n_bins=n_bins)
        n = len(saved.labels)
        return Evaluation(split, n, metrics, share(int(saved.is_right.sum()), n, of="documents"))


def story_of(path: Path | None) -> Story:
    """The run that was named, else that of PREFPROP_RUN, else the newest of `./runs`.

    Raises:
        UsageError: there is none, or the path is no run.
        CorruptFileError: its manifest is damaged.
    """
    named = path or os.environ.get("PREFPROP_RUN")
    if named:
        return Story(summarize(RunFolder.open(Path(named))))
    parent = Path("runs")
    found = list_runs(parent).runs if parent.is_dir() else ()
    if not found:
        raise UsageError("./runs holds no runs. Name one, or train one: prefprop train -p demo")
    return Story(found[0])


def tell_story(console: Console, story: Story) -> None:
    """The run as lines with a heading each, rows with a tab, or JSON; what comes next as advice."""
    if console.common.json:
        console.result_json(_record(story))
    else:
        console.table([(name, text) for name, text in _lines(story) if text])
    for damage in story.damaged:
        console.warn(damage)
    for place, command in enumerate(story.next_commands):
        console.info(f"{'      ' if place else 'next: '} {command}")


def _lines(story: Story) -> Iterator[tuple[str, str]]:
    run = story.run
    yield "run", str(run.folder.path)
    yield "status", ", ".join(_status(run))
    yield "data", ", ".join(_data(story))
    yield "classes", f"{len(story.labels)}: {listed(story.labels, shown=6)}" if story.labels else ""
    yield "backbone", ", ".join(_backbone(run))
    yield "method", _settings(run.table("method"), "name", "prefix_length", "kernel")
    yield "trainable", _trainable(story.n_trainable)
    yield "training", _training(story)
    yield "loss", curve(story.losses)
    yield "best", _best(run, has_more=bool(story.evaluations))
    for each in story.evaluations:
        yield each.split, _figures(each)
    yield "calibrator", _calibrator(story.calibrator)
    for report in story.calibrations:
        yield "calibration", _calibration(report)
    yield "adapter", size(story.adapter_bytes) if story.adapter_bytes else ""


def _status(run: Summary) -> Iterator[str]:
    yield f"{run.state}, started {age(run.started)}"
    if (seconds := run.manifest.get("seconds")) is not None:
        yield f"took {duration(seconds)}"
    if device := run.manifest.get("device"):
        yield f"on {device}"
    if run.state.process:
        yield f"by {run.state.process}"
    if run.state.status == "failed":
        yield str(run.state.reason)


def _data(story: Story) -> Iterator[str]:
    table = story.run.table("data")
    yield story.run.data
    if table.get("set") in ("files", "hub"):
        yield f"text ← {table.get('text_column')}, label ← {table.get('label_column')}"
    if story.n_texts:
        yield ", ".join(f"{n:,} {split}" for split, n in story.n_texts.items()) + " texts"


def _backbone(run: Summary) -> Iterator[str]:
    model = run.table("model")
    yield _last_part(str(model.get("backbone", "-")))
    if model.get("to_long"):
        yield f"as a Longformer of {model['to_long']:,} positions"
    if length := run.table("data").get("max_length"):
        yield f"max_length {length:,}"


def _settings(table: Record, first: str, *keys: str) -> str:
    """`prefix-propagation, prefix_length 8`, without what is not set."""
    found = [f"{key} {table[key]}" for key in keys if table.get(key) not in (None, "none")]
    return ", ".join([str(table.get(first, "-")), *found])


def _trainable(parts: Counter[str]) -> str:
    shown = ", ".join(f"{name} {n:,}" for name, n in parts.most_common())
    return f"{parts.total():,} parameters: {shown}" if parts else ""


def _training(story: Story) -> str:
    table, last = story.run.table("train"), story.last
    n_steps = story.run.state.n_steps
    parts = [f"{last['step']:,} of {n_steps or 0:,} steps"] if last and n_steps else []
    parts += [f"epoch {last['epoch']} of {table.get('epochs')}"] if "epoch" in last else []
    parts += [f"{key} {table[key]}" for key in ("batch_size", "lr", "seed") if key in table]
    return ", ".join(parts)


def _best(run: Summary, *, has_more: bool) -> str:
    """The best step, and its figures where no evaluation says them."""
    step, metrics = run.best
    if has_more and step is not None:
        return f"step {step}, by {run.metric} on validation"
    names = dict.fromkeys((run.metric, "accuracy", *SHOWN))
    shown = ", ".join(f"{name} {metrics[name]:.3f}" for name in names if name in metrics)
    return f"step {step}: {shown} on validation" if shown else ""


def _figures(found: Evaluation) -> str:
    ends = found.interval
    interval = "" if isinstance(ends, str) else f" [{ends.low:.3f}, {ends.high:.3f}]"
    others = (f"{name} {found.metrics[name]:.3f}" for name in SHOWN if name in found.metrics)
    return ", ".join([f"accuracy {found.metrics['accuracy']:.3f}{interval} on {found.n}", *others])


def _calibrator(found: Record) -> str:
    value = found.get("value")
    number = f", T = {value:.4g}" if isinstance(value, float) else ""
    return f"{found['name']}{number}" if found else ""


def _calibration(report: Record) -> str:
    """The errors of a stored report; empty where it is of another version."""
    try:
        before, after = (report[when]["scores"]["ece"]["value"] for when in ("before", "after"))
        chance = report["after"]["null"]["mean"]
        return f"{report['split']}: ECE {before:.3f} → {after:.3f}, chance alone {chance:.3f}"
    except (KeyError, TypeError, ValueError):
        return ""


def _record(story: Story) -> dict[str, object]:
    run = story.run
    step, metrics = run.best
    return {
        "run": run.folder.path,
        "status": run.state.status,
        "step": run.state.step,
        "n_steps": run.state.n_steps,
        "reason": run.state.reason,
        "started": run.started,
        "seconds": run.manifest.get("seconds"),
        "device": run.manifest.get("device"),
        "data": run.data,
        "n_texts": story.n_texts,
        "labels": story.labels,
        "config": run.config,
        "trainable": dict(story.n_trainable),
        "losses": story.losses,
        "best": {"step": step, "metrics": metrics},
        "evaluations": [
            {**vars(each), "interval": _ends(each.interval)} for each in story.evaluations
        ],
        "calibrator": story.calibrator or None,
        "calibrations": story.calibrations,
        "adapter_bytes": story.adapter_bytes,
        "damaged": story.damaged,
        "next": story.next_commands,
    }


def _ends(stated: Stated) -> dict[str, float] | None:
    return None if isinstance(stated, str) else {"low": stated.low, "high": stated.high}


def _last_part(path: str) -> str:
    return Path(path).name.partition("@")[0]
