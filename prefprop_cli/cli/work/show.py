"""What `prefprop show` prints: one run, from the files of its folder."""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.text import age, curve, duration
from prefprop_cli.cli.work import views
from prefprop_cli.errors import UsageError
from prefprop_cli.experiment.describe import RunDescription
from prefprop_cli.experiment.evaluation import RunEvaluation
from prefprop_cli.runs import RunFolder, RunSummary, list_runs
from prefprop_cli.runs.atomic import Record
from prefprop_cli.runs.state import again
from prefprop_cli.stats.small_samples import given
from prefprop_cli.words import listed, size

SHOWN = ("f1_macro", "nll", "ece")
"""Metrics beside the accuracy."""


def description_of(path: Path | None) -> RunDescription:
    """The run that was named, else that of PREFPROP_RUN, else the newest of `./runs`.

    Raises:
        UsageError: there is none, or the path is no run.
        CorruptFileError: its manifest is damaged.
    """
    if named := path or os.environ.get("PREFPROP_RUN"):
        return RunDescription(RunFolder.open(named))
    parent = Path("runs")
    found = list_runs(parent).runs if parent.is_dir() else ()
    if not found:
        raise UsageError("./runs holds no runs. Name one, or train one: prefprop train -p demo")
    return RunDescription(found[0].folder)


def tell(console: Console, run: RunDescription) -> None:
    """The run as lines with a heading each, rows with a tab, or JSON; what comes next as advice."""
    following = _next_commands(run)
    if console.common.json:
        console.result_json(_record(run, following))
    else:
        console.table([(name, text) for name, text in _lines(run) if text])
    for damage in run.damaged:
        console.warn(damage)
    views.tell_next(console, following)


def _next_commands(run: RunDescription) -> list[str]:
    status = run.summary.state.status
    if status != "finished":
        return [] if status == "training" else [again(run.folder.path)]
    has_test = any(each.split == "test" for each in run.evaluations)
    first = [*([] if has_test else ["eval"]), *([] if run.calibrations else ["calibrate"])]
    new = "new.csv" if run.task.has_classes else "questions.jsonl"
    return views.next_commands(shlex.quote(str(run.folder.path)), new, first=first)


def _lines(run: RunDescription) -> Iterator[tuple[str, str]]:
    summary = run.summary
    yield "run", str(run.folder.path)
    yield "status", ", ".join(_status(summary))
    yield "data", ", ".join(_data(run))
    yield "classes", f"{len(run.labels)}: {listed(run.labels, shown=6)}" if run.labels else ""
    yield "backbone", ", ".join(_backbone(summary))
    table = summary.table("method")
    chosen = {key: table.get(key) for key in ("prefix_length", "kernel")}
    settings = (f"{key} {value}" for key, value in chosen.items() if value not in (None, "none"))
    yield "method", ", ".join([summary.method, *settings])
    parts = ", ".join(f"{name} {n:,}" for name, n in run.n_trainable.most_common())
    yield "trainable", f"{run.n_trainable.total():,} parameters: {parts}" if parts else ""
    yield "training", ", ".join(_training(run))
    yield "loss", curve(run.losses)
    yield "best", _best(run)
    for each in run.evaluations:
        yield each.split, _figures(each)
    value = run.calibrator.get("value")
    number = f", T = {value:.4g}" if isinstance(value, float) else ""
    yield "calibrator", f"{run.calibrator['name']}{number}" if run.calibrator else ""
    for report in run.calibrations:
        yield "calibration", _calibration(report)
    yield "adapter", size(run.adapter_bytes) if run.adapter_bytes else ""


def _status(run: RunSummary) -> Iterator[str]:
    yield f"{run.state}, started {age(run.started)}"
    if (seconds := run.manifest.get("seconds")) is not None:
        yield f"took {duration(seconds)}"
    if device := run.manifest.get("device"):
        yield f"on {device}"
    if run.state.process:
        yield f"by {run.state.process}"
    if run.state.status == "failed":
        yield str(run.state.reason)


def _data(run: RunDescription) -> Iterator[str]:
    table = run.summary.table("data")
    yield run.summary.data
    if table.get("set") in ("files", "hub"):
        yield f"text ← {table.get('text_column')}, label ← {table.get('label_column')}"
    if run.n_texts:
        yield ", ".join(f"{n:,} {split}" for split, n in run.n_texts.items()) + " texts"


def _backbone(run: RunSummary) -> Iterator[str]:
    model = run.table("model")
    yield Path(str(model.get("backbone", "-"))).name.partition("@")[0]
    if model.get("to_long"):
        yield f"as a Longformer of {model['to_long']:,} positions"
    if length := run.table("data").get("max_length"):
        yield f"max_length {length:,}"


def _training(run: RunDescription) -> Iterator[str]:
    table, last = run.summary.table("train"), run.last_step
    n_steps = run.summary.state.n_steps
    if last and n_steps:
        yield f"{last['step']:,} of {n_steps:,} steps"
    if "epoch" in last:
        yield f"epoch {last['epoch']} of {table.get('epochs')}"
    yield from (f"{key} {table[key]}" for key in ("batch_size", "lr", "seed") if key in table)


def _best(run: RunDescription) -> str:
    """The best step, and its figures where no evaluation says them."""
    summary = run.summary
    step, metrics = summary.best
    if run.evaluations and step is not None:
        return f"step {step}, by {summary.metric} on validation"
    names = dict.fromkeys((summary.metric, "accuracy", *SHOWN))
    shown = ", ".join(f"{name} {metrics[name]:.3f}" for name in names if name in metrics)
    return f"step {step}: {shown} on validation" if shown else ""


def _figures(found: RunEvaluation) -> str:
    interval = views.bracketed(found.accuracy_interval, digits=3)
    others = (f"{name} {found.metrics[name]:.3f}" for name in SHOWN if name in found.metrics)
    return ", ".join([f"accuracy {found.accuracy:.3f}{interval} on {found.n}", *others])


def _calibration(report: Record) -> str:
    """The errors of a stored report; empty where it is of another version."""
    try:
        before, after = (report[when]["scores"]["ece"]["value"] for when in ("before", "after"))
        chance = report["after"]["null"]["mean"]
        return f"{report['split']}: ECE {before:.3f} → {after:.3f}, chance alone {chance:.3f}"
    except (KeyError, TypeError, ValueError):
        return ""


def _record(run: RunDescription, following: list[str]) -> dict[str, object]:
    manifest = run.summary.manifest
    step, metrics = run.summary.best
    return {
        **run.summary.as_dict(),
        "seconds": manifest.get("seconds"),
        "device": manifest.get("device"),
        "n_texts": run.n_texts,
        "labels": run.labels,
        "config": run.summary.config,
        "trainable": run.n_trainable,
        "losses": run.losses,
        "best": {"step": step, "metrics": metrics},
        "evaluations": [
            {
                "split": each.split,
                "n": each.n,
                "metrics": each.metrics,
                "interval": given(each.accuracy_interval) and views.ends(each.accuracy_interval),
            }
            for each in run.evaluations
        ],
        "calibrator": run.calibrator or None,
        "calibrations": run.calibrations,
        "adapter_bytes": run.adapter_bytes,
        "damaged": run.damaged,
        "next": following,
    }
