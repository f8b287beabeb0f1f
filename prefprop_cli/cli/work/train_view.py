"""The events of a training run, drawn: progress on stderr, lines in `train.log`."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.progress import Part, Progress
from prefprop_cli.training.events import (
    DocumentsDone,
    Evaluated,
    EvaluationStarted,
    Event,
    Saved,
    Started,
    Step,
    Stopped,
    Warned,
)


class TrainView:
    """Shows events; a context manager.

    Args:
        console: where people look.
        log: file that lines are appended to.
    """

    def __init__(self, console: Console, *, log: Path) -> None:
        self._console, self._log = console, log
        self._progress: Progress | None = None
        self._caption = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def show(self, event: Event) -> None:
        """Draw one event."""
        match event:
            case Started():
                self._start(event)
            case DocumentsDone():
                self._documents_done(event)
            case Step():
                self._step(event)
            case EvaluationStarted(epoch=epoch, step=step):
                self._write(f"evaluating after epoch {epoch}, step {step}")
            case Evaluated():
                self._evaluated(event)
            case Saved(path=path):
                self._write(f"saved {path.name}")
                self._console.detail(f"saved {path}")
            case Warned(message=message):
                self._write(f"warning: {message}")
                self._console.warn(message)
            case Stopped(reason=reason):
                self._write(reason)
                self._close()

    def evaluated(self, done: int, total: int) -> None:
        """So many documents of so many of an evaluation are done."""
        if self._progress:
            part = Part(self._caption, "evaluated", done, total)
            self._progress.update(self._progress.done, part=part)

    def _start(self, event: Started) -> None:
        where = f" from step {event.step}" if event.step else ""
        text = f"training{where}: {event.n_examples} documents, {event.n_steps} steps"
        self._write(f"{text}, {event.n_trainable} trainable parameters, {event.precision}")
        self._console.info(text)
        self._progress = self._console.progress(total=event.n_steps, done=event.step)
        self._progress.__enter__()

    def _documents_done(self, event: DocumentsDone) -> None:
        self._caption = f"epoch {event.epoch}/{event.n_epochs}"
        if self._progress:
            part = Part(self._caption, "document", event.done, event.n_examples)
            figures = {} if event.loss is None else {"loss": event.loss}
            self._progress.update(event.step - 1, figures, part=part, left_s=event.eta_s)

    def _step(self, event: Step) -> None:
        figures = {"loss": event.loss, "lr": event.lr, "tok/s": event.tokens_per_s}
        if self._progress:
            part = self._progress.part
            self._progress.update(event.step, figures, part=part)
        self._write(
            f"step {event.step}/{event.n_steps} epoch {event.epoch} loss {event.loss:.4f} "
            f"lr {event.lr:.2e} grad {event.grad_norm:.3g} {event.tokens_per_s:.0f} tok/s"
        )

    def _evaluated(self, event: Evaluated) -> None:
        best = ", the best so far" if event.is_best else ""
        text = f"epoch {event.epoch}, step {event.step}: {_figures(event.metrics)}{best}"
        self._write(text)
        self._console.info(text)

    def _close(self) -> None:
        if self._progress:
            self._progress.update(self._progress.done)
            self._progress.__exit__(None, None, None)
            self._progress = None

    def _write(self, text: str) -> None:
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")


_SHOWN = ("accuracy", "f1_macro", "f1_binary", "nll", "ece")


def _figures(metrics: Mapping[str, float]) -> str:
    shown = (f"{name} {metrics[name]:.3f}" for name in _SHOWN if name in metrics)
    return f"validation {', '.join(shown)}"
