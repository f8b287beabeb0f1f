"""What a notebook calls, from a configuration to predictions."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from prefprop_cli import experiment
from prefprop_cli.config.load import load_config
from prefprop_cli.training.events import Event, Hooks, Stopped
from tests.helpers import project


def test_a_configuration_is_trained_and_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFPROP_CACHE", str(tmp_path / "cache"))
    config = project.write(tmp_path, epochs=1)
    seen: list[Event] = []
    run = experiment.train(
        load_config(preset=str(config)).config,
        out=tmp_path / "run",
        device="cpu",
        hooks=Hooks(on_event=seen.append),
    )
    assert seen[-1] == Stopped("finished")
    assert run.manifest["status"] == "finished"
    (prediction,) = experiment.load_run(run.path, device="cpu").predict([project.text(0)])
    assert prediction.label in project.LABELS


@pytest.mark.parametrize("mode", ["float64", "inference", "no_grad"])
def test_it_trains_whatever_the_caller_has_set(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFPROP_CACHE", str(tmp_path / "cache"))
    written = project.write(tmp_path, max_steps=1)
    config = load_config(preset=str(written)).config
    with ExitStack() as modes:
        if mode == "float64":
            modes.callback(torch.set_default_dtype, torch.get_default_dtype())
            torch.set_default_dtype(torch.float64)
        elif mode == "inference":
            modes.enter_context(torch.inference_mode())
        else:
            modes.enter_context(torch.no_grad())
        run = experiment.train(config, out=str(tmp_path / "run"), device="cpu")
    assert run.manifest["status"] == "finished"
    assert experiment.evaluate_run(str(run.path)).n > 0


def test_each_name_is_there_and_none_costs_torch() -> None:
    assert all(callable(getattr(experiment, name)) for name in experiment.__all__)
    with pytest.raises(AttributeError, match="no attribute 'tarin'"):
        _ = experiment.tarin
    program = "import sys, prefprop_cli.experiment; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
