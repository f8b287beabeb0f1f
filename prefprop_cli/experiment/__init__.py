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
    from prefprop_cli.experiment.describe import RunDescription
    from prefprop_cli.experiment.evaluate import evaluate_run
    from prefprop_cli.experiment.launch import create_run, train, train_run
    from prefprop_cli.experiment.plan import make_plan, prepare_data
    from prefprop_cli.experiment.predictor import load_run

__all__ = [
    "RunDescription",
    "create_run",
    "evaluate_run",
    "load_run",
    "make_plan",
    "prepare_data",
    "train",
    "train_run",
]
_HOME = {
    "RunDescription": "describe",
    "evaluate_run": "evaluate",
    **dict.fromkeys(("create_run", "train", "train_run"), "launch"),
    **dict.fromkeys(("make_plan", "prepare_data"), "plan"),
    "load_run": "predictor",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
