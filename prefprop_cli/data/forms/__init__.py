"""Documents as columns of integers, one form for each task; what a prepared split stores."""

from prefprop_cli.config.schema import DataTable
from prefprop_cli.data.forms.base import Columns, Form
from prefprop_cli.data.forms.classification import ClassificationForm
from prefprop_cli.data.forms.questions import QuestionForm
from prefprop_cli.data.tokenizer import TextTokenizer

__all__ = ["Columns", "Form", "form_of"]


def form_of(
    data: DataTable, *, labels: tuple[str, ...], tokenizer: TextTokenizer, max_tokens: int
) -> Form:
    """The form in which the documents of a set become tokens.

    Args:
        data: the `[data]` table.
        labels: the classes; none where each document brings its own candidates.
        tokenizer: of the backbone.
        max_tokens: longest row, special tokens included.
    """
    if data.set == "wikihop":
        return QuestionForm(tokenizer, max_tokens)
    return ClassificationForm(tokenizer, max_tokens, labels, data.beyond, data.max_chunks)
