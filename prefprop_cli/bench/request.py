"""From what was asked to the subjects that answer it, in groups that are compared.

The first subject of a group is what the others are measured by.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from prefprop_cli.bench import lengths as real
from prefprop_cli.bench.job import DType, Job, Library, Step, Subject
from prefprop_cli.bench.paper import PAPER_OVERHEAD
from prefprop_cli.bench.subjects import encoder_config
from prefprop_cli.config.schema import Config, MethodTable
from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.modes import shapes_only
from prefprop_cli.errors import UsageError
from prefprop_cli.experiment.model import create_method

Groups = list[list[Subject]]
Batches = tuple[tuple[int, ...], ...]

PADDED_DOCUMENTS = 2
"""Documents that are padded to a fixed length: each costs the same, and seconds."""

_WITHOUT_PREFIX = ("fine-tuning", "head-only")


@dataclass(frozen=True)
class Request:
    """What is measured, whatever the documents.

    Args:
        config: backbone, dropout and method.
        shape: a key of `SHAPES`, in place of the backbone.
        steps: what is done with the documents.
        dtype: of our encoder; `transformers` computes in float32.
        against: `transformers` as well.
        device: as PyTorch names it.
        n_positions: of the shape, where its own are too few.
    """

    config: Config
    shape: str | None = None
    steps: tuple[Step, ...] = ("forward",)
    dtype: DType = "float32"
    against: bool = False
    device: str = "cpu"
    n_positions: int | None = None

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
            raise UsageError(
                f"--against transformers: its models have no {_spelled(method)}. Leave --against "
                "out, or use -s method.name=prefix-propagation without a kernel"
            )

    def method_of(self, step: Step) -> MethodTable:
        """The method of a step: a full one trains the backbone and has no prefix."""
        return MethodTable(name="fine-tuning") if step == "full" else self.config.method

    @cached_property
    def encoder(self) -> EncoderConfig:
        """The shape of the encoder."""
        return encoder_config(self.job([]))

    def job(self, groups: Groups) -> Job:
        """The job of timing these subjects."""
        return Job(
            config=self.config,
            shape=self.shape,
            n_positions=self.n_positions,
            subjects=tuple(subject for group in groups for subject in group),
            device=self.device,
            measures="time",
        )

    def n_placeholders(self, method: MethodTable) -> int:
        with shapes_only():
            return create_method(method, self.encoder).n_placeholders

    def subject(
        self, library: Library, method: MethodTable, step: Step, batches: Batches
    ) -> Subject:
        dtype = self.dtype if library == "prefprop" else "float32"
        return Subject(library=library, method=method, step=step, dtype=dtype, batches=batches)

    @property
    def libraries(self) -> tuple[Library, ...]:
        return ("prefprop", "transformers") if self.against else ("prefprop",)


def at_lengths(request: Request, lengths: Sequence[int], *, batch_size: int) -> Groups:
    """A group for each length.

    Args:
        request: what to do with the documents.
        lengths: positions per document, placeholders included.
        batch_size: documents at a time.

    Raises:
        UsageError: a length is more than the backbone has positions, or leaves no room for text.
    """
    longest, most = request.encoder.max_length, max(lengths)
    if most > longest:
        raise UsageError(
            f"--lengths {most}: the backbone has {longest} positions. "
            f"Use --lengths {longest} or less"
        )
    methods = [(step, request.method_of(step)) for step in request.steps]
    n_placeholders = {step: request.n_placeholders(method) for step, method in methods}
    if (least := min(lengths)) <= max(n_placeholders.values()):
        n = max(n_placeholders.values())
        raise UsageError(
            f"--lengths {least}: {n} of the positions are placeholders, and none is left for "
            f"text. Use {n + 1} or more"
        )
    return [
        [
            request.subject(library, method, step, ((length - n_placeholders[step],) * batch_size,))
            for library in request.libraries
            for step, method in methods
        ]
        for length in lengths
    ]


def like(
    request: Request,
    name: real.Distribution,
    *,
    n_documents: int,
    batch_size: int,
    pad_to: int | None,
) -> Groups:
    """One group: documents as long as those of a data set, in batches as training makes them.

    Args:
        request: what to do with the documents.
        name: the data set.
        n_documents: how many are drawn.
        batch_size: documents at a time.
        pad_to: text tokens that `transformers` pads the first `PADDED_DOCUMENTS` to, in a subject
            of its own; documents are then cut there.

    Raises:
        UsageError: `pad_to` without `transformers`, or more than the backbone has positions for.
    """
    room = request.encoder.max_length - max(
        request.n_placeholders(request.method_of(step)) for step in request.steps
    )
    if pad_to is not None and not request.against:
        raise UsageError(f"--pad-to {pad_to} is for transformers. Add --against transformers")
    if pad_to is not None and pad_to > room:
        raise UsageError(
            f"--pad-to {pad_to}: the backbone has positions for {room} tokens of text. "
            f"Use --pad-to {room}"
        )
    drawn = real.draw(real.quantiles(name), n=n_documents, longest=pad_to or room)
    batches = real.batches(drawn, batch_size=batch_size)
    group = [
        request.subject(library, request.method_of(step), step, batches)
        for library in request.libraries
        for step in request.steps
    ]
    if pad_to is not None:
        few = (batches[0][:PADDED_DOCUMENTS],)
        group += [
            subject.model_copy(update={"pad_to": pad_to, "batches": few})
            for subject in group
            if subject.library == "transformers"
        ]
    return [group]


def table_7(request: Request, lengths: Sequence[int], *, batch_size: int) -> tuple[Request, Groups]:
    """Inference without PEFT, with prefix-tuning and with propagation, on the same texts.

    Args:
        request: the backbone; a shape gets the positions it takes.
        lengths: text tokens per document, a group for each; placeholders come on top.
        batch_size: documents at a time.

    Raises:
        UsageError: the backbone has too few positions.
    """
    names = ("head-only", *PAPER_OVERHEAD)
    methods = [MethodTable.model_validate({**_prefix_of(request), "name": name}) for name in names]
    needed = max(lengths) + max(map(request.n_placeholders, methods))
    if needed > request.encoder.max_length:
        if request.shape is None:
            raise UsageError(
                f"--table 7: {max(lengths)} tokens of text and the placeholders are {needed} "
                f"positions, and the backbone has {request.encoder.max_length}. "
                "Use shorter --lengths, or a --shape, which gets as many as it takes"
            )
        n_positions = needed + request.encoder.first_position
        request = replace(request, n_positions=n_positions)
    groups = [
        [request.subject("prefprop", method, "forward", ((n,) * batch_size,)) for method in methods]
        for n in lengths
    ]
    return request, groups


def _prefix_of(request: Request) -> dict[str, object]:
    return {"prefix_length": request.config.method.prefix_length}


def _is_foreign(method: MethodTable) -> bool:
    is_known = method.name in ("prefix-propagation", *_WITHOUT_PREFIX)
    return not is_known or method.kernel != "none" or method.placeholder == "zero"


def _spelled(method: MethodTable) -> str:
    kernel = f" with method.kernel = {method.kernel}" if method.kernel != "none" else ""
    zero = ' with method.placeholder = "zero"' if method.placeholder == "zero" else ""
    return f"{method.name}{kernel}{zero}"
