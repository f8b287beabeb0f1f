"""Build the program as one executable file, a PEX.

    python scripts/one_file.py dist/prefprop

`make pex` runs it with a Python that has the packages `pex` and `wheel`. The wheels of the program
and of all it depends on are made lighter (tests, headers, tools and the symbols of libraries are
dropped) and packed into a zip with a shell script before it. At its first run the file unpacks into
`~/.cache/pex`; from then on the script starts what lies there.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

ROOT = Path(__file__).parents[1]
FIRST_RUN = Path(__file__).with_name("first_run.py")
EXTRAS = "demo,plots,sweep"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"

# Folders of this name hold the tests of a package, wherever they are.
TESTS = {"tests", "test"}
# Read by a compiler, not by Python.
SOURCES = {".a", ".c", ".cc", ".cmake", ".cpp", ".cu", ".cuh", ".f", ".f90", ".h", ".hpp", ".inl"}
SOURCES |= {".lib", ".pxd", ".pxi", ".pyx"}
# `*` stands for folders too.
DROPPED = (
    "torch/bin/*",
    "torch/include/*",
    "torch/lib/lib*test*.so",
    "torch/lib/libaoti_custom_ops.so",
    "torch/lib/libbackend_with_compiler.so",
    "torch/share/*",
    # Data sets are read from disk and over HTTPS.
    "pyarrow/*flight*",
    "pyarrow/*_s3*",
    # What a compiler links with: copies of libarrow_python.so.VERSION.
    "pyarrow/libarrow_python*.so",
    "pyarrow/lib*.so.*.*.*",
)
KEPT = (
    # PyTorch does not start without it.
    "torch/bin/torch_shm_manager",
    # The program's own kernels, which it compiles at first use.
    "prefprop_cli/core/native/*",
    # Licences and what says which versions these are.
    "*.dist-info/*",
)
# Where `strip` has something to gain. Not the libraries in the `.libs` folders of wheels: patchelf
# has changed those, and strip breaks what it has moved.
STRIPPED = ("torch/lib/*.so", "pyarrow/*.so", "pyarrow/*.so.*")


def main(out: Path) -> None:
    """Build the file; what is made on the way stays in `build/one-file`."""
    # The same input, the same file: the times in it, and the folder that it unpacks into.
    os.environ.setdefault("SOURCE_DATE_EPOCH", "315532800")
    os.environ.pop("XDG_CACHE_HOME", None)
    folder = ROOT / "build" / "one-file"
    check_pytorch()
    wheels = collect(empty(folder / "wheels"))
    slim = empty(folder / "slim")
    for wheel in wheels:
        lighten(wheel, slim, empty(folder / "unpacked"))
    pack(slim, out)
    print(f"{out}: {megabytes(out.stat().st_size)}", file=sys.stderr)


def check_pytorch() -> None:
    """Leave if pip would take a PyTorch with CUDA: gigabytes that most machines cannot use."""
    report = pip("install", "--dry-run", "--ignore-installed", "--report", "-", "torch")
    names = [each["metadata"]["name"].lower() for each in json.loads(report)["install"]]
    if any(name.startswith(("nvidia-", "cuda-")) for name in names):
        sys.exit(
            "error: pip takes a PyTorch with CUDA here, and one file is for CPUs. "
            f"PIP_EXTRA_INDEX_URL={CPU_INDEX} make pex"
        )


def collect(folder: Path) -> list[Path]:
    """The wheels of the program and of all it depends on."""
    pip("wheel", "--wheel-dir", str(folder), f"{ROOT}[{EXTRAS}]")
    return sorted(folder.glob("*.whl"))


def pip(command: str, *arguments: str) -> str:
    constraints = ROOT / "constraints.txt"
    return run(sys.executable, "-m", "pip", command, "--quiet", "-c", str(constraints), *arguments)


def lighten(wheel: Path, folder: Path, scratch: Path) -> None:
    """Write a wheel without what nobody runs; the same file if there is nothing to drop."""
    with ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    dropped = [name for name in names if is_dropped(name)]
    stripped = [name for name in names if is_stripped(name) and not is_dropped(name)]
    if not dropped and not stripped:
        shutil.copy(wheel, folder)
        return
    run(sys.executable, "-m", "wheel", "unpack", "--dest", str(scratch), str(wheel))
    [unpacked] = scratch.iterdir()
    for name in dropped:
        (unpacked / name).unlink()
    if stripped:
        run("strip", "--strip-unneeded", *(str(unpacked / name) for name in stripped))
    run(sys.executable, "-m", "wheel", "pack", "--dest-dir", str(folder), str(unpacked))
    [made] = folder.glob(f"{wheel.name.split('-')[0]}-*.whl")
    saved = wheel.stat().st_size - made.stat().st_size
    print(f"{wheel.name}: {megabytes(saved)} less", file=sys.stderr)


def is_dropped(name: str) -> bool:
    """Whether a file of a wheel is left out."""
    path = PurePosixPath(name)
    if any(fnmatch(name, pattern) for pattern in KEPT):
        return False
    is_test = not TESTS.isdisjoint(path.parts[:-1])
    is_source = path.suffix in SOURCES
    return is_test or is_source or any(fnmatch(name, pattern) for pattern in DROPPED)


def is_stripped(name: str) -> bool:
    """Whether a file of a wheel is a library whose symbols for debuggers are removed."""
    return any(fnmatch(name, pattern) for pattern in STRIPPED)


def pack(wheels: Path, out: Path) -> None:
    """Make one executable file of wheels."""
    out.parent.mkdir(parents=True, exist_ok=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    built_for = f"PYTHON, PLATFORM = {version!r}, '{sys.platform}-{platform.machine()}'\n"
    head = wheels.parent / "head.py"
    head.write_text(built_for + FIRST_RUN.read_text())
    run(
        *(sys.executable, "-m", "pex", f"prefprop-cli[{EXTRAS}]"),
        *("--pre-resolved-dists", str(wheels), "--no-build"),
        # With it the file finds what it has unpacked without starting a Python to look for it.
        *("--interpreter-constraint", f"CPython=={version}.*", "--python", sys.executable),
        *("--venv", "prepend", "--sh-boot", "--preamble-file", str(head)),
        # As many processes unpack as there are cores.
        *("--max-install-jobs", "0"),
        *("--check", "error", "--console-script", "prefprop", "--output-file", str(out)),
    )


def run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def megabytes(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
