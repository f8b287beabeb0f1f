import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pytest
import torch

from prefprop_cli.calibration.calibrators import Calibrator, Temperature
from prefprop_cli.calibration.calibrators.platt import Platt
from prefprop_cli.data.corpus import Document
from prefprop_cli.errors import UsageError
from prefprop_cli.experiment import predictor
from prefprop_cli.experiment.adapter import Adapter
from prefprop_cli.experiment.predictor import Predictor, resolve_device
from tests.helpers import finished


def test_auto_is_cuda_where_there_is_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == "cuda"


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:1", "mps"])
def test_a_device_that_is_there_keeps_its_name(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device(name) == name


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:2", "CPU", "mps"])
def test_a_device_that_is_not_there_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(UsageError, match=f"--device {name}"):
        resolve_device(name)


class Echo(torch.nn.Module):
    """A model whose batch holds the logits of each document."""

    def forward(self, batch: "Echo.Batch") -> torch.Tensor:
        return batch.logits

    @dataclass(frozen=True)
    class Batch:
        logits: torch.Tensor

        def to(self, device: str) -> "Echo.Batch":
            return self


class EchoForm:
    def encode(self, documents: Sequence[Document]) -> list[dict[str, object]]:
        return [{"text": each.text, "n_tokens": 1, "n_cut": 0} for each in documents]


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> Callable[[Calibrator], Predictor]:
    """Runs that predict the logits a text spells out."""

    def collate(form: EchoForm, records: Sequence[dict[str, str]]) -> Echo.Batch:
        rows = [[float(logit) for logit in record["text"].split()] for record in records]
        return Echo.Batch(torch.tensor(rows))

    monkeypatch.setattr(Predictor, "form", EchoForm())
    monkeypatch.setattr(predictor, "collate", collate)

    def run(calibrator: Calibrator) -> Predictor:
        config = finished.config()
        adapter = Adapter(("no", "yes"), config, "0", "0", calibrator=calibrator)
        return Predictor(adapter, None, Echo(), device="cpu")

    return run


def test_a_stored_calibrator_is_applied_unless_told_not_to(echo: Callable[..., Predictor]) -> None:
    run = echo(Temperature(2.0))
    assert run.calibrator == Temperature(2.0)
    (found,) = run.predict(["0 4"])
    (raw,) = run.predict(["0 4"], calibrated=False)
    assert found.probs["yes"] == pytest.approx(1 / (1 + math.exp(-2)))
    assert raw.probs["yes"] == pytest.approx(1 / (1 + math.exp(-4)))


def test_calibrated_probabilities_decide_on_the_label(echo: Callable[..., Predictor]) -> None:
    run = echo(Platt((1.0,), (-1.0,)))
    texts = ["0 0.5", "0 4", "0 -1"]
    found = run.predict(texts)
    assert [each.label for each in found] == ["no", "yes", "no"]
    assert [each.prob == max(each.probs.values()) for each in found] == [True] * 3
    assert [each.label for each in run.predict(texts, calibrated=False)] == ["yes", "yes", "no"]


def test_a_temperature_that_levels_probabilities_keeps_the_label(
    echo: Callable[..., Predictor],
) -> None:
    (found,) = echo(Temperature(22026.0)).predict(["0 1e-13"])
    assert found.probs["yes"] == found.probs["no"] == 0.5
    assert found.label == "yes"


class Frame:
    """As a table of pandas, whose items are the names of its columns."""

    columns = ("text", "label")

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)


@pytest.mark.parametrize(
    "documents", ["0 4", b"0 4", {"0 4": "a"}, Frame(), Document("1", "0 4", None), None]
)
def test_one_document_where_several_are_taken(
    echo: Callable[..., Predictor], documents: object
) -> None:
    run, kind = echo(Temperature(1.0)), type(documents).__name__
    for method in (run.predict, run.stream):
        with pytest.raises(TypeError, match=rf"got one {kind}.*predict\(\[text\]\)\[0\]"):
            method(documents)


@pytest.mark.parametrize("item", [b"0 4", 3, None, ["0 4"]])
def test_what_is_no_document(echo: Callable[..., Predictor], item: object) -> None:
    with pytest.raises(TypeError, match=rf"a document is a text.*got {type(item).__name__}"):
        echo(Temperature(1.0)).predict(["0 4", item])


def test_any_iterable_of_texts_is_predicted(echo: Callable[..., Predictor]) -> None:
    run = echo(Temperature(1.0))
    assert run.predict(text for text in ["0 4", "4 0"]) == run.predict(("0 4", "4 0"))
