"""The reliability diagram in a terminal: accuracy as a bar, confidence as a mark on it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefprop_cli.evaluation.calibration_report import CalibrationReport
    from prefprop_cli.evaluation.reliability import ReliabilityBin

_WIDTH = 40


def reliability_bars(report: "CalibrationReport") -> Iterator[str]:
    """Lines with one bar per filled bin, before and after calibration."""
    for title, state in (("before", report.before), ("after", report.after)):
        yield f"{title}: accuracy █, mean confidence ┃ (bar ends left of the mark: overconfident)"
        for each in state.bins:
            if each.accuracy is not None and each.confidence is not None:
                yield _line(each, each.accuracy, each.confidence)


def _line(each: "ReliabilityBin", accuracy: float, confidence: float) -> str:
    bar = ["█" if place < round(accuracy * _WIDTH) else "·" for place in range(_WIDTH)]
    bar[min(_WIDTH - 1, round(confidence * _WIDTH))] = "┃"
    return (
        f"  {each.lower:.2f}-{each.upper:.2f}  {''.join(bar)}  accuracy {accuracy:.2f}  "
        f"confidence {confidence:.2f}  n {each.count}"
    )
