"""`prefprop sweep` in one process, on a small project."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from prefprop_cli.cli.app import main
from prefprop_cli.errors import NonFiniteError, ResourceError
from tests.helpers import project, sweeps

pytest.importorskip("optuna")

SWEEP = """
stages = [{ "train.lr" = [0.02, 0.5] }, { method.prefix_length = [2, 3] }]
seeds = [0, 1]
"""
Output = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Done:
    """A sweep that ran to its end."""

    folder: Path
    config: Path
    out: Path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Done]:
    folder = tmp_path_factory.mktemp("sweep")
    config = sweeps.write_sweep(folder, SWEEP)
    os.environ["PREFPROP_CACHE"] = str(folder / "cache")
    assert main(["sweep", "-p", str(config), "--out", str(folder / "out"), "-q"]) == 0
    yield Done(folder, config, folder / "out")
    del os.environ["PREFPROP_CACHE"]


@pytest.fixture
def sweep(done: Done, output: Output) -> Output:
    """Run `prefprop sweep`, with the cache of the sweep that is done."""
    return partial(output, "sweep")


def test_each_setting_is_run_once(done: Done) -> None:
    names = set(sweeps.runs(done.out))
    searched = {name for name in names if "seed" not in name and "prefix" not in name}
    assert searched == {"lr=0.02", "lr=0.5"}
    assert len(names) == 4  # prefix_length = 2 and seed 0 are those of the first search
    for run in sweeps.runs(done.out).values():
        assert sweeps.manifest(run)["status"] == "finished"
        assert "[sweep]" not in (run / "config.toml").read_text()
        assert len(sweeps.starts(run)) == 1


def test_it_prints_the_best_run_and_goes_on_where_it_was(done: Done, sweep: Output) -> None:
    code, out, err = sweep("-p", done.config, "--out", done.out)
    assert code == 0
    best = Path(out.removesuffix("\n"))
    assert (best / "adapter" / "trained.safetensors").is_file()
    assert "trial 1 of" not in err
    assert "stage 1 of 3: train.lr, 2 trials, 2 done" in err
    assert "over 2 seeds" in err
    metrics = {
        run: sweeps.manifest(run)["validation"]["nll"] for run in sweeps.runs(done.out).values()
    }
    last = json.loads(sweep("-p", done.config, "--out", done.out, "--json")[1])["trials"][-2:]
    assert best == min((Path(trial["run"]) for trial in last), key=lambda run: metrics[run])


def test_json_has_every_trial_and_the_best(done: Done, sweep: Output) -> None:
    code, out, _ = sweep("-p", done.config, "--out", done.out, "--json", "-q")
    record = json.loads(out)
    assert code == 0
    assert record["metric"] == "nll"
    assert [trial["stage"] for trial in record["trials"]] == [1, 1, 2, 2, 3, 3]
    assert [trial["reused"] for trial in record["trials"]] == [False, False, True, False] + [
        trial["seed"] == 0 for trial in record["trials"][4:]
    ]
    for trial in record["trials"]:
        assert trial["state"] == "finished"
        assert trial["metric"] == trial["metrics"]["nll"]
        assert sweeps.manifest(Path(trial["run"]))["validation"] == trial["metrics"]
    seeds = [trial["metric"] for trial in record["trials"][4:]]
    assert record["best"]["metric"] == min(seeds)
    assert record["seeds"]["n"] == 2
    assert record["seeds"]["mean"] == pytest.approx(sum(seeds) / 2)


def test_the_leaderboard_has_the_best_first(done: Done, sweep: Output) -> None:
    _, _, err = sweep("-p", done.config, "--out", done.out)
    table = err[err.index("stage 1: train.lr") :]
    values = [float(line.split()[1]) for line in table.splitlines()[2:4]]
    assert values == sorted(values)
    assert "reused" in table


def test_a_run_of_a_sweep_can_be_trained_again_alone(done: Done, sweep: Output) -> None:
    run = sweeps.runs(done.out)["lr=0.02"]
    assert main(["train", "-p", str(run / "config.toml"), "--out", "alone", "-q"]) == 0
    again = Path("alone/adapter/trained.safetensors").read_bytes()
    assert again == (run / "adapter" / "trained.safetensors").read_bytes()
    sources = sweeps.manifest(run)["sources"]
    assert sources == [str(done.config), "-s train.lr=0.02"]


def test_train_leaves_the_table_out(done: Done, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "-p", str(done.config), "--dry-run"]) == 0
    assert "[sweep]" in done.config.read_text()
    assert "[sweep" not in capfd.readouterr().out


def test_another_configuration_is_another_sweep(done: Done, sweep: Output) -> None:
    other = ["-s", "sweep.stages=[]", "-s", "sweep.seeds=[0]", "-s", "train.epochs=1"]
    code, out, _ = sweep("-p", done.config, *other, "--storage", "sqlite:///here.db", "-q")
    assert code == 0
    assert out.startswith("sweeps/tiny/runs/seed=0-")
    assert Path("here.db").is_file()
    first = out
    other[-1] = "train.epochs=2"
    _, out, _ = sweep("-p", done.config, *other, "--storage", "sqlite:///here.db", "-q")
    assert out != first
    assert len(sweeps.runs(Path("sweeps/tiny"))) == 1
    assert len(list(Path("sweeps/tiny/runs").iterdir())) == 2


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make the steps with some learning rates fail."""

    def arrange(errors: dict[float, Exception]) -> None:
        def check(losses: object, grad_norm: object, *, lr: float, **_: object) -> None:
            for limit, error in errors.items():
                if lr > limit:
                    raise error

        monkeypatch.setattr("prefprop_cli.training.guards.check_finite_step", check)

    return arrange


def out_of_memory() -> ResourceError:
    error = ResourceError("out of memory: a step does not fit")
    error.__cause__ = MemoryError()
    return error


@pytest.mark.parametrize(
    ("error", "code"), [(NonFiniteError("the loss is nan"), 6), (out_of_memory(), 7)]
)
def test_a_trial_that_fails_is_in_the_leaderboard_and_the_sweep_goes_on(
    error: Exception, code: int, done: Done, sweep: Output, failing: Callable[..., None]
) -> None:
    failing({0.2: error})
    search = ["-s", 'sweep.stages=[{"train.lr"=[0.9, 0.02]}]', "-s", "sweep.seeds=[]"]
    search += ["-s", "train.epochs=1"]
    found, out, err = sweep("-p", done.config, *search, "--json")
    assert found == 0
    failed, finished = json.loads(out)["trials"]
    assert (failed["state"], failed["exit_code"]) == ("failed", code)
    assert failed["reason"] == str(error)
    assert failed["metric"] is None
    assert finished["state"] == "finished"
    assert json.loads(out)["best"] == finished
    assert f"warning: the trial failed: {error}" in err
    assert sweeps.manifest(Path(failed["run"]))["status"] == "failed"


def test_where_all_fail_the_last_failure_is_that_of_the_sweep(
    done: Done, sweep: Output, failing: Callable[..., None]
) -> None:
    failing({0.0: NonFiniteError("the loss is nan")})
    code, out, err = sweep("-p", done.config)
    assert (code, out) == (6, "")
    assert "all 2 trials of stage 1 failed, the last one: the loss is nan" in err
    assert "stage 2" not in err
    code, out, _ = sweep("-p", done.config, "--json")
    assert code == 6
    assert json.loads(out)["best"] is None


def test_a_full_disk_is_no_fault_of_a_setting(
    done: Done, sweep: Output, failing: Callable[..., None]
) -> None:
    full = ResourceError("no room to write")
    full.__cause__ = OSError(28, "No space left on device")
    failing({0.0: full})
    code, out, err = sweep("-p", done.config)
    assert (code, out) == (7, "")
    assert "failed" not in err
    failing({})
    assert sweep("-p", done.config)[0] == 0


def test_hopeless_trials_are_given_up_if_asked(done: Done, sweep: Output) -> None:
    rates = 'sweep.stages=[{"train.lr"=[0.02, 0.03, 0.9]}]'
    search = ["-s", rates, "-s", "sweep.seeds=[]", "-s", "train.epochs=3"]
    code, out, err = sweep("-p", done.config, *search, "-s", "sweep.pruner=median", "--json")
    assert code == 0
    *others, hopeless = json.loads(out)["trials"]
    assert [trial["state"] for trial in others] == ["finished", "finished"]
    assert hopeless["state"] == "pruned"
    assert max(sweeps.steps(Path(hopeless["run"]))) == 12  # two epochs of three
    assert sweeps.manifest(Path(hopeless["run"]))["exit_reason"] == "pruned"
    assert "pruned: nll" in err


def test_own_bounds_are_searched(done: Done, sweep: Output) -> None:
    bounds = "sweep.lr={low=1e-3, high=0.2, log=true}"
    search = ["-s", bounds, "-s", "sweep.trials=3", "-s", "sweep.stages=[]", "-s", "sweep.seeds=[]"]
    code, out, err = sweep("-p", done.config, *search, "-s", "train.epochs=1", "--json")
    assert code == 0
    trials = json.loads(out)["trials"]
    rates = [trial["values"]["train.lr"] for trial in trials]
    assert len(set(rates)) == 3
    assert all(1e-3 <= rate <= 0.2 for rate in rates)
    assert json.loads(out)["best"]["metric"] == min(trial["metric"] for trial in trials)
    assert "stage 1 of 1: train.lr, 3 trials\n" in err
    assert f"trial 2 of 3: train.lr = {rates[1]}; run: " in err
    run = Path(trials[0]["run"])
    assert f"-s train.lr={rates[0]}" in sweeps.manifest(run)["sources"]
    assert json.loads(sweep("-p", done.config, *search, "-s", "train.epochs=1", "--json")[1]) == (
        json.loads(out)
    )


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["-s", "sweep.stages=[]", "-s", "sweep.seeds=[]"], "neither stages nor seeds"),
        (["-s", 'sweep.stages=[{"train.lrr"=[1]}]'], "did you mean `train.lr`?"),
        (["-s", 'sweep.stages=[{"method.kernel"=["exp"], "method.name"=["head-only"]}]'], "kernel"),
        (["--storage", "nothing://x"], "--storage nothing://x cannot be opened"),
        (["--device", "gpu"], "--device gpu: no such device here"),
    ],
)
def test_nothing_is_started_where_something_is_wrong(
    flags: list[str], problem: str, done: Done, sweep: Output
) -> None:
    code, out, err = sweep("-p", done.config, *flags)
    assert (code, out) == (2, "")
    assert problem in err
    assert "Traceback" not in err
    assert not Path("sweeps").exists()


def test_a_launcher_of_ranks_is_refused(
    done: Done, sweep: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    code, _, err = sweep("-p", done.config)
    assert code == 2
    assert "Start `prefprop sweep` several times instead" in err


@pytest.fixture
def small(done: Done, output: Output, tmp_path: Path) -> list[str]:
    """A sweep of two runs, on documents of its own."""
    documents = project.write_documents(tmp_path / "documents.jsonl", range(48))
    search = ["-s", 'sweep.stages=[{"train.lr"=[0.02, 0.03]}]', "-s", "sweep.seeds=[]"]
    search += ["-s", "train.epochs=1", "--source", str(documents), "--out", "small", "-q"]
    assert main(["sweep", "-p", str(done.config), *search]) == 0
    return ["-p", str(done.config), *search]


def test_runs_of_other_data_are_not_taken_for_its_own(small: list[str], sweep: Output) -> None:
    before = Path("documents.jsonl").read_bytes()
    Path("documents.jsonl").write_bytes(before.replace(b"a b c", b"c b a", 1))
    code, out, err = sweep(*small)
    assert (code, out) == (3, "")
    assert "runs of this sweep are of other data or another backbone: documents.jsonl had" in err
    Path("small/sweep.journal").unlink()
    code, out, err = sweep(*small)
    assert (code, out) == (3, "")
    first = sweeps.runs(Path("small"))["lr=0.02"].absolute()
    assert f"the data are not those of {first}: documents.jsonl had sha256" in err
    Path("documents.jsonl").write_bytes(before)
    assert sweep(*small)[0] == 0


def test_finished_runs_are_taken_over_as_they_are_where_the_journal_is_lost(
    small: list[str], sweep: Output, output: Output
) -> None:
    first = json.loads(sweep(*small, "--json")[1])
    run = sweeps.runs(Path("small"))["lr=0.02"]
    assert output("calibrate", run, "--method", "temperature")[0] == 0
    files = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    Path("small/sweep.journal").unlink()
    assert json.loads(sweep(*small, "--json")[1]) == first
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == files


def test_a_folder_that_holds_a_run_of_another_configuration(
    small: list[str], sweep: Output
) -> None:
    run = sweeps.runs(Path("small"))["lr=0.02"]
    (run / "config.toml").write_text((run / "config.toml").read_text().replace("0.02", "0.2"))
    assert sweep(*small)[0] == 0  # what the storage says is done is not read
    Path("small/sweep.journal").unlink()
    code, out, err = sweep(*small)
    assert (code, out) == (2, "")
    assert "train.lr 0.2, was 0.02" in err
    shutil.rmtree(run)
    shutil.copytree(sweeps.runs(Path("small"))["lr=0.03"], run)
    code, out, err = sweep(*small)
    assert (code, out) == (2, "")
    assert f"{run.absolute()} is of another configuration: train.lr 0.02, was 0.03. Put" in err


def test_a_bad_line_of_the_journal_is_named(small: list[str], sweep: Output) -> None:
    journal = Path("small/sweep.journal")
    whole = journal.read_bytes()
    n_lines = whole.count(b"\n")
    journal.write_bytes(whole + b"\xff\xfe\x00\n")
    code, out, err = sweep(*small)
    assert (code, out) == (4, "")
    assert f"small/sweep.journal:{n_lines + 1} is damaged: not a JSON object" in err
    journal.write_bytes(whole)
    assert sweep(*small)[0] == 0
