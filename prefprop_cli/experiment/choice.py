"""The backbone and the documents of a run: what was asked for, or the nearest that can be had."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from prefprop_cli.backbones.fallback import length_for, stand_in, why_out_of_reach
from prefprop_cli.cache import default_cache
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.plan import Plan, make_plan, prepare_data
from prefprop_cli.experiment.settings import ExperimentSettings
from prefprop_cli.hub import hub_cause
from prefprop_cli.notes import heard_by
from prefprop_cli.runs.distributed import world


@dataclass(frozen=True)
class BackboneChoice:
    """A backbone for a configuration."""

    settings: ExperimentSettings
    """With what goes with the backbone."""
    plan: Plan
    """Of one run."""
    why: str = ""
    """Another than the configuration says, in a few words; empty if it is that one."""

    def __str__(self) -> str:
        model = self.plan.config.model
        turned = f", a Longformer of {model.to_long:,} positions" if model.to_long else ""
        return f"{model.backbone}{turned}" + (f" ({self.why})" if self.why else "")


def choose_backbone(settings: ExperimentSettings, *, may_fall_back: bool = True) -> BackboneChoice:
    """Find the backbone; where nobody has named one, and the paper's is out of reach, a small one.

    Raises:
        ConfigError: the configuration does not fit it.
        DataError: it cannot be used, or none can be had.
    """
    name = settings.config.model.backbone
    is_open = may_fall_back and settings.asked.is_own
    is_open = is_open and not settings.asked.names("model", "backbone")
    why = world().on_main(lambda: why_out_of_reach(name)) if is_open else None
    if why is None:
        try:
            return BackboneChoice(settings, _plan(settings))
        except DataError as failure:
            cause = hub_cause(failure.__cause__ or failure)
            if not is_open or cause is None or cause.is_answer:
                raise
            why = f"{name} is not on this disk, and {cause.sentence}"
    settings = settings.with_found(**stand_in(why))
    return BackboneChoice(settings, _plan(settings), why)


def prepare_documents(
    choice: BackboneChoice,
    *,
    cache: Path | None = None,
    force: bool = False,
    stop: Callable[[], None] | None = None,
) -> tuple[BackboneChoice, Prepared]:
    """Prepare the documents; a small backbone gets no more positions than the longest needs.

    Raises:
        ConfigError: the configuration does not fit them.
        DataError: they cannot be used.
    """

    def work(plan: Plan) -> Prepared:
        return prepare_data(plan, cache=cache or default_cache(), force=force, stop=stop)

    prepared = work(choice.plan)
    length = length_for(prepared.longest + choice.plan.n_placeholders)
    is_given = choice.settings.asked.names("data", "max_length")
    if not choice.why or is_given or length >= choice.plan.config.data.max_length:
        return choice, prepared
    settings = choice.settings.with_found(data={"max_length": length})
    choice = replace(choice, settings=settings, plan=_plan(settings))
    with heard_by(None):  # it was said of the documents before
        return choice, work(choice.plan)


def _plan(settings: ExperimentSettings) -> Plan:
    return world().first_on_machine(lambda: make_plan(settings.config))
