"""A configuration made concrete: where everything is and how large, before any weight is read."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prefprop_cli.backbones import load as backbones
from prefprop_cli.config.schema import Config
from prefprop_cli.core.attention import choose
from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.encoder.to_long import long_config
from prefprop_cli.core.modes import shapes_only
from prefprop_cli.data import read_corpus
from prefprop_cli.data.form import Form
from prefprop_cli.data.prepare import Prepared, prepare
from prefprop_cli.data.tokenizer import TextTokenizer
from prefprop_cli.errors import ConfigError, DataError
from prefprop_cli.experiment.model import Classifier, create_classifier, create_method
from prefprop_cli.experiment.stored_logits import SavedLogits
from prefprop_cli.hub import is_repository
from prefprop_cli.runs.distributed import world
from prefprop_cli.tables import TASKS
from prefprop_cli.tasks.base import Task
from prefprop_cli.tasks.batch import Examples


@dataclass(frozen=True)
class Plan:
    """What a run will use."""

    config: Config
    """Of a single run, with paths made absolute and the conversion to a Longformer decided."""
    backbone: Path
    """Folder of the backbone."""
    encoder: EncoderConfig
    """Its shape, after the conversion if there is one."""
    tokenizer: TextTokenizer

    @property
    def task(self) -> Task:
        return TASKS[self.config.data.task]

    @cached_property
    def n_placeholders(self) -> int:
        with shapes_only():
            return create_method(self.config.method, self.encoder).n_placeholders

    @property
    def max_tokens(self) -> int:
        """Longest row of a text, special tokens included."""
        return self.config.data.max_length - self.n_placeholders

    def form(self, labels: tuple[str, ...]) -> Form:
        """How documents become tokens; `labels` are the classes, if the task has any."""
        return self.task.form(
            self.config.data, labels=labels, tokenizer=self.tokenizer, max_tokens=self.max_tokens
        )


def make_plan(config: Config) -> Plan:
    """Find the backbone and check that the configuration fits it.

    Raises:
        DataError: the backbone is missing or of a type that cannot be used.
        CorruptFileError: its weights are damaged, unsafe to open, or do not fit it.
        ConfigError: the configuration asks for what this backbone cannot do.
    """
    folder = backbones.find_backbone(config.model.backbone)
    encoder = backbones.backbone_config(folder)
    backbones.check_weights(folder)
    config = _resolved(config, folder, encoder)
    if config.model.to_long is not None:
        encoder = long_config(encoder, n_positions=config.model.to_long, window=config.model.window)
    if config.data.max_length > encoder.max_length:
        problem = (
            f"data.max_length = {config.data.max_length}, and the backbone has "
            f"{encoder.max_length} positions. Use data.max_length = {encoder.max_length}"
        )
        raise ConfigError([problem])
    try:
        choose(config.model.attention, dropout=config.model.attention_dropout > 0)
    except ValueError as error:
        raise ConfigError([f"model.{error}"]) from error
    tokenizer = TextTokenizer.load(folder)
    if tokenizer.highest_id >= encoder.vocab_size:
        raise DataError(
            f"{folder}: the tokenizer's highest id is {tokenizer.highest_id}, the backbone has "
            f"{encoder.vocab_size} rows of words. Was a word added to one and not to the other? "
            "`model.resize_token_embeddings(len(tokenizer))` of transformers adds the rows"
        )
    return Plan(config, folder, encoder, tokenizer)


def with_backbone(config: Config, backbone: str | None) -> Config:
    """Return the configuration with its backbone elsewhere; None leaves it where it is."""
    if backbone is None:
        return config
    model = config.model.model_copy(update={"backbone": backbone})
    return config.model_copy(update={"model": model})


def prepare_data(
    plan: Plan, *, cache: Path, force: bool = False, stop: Callable[[], None] | None = None
) -> Prepared:
    """Read, split and tokenise the documents of a plan; from the cache where it has them.

    Of several processes on a machine one does it, and the others find what it left.

    Raises:
        DataError: the documents cannot be used.
        ConfigError: the configuration does not fit them.
    """

    def work() -> Prepared:
        corpus = read_corpus(plan.config.data)
        form = plan.form(corpus.labels)
        return prepare(corpus, form=form, cache=cache, force=force, stop=stop)

    prepared = world().first_on_machine(work)
    metric, n_classes = plan.config.train.metric, len(prepared.labels)
    if not plan.task.has_classes and metric.startswith("f1"):
        problem = f'train.metric = "{metric}" needs classes, and here are candidates'
        raise ConfigError([f'{problem}. Use "accuracy"'])
    if metric == "f1_binary" and n_classes != 2:
        problem = f'train.metric = "f1_binary" needs two classes, and the data have {n_classes}'
        raise ConfigError([f'{problem}. Use "f1_macro"'])
    return prepared


def examples_of(plan: Plan, prepared: Prepared, split: str, *, training: bool = False) -> Examples:
    """Return a split of prepared documents as batches.

    For training, what has no order inside a document is put into another one in each epoch.

    Raises:
        DataError: there is no such split, or it is empty.
    """
    table = prepared.splits.get(split)
    if table is None or not len(table):
        there = ", ".join(prepared.splits)
        raise DataError(f'the data has no documents in a split "{split}"; it has {there}')
    lengths, form = list(table["n_computed"]), plan.form(prepared.labels)
    return Examples(table, lengths, form, shuffled=training, seed=plan.config.train.seed)


def with_documents(logits: NDArray[np.float32], prepared: Prepared, split: str) -> SavedLogits:
    """Return the logits (N, C) of a split with what is known of its documents."""
    table = prepared.splits[split]
    labels, n_tokens = (np.asarray(table[name], np.int64) for name in ("label", "n_tokens"))
    return SavedLogits(tuple(table["id"]), logits, labels, n_tokens)


def load_encoder(plan: Plan) -> Encoder:
    """Return the backbone of a plan, with its weights."""
    options = plan.config.model.model_dump(exclude={"backbone"})
    return backbones.load_backbone(plan.backbone, **options)


def load_classifier(plan: Plan, *, n_labels: int) -> Classifier:
    """Return a fresh classifier on the backbone of a plan, initialised from torch's generator."""
    return create_classifier(load_encoder(plan), plan.config, n_labels=n_labels)


def empty_classifier(plan: Plan, *, n_labels: int) -> Classifier:
    """Return the same without weights, on the meta device: for counting."""
    with shapes_only():
        return create_classifier(Encoder(plan.encoder), plan.config, n_labels=n_labels)


def _resolved(config: Config, folder: Path, encoder: EncoderConfig) -> Config:
    backbone = config.model.backbone
    if backbone != backbones.MINILM and Path(backbone).expanduser().is_dir():
        backbone = str(folder.resolve())
    to_long = config.model.to_long
    if to_long is None and encoder.windows is None and config.data.max_length > encoder.max_length:
        # Asking a 512-position backbone for more is asking for its Longformer.
        to_long = config.data.max_length
    source = config.data.source
    is_name = config.data.set == "hub" and is_repository(source or "")
    if source is not None and not is_name and Path(source).expanduser().exists():
        source = str(Path(source).expanduser().resolve())
    model = config.model.model_copy(update={"backbone": backbone, "to_long": to_long})
    data = config.data.model_copy(update={"source": source})
    return config.model_copy(update={"model": model, "data": data, "sweep": None})
