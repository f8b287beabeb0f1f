"""The paper's own figures, printed beside ours, and which runs are of its experiments.

Source: Li et al. 2023 (arXiv 2305.12086), tables 2, 3 and 7; test splits, but for Hyperpartisan
the validation split, mean of five seeds. Precision and recall are macro means and F1 is micro; on
Hyperpartisan all three are of the positive class, as the released code computes them (and as
F1 = 2PR / (P + R) in each row confirms). ECE is that of `ece_paper`.
"""

from pathlib import PurePath

from prefprop_cli.config.schema import Config

PROPAGATION = "prefix-propagation"
ROBERTA = "RoBERTa prefix-tuning"
"""The paper's name of prefix-tuning on RoBERTa-base, 512 tokens; all others are Longformer-base."""

_ORDER = ("head-only", "RoBERTa", "prefix-tuning", PROPAGATION, "combined", "fine-tuning")
_MACRO = ("precision_macro", "recall_macro", "f1_micro")
_BINARY = ("precision_binary", "recall_binary", "f1_binary")
_COLUMNS = {
    "arxiv": _MACRO,
    "newsgroups": _MACRO,
    "hyperpartisan": _BINARY,
    "wikihop": ("accuracy",),
}
_ROWS: dict[tuple[str, str], tuple[float, ...]] = {
    ("arxiv", ROBERTA): (0.794, 0.796, 0.798, 0.056),
    ("arxiv", "prefix-tuning"): (0.815, 0.817, 0.827, 0.075),
    ("arxiv", "prefix-propagation"): (0.831, 0.831, 0.833, 0.042),
    ("arxiv", "fine-tuning"): (0.831, 0.829, 0.833, 0.099),
    ("newsgroups", ROBERTA): (0.679, 0.670, 0.682, 0.123),
    ("newsgroups", "prefix-tuning"): (0.689, 0.684, 0.697, 0.117),
    ("newsgroups", "prefix-propagation"): (0.701, 0.697, 0.710, 0.122),
    ("newsgroups", "fine-tuning"): (0.718, 0.712, 0.723, 0.212),
    ("hyperpartisan", ROBERTA): (0.704, 0.592, 0.641, 0.228),
    ("hyperpartisan", "prefix-tuning"): (0.783, 0.738, 0.753, 0.153),
    ("hyperpartisan", "prefix-propagation"): (0.864, 0.777, 0.818, 0.093),
    ("hyperpartisan", "fine-tuning"): (0.878, 0.762, 0.815, 0.138),
    ("wikihop", ROBERTA): (0.117,),
    ("wikihop", "prefix-tuning"): (0.389,),
    ("wikihop", "prefix-propagation"): (0.422,),
    ("wikihop", "fine-tuning"): (0.740,),
}

PAPER_SEQUENCES = 8000
PAPER_INFERENCE_S = 2192.0
"""Table 7: seconds without any prefix, for 8,000 random sequences of 4,096 tokens."""
PAPER_OVERHEAD = {"prefix-tuning": 0.021, "prefix-propagation": 0.002}
"""Table 7: inference time beside no PEFT, as a share of it."""


def paper_columns(set_name: str) -> tuple[str, ...]:
    """Return the metrics of table 2 for a data set, the one that decides last.

    A set that the paper has not is read as its sets of many classes are.
    """
    return _COLUMNS.get(set_name, _MACRO)


def paper_figures(set_name: str, method: str) -> dict[str, float]:
    """Return the paper's figures for a data set and a method named by `method_label`.

    Fractions in [0, 1] by metric; empty if the paper has no such experiment.
    """
    row = _ROWS.get((set_name, method), ())
    return dict(zip((*paper_columns(set_name), "ece_paper"), row, strict=False))


def method_label(config: Config) -> str:
    """Name the method of a run as the tables do, e.g. `prefix-propagation, exp kernel`.

    The paper's baseline on RoBERTa, which reads no long documents, is a method of its own: it is
    known by the name of its backbone.
    """
    method = config.method
    name = f"RoBERTa {method.name}" if _is_roberta(config) else method.name
    return name if method.kernel == "none" else f"{name}, {method.kernel} kernel"


def method_order(label: str) -> tuple[int, str]:
    """Sort methods as table 2 does, a kernel form after its own method."""
    starts = [place for place, name in enumerate(_ORDER) if label.startswith(name)]
    return (starts[0] if starts else len(_ORDER)), label


def backbone_name(config: Config) -> str:
    """Return the last part of where the backbone is, without a revision."""
    return PurePath(config.model.backbone).name.partition("@")[0]


def long_backbone_name(config: Config) -> str:
    """Name the backbone, and what was made of it."""
    to_long, name = config.model.to_long, backbone_name(config)
    return name if to_long is None else f"{name} as a Longformer of {to_long} positions"


def papers_backbone(config: Config) -> str:
    """Name the backbone that the paper has for such a run."""
    return "roberta-base" if _is_roberta(config) else "longformer-base-4096"


def has_papers_backbone(config: Config) -> bool:
    """Tell whether the run stands on it; `to_long` makes another of any backbone."""
    return backbone_name(config) == papers_backbone(config) and config.model.to_long is None


def paper_figures_of(config: Config) -> dict[str, float]:
    """Return the paper's figures for a run's experiment; empty where it has none."""
    if not has_papers_backbone(config):
        return {}
    return paper_figures(config.data.set, method_label(config))


def _is_roberta(config: Config) -> bool:
    return "roberta" in backbone_name(config).lower() and config.model.to_long is None
