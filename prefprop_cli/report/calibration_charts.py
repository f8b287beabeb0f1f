"""The pictures of `evaluation.plots` for a page, and risk beside coverage."""

from collections.abc import Iterator, Sequence

from prefprop_cli.calibration.reliability import LEAST_OF_BIN, ReliabilityBin
from prefprop_cli.calibration.report import CalibrationReport, State
from prefprop_cli.report.charts import Axis, Chart, Mark, Picture, bars, whiskers
from prefprop_cli.report.plots import ece_in_words

_DIAGONAL = Mark("line dashed ink", [((0.0, 0.0), (1.0, 1.0))], "calibrated")


def reliability_picture(state: State, *, n: int, title: str) -> Picture:
    """The reliability diagram of n documents, and below it how many are in each bin."""
    filled = [each for each in state.bins if each.count]
    counts = bars(*_edges(filled), [0.0] * len(filled), [float(each.count) for each in filled])
    most = max(each.count for each in filled)
    return Picture(
        title,
        (
            Chart(Axis(0, 1), Axis(0, 1), [*_layers(filled), _DIAGONAL], height=230),
            Chart(
                Axis(0, 1, label="confidence"),
                Axis(0, 1.05 * most, n_ticks=2),
                [Mark("bar grey", counts, "documents")],
                height=90,
            ),
        ),
        alt=f"Reliability diagram, accuracy over confidence: {ece_in_words(state, n=n)}",
        note=ece_in_words(state, n=n),
    )


def risk_coverage_picture(report: CalibrationReport) -> Picture:
    """The share of wrong answers among the documents that are kept, most confident first."""
    curves = [
        Mark(
            f"line {look}",
            [[(point.coverage, point.risk) for point in state.curve]],
            f"{name}: AURC {state.scores['aurc'].value:.3f}",
        )
        for name, look, state in (
            ("before", "first", report.before),
            ("after", "second dashed", report.after),
        )
    ]
    error_rate = 1 - report.before.scores["accuracy"].value
    at_random = Mark("line dashed ink", [((0, error_rate), (1, error_rate))], "at random")
    highest = max(y for mark in curves for _, y in mark.shapes[0])
    return Picture(
        "Share wrong over share of documents kept",
        [
            Chart(
                Axis(0, 1, label="coverage: share of documents kept"),
                Axis(0, 1.05 * max(highest, error_rate, 0.01)),
                [at_random, *curves],
            )
        ],
        alt="Risk and coverage before and after calibration",
        note=f"n = {report.n}, the most confident kept first",
    )


def _layers(filled: Sequence[ReliabilityBin]) -> Iterator[Mark]:
    """What says nothing of few documents is left out, as in `evaluation.plots`."""
    large = [each for each in filled if not each.is_small]
    small = [each for each in filled if each.is_small]
    for bins, look, name in (
        (large, "bar", "accuracy"),
        (small, "bar pale", f"of fewer than {LEAST_OF_BIN} documents"),
    ):
        yield Mark(look, bars(*_edges(bins), [0.0] * len(bins), _accuracies(bins)), name)
    over = [each for each in large if _gap(each) > 0]
    under = [each for each in large if _gap(each) < 0]
    for bins, look, name in (
        (over, "bar over", "too confident by"),
        (under, "bar under", "too modest by"),
    ):
        yield Mark(look, bars(*_edges(bins), _accuracies(bins), _confidences(bins)), name)
    ends = [(each.band.low, each.band.high) for each in large if each.band]
    lows, highs = zip(*ends, strict=True) if ends else ((), ())
    yield Mark("bar chance", bars(*_edges(large), lows, highs), "95 % of calibrated models")
    known = [(each, each.interval) for each in filled if each.interval]
    centres = [(each.lower + each.upper) / 2 for each, _ in known]
    intervals = whiskers(centres, [i.low for _, i in known], [i.high for _, i in known])
    yield Mark("whisker", intervals, "accuracy, 95 %")
    left, right = _edges(filled)
    tops = [((x0, y), (x1, y)) for x0, x1, y in zip(left, right, _accuracies(filled), strict=True)]
    yield Mark("whisker", tops)


def _edges(bins: Sequence[ReliabilityBin]) -> tuple[list[float], list[float]]:
    """Left and right, with a little air between neighbours."""
    air = [0.04 * (each.upper - each.lower) for each in bins]
    left = [each.lower + space for each, space in zip(bins, air, strict=True)]
    return left, [each.upper - space for each, space in zip(bins, air, strict=True)]


def _accuracies(bins: Sequence[ReliabilityBin]) -> list[float]:
    return [each.accuracy or 0.0 for each in bins]


def _confidences(bins: Sequence[ReliabilityBin]) -> list[float]:
    return [each.confidence or 0.0 for each in bins]


def _gap(each: ReliabilityBin) -> float:
    return (each.confidence or 0.0) - (each.accuracy or 0.0)
