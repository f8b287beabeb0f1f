"""What a run is called in the paper's tables, and whether it stands on the paper's backbone."""

from pathlib import PurePath

from prefprop_cli.config.schema import Config
from prefprop_cli.report.paper import paper_figures

PROPAGATION = "prefix-propagation"
_ORDER = ("head-only", "RoBERTa", "prefix-tuning", PROPAGATION, "combined", "fine-tuning")


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
