import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from prefprop_cli import __version__
from prefprop_cli.runs import provenance
from prefprop_cli.runs.provenance import run_manifest


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    Path("a").write_text("1")
    git("add", "a")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "one")
    return tmp_path


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_command_versions_and_time():
    manifest = run_manifest(["prefprop", "train", "-p", "demo"])
    assert manifest["argv"] == ["prefprop", "train", "-p", "demo"]
    assert (manifest["schema_version"], manifest["status"]) == (1, "running")
    assert manifest["packages"]["prefprop-cli"] == __version__
    assert manifest["packages"]["torch"].split(".")[0] == "2"
    started = datetime.fromisoformat(manifest["started"])
    assert started.utcoffset().total_seconds() == 0
    assert abs((datetime.now(started.tzinfo) - started).total_seconds()) < 60


def test_a_package_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(provenance, "_PACKAGES", ("no-such-package",))
    assert run_manifest([])["packages"] == {"prefprop-cli": __version__, "no-such-package": None}


def test_commit_and_dirty_flag(checkout):
    assert run_manifest([])["git"] == {"commit": git("rev-parse", "HEAD"), "dirty": False}
    (checkout / "a").write_text("2")
    assert run_manifest([])["git"]["dirty"] is True


def test_programs_named_by_a_checkout_are_not_started(checkout):
    hook = checkout / "hook"
    hook.write_text("#!/bin/sh\ntouch started\n")
    hook.chmod(0o755)
    git("config", "core.fsmonitor", str(hook))
    run_manifest([])
    assert not (checkout / "started").exists()


def test_no_checkout_and_no_git(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert run_manifest([])["git"] is None
    monkeypatch.setenv("PATH", "")
    assert run_manifest([])["git"] is None
