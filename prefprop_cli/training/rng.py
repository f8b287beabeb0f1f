"""The generators a run draws from: their seeds, and their states in hexadecimal."""

import json
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor


def seed_everything(seed: int, *, rank: int = 0, step: int = 0) -> None:
    """Set the generators of Python, NumPy and torch (all devices) by a seed from 0 to 2³² - 1.

    Each of several processes draws its own numbers, rank 0 those of the run: two documents of a
    batch would otherwise get the same dropout masks. `step` is the number of optimizer steps done
    when the process joined the run.
    """
    if rank > 0:
        seed = int(np.random.SeedSequence([seed, rank, step]).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def rng_state() -> dict[str, str]:
    """Return the state of the generators of Python, NumPy and torch."""
    name, keys, *rest = np.random.get_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {
        "python": _hex(random.getstate()),
        "numpy": _hex([name, np.asarray(keys).tolist(), *rest]),
        "torch": torch.get_rng_state().numpy().tobytes().hex(),
        **{f"cuda:{n}": state.numpy().tobytes().hex() for n, state in enumerate(devices)},
    }


def set_rng_state(state: Mapping[str, str]) -> None:
    """Bring the generators back; devices that are not there now are left out."""
    version, words, gauss = _unhex(state["python"])
    random.setstate((version, tuple(words), gauss))
    name, keys, *rest = _unhex(state["numpy"])
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(_bytes_tensor(state["torch"]))
    for number in range(torch.cuda.device_count()):
        if f"cuda:{number}" in state:
            torch.cuda.set_rng_state(_bytes_tensor(state[f"cuda:{number}"]), number)


def _hex(value: object) -> str:
    return json.dumps(value).encode().hex()


def _unhex(text: str) -> Any:
    return json.loads(bytes.fromhex(text))


def _bytes_tensor(text: str) -> Tensor:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)
