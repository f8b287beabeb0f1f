"""What is loaded and computed does not depend on the modes of PyTorch a caller is in."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest
import torch

from prefprop_cli import load_backbone, load_run
from prefprop_cli.config.load import load_config
from prefprop_cli.core.attention import native
from prefprop_cli.core.encoder import dropout
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.experiment.adapter import make_adapter, save_adapter
from prefprop_cli.experiment.plan import load_classifier, make_plan
from tests.helpers import project, tiny
from tests.helpers.backends import ON_CPU

Modes = Callable[[], AbstractContextManager[object]]


@contextmanager
def float64_by_default() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def autocast() -> AbstractContextManager[object]:
    return torch.autocast("cpu", dtype=torch.bfloat16)


WHERE_NUMBERS_STAY: dict[str, Modes] = {
    "inference mode": torch.inference_mode,
    "no grad": torch.no_grad,
    "float64 by default": float64_by_default,
    "meta by default": lambda: torch.device("meta"),
}
ALL = WHERE_NUMBERS_STAY | {"autocast": autocast}
TEXTS = tiny.batch([40, 13], [1, 4])


@pytest.fixture(autouse=True)
def first_use() -> Iterator[None]:
    """The kernels have not been checked yet in this process."""
    native.why_not.cache_clear()
    dropout._why_not.cache_clear()
    yield
    native.why_not.cache_clear()
    dropout._why_not.cache_clear()


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tiny.hugging_face("longformer"), tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The adapter folder of a run that was not trained."""
    root = tmp_path_factory.mktemp("run")
    path = project.write(root, 4)
    plan = make_plan(load_config(preset=str(path)).config)
    trained = load_classifier(plan, n_labels=2).trainable
    save_adapter(root / "adapter", make_adapter(plan, labels=project.LABELS), trained)
    return root / "adapter"


def assert_usual(encoder: torch.nn.Module) -> None:
    for parameter in encoder.parameters():
        assert parameter.dtype == torch.float32
        assert not parameter.is_inference()
        assert not parameter.is_meta


def hidden(encoder: Encoder) -> torch.Tensor:
    with torch.no_grad() if encoder.attention == "flex" else nullcontext():
        return encoder(TEXTS.input_ids, TEXTS.attention_mask, TEXTS.global_mask)


@pytest.mark.parametrize("backend", ON_CPU)
@pytest.mark.parametrize("mode", WHERE_NUMBERS_STAY)
def test_the_first_call_of_an_encoder(mode: str, backend: str, backbone: Path):
    expected = hidden(load_backbone(backbone, attention=backend))
    reason = native.why_not()
    native.why_not.cache_clear()
    with WHERE_NUMBERS_STAY[mode]():
        encoder = load_backbone(backbone, attention=backend)
        assert torch.equal(hidden(encoder), expected)
    assert native.why_not() == reason


@pytest.mark.parametrize("mode", ALL)
def test_what_is_loaded_can_be_trained(mode: str, backbone: Path):
    with ALL[mode]():
        encoder = load_backbone(backbone, dropout=0.1)
    assert_usual(encoder)
    with ALL[mode]():
        hidden(encoder)
    hidden(encoder.train()).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)
    assert encoder.embeddings.word.weight.grad is not None


@pytest.mark.parametrize("mode", WHERE_NUMBERS_STAY)
def test_a_run_predicts(mode: str, run: Path):
    texts = [project.text(number) for number in range(3)]
    expected = load_run(run).predict(texts)
    with WHERE_NUMBERS_STAY[mode]():
        again = load_run(run)
        assert again.predict(texts) == expected
    assert_usual(again.model)
    assert all(parameter.requires_grad for parameter in again.model.trainable.values())


@pytest.mark.parametrize("mode", ALL)
def test_the_kernels_are_checked_in_no_mode_of_the_caller(mode: str):
    reasons = native.why_not(), dropout._why_not()
    native.why_not.cache_clear()
    dropout._why_not.cache_clear()
    with ALL[mode]():
        assert (native.why_not(), dropout._why_not()) == reasons
