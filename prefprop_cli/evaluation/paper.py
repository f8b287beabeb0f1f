"""The paper's own figures, printed beside ours.

Source: Li et al. 2023 (arXiv 2305.12086), tables 2 and 3, Longformer rows; test splits, but for
Hyperpartisan the validation split, mean of five seeds. Precision and recall are macro means and F1
is micro; on Hyperpartisan all three are of the positive class, as the released code computes them
(and as F1 = 2PR / (P + R) in each row confirms). ECE is that of `ece_paper`.
"""

_MACRO = ("precision_macro", "recall_macro", "f1_micro", "ece_paper")
_BINARY = ("precision_binary", "recall_binary", "f1_binary", "ece_paper")
_COLUMNS = {
    "arxiv": _MACRO,
    "newsgroups": _MACRO,
    "hyperpartisan": _BINARY,
    "wikihop": ("accuracy",),
}
_ROWS: dict[tuple[str, str], tuple[float, ...]] = {
    ("arxiv", "prefix-tuning"): (0.815, 0.817, 0.827, 0.075),
    ("arxiv", "prefix-propagation"): (0.831, 0.831, 0.833, 0.042),
    ("arxiv", "fine-tuning"): (0.831, 0.829, 0.833, 0.099),
    ("newsgroups", "prefix-tuning"): (0.689, 0.684, 0.697, 0.117),
    ("newsgroups", "prefix-propagation"): (0.701, 0.697, 0.710, 0.122),
    ("newsgroups", "fine-tuning"): (0.718, 0.712, 0.723, 0.212),
    ("hyperpartisan", "prefix-tuning"): (0.783, 0.738, 0.753, 0.153),
    ("hyperpartisan", "prefix-propagation"): (0.864, 0.777, 0.818, 0.093),
    ("hyperpartisan", "fine-tuning"): (0.878, 0.762, 0.815, 0.138),
    ("wikihop", "prefix-tuning"): (0.389,),
    ("wikihop", "prefix-propagation"): (0.422,),
    ("wikihop", "fine-tuning"): (0.740,),
}


def paper_figures(set_name: str, method_name: str) -> dict[str, float]:
    """The paper's figures for a data set and a method, keyed as `classification_metrics`.

    Args:
        set_name: `data.set` of the configuration.
        method_name: `method.name` of the configuration.

    Returns:
        Fractions in [0, 1]; empty if the paper has no such experiment.
    """
    row = _ROWS.get((set_name, method_name))
    return dict(zip(_COLUMNS[set_name], row, strict=True)) if row else {}
