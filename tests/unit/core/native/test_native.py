"""The kernels are compiled once, kept, and done without where they cannot be."""

import ctypes
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefprop_cli.core import native


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An empty cache, and no attempt made yet in this process."""
    monkeypatch.setenv("PREFPROP_CACHE", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("PREFPROP_NATIVE", raising=False)
    native._attempt.cache_clear()
    yield tmp_path
    native._attempt.cache_clear()


@pytest.fixture
def compiler(fresh: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A compiler that writes an empty file and notes that it was called."""
    script = fresh / "compiler"
    script.write_text(
        "#!/bin/sh\n"
        'if [ "$1" = --version ]; then echo 1.0; exit; fi\n'
        f'echo called >> "{fresh}/calls"\n'
        'while [ "$1" != -o ]; do shift; done; : > "$2"\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    return script


def right() -> bool:
    return True


def libraries(folder: Path) -> list[Path]:
    return sorted((folder / "native").glob("*.so"))


def test_the_kernels_of_this_machine(fresh: Path):
    if reason := native.why_not(right):
        pytest.skip(reason)
    assert isinstance(native.load(), ctypes.CDLL)
    assert len(libraries(fresh)) == 1
    assert [path.name for path in (fresh / "native").iterdir()] == [libraries(fresh)[0].name]


def test_a_kernel_is_used_if_it_is_right(compiler: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda path: None)
    assert native.why_not(right) == ""
    assert native.why_not(lambda: False) == "the compiled kernel gives wrong numbers"


def test_a_library_is_compiled_once(fresh: Path, compiler: Path, monkeypatch: pytest.MonkeyPatch):
    opened: list[str] = []
    monkeypatch.setattr(ctypes, "CDLL", opened.append)
    native.load()
    native._attempt.cache_clear()
    native.load()
    assert opened == [str(libraries(fresh)[0])] * 2
    assert (fresh / "calls").read_text() == "called\n"


def test_another_compiler_makes_another_library(
    fresh: Path, compiler: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ctypes, "CDLL", lambda path: None)
    native.load()
    compiler.write_text(compiler.read_text().replace("1.0", "2.0"))
    native._attempt.cache_clear()
    native.load()
    assert len(libraries(fresh)) == 2


def test_another_processor_makes_another_library(
    fresh: Path, compiler: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(ctypes, "CDLL", lambda path: None)
    native.load()
    monkeypatch.setattr(native, "_processor", lambda: b"another")
    native._attempt.cache_clear()
    native.load()
    assert len(libraries(fresh)) == 2


def test_a_compiler_that_fails_is_asked_once_and_quoted(fresh: Path, compiler: Path):
    compiler.write_text(
        "#!/bin/sh\n"
        f'echo called >> "{fresh}/calls"\n'
        "echo 'band.c:1: fatal error: no such header' >&2; echo 'stopped.' >&2; exit 1\n"
    )
    for _ in range(2):
        with pytest.raises(native.NotAvailable, match=r"failed: band.c:1: fatal error: no such"):
            native.load()
    assert (fresh / "calls").read_text() == "called\n" * 2, "once for its version, once to compile"
    assert not libraries(fresh)


def test_a_library_that_cannot_be_opened_is_done_without(compiler: Path):
    assert "file too short" in native.why_not(right)


def test_a_cache_that_cannot_be_written_is_done_without(
    fresh: Path, compiler: Path, monkeypatch: pytest.MonkeyPatch
):
    (fresh / "file").touch()
    monkeypatch.setenv("PREFPROP_CACHE", str(fresh / "file"))
    assert "Not a directory" in native.why_not(right)


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    assert native.why_not(right) == "no C compiler (gcc, cc)"


def test_a_compiler_that_takes_too_long(compiler: Path, monkeypatch: pytest.MonkeyPatch):
    compiler.write_text('#!/bin/sh\n[ "$1" = --version ] || exec sleep 5\n')
    monkeypatch.setattr(native, "_PATIENCE_S", 0.1)
    assert "took more than 0.1 s" in native.why_not(right)


def test_switched_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PREFPROP_NATIVE", "0")
    with pytest.raises(native.NotAvailable, match="PREFPROP_NATIVE=0"):
        native.load()
    assert native.why_not(pytest.fail) == "PREFPROP_NATIVE=0", "nothing to be compared"


def test_another_system(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(native.sys, "platform", "darwin")
    assert native.why_not(right) == "not tried on darwin"
