"""The events of a training run, drawn: progress on stderr, lines in `train.log`."""

import time
from pathlib import Path
from typing import Self

from prefprop_cli.cli.console import Console
from prefprop_cli.cli.progress import LoopProgress, Part
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

_SHOWN = ("accuracy", "f1_macro", "f1_binary", "nll", "ece")


class TrainingDisplay:
    """Shows events and appends them to the file `log`; a context manager."""

    def __init__(self, console: Console, *, log: Path) -> None:
        self._console, self._log = console, log
        self._progress: LoopProgress | None = None
        self._caption = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress:
            self._progress.update(self._progress.done)
            self._progress.__exit__(None, None, None)
            self._progress = None

    def show(self, event: Event) -> None:
        """Draw one event."""
        match event:
            case Started():
                where = f" from step {event.step}" if event.step else ""
                text = f"training{where}: {event.n_examples} documents, {event.n_steps} steps"
                self._write(f"{text}, {event.n_trainable} trainable parameters, {event.precision}")
                self._console.info(text)
                self._progress = self._console.progress(total=event.n_steps, done=event.step)
                self._progress.__enter__()
            case DocumentsDone() | Step():
                self._advance(event)
            case EvaluationStarted(epoch=epoch, step=step):
                self._write(f"evaluating after epoch {epoch}, step {step}")
            case Evaluated(epoch=epoch, step=step, metrics=metrics):
                shown = [f"{name} {metrics[name]:.3f}" for name in _SHOWN if name in metrics]
                best = ", the best so far" if event.is_best else ""
                text = f"epoch {epoch}, step {step}: validation {', '.join(shown)}{best}"
                self._write(text)
                self._console.info(text)
            case Saved(path=path):
                self._write(f"saved {path.name}")
                self._console.detail(f"saved {path}")
            case Warned(message=message):
                self._write(f"warning: {message}")
                self._console.warn(message)
            case Stopped(reason=reason):
                self._write(reason)
                self.__exit__()

    def evaluated(self, done: int, total: int) -> None:
        """Show how many documents of an evaluation are done."""
        if self._progress:
            part = Part(self._caption, "evaluated", done, total)
            self._progress.update(self._progress.done, part=part)

    def _advance(self, event: DocumentsDone | Step) -> None:
        if isinstance(event, Step):
            if self._progress:
                figures = {"loss": event.loss, "lr": event.lr, "tok/s": event.tokens_per_s}
                self._progress.update(event.step, figures, part=self._progress.part)
            self._write(
                f"step {event.step}/{event.n_steps} epoch {event.epoch} loss {event.loss:.4f} "
                f"lr {event.lr:.2e} grad {event.grad_norm:.3g} {event.tokens_per_s:.0f} tok/s"
            )
            return
        self._caption = f"epoch {event.epoch}/{event.n_epochs}"
        if self._progress:
            part = Part(self._caption, "document", event.done, event.n_examples)
            figures = {} if event.loss is None else {"loss": event.loss}
            self._progress.update(event.step - 1, figures, part=part, left_s=event.eta_s)

    def _write(self, text: str) -> None:
        with self._log.open("a", encoding="utf-8") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
