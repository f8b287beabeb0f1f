"""What `train`, `prepare`, `sweep` and `init` share: backbone and documents, and what is said."""

from dataclasses import dataclass, replace
from pathlib import Path

from prefprop_cli.backbones.fallback import length_for, stand_in, why_out_of_reach
from prefprop_cli.cache import default_cache
from prefprop_cli.cli.console import Console
from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.cli.work.settings import Settings
from prefprop_cli.cli.work.start_view import data_lines
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.model import ParameterCounts, count_parameters
from prefprop_cli.experiment.plan import Plan, empty_classifier, make_plan, prepare_data
from prefprop_cli.hub import hub_cause
from prefprop_cli.notes import heard_by
from prefprop_cli.runs.distributed import world


@dataclass(frozen=True)
class Chosen:
    """A backbone for a configuration.

    Attributes:
        settings: with what goes with it.
        plan: of one run.
        why: another than the configuration says, in a few words; empty if it is that one.
    """

    settings: Settings
    plan: Plan
    why: str = ""

    def line(self) -> str:
        """What is used, and why."""
        model = self.plan.config.model
        turned = f", a Longformer of {model.to_long:,} positions" if model.to_long else ""
        return f"backbone: {model.backbone}{turned}" + (f" ({self.why})" if self.why else "")


def choose(settings: Settings, *, may_fall_back: bool = True) -> Chosen:
    """Find the backbone; where nobody has named one, and the paper's is out of reach, a small one.

    Raises:
        ConfigError: the configuration does not fit it.
        DataError: it cannot be used, or none can be had.
    """
    here = world()
    name = settings.config.model.backbone
    is_open = may_fall_back and settings.asked.is_own
    is_open = is_open and not settings.asked.names("model", "backbone")
    why = here.on_main(lambda: why_out_of_reach(name)) if is_open else None
    if why is None:
        try:
            return Chosen(settings, _plan(settings))
        except DataError as failure:
            cause = hub_cause(failure.__cause__ or failure)
            if not is_open or cause is None or cause.is_answer:
                raise
            why = f"{name} is not on this disk, and {cause.sentence}"
    settings = settings.with_found(**stand_in(why))
    return Chosen(settings, _plan(settings), why)


def prepare(
    console: Console,
    chosen: Chosen,
    stop: StopRequest,
    *,
    cache: Path | None = None,
    force: bool = False,
) -> tuple[Chosen, Prepared]:
    """Prepare the documents, and say what they are.

    Raises:
        ConfigError: the configuration does not fit them.
        DataError: they cannot be used.
        Interrupted: a signal came.
    """

    def work(plan: Plan) -> Prepared:
        return prepare_data(
            plan, cache=cache or default_cache(), force=force, stop=stop.raise_if_requested
        )

    prepared = work(chosen.plan)
    if chosen.why and (shorter := _shorter(chosen, prepared)):
        chosen = shorter
        with heard_by(None):  # it was said of the documents before
            prepared = work(chosen.plan)
    tell_data(console, prepared, chosen.plan)
    console.info(chosen.line())
    return chosen, prepared


def tell_data(console: Console, prepared: Prepared, plan: Plan) -> None:
    """Say how many documents there are, of what, how long, and what may be wrong with them."""
    max_length = plan.config.data.max_length
    for line in data_lines(prepared, plan.task, max_length=max_length, width=console.width):
        console.info(line)
    for note in prepared.notes:
        if note.severity == "warning":
            console.warn(note, label="warning: " if console.width is None else "  ! ")
        else:
            console.info(f"  note: {note}")


def tell_trained(console: Console, chosen: Chosen, prepared: Prepared) -> ParameterCounts:
    """Say how many parameters train, and return how many."""
    numbers = count_parameters(empty_classifier(chosen.plan, n_labels=len(prepared.labels)))
    console.info(
        f"trained: {chosen.plan.config.method.name} {numbers.method + numbers.backbone:,} "
        f"({numbers.method_percent:.4f} % of {numbers.of_backbone:,}), head {numbers.head:,}, "
        f"together {numbers.total:,} ({numbers.total_percent:.4f} %)"
    )
    return numbers


def _plan(settings: Settings) -> Plan:
    return world().first_on_machine(lambda: make_plan(settings.config))


def _shorter(chosen: Chosen, prepared: Prepared) -> Chosen | None:
    """With no more positions than the longest document needs; None if it is so already."""
    asked, config = chosen.settings.asked, chosen.plan.config
    longest = prepared.longest + chosen.plan.n_placeholders
    length = length_for(longest)
    if asked.names("data", "max_length") or length >= config.data.max_length:
        return None
    settings = chosen.settings.with_found(data={"max_length": length})
    return replace(chosen, settings=settings, plan=_plan(settings))
