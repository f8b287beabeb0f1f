"""From a configuration to a run and what is made of it: what a notebook calls.

```python
from prefprop_cli.config.load import load_config
from prefprop_cli.experiment import load_run, train

run = train(load_config(preset="demo").config)
load_run(run.path).predict(["a text"])
```

Names are loaded on first use, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefprop_cli.experiment.adapter import load_adapter, read_adapter
    from prefprop_cli.experiment.backbones import load_backbone
    from prefprop_cli.experiment.launch import create_run, train, train_run
    from prefprop_cli.experiment.plan import make_plan, prepare_data
    from prefprop_cli.experiment.predictor import load_run

_HOME = {
    "create_run": "launch",
    "load_adapter": "adapter",
    "load_backbone": "backbones",
    "load_run": "predictor",
    "make_plan": "plan",
    "prepare_data": "plan",
    "read_adapter": "adapter",
    "train": "launch",
    "train_run": "launch",
}
__all__ = [
    "create_run",
    "load_adapter",
    "load_backbone",
    "load_run",
    "make_plan",
    "prepare_data",
    "read_adapter",
    "train",
    "train_run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
