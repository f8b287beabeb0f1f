"""What only a GPU can show: tests, parity, gradients, speed and memory beside `transformers`.

    python benchmarks/gpu_check.py [--device cuda:0] [--out FILE]

Needs CUDA and no network; the weights are random, of Longformer-base's shape. Some minutes. Writes
`gpu-<device>.json` after each section; a part that fails is recorded with its error, the others go
on, and the exit code is 1. `--device cpu --tiny` rehearses the script.
"""

import argparse
import gc
import json
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

from prefprop_cli.bench.measure import interleaved
from prefprop_cli.bench.models import Ours, Twin, random_encoder
from prefprop_cli.bench.shapes import LONGFORMER_BASE
from prefprop_cli.config.schema import MethodTable
from prefprop_cli.core.encoder.config import EncoderConfig
from prefprop_cli.core.methods import Method
from prefprop_cli.experiment.model import create_method

HERE = Path(__file__).parent
TINY = replace(
    LONGFORMER_BASE,
    vocab_size=60,
    hidden_size=32,
    n_layers=2,
    n_heads=2,
    intermediate_size=64,
    n_positions=100,
    windows=(16, 16),
)
# In table 7 the placeholders come on top of 4,096 text tokens.
LONG = replace(LONGFORMER_BASE, n_positions=LONGFORMER_BASE.n_positions + 8)
BACKENDS = ("flex", "sdpa")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
# Float32 differs by the order of the sums; what a key too many or too few does is 1000 times more.
MAX_DIFFERENCE = {"hidden": 1e-4, "gradient": 1e-3}

failures: list[str] = []


@dataclass(frozen=True)
class Setup:
    """Where and how large; and the models, which all sections share.

    Args:
        device: of all tensors.
        config: the encoder.
        lengths: positions per document, placeholders included.
        tokens: positions per batch: the shorter the documents, the more of them.
        repeat: repetitions that count.
    """

    device: torch.device
    config: EncoderConfig
    lengths: tuple[int, ...]
    tokens: int
    repeat: int

    @cached_property
    def models(self) -> dict[str, Ours | Twin]:
        """Each with the same weights, all of them frozen."""
        encoders = {
            name: random_encoder(self.config, attention=name, dropout=0.1).requires_grad_(False)
            for name in BACKENDS
        }
        models: dict[str, Ours | Twin] = {name: Ours(made) for name, made in encoders.items()}
        models["transformers"] = Twin(encoders["sdpa"])
        for model in models.values():
            model.encoder.to(self.device)
        return models

    def subjects(self, *, train: bool) -> list[str]:
        """FlexAttention has no backward pass on the CPU."""
        without = "flex" if train and self.device.type == "cpu" else None
        return [name for name in self.models if name != without]

    def method(self, name: str) -> Method:
        """Always with the same prefix."""
        torch.manual_seed(0)
        table = MethodTable.model_validate({"name": name, "dropout": 0.0})
        return create_method(table, self.config).to(self.device)

    def texts(self, method: Method, length: int, *, n: int | None = None) -> list[Tensor]:
        """Random documents of that many positions, the same ones each time."""
        generator = torch.Generator().manual_seed(0)
        shape = (n or max(1, self.tokens // length), length - method.n_placeholders)
        ids = torch.randint(5, self.config.vocab_size, shape, generator=generator)
        return [*ids.to(self.device)]

    def work(
        self, name: str, method: Method, texts: list[Tensor], *, train: bool, dtype: torch.dtype
    ) -> Callable[[], Tensor]:
        """A forward pass, or a step that reaches the prefix; waits for the device."""
        model = self.models[name]
        direction = torch.randn(self.config.hidden_size, device=self.device)
        half = dtype == torch.bfloat16

        def run() -> Tensor:
            model.encoder.train(train)
            method.zero_grad()
            with (
                torch.set_grad_enabled(train),
                torch.autocast(self.device.type, torch.bfloat16, enabled=half),
            ):
                read = model(texts, method)
            if train:
                (read.float() @ direction).sum().backward()
            if self.device.type == "cuda":
                torch.cuda.synchronize(self.device)
            return read.detach()

        return run


def attempt(what: str, run: Callable[[], object]) -> object:
    """What `run` returns, or its error as a record."""
    try:
        return run()
    except Exception as error:  # whatever it is, the other measurements are worth having
        lines = str(error).strip().splitlines() or [""]
        failures.append(f"{what}: {type(error).__name__}: {lines[0]}")
        return {"error": type(error).__name__, "message": "\n".join(lines[-20:])}


def tests(_: Setup) -> object:
    """`pytest -m gpu`."""
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "tests/gpu"]
    done = subprocess.run(
        command, cwd=HERE.parent, capture_output=True, text=True, check=False, timeout=360
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode:
        raise RuntimeError("\n".join(lines[-40:] + done.stderr.splitlines()[-5:]))
    return lines[-1]


def parity(setup: Setup) -> object:
    """Largest difference to `transformers` of `[CLS]`, and of the gradients of the prefix."""
    record: dict[str, object] = {}
    ends = (min(setup.lengths), max(setup.lengths))
    for dtype, length, train in product(DTYPES, ends, (False, True)):
        name = f"{'prefix step' if train else 'forward'}, {dtype}, {length}"
        differences = partial(_differences, setup, dtype, length, train)
        record[name] = attempt(f"parity, {name}", differences)
    return record


def _differences(setup: Setup, dtype: str, length: int, train: bool) -> dict[str, object]:
    found: dict[str, dict[str, Tensor]] = {}
    for name in setup.subjects(train=train):
        method = setup.method("prefix-propagation")
        texts = setup.texts(method, length, n=2)
        texts[1] = texts[1][: len(texts[1]) // 3]  # one row is padded, or packed
        torch.manual_seed(1)
        _set_dropout(setup.models[name], 0.0)
        run = setup.work(name, method, texts, train=train, dtype=DTYPES[dtype])
        found[name] = {"hidden": run().float().cpu()}
        if train:
            grads = [p.grad.float().cpu().flatten() for p in method.parameters()]
            found[name]["gradient"] = torch.cat(grads)
    expected = found.pop("transformers")
    record: dict[str, object] = {}
    for name, numbers in found.items():
        for kind, tensor in numbers.items():
            scale = 1.0 if kind == "hidden" else expected[kind].abs().max().item()
            difference = (tensor - expected[kind]).abs().max().item() / scale
            record[f"{name} {kind}"] = difference
            if dtype == "float32" and not difference <= MAX_DIFFERENCE[kind]:
                failures.append(f"parity, {length}: {kind} of {name} differs by {difference:.1e}")
    return record


def _set_dropout(model: Ours | Twin, probability: float) -> None:
    for module in model.encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = probability


def speed(setup: Setup) -> object:
    """Documents per second of a forward pass and of a prefix step, interleaved medians."""
    record: dict[str, object] = {}
    for model in setup.models.values():
        _set_dropout(model, 0.1)
    method = setup.method("prefix-propagation")
    for dtype, train, length in product(DTYPES, (False, True), setup.lengths):
        texts = setup.texts(method, length)
        runs = {
            name: setup.work(name, method, texts, train=train, dtype=DTYPES[dtype])
            for name in setup.subjects(train=train)
        }
        what = f"{'prefix step' if train else 'forward'}, {dtype}, {length}"
        record[what] = {"documents": len(texts), **_rates(what, runs, len(texts), setup)}
    return record


def _rates(
    what: str, runs: Mapping[str, Callable[[], Tensor]], n: int, setup: Setup
) -> dict[str, object]:
    """Each subject once alone, so that one that fails does not take the others with it."""
    record: dict[str, object] = {}
    ready: dict[str, Callable[[], Tensor]] = {}
    for name, run in runs.items():
        started = time.perf_counter()
        outcome = attempt(f"{what}, {name}", run)
        if isinstance(outcome, Tensor):
            ready[name] = run
            record[f"{name} first_s"] = time.perf_counter() - started  # compiling included
        else:
            record[name] = outcome
        _free(setup)
    timings = interleaved([*ready.values()], warmup=2, repeat=setup.repeat)
    for name, timing in zip(ready, timings, strict=True):
        rate, interval = timing.per_second(n)
        record[name] = {
            "documents_per_s": rate,
            "interval_95": [interval.low, interval.high],
            "steps_per_s": rate / n,
            "p50_s": timing.p50_s,
        }
    return record


def table_7(setup: Setup) -> object:
    """Inference on as many text tokens with and without a prefix; overhead in percent."""
    length = max(setup.lengths)
    texts = setup.texts(setup.method("head-only"), length)
    record: dict[str, object] = {"text_tokens": length, "documents": len(texts)}
    for dtype in DTYPES:
        runs = {
            f"{backend}, {name}": setup.work(
                backend, setup.method(name).eval(), texts, train=False, dtype=DTYPES[dtype]
            )
            for backend in BACKENDS
            for name in ("head-only", "prefix-tuning", "prefix-propagation")
        }
        rates = _rates(f"table 7, {dtype}", runs, len(texts), setup)
        for backend in BACKENDS:
            base = rates.get(f"{backend}, head-only")
            for name in ("prefix-tuning", "prefix-propagation"):
                timed = rates.get(f"{backend}, {name}")
                if isinstance(base, dict) and isinstance(timed, dict):
                    overhead = 100 * (timed["p50_s"] / base["p50_s"] - 1)
                    rates[f"{backend}, {name} overhead_percent"] = overhead
        record[dtype] = rates
    return record


def memory(setup: Setup) -> object:
    """Peak of what the longest documents take beside the weights, in bytes; None on the CPU."""
    record: dict[str, object] = {}
    method = setup.method("prefix-propagation")
    texts = setup.texts(method, max(setup.lengths))
    record["documents"] = len(texts)
    for dtype, train in product(DTYPES, (False, True)):
        for name in setup.subjects(train=train):
            model, step = setup.models[name], "prefix step" if train else "forward"
            run = setup.work(name, method, texts, train=train, dtype=DTYPES[dtype])
            what = f"{step}, {dtype}, {name}"
            record[what] = attempt(f"memory, {what}", partial(_peak, run, setup))
            if train and isinstance(model, Ours):
                model.encoder.gradient_checkpointing = True
                what += ", checkpointing"
                record[what] = attempt(f"memory, {what}", partial(_peak, run, setup))
                model.encoder.gradient_checkpointing = False
    return record


def _peak(run: Callable[[], Tensor], setup: Setup) -> int | None:
    run()  # what is compiled or cached stays
    _free(setup)
    if setup.device.type == "cpu":
        return None
    before = torch.cuda.memory_allocated(setup.device)
    torch.cuda.reset_peak_memory_stats(setup.device)
    run()
    return torch.cuda.max_memory_allocated(setup.device) - before


def _free(setup: Setup) -> None:
    if setup.device.type == "cuda":
        gc.collect()
        torch.cuda.empty_cache()


SECTIONS = {
    "tests": tests,
    "parity": parity,
    "speed": speed,
    "table_7": table_7,
    "memory": memory,
}


def machine(device: torch.device) -> dict[str, object]:
    packages: dict[str, str | None] = {}
    for name in ("torch", "triton", "transformers", "prefprop-cli"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = None
    record: dict[str, object] = {
        "device": platform.machine(),
        "python": platform.python_version(),
        "packages": packages,
        "cuda": torch.version.cuda,
        "tf32": torch.backends.cuda.matmul.allow_tf32,
    }
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        record |= {"device": card.name, "memory_bytes": card.total_memory}
        record["capability"] = f"{card.major}.{card.minor}"
    return record


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="rehearse with a tiny encoder")
    parser.add_argument("--out", type=Path, help="default: gpu-<device>.json beside this script")
    asked = parser.parse_args()
    device = torch.device(asked.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("gpu_check: no CUDA device; `--device cpu --tiny` rehearses the script")
        return 1
    setup = Setup(device, LONG, (512, 1024, 2048, 4096), tokens=16_384, repeat=10)
    if asked.tiny:
        setup = Setup(device, TINY, (32, 64), tokens=128, repeat=2)
    torch.set_float32_matmul_precision("highest")
    record = {"command": " ".join(["python", "benchmarks/gpu_check.py", *sys.argv[1:]])}
    record |= machine(device)
    slug = re.sub(r"[^a-z0-9]+", "-", str(record["device"]).lower()).strip("-")
    out = asked.out or HERE / f"gpu-{slug}.json"
    for name, section in SECTIONS.items():
        started = time.perf_counter()
        record[name] = attempt(name, partial(section, setup))
        record[f"{name}_took_s"] = time.perf_counter() - started
        record["failures"] = failures
        out.write_text(json.dumps(record, indent=1) + "\n")
        print(f"{name}: {record[f'{name}_took_s']:.0f} s", flush=True)
    for failure in failures:
        print(f"FAILED {failure}")
    print(out)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
