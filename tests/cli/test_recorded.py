"""A run goes on, and is evaluated, with what it was started with, or says what is another now."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from prefprop_cli import load_run
from prefprop_cli.cli.app import main
from prefprop_cli.cli.signals import StopRequest
from prefprop_cli.errors import UsageError
from prefprop_cli.experiment import launch
from prefprop_cli.runs import RunFolder
from tests.helpers import project

Output = Callable[..., tuple[int, str, str]]


@dataclass(frozen=True)
class Project:
    """A project with a run that is finished and one that was stopped in the middle."""

    folder: Path

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def stopped(self) -> Path:
        return self.folder / "stopped"

    @property
    def documents(self) -> Path:
        return self.folder / "documents.jsonl"

    @property
    def backbone(self) -> Path:
        return self.folder / "backbone"

    @property
    def config(self) -> Path:
        return self.folder / "tiny.toml"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    made = Project(tmp_path_factory.mktemp("recorded") / "project")
    made.folder.mkdir()
    project.write_backbone(made.backbone)
    project.write_documents(made.documents, range(40))
    project.write_config(
        made.config, backbone=made.backbone, documents=made.documents, epochs=3, save_every=1
    )
    os.environ["PREFPROP_CACHE"] = str(made.folder.parent / "cache")
    assert main(["train", "-p", str(made.config), "--out", str(made.run), "-q"]) == 0
    # As of a run whose test documents were too many to evaluate at once: `eval` is to read them.
    (made.run / "eval" / "test.safetensors").unlink(missing_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        steps = made.stopped / "checkpoints" / "step-000007"
        patch.setattr(StopRequest, "requested", property(lambda _: steps.exists()))
        patch.setattr(StopRequest, "raise_if_requested", lambda *_: None)
        assert main(["train", "-p", str(made.config), "--out", str(made.stopped), "-q"]) == 0
    yield made
    del os.environ["PREFPROP_CACHE"]


@pytest.fixture
def mine(made: Project) -> Iterator[Project]:
    """The project in its place, for a test to change."""
    kept = shutil.copytree(made.folder, made.folder.parent / "kept")
    yield made
    shutil.rmtree(made.folder)
    kept.rename(made.folder)


def append_documents(mine: Project) -> None:
    project.write_documents(mine.documents, range(52))


def rename_label(mine: Project) -> None:
    mine.documents.write_text(mine.documents.read_text().replace('"even"', '"zero"'))


def change_text(mine: Project) -> None:
    mine.documents.write_text(mine.documents.read_text().replace("a b", "b a", 1))


def change_epsilon(mine: Project) -> None:
    file = mine.backbone / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_bytes()), "layer_norm_eps": 0.1}))


def change_weights(mine: Project) -> None:
    project.write_backbone(mine.backbone, seed=5)


CHANGES = [
    (append_documents, r"the data are not those of .*: documents\.jsonl had sha256 "),
    (rename_label, r"the data are not those of .*: labels odd, zero, were even, odd; "),
    (change_text, r"the data are not those of .*: documents\.jsonl had sha256 "),
    (change_epsilon, r"on another backbone than .*: config\.json: layer_norm_eps 0\.1, was 1e-12"),
    (change_weights, r"on another backbone than .*: weights: sha256 "),
]


@pytest.mark.parametrize(("change", "message"), CHANGES, ids=[c.__name__ for c, _ in CHANGES])
def test_what_changed_is_named_and_nothing_is_trained_or_evaluated(
    change: Callable[[Project], None], message: str, mine: Project, output: Output
) -> None:
    change(mine)
    before = {path: path.read_bytes() for path in mine.folder.rglob("*") if path.is_file()}
    for command, how in (
        (["train", "--resume", mine.stopped], "begin a new run with what there is now: prefprop"),
        (["eval", mine.run], "Give the original"),
        (["calibrate", mine.run], "Give the original"),
    ):
        code, out, err = output(*command)
        assert (code, out) == (3, ""), command
        assert how in err
        assert re.search(message, err), err
    files = {path for path in mine.folder.rglob("*") if path.is_file() and path.name != ".lock"}
    assert files == {path for path in before if path.name != ".lock"}
    assert all(path.read_bytes() == before[path] for path in files)


def test_stored_logits_are_of_the_data_of_the_run_whatever_became_of_them(
    mine: Project, output: Output
) -> None:
    assert output("eval", mine.run)[0] == 0
    stored = output("eval", mine.run, "--json")[1]
    append_documents(mine)
    changed = json.loads(output("eval", mine.run, "--json")[1])
    assert "documents.jsonl is no longer what" in changed["warnings"].pop()
    assert changed == json.loads(stored)
    mine.documents.unlink()
    assert output("eval", mine.run, "--json")[1] == stored


def test_the_same_documents_in_another_layout_go_on(mine: Project, output: Output) -> None:
    mine.documents.write_text(mine.documents.read_text().replace('": "', '" :  "'))
    code, _, err = output("train", "--resume", mine.stopped, "-q")
    assert code == 0, err
    for name in ("adapter/trained.safetensors", "eval/validation.safetensors"):
        assert (mine.stopped / name).read_bytes() == (mine.run / name).read_bytes()
    assert output("eval", mine.stopped)[0] == 0


@pytest.mark.parametrize(
    "command",
    [
        ["train", "--resume", "stopped"],
        ["bench", "run"],
        ["eval", "run"],
        ["calibrate", "run"],
        ["predict", "documents.jsonl", "--run", "run"],
    ],
    ids=" ".join,
)
def test_a_configuration_edited_by_hand(mine: Project, output: Output, command: list[str]) -> None:
    *first, name = [str(mine.documents) if each == "documents.jsonl" else each for each in command]
    file = mine.folder / name / "config.toml"
    file.write_text(file.read_text().replace("lr = 0.02", "lr = 0.03"))
    code, out, err = output(*first, mine.folder / name)
    assert (code, out) == (2, "")
    assert "started with: train.lr 0.03, was 0.02. Undo the change; or begin a new run" in err
    assert f"prefprop train -p {file}" in err


def test_a_report_leaves_out_a_run_with_another_configuration(
    mine: Project, output: Output
) -> None:
    other = shutil.copytree(mine.run, mine.folder / "other")
    (other / "config.toml").write_text((other / "config.toml").read_text().replace("0.02", "0.03"))
    code, _, err = output("report", mine.run, other, "--split", "validation")
    assert code == 0, err
    assert f"left out {other}: " in err


def test_a_backbone_that_has_moved_is_asked_for(mine: Project, output: Output) -> None:
    moved = mine.backbone.rename(mine.folder / "moved")
    code, _, err = output("eval", mine.run)
    assert code == 3
    assert err.rstrip().endswith("If it is elsewhere now, say where with --backbone")
    assert output("eval", mine.run, "--backbone", moved)[0] == 0


def test_one_bit_of_stored_logits(mine: Project, output: Output) -> None:
    Path("a.txt").write_text("a b x")
    before = output("predict", "--run", mine.run, "a.txt")[1]
    file = mine.run / "eval" / "validation.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 0x80]))
    for command in ("calibrate", "eval"):
        code, out, err = output(command, mine.run, *["--split=validation"][: command == "eval"])
        assert (code, out) == (4, "")
        assert "or is damaged (it is not what was written). Remove it, and run `prefprop" in err
    assert output("predict", "--run", mine.run, "a.txt")[1] == before
    file.unlink()
    assert output("eval", mine.run, "--split", "validation")[0] == 0
    assert file.read_bytes() == whole


def test_logits_of_an_earlier_version_are_computed_again(mine: Project, output: Output) -> None:
    assert output("eval", mine.run)[0] == 0
    file = mine.run / "eval" / "test.safetensors"
    whole = file.read_bytes()
    tensors = load_file(file)
    del tensors["sha256"]
    save_file({**tensors, "logits": -tensors["logits"]}, file, metadata={"ids": "[]"})
    assert output("eval", mine.run)[0] == 0
    assert file.read_bytes() == whole


def test_a_run_whose_best_step_an_earlier_version_evaluated_goes_on(
    mine: Project, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = mine.stopped / "eval"
    keep = launch.stored_logits.is_stored

    def of_earlier_version(folder: Path, name: str) -> bool:
        file = folder / f"{name}.safetensors"
        tensors = load_file(file)
        del tensors["sha256"]
        save_file(tensors, file, metadata={"ids": "[]"})
        return keep(folder, name)

    monkeypatch.setattr(launch.stored_logits, "is_stored", of_earlier_version)
    code, _, err = output("train", "--resume", mine.stopped, "-q")
    assert code == 0, err
    assert not (evaluation / "validation.safetensors").exists()
    assert output("eval", mine.stopped, "--split", "validation")[0] == 0
    for name in ("adapter/trained.safetensors", "eval/validation.safetensors"):
        assert (mine.stopped / name).read_bytes() == (mine.run / name).read_bytes()


def test_every_file_of_a_finished_run_is_guarded(mine: Project, output: Output) -> None:
    """One bit in the middle of each file that a result comes from."""
    Path("a.txt").write_text("a b x")
    reads: dict[str, list[object]] = {
        "manifest.json": ["eval", mine.run],
        "config.toml": ["bench", mine.run],
        "adapter/adapter.json": ["predict", "--run", mine.run, "a.txt"],
        "adapter/trained.safetensors": ["predict", "--run", mine.run, "a.txt"],
        "eval/validation.safetensors": ["eval", mine.run, "--split", "validation"],
        "metrics.jsonl": ["report", mine.run, "--figure", "4", "--split", "validation"],
    }
    for name, command in reads.items():
        file = mine.run / name
        whole = file.read_bytes()
        middle = len(whole) // 2
        file.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
        assert output(*command)[0] in (2, 4), name
        file.write_bytes(whole)


def test_another_config_of_the_backbone_is_another_backbone(made: Project, output: Output) -> None:
    other = shutil.copytree(made.backbone, Path("other"))
    values = json.loads((other / "config.json").read_bytes())
    (other / "config.json").write_text(json.dumps({**values, "layer_norm_eps": 0.05}))
    Path("a.txt").write_text("a b x")
    code, out, err = output("predict", "--run", made.run, "--backbone", other, "a.txt")
    assert (code, out) == (3, "")
    assert "another backbone than other: config.json: layer_norm_eps 0.05, was 1e-12. Give" in err


@pytest.mark.parametrize("command", ["eval", "calibrate", "predict"])
def test_a_run_that_was_stopped_says_how_to_go_on(
    command: str, made: Project, output: Output
) -> None:
    Path("a.txt").write_text("a b x")
    rest = ["--run", made.stopped, "a.txt"] if command == "predict" else [made.stopped]
    code, out, err = output(command, *rest)
    assert (code, out) == (2, "")
    assert err == (
        f"error: {made.stopped} stopped at step 7 of 15; "
        f"go on: prefprop train --resume {made.stopped}\n"
    )


def test_it_says_so_in_python(made: Project) -> None:
    with pytest.raises(UsageError, match="stopped at step 7 of 15; go on"):
        load_run(made.stopped)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--device", "gpu"], 2, "--device gpu: no such device here"),
        (["--out", "reviews.csv"], 2, "reviews.csv is there already, a file; name a new folder\n"),
        (["--out", "full"], 2, "full is there already, a folder with something in it; name"),
        (["--out", "reviews.csv/run"], 7, "reviews.csv is not a folder"),
        (["-s", "model.backbone=./nowhere"], 3, "there is no such folder"),
    ],
)
def test_nothing_is_read_where_the_command_cannot_work(
    arguments: list[str],
    code: int,
    message: str,
    made: Project,
    output: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("reviews.csv").write_text("text,label\na,b\n")
    Path("full").mkdir()
    Path("full/mine").touch()
    monkeypatch.setattr("prefprop_cli.experiment.plan.read_corpus", None)
    found, out, err = output("train", "-p", made.config, "--source", "reviews.csv", *arguments)
    assert (found, out) == (code, "")
    assert message in err
    assert not Path("runs").exists()


def test_a_folder_that_is_a_run_is_advised_to_go_on_with(made: Project, output: Output) -> None:
    code, _, err = output("train", "-p", made.config, "--out", made.stopped)
    assert code == 2
    assert err.endswith(f"a run; name a new folder, or go on with it: --resume {made.stopped}\n")
    code, _, err = output("train", "-p", made.config, "--out", made.run)
    assert code == 2
    assert err.endswith("a run; name a new folder\n")


@pytest.mark.parametrize(
    "command",
    [
        ["eval", "RUN"],
        ["eval", "RUN", "--split", "validation"],
        ["predict", "--run", "RUN", "a.txt"],
        ["bench", "RUN"],
    ],
)
def test_a_device_that_is_not_there_is_refused_before_weights_are_read(
    command: list[str], made: Project, output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a.txt").write_text("a b x")
    monkeypatch.setattr("prefprop_cli.backbones.load.read_weights", None)
    words = [str(made.run) if word == "RUN" else word for word in command]
    code, out, err = output(*words, "--device", "gpu")
    assert (code, out) == (2, "")
    assert "--device gpu: no such device here" in err


def test_a_second_writer_is_refused_before_torch_is_imported(
    made: Project, environment: dict[str, str]
) -> None:
    source = (
        "import sys; from prefprop_cli.cli.app import main\n"
        f"code = main(['train', '--resume', {str(made.stopped)!r}])\n"
        "print(code, 'torch' in sys.modules)"
    )
    with RunFolder(made.stopped).lock():
        done = subprocess.run(
            [sys.executable, "-c", source], env=environment, capture_output=True, text=True
        )
    assert done.stdout == "5 False\n", done.stderr
    assert f"{made.stopped} is in use by process {os.getpid()} on " in done.stderr


def test_a_folder_whose_start_was_killed_can_be_started_again(
    made: Project, output: Output
) -> None:
    RunFolder.create_at(Path("new"))  # what is on the disk then
    for command in (["train", "--resume", "new"], ["eval", "new"]):
        code, _, err = output(*command)
        assert code == 2
        assert "was never begun: its start ended before it was described. Start it again" in err
    settings = ["-s", "train.max_steps=1"]
    assert output("train", "-p", made.config, "--out", "new", *settings)[:2] == (0, "new\n")


def test_stored_logits_are_told_apart_from_documents_that_have_changed(
    mine: Project, output: Output
) -> None:
    assert output("eval", mine.run)[0] == 0
    assert "no longer" not in output("eval", mine.run)[2]
    change_text(mine)
    told = (
        f"warning: documents.jsonl is no longer what {mine.run} was trained on; these figures are "
        "of the documents it had then\n"
    )
    for command in ("eval", "calibrate"):
        code, _, err = output(command, mine.run)
        assert code == 0
        assert err.count(told) == 1
    mine.documents.unlink()
    assert "no longer" not in output("eval", mine.run)[2]
