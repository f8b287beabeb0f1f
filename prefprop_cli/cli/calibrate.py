"""`prefprop calibrate`: the temperature from validation, the error before and after it."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from prefprop_cli.cli.bars import reliability_bars
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.eval import logits_of
from prefprop_cli.errors import GateError, UsageError
from prefprop_cli.parallel import world

if TYPE_CHECKING:
    from prefprop_cli.evaluation.results import CalibrationReport, Score

FITTED_ON = "validation"


def run(
    console: Console,
    *,
    run: Path,
    split: str,
    bins: int | None,
    method: Literal["temperature"],
    ece: Literal["guo", "paper"],
    plot: Path | None,
    fail_above: float | None,
    backbone: str | None,
    device: str,
) -> None:
    """Fit on validation, report on `split`, and store the temperature in the run.

    Raises:
        UsageError: `split` is the one the temperature is fitted on.
        GateError: the error after calibration is above the gate.
    """
    if split == FITTED_ON:
        raise UsageError(
            f"--split {split}: the temperature is fitted on {FITTED_ON}, so an error measured "
            "there would be too good. Report on another split, such as test"
        )
    from prefprop_cli.build.adapter import read_adapter, set_temperature
    from prefprop_cli.evaluation.results import calibration_report
    from prefprop_cli.evaluation.temperature import fit_temperature
    from prefprop_cli.runs import RunFolder, write_atomically

    folder = RunFolder.open(run)
    table = read_adapter(folder.adapter).config.eval
    logits = partial(logits_of, console, folder, backbone=backbone, device=device)
    fitted_on, reported = logits(FITTED_ON), logits(split)
    temperature = fit_temperature(fitted_on.logits, fitted_on.labels)
    value = temperature.value
    if temperature.at_bound:
        value = 1.0
        console.warn(
            f"the {len(fitted_on.labels)} {FITTED_ON} documents do not determine a temperature: "
            f"the best is at the end of the search, {temperature.value:.3g}. It stays at 1"
        )
    report = calibration_report(
        reported.logits,
        reported.labels,
        temperature=value,
        n_bins=bins or table.bins,
        n_resamples=table.resamples,
    )
    record = {"run": str(run), "split": split, **report.as_dict()}

    def store() -> None:
        with folder.lock():
            set_temperature(folder.adapter, value)
            folder.calibration.mkdir(exist_ok=True)
            write_atomically(folder.calibration / f"{split}.json", json.dumps(record).encode())

    world().on_main(store)
    if plot and world().is_main:
        _draw(console, report, plot)
    _tell(console, report, record, first=ece)
    _check(report, fail_above, first=ece)


def _draw(console: Console, report: "CalibrationReport", plot: Path) -> None:
    from prefprop_cli.evaluation.plots import reliability_svg

    reliability_svg(report, plot)
    console.info(f"drawn: {plot}")


def _tell(
    console: Console,
    report: "CalibrationReport",
    record: dict[str, object],
    *,
    first: Literal["guo", "paper"],
) -> None:
    if console.common.json:
        console.result_json(record)
        return
    console.table(_rows(report, first=first), header=("score", "before", "95 %", "after", "95 %"))
    null = report.after.null
    console.info(
        f"temperature {report.temperature:.4f}; a perfectly calibrated model with these "
        f"{report.n} confidences has ECE {null.mean:.3f} on average and up to {null.p95:.3f} in "
        f"95 % of cases (p = {null.p_value:.3f})"
    )
    for line in reliability_bars(report):
        console.info(line)


def _rows(report: "CalibrationReport", *, first: Literal["guo", "paper"]) -> list[list[str]]:
    names = list(report.before.scores)
    if first == "paper":
        names.sort(key=lambda name: name != "ece_paper")
    return [
        [name, *_cells(report.before.scores[name]), *_cells(report.after.scores[name])]
        for name in names
    ]


def _cells(score: "Score") -> tuple[str, str]:
    interval = score.interval
    return f"{score.value:.4f}", f"{interval.low:.4f}-{interval.high:.4f}"


def _check(
    report: "CalibrationReport", fail_above: float | None, *, first: Literal["guo", "paper"]
) -> None:
    name = "ece" if first == "guo" else "ece_paper"
    value = report.after.scores[name].value
    if fail_above is not None and value > fail_above:
        raise GateError(f"{name} after calibration is {value:.4f}, above {fail_above:g}")
