"""From what was asked to rows of figures, in groups that are compared.

The first subject of a group is what the others are measured by.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from prefprop_cli.bench.measure import Timing, interleaved, paired_ratio, peak_bytes
from prefprop_cli.bench.models import Ours, Twin, random_encoder
from prefprop_cli.bench.shapes import SHAPES
from prefprop_cli.config.schema import Config, MethodTable
from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.encoder.encoder import Encoder
from prefprop_cli.core.methods import Method
from prefprop_cli.core.modes import shapes_only
from prefprop_cli.errors import ResourceError, UsageError, is_out_of_memory
from prefprop_cli.experiment.model import create_method
from prefprop_cli.experiment.plan import load_encoder, make_plan
from prefprop_cli.malloc import return_freed_memory
from prefprop_cli.runs.atomic import Record

Library = Literal["prefprop", "transformers"]
Step = Literal["forward", "prefix", "full"]
Model = Ours | Twin

_WITHOUT_PREFIX = ("fine-tuning", "head-only")


@dataclass(frozen=True)
class Subject:
    """One thing to time."""

    library: Library
    method: MethodTable
    step: Step
    """`forward` in evaluation mode; `prefix`: forward and backward that reach the prefix, the
    backbone frozen; `full`: the same that reach every weight. No optimizer step in either."""
    batches: tuple[tuple[int, ...], ...]
    """Text tokens of each document, `[CLS]` included and placeholders not, batch by batch."""
    wrap: Callable[[Encoder], Model]
    """Makes the model of that library from our encoder."""

    @property
    def n_documents(self) -> int:
        return sum(map(len, self.batches))


Groups = Sequence[Sequence[Subject]]


@dataclass(frozen=True)
class Request:
    """What is measured, whatever the documents."""

    config: Config
    """Backbone, dropout and method."""
    shape: str | None = None
    """A key of `SHAPES`: that encoder with random weights, in place of the backbone."""
    steps: tuple[Step, ...] = ("forward",)
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of our encoder, by autocast; `transformers` computes in float32."""
    against: bool = False
    """Whether `transformers` is measured, too."""
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Check what does not depend on the documents.

        Raises:
            UsageError: a shape beside a backbone, a prefix step without a prefix, or a method
                that `transformers` does not have.
        """
        method, model = self.config.method, self.config.model
        if self.shape and model.model_fields_set & {"backbone", "to_long", "window"}:
            raise UsageError(
                f"--shape {self.shape} is a backbone of its own. "
                "Leave out -s model.backbone, model.to_long and model.window"
            )
        if "prefix" in self.steps and method.name in _WITHOUT_PREFIX:
            raise UsageError(
                f"--train prefix: method.name = {method.name} has no prefix. "
                "Use --train full, or -s method.name=prefix-propagation"
            )
        if self.against and any(map(_is_foreign, map(self.method_of, self.steps))):
            kernel = f" with method.kernel = {method.kernel}" if method.kernel != "none" else ""
            zero = ' with method.placeholder = "zero"' if method.placeholder == "zero" else ""
            raise UsageError(
                f"--against transformers: its models have no {method.name}{kernel}{zero}. Leave "
                "--against out, or use -s method.name=prefix-propagation without a kernel"
            )

    def method_of(self, step: Step) -> MethodTable:
        """The method of a step: a full one trains the backbone and has no prefix."""
        return MethodTable(name="fine-tuning") if step == "full" else self.config.method

    @cached_property
    def encoder(self) -> EncoderConfig:
        """The shape of the encoder.

        Raises:
            DataError: the backbone is missing, or of a type that cannot be used.
            ConfigError: the configuration asks for what this backbone cannot do.
        """
        return SHAPES[self.shape] if self.shape else make_plan(self.config).encoder

    def n_placeholders(self, method: MethodTable) -> int:
        with shapes_only():
            return create_method(method, self.encoder).n_placeholders

    def load(self, subject: Subject) -> Model:
        """The model of a subject; subjects of the same library and step may share it."""
        if self.shape is None:
            encoder = load_encoder(make_plan(self.config))
        else:
            names = ("attention", "dropout", "attention_dropout", "gradient_checkpointing")
            options = {name: getattr(self.config.model, name) for name in names}
            encoder = random_encoder(self.encoder, **options)
        encoder.train(subject.step != "forward").requires_grad_(subject.step == "full")
        model = subject.wrap(encoder)
        model.encoder.to(self.device)
        return model


def at_lengths(request: Request, lengths: Sequence[int], *, batch_size: int) -> Groups:
    """A group for each length: positions per document, placeholders included.

    Raises:
        UsageError: a length is more than the backbone has positions, or leaves no room for text.
    """
    longest, most = request.encoder.max_length, max(lengths)
    if most > longest:
        raise UsageError(
            f"--lengths {most}: the backbone has {longest} positions. "
            f"Use --lengths {longest} or less"
        )
    methods = {step: request.method_of(step) for step in request.steps}
    n_placeholders = {step: request.n_placeholders(methods[step]) for step in methods}
    if (least := min(lengths)) <= (n := max(n_placeholders.values())):
        raise UsageError(
            f"--lengths {least}: {n} of the positions are placeholders, and none is left for "
            f"text. Use {n + 1} or more"
        )
    libraries: list[tuple[Library, Callable[[Encoder], Model]]] = [("prefprop", Ours)]
    libraries += [("transformers", Twin)] if request.against else []
    return [
        [
            Subject(name, method, step, ((length - n_placeholders[step],) * batch_size,), wrap)
            for name, wrap in libraries
            for step, method in methods.items()
        ]
        for length in lengths
    ]


def measure(
    request: Request,
    groups: Groups,
    *,
    warmup: int,
    repeat: int,
    memory: bool,
    on_progress: Callable[[int], None] = lambda done: None,
) -> list[Record]:
    """Measure the subjects; a row for each.

    Args:
        request: what to do with the documents.
        groups: the subjects.
        warmup: passes of each before the clock starts.
        repeat: passes that count.
        memory: measure the peak of each first, its model alone in memory.
        on_progress: told how many passes of all subjects together are done.

    Raises:
        ResourceError: memory ran out.
    """
    if request.config.model.gradient_checkpointing:
        return_freed_memory()
    subjects = [subject for group in groups for subject in group]
    try:
        peaks = dict(_peaks(request, subjects, on_progress)) if memory else {}
        timings = interleaved(
            ready(request, subjects),
            warmup=warmup,
            repeat=repeat,
            on_progress=lambda done: on_progress(len(peaks) + done),
        )
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise ResourceError(
            "out of memory. Use shorter documents, or a smaller --batch-size"
        ) from error
    timed = iter(zip(subjects, timings, strict=True))
    rows = []
    for group in groups:
        members = [next(timed) for _ in group]
        for subject, timing in members:
            row = _row(request, subject, timing) | {"peak_bytes": peaks.get(id(subject))}
            rows.append(row | _ratios((subject, timing), members[0]))
    return rows


def ready(request: Request, subjects: Sequence[Subject]) -> list[Callable[[], Tensor]]:
    """What each subject does, done once by each call, with its model loaded.

    It returns the last hidden states of `[CLS]` of the last batch, (B, H).
    """
    models: dict[object, Model] = {}
    works = []
    for each in subjects:
        # Subjects share a model where they can: where it lies in memory is then the same for all.
        key = each.wrap, each.step
        models[key] = models.get(key) or request.load(each)
        works.append(_work(models[key], each, request))
    gc.collect()
    return works


def _peaks(
    request: Request, subjects: Sequence[Subject], on_progress: Callable[[int], None]
) -> Iterator[tuple[int, int]]:
    """Ours first, before another library takes memory of its own."""
    ordered = sorted(subjects, key=lambda subject: subject.library)
    for done, subject in enumerate(ordered, start=1):
        (run,) = ready(request, [subject])
        yield id(subject), peak_bytes(run, device=request.device)
        del run
        gc.collect()
        on_progress(done)


def _work(model: Model, subject: Subject, request: Request) -> Callable[[], Tensor]:
    device, train = torch.device(request.device), subject.step != "forward"
    generator, encoder = torch.Generator().manual_seed(0), request.encoder
    # Random tokens, the same ones for subjects of the same lengths.
    batches = [
        [torch.randint(5, encoder.vocab_size, (n,), generator=generator).to(device) for n in batch]
        for batch in subject.batches
    ]
    torch.manual_seed(0)
    method: Method = create_method(subject.method, encoder).to(device).train(train)
    # Not a sum: that of a normalised vector is a constant, and its gradient zero.
    direction = torch.randn(encoder.hidden_size, device=device)
    half = request.dtype == "bfloat16" and subject.library == "prefprop"

    def run() -> Tensor:
        if train:
            method.zero_grad()
            model.encoder.zero_grad()
        for batch in batches:
            with (
                torch.set_grad_enabled(train),
                torch.autocast(device.type, torch.bfloat16, enabled=half),
            ):
                read = model(batch, method)
            if train:
                (read.float() @ direction).sum().backward()
        return read.detach()

    return run


def _row(request: Request, subject: Subject, timing: Timing) -> Record:
    """What the subject is, documents and tokens per second, and seconds."""
    texts = {length for batch in subject.batches for length in batch}
    text = texts.pop() if len(texts) == 1 else None  # of each, where it is the same for all
    n, n_placeholders = subject.n_documents, request.n_placeholders(subject.method)
    tokens = sum(map(sum, subject.batches)) + n * n_placeholders
    docs_per_s, interval = timing.per_second(n)
    return {
        "subject": subject.library,
        "method": subject.method.name,
        "step": subject.step,
        "dtype": request.dtype if subject.library == "prefprop" else "float32",
        "text": text,
        "length": None if text is None else text + n_placeholders,
        "batch_size": max(map(len, subject.batches)),
        "documents": n,
        "tokens": tokens,
        "docs_per_s": docs_per_s,
        "docs_per_s_low": interval.low,
        "docs_per_s_high": interval.high,
        "tokens_per_s": tokens / timing.p50_s,
        "p50_s": timing.p50_s,
        "p95_s": float(np.percentile(timing.wall_s, 95)),
        "cpu_p50_s": float(np.median(timing.cpu_s)),
        "wall_s": timing.wall_s,
        "cpu_s": timing.cpu_s,
    }


def _ratios(timed: tuple[Subject, Timing], first: tuple[Subject, Timing]) -> Record:
    """`ratio`: the time per document in times that of the first subject of the group."""
    (subject, timing), (first_subject, first_timing) = timed, first
    share = first_subject.n_documents / subject.n_documents
    ratio, interval = paired_ratio(timing.wall_s, first_timing.wall_s)
    cpu_ratio, _ = paired_ratio(timing.cpu_s, first_timing.cpu_s)
    return {
        "ratio": share * ratio,
        "ratio_low": share * interval.low,
        "ratio_high": share * interval.high,
        "cpu_ratio": share * cpu_ratio,
    }


def _is_foreign(method: MethodTable) -> bool:
    is_known = method.name in ("prefix-propagation", *_WITHOUT_PREFIX)
    return not is_known or method.kernel != "none" or method.placeholder == "zero"
