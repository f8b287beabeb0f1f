"""Tiny classifiers and their batches, for tests of what is built around the encoder."""

from prefprop_cli.config.schema import Config
from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.experiment.model import Classifier, create_classifier
from prefprop_cli.tasks.batch import Batch, collate
from prefprop_cli.tasks.classification import ClassificationForm

TINY = EncoderConfig(
    model_type="longformer",
    vocab_size=30,
    hidden_size=16,
    n_layers=2,
    n_heads=2,
    intermediate_size=24,
    n_positions=40,
    n_token_types=1,
    pad_id=1,
    layer_norm_eps=1e-5,
    activation="gelu",
    windows=(4, 4),
)

FORM = ClassificationForm(None, 0, ())
"""Makes rows of prepared documents; it takes a tokenizer to prepare them."""


def classifier(
    config: EncoderConfig,
    *,
    n_labels: int = 2,
    tables: dict[str, object] | None = None,
    **method: object,
) -> Classifier:
    """A fresh classifier; `tables` are those of the configuration beside `[method]`."""
    values = {"data": {"set": "files"}, **(tables or {}), "method": method}
    asked = Config.model_validate(values)
    encoder = Encoder(config, dropout=asked.model.dropout)
    return create_classifier(encoder, asked, n_labels=n_labels)


def batch(*documents: list[list[int]], labels: list[int]) -> Batch:
    """A batch of documents, each a list of rows."""
    return collate(
        FORM,
        [
            {"id": chr(ord("a") + number), "rows": rows, "label": label}
            for number, (rows, label) in enumerate(zip(documents, labels, strict=True))
        ],
    )
