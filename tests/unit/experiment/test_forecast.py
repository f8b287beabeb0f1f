"""The forecast of a plan: it leaves no trace."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from prefprop_cli.config.load import load_config
from prefprop_cli.data.prepare import Prepared
from prefprop_cli.experiment.forecast import costs_of
from prefprop_cli.experiment.launch import create_run, train_run
from prefprop_cli.experiment.plan import Plan, make_plan, prepare_data
from tests.helpers import project


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Prepared]:
    folder = tmp_path_factory.mktemp("forecast")
    config = project.write(folder, epochs=2)
    plan = make_plan(load_config(preset=str(config)).config)
    return plan, prepare_data(plan, cache=folder / "cache")


def test_it_is_of_both_kinds_of_passes(planned: tuple[Plan, Prepared]) -> None:
    plan, prepared = planned
    costs = costs_of(plan, n_labels=len(prepared.labels))
    assert costs.training.of([64]) > costs.evaluation.of([64]) > 0
    lengths = [list(prepared.splits[name]["n_computed"]) for name in ("train", "validation")]
    assert costs.run_s(*lengths, plan.config.train) > costs.training.of(lengths[0])


def test_random_numbers_are_those_without_it(planned: tuple[Plan, Prepared]) -> None:
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    plan, prepared = planned
    costs_of(plan, n_labels=len(prepared.labels))
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert after == before


def test_a_run_ends_with_the_bits_it_has_without_it(
    planned: tuple[Plan, Prepared], tmp_path: Path
) -> None:
    adapters = []
    for name in ("without", "with"):
        folder = create_run(*planned, out=tmp_path / name, sources=[], argv=["prefprop"])
        if name == "with":
            costs_of(planned[0], n_labels=len(planned[1].labels))
        train_run(
            *planned,
            folder,
            device="cpu",
        )
        (weights,) = folder.adapter.glob("*.safetensors")
        adapters.append(weights.read_bytes())
    assert adapters[0] == adapters[1]


def test_questions_have_a_cost_too(planned: tuple[Plan, Prepared]) -> None:
    plan, _ = planned
    data = plan.config.data.model_copy(update={"set": "wikihop"})
    config = plan.config.model_copy(update={"data": data})
    asked = Plan(config, plan.backbone, plan.encoder, plan.tokenizer)
    assert costs_of(asked, n_labels=0).training.of([64]) > 0
