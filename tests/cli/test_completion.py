import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefprop_cli.cli import completion

COMPLETIONS = Path(__file__).parents[2] / "completions"
PATIENCE_S = 30


def needs(shell: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(shell), reason=f"{shell} is not installed")


def add_run(folder: Path, *, age_s: float = 0.0, text: str = "{}") -> None:
    folder.mkdir(parents=True)
    manifest = folder / "manifest.json"
    manifest.write_text(text)
    os.utime(manifest, (1e9 - age_s, 1e9 - age_s))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a run and a preset of its own."""
    monkeypatch.chdir(tmp_path)
    add_run(tmp_path / "runs" / "mine-1")
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "zebra.toml").write_text('description = "stripes"\n')
    return tmp_path


@pytest.fixture
def shell_environment(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """With `prefprop` on the path."""
    home = tmp_path / "home"
    home.mkdir()
    program = home / "prefprop"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m prefprop_cli "$@"\n')
    program.chmod(0o755)
    return {**environment, "HOME": str(home), "PATH": f"{home}:{environment['PATH']}"}


@pytest.mark.parametrize("shell", completion.SCRIPTS)
def test_scripts_are_not_stale(shell: str) -> None:
    kept = COMPLETIONS / completion.SCRIPTS[shell]
    assert kept.read_text(encoding="utf-8") == completion.script(shell), "run `make completions`"


def test_scripts_are_written(tmp_path: Path, environment: dict[str, str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "prefprop_cli.cli.completion", str(tmp_path)],
        env=environment,
        check=True,
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        "prefprop.bash",
        "_prefprop",
        "prefprop.fish",
    }


def test_presets_by_their_beginning(folder: Path) -> None:
    assert completion.presets("ze") == [("zebra", "stripes")]
    assert "demo" in dict(completion.presets(""))


def test_keys_and_values_of_a_setting() -> None:
    assert dict(completion.settings("train.l")) == {"train.lr=0.01": "Peak learning rate of AdamW."}
    assert {"method.pool=cls", "method.pool=prefix"} == set(dict(completion.settings("method.po")))
    assert set(dict(completion.settings("model."))) >= {"model.backbone=", "model.to_long="}
    assert dict(completion.settings("model.gradient_checkpointing=t")).keys() == {
        "model.gradient_checkpointing=true"
    }
    assert completion.settings("train.lr=5") == []
    assert completion.settings("nothing.") == []
    [(backbone, _)] = completion.settings("model.back")
    assert backbone == "model.backbone=allenai/longformer-base-4096"


def test_runs_newest_first(folder: Path) -> None:
    add_run(folder / "runs" / "older", age_s=60)
    (folder / "runs" / "no-run").mkdir()
    (folder / "runs" / "file").touch()
    assert completion.runs("") == ["runs/mine-1", "runs/older"]
    assert completion.runs("runs/o") == ["runs/older"]


def test_finished_runs_first_but_for_one_to_resume(folder: Path) -> None:
    texts = {1: '{"status": "finished"}', 2: '{"status": "running"}', 3: '["finished"]', 4: "{"}
    for age_s, text in texts.items():
        add_run(folder / "runs" / f"r{age_s}", age_s=-age_s, text=text)
    add_run(folder / "runs" / "old", age_s=60, text=texts[1])
    unfinished = ["runs/r4", "runs/r3", "runs/r2", "runs/mine-1"]
    assert completion.runs("") == ["runs/r1", "runs/old", *unfinished]
    assert completion.runs_to_resume("") == [*unfinished, "runs/r1", "runs/old"]
    assert completion.runs("runs/o") == ["runs/old"]


def test_no_folder_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert completion.runs("") == []


HOSTILE = ["$(touch owned)", "`touch owned`", "a b", "x;touch owned", "\\$(touch owned)", "a\nb"]


def test_names_that_a_shell_would_obey_are_not_offered(folder: Path) -> None:
    for name in HOSTILE:
        add_run(folder / "runs" / name)
        (folder / "presets" / f"{name}.toml").touch()
    assert completion.runs("") == ["runs/mine-1"]
    assert not set(dict(completion.presets(""))) & set(HOSTILE)


@needs("bash")
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["train", "-p", "ze"], ["zebra"]),
        (["presets", "ze"], ["zebra"]),
        (["eval", ""], ["runs/mine-1"]),
        (["predict", "--run", "runs/m"], ["runs/mine-1"]),
        (["train", "--resume", ""], ["runs/mine-1"]),
        (["cal"], ["calibrate"]),
        (["calibrate", "--pl"], ["--plot"]),
        (["predict", "sp"], []),
        (["train", "-s", "train.l"], ["train.lr=0.01"]),
        (["train", "-s", "method.name", "=", "prefix-t"], ["prefix-tuning"]),
        (["train", "-s", "method.pool", "="], ["cls", "prefix"]),
        (["train", "-s", "train.lr", "=", "1", "-p", "ze"], ["zebra"]),
    ],
)
def test_bash(
    words: list[str], offered: list[str], folder: Path, shell_environment: dict[str, str]
) -> None:
    script = (
        f'source "{COMPLETIONS}/prefprop.bash"; COMP_WORDS=(prefprop "$@"); COMP_CWORD=$#; '
        '_prefprop_completion prefprop; printf "%s\\n" "${COMPREPLY[@]}"; complete -p prefprop'
    )
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words],
        env=shell_environment,
        capture_output=True,
        text=True,
        check=True,
    )
    *got, registered = done.stdout.splitlines()
    assert [line for line in got if line] == offered
    # Names of files where nothing is offered.
    assert "-o default -F _prefprop_completion" in registered


@needs("fish")
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("prefprop train -p ze", ["zebra\tstripes"]),
        ("prefprop eval ", ["runs/mine-1"]),
        ("prefprop cal", ["calibrate\tMeasure calibration, before and after what..."]),
        ("prefprop predict spe", ["speech.txt"]),
        (
            "prefprop train -s train.precision=b",
            ["train.precision=bf16\tauto bf16 on a GPU that computes in it, else fp32."],
        ),
    ],
)
def test_fish(
    line: str, offered: list[str], folder: Path, shell_environment: dict[str, str]
) -> None:
    (folder / "speech.txt").touch()
    done = subprocess.run(
        ["fish", "-c", f'source "{COMPLETIONS}/prefprop.fish"; complete -C "{line}"'],
        env=shell_environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == offered


class Zsh:
    """An interactive zsh that finds `_prefprop` in its fpath, as after an installation."""

    def __init__(self, environment: dict[str, str]) -> None:
        child, self.terminal = pty.fork()
        if child == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**environment, "TERM": "dumb"})
        self.process = child
        self.screen = ""
        self.type(f"fpath=({COMPLETIONS} $fpath); autoload -U compinit; compinit -u -D\n")
        self.type("PS1='rea''dy> '\n")
        self.wait_for("ready> ")

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def wait_for(self, text: str) -> None:
        until_s = time.monotonic() + PATIENCE_S
        while text not in self.screen:
            left_s = until_s - time.monotonic()
            ready, _, _ = select.select([self.terminal], [], [], max(0.0, left_s))
            assert ready, f"{text!r} did not appear: {self.screen!r}"
            self.screen += os.read(self.terminal, 4096).decode(errors="replace")

    def close(self) -> None:
        os.close(self.terminal)
        os.waitpid(self.process, 0)


@pytest.fixture
def zsh(folder: Path, shell_environment: dict[str, str]) -> Iterator[Zsh]:
    shell = Zsh(shell_environment)
    yield shell
    shell.close()


@needs("zsh")
@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("prefprop train -p ze", "bra"),
        ("prefprop eval ru", "ns/mine-1"),
        ("prefprop cal", "ibrate"),
        ("prefprop train -s train.see", "d=0"),
        ("prefprop train -s method.name=prefix-t", "uning"),
    ],
)
def test_zsh_completes_at_the_first_tab(typed: str, completed: str, zsh: Zsh) -> None:
    zsh.type(f"{typed}\t")
    zsh.wait_for(typed + completed)


@needs("zsh")
def test_zsh_does_not_run_a_description(folder: Path, zsh: Zsh) -> None:
    for number, text in enumerate(HOSTILE):
        described = text.replace("\\", "\\\\").replace("\n", " ")
        preset = f'description = "{described}"\n'
        (folder / "presets" / f"hostile-{number}.toml").write_text(preset)
    zsh.type("prefprop train -p hostile\t")
    zsh.wait_for("hostile-")
    assert not (folder / "owned").exists()
