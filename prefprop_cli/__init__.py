"""prefprop: parameter-efficient tuning of long-document encoders.

Public names are loaded on first use, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefprop_cli.backbones.load import load_backbone
    from prefprop_cli.experiment.predictor import load_run

__version__ = "0.1.0"
__all__ = ["__version__", "load_backbone", "load_run"]

_HOME = {
    "load_backbone": "prefprop_cli.backbones.load",
    "load_run": "prefprop_cli.experiment.predictor",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as missing:
        if missing.name != "fcntl":
            raise
        from prefprop_cli.errors import NOT_ON_WINDOWS

        raise ImportError(NOT_ON_WINDOWS) from missing


def __dir__() -> list[str]:
    return sorted(__all__)
