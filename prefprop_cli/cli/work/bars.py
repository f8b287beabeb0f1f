"""The reliability diagram in a terminal: accuracy as a bar, confidence as a mark on it."""

from collections.abc import Iterator

from prefprop_cli.calibration.reliability import ReliabilityBin
from prefprop_cli.calibration.report import CalibrationReport

_MOST = 40
_BESIDE = len("  0.93-1.00    0.95 0.98  n 1,000")


def reliability_bars(report: CalibrationReport, *, width: int | None) -> Iterator[str]:
    """Lines with one bar per filled bin, before and after calibration.

    Args:
        report: has the bins.
        width: of the terminal; None if it does not matter.
    """
    length = _MOST if width is None else max(8, min(_MOST, width - _BESIDE))
    states = {"before": report.before, "after": report.after}
    if report.before.bins == report.after.bins:
        states = {"before and after": report.before}
    for title, state in states.items():
        yield f"{title}: accuracy █, mean confidence ┃; a bar that ends left of it: overconfident"
        for each in state.bins:
            if each.accuracy is not None and each.confidence is not None:
                yield _line(each, each.accuracy, each.confidence, length)


def _line(each: ReliabilityBin, accuracy: float, confidence: float, length: int) -> str:
    bar = ["█" if place < round(accuracy * length) else "·" for place in range(length)]
    bar[min(length - 1, round(confidence * length))] = "┃"
    shares = f"{accuracy:.2f} {confidence:.2f}"
    return f"  {each.lower:.2f}-{each.upper:.2f}  {''.join(bar)}  {shares}  n {each.count:,}"
