import pytest
import torch
from torch import Tensor

from prefprop_cli.core.encoder.dropout import Dropout
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.methods import Options, create
from tests.helpers import tiny
from tests.helpers.backends import ON_CPU
from tests.helpers.compare import max_difference


def run(encoder: Encoder, *, seed: int = 0) -> Tensor:
    torch.manual_seed(seed)
    texts = tiny.batch([40, 9], [2, 0])
    with torch.no_grad():
        return encoder(texts.input_ids, texts.attention_mask, texts.global_mask)


def longformer(**options: object) -> Encoder:
    return tiny.ours(tiny.hugging_face("longformer"), **options)


def test_the_output_is_padded_like_the_input_with_zeros():
    texts = tiny.batch([12, 9], [1, 0])
    ids = torch.nn.functional.pad(texts.input_ids, (0, 5))  # no row fills the width
    mask = torch.nn.functional.pad(texts.attention_mask, (0, 5))
    hidden = longformer()(ids, mask)
    assert hidden.shape == (2, 17, 32)
    assert not hidden[~mask].any()
    assert hidden[mask].abs().sum(-1).min() > 0


def test_a_row_does_not_depend_on_its_neighbours():
    texts = tiny.batch([40, 9, 23], [2, 0, 1])
    encoder = longformer()
    with torch.no_grad():
        together = encoder(texts.input_ids, texts.attention_mask, texts.global_mask)
        for row, mask in enumerate(texts.attention_mask):
            alone = encoder(
                texts.input_ids[row : row + 1, mask], None, texts.global_mask[row : row + 1, mask]
            )
            assert max_difference(together[row, mask], alone[0]) < 1e-5


@pytest.mark.parametrize("model_type", ["roberta", "bert"])
def test_global_tokens_have_no_effect_without_a_window(model_type: str):
    encoder = tiny.ours(tiny.hugging_face(model_type))
    texts = tiny.batch([20], [5])
    assert torch.equal(encoder(texts.input_ids, None, texts.global_mask), encoder(texts.input_ids))


@pytest.mark.parametrize("method_name", ["prefix-tuning", "prefix-propagation"])
def test_too_many_positions(method_name: str):
    encoder = tiny.ours(tiny.hugging_face("longformer", n_positions=22))
    method = create(method_name, encoder.config, Options(prefix_length=3)).eval()
    n = method.n_placeholders
    fits = torch.full((1, 20 - n), 5)
    assert encoder(fits, prefix=method(1)).shape == (1, 20 - n, 32)
    included = f", {n} placeholders included" if n else ""
    message = f"^21 positions asked for{included}; the backbone has 20$"
    with pytest.raises(ValueError, match=message):
        encoder(torch.full((1, 21 - n), 5), prefix=method(1))


def test_a_backend_that_is_not_there():
    with pytest.raises(ValueError, match='attention = "flash"'):
        run(longformer(attention="flash"))


def test_evaluation_drops_nothing():
    encoder = longformer(dropout=0.5, attention_dropout=0.5)
    assert torch.equal(run(encoder, seed=1), run(encoder, seed=2))
    assert max_difference(run(encoder), run(longformer(dropout=0.0))) == 0


@pytest.mark.parametrize("backend", ON_CPU)
def test_training_without_dropout_is_evaluation(backend: str):
    encoder = longformer(dropout=0.0, attention_dropout=0.0, attention=backend)
    assert torch.equal(run(encoder.train()), run(encoder.eval()))


@pytest.mark.parametrize(
    ("backend", "options"),
    [(name, {"dropout": 0.1}) for name in ON_CPU]
    + [(name, {"dropout": 0.0, "attention_dropout": 0.1}) for name in ("sdpa", "reference")],
)
def test_training_drops_anew_in_each_pass(options: dict[str, float], backend: str):
    encoder = longformer(attention=backend, **options).train()
    assert torch.equal(run(encoder, seed=1), run(encoder, seed=1))
    assert max_difference(run(encoder, seed=1), run(encoder, seed=2)) > 0.1
    assert max_difference(run(encoder, seed=1), run(encoder.eval())) > 0.1


def test_hidden_states_are_dropped_in_the_embeddings_and_twice_in_each_layer():
    encoder = longformer(dropout=0.1).train()
    dropped: list[bool] = []

    def note(module, arguments, named, output):
        whole = arguments[0] + named.get("onto", 0)
        dropped.append(not torch.allclose(whole, output))

    for module in encoder.modules():
        if isinstance(module, Dropout):
            module.register_forward_hook(note, with_kwargs=True)
    run(encoder)
    assert dropped == [True] * 5
