"""What a column of a table holds, as far as its first rows show: texts, classes, a quantity."""

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from prefprop_cli.data.cells import is_missing
from prefprop_cli.data.labels import in_order, is_fraction, is_number, no_classes
from prefprop_cli.data.table_rows import JSON_SUFFIXES
from prefprop_cli.words import listed, plural, quoted

LONGEST_LABEL = 60
"""Characters, median."""
MOST_CLASSES, ROWS_PER_CLASS = 100, 3


@dataclass(frozen=True)
class ColumnValues:
    """The values of a column in the first rows."""

    name: str
    values: Sequence[object]

    @cached_property
    def words(self) -> set[str]:
        """The words of a name such as `review_text` or `reviewText`."""
        parted = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", self.name)
        return {word for word in re.split(r"[\W_\d]+", parted.casefold()) if word}

    @cached_property
    def given(self) -> list[object]:
        """Those that are neither missing nor blank."""
        return [value for value in self.values if not is_missing(value)]

    @cached_property
    def distinct(self) -> set[str]:
        return {str(value).strip() for value in self.given}

    @cached_property
    def median_length(self) -> int:
        lengths = sorted(len(str(value)) for value in self.given)
        return lengths[len(lengths) // 2] if lengths else 0

    @property
    def holds_text(self) -> bool:
        n_texts = sum(isinstance(v, str) and not is_number(v) for v in self.given)
        return 2 * n_texts > len(self.given)

    @property
    def may_be_label(self) -> bool:
        is_scalar = all(isinstance(v, str | int | float | Decimal) for v in self.given)
        return bool(self.given) and is_scalar and self.median_length <= LONGEST_LABEL

    @property
    def has_classes(self) -> bool:
        n = len(self.distinct)
        few = n <= MOST_CLASSES and ROWS_PER_CLASS * n <= len(self.given)
        return self.may_be_label and few and not self.is_quantity

    @property
    def is_numeric(self) -> bool:
        return bool(self.given) and all(map(is_number, self.distinct))

    @cached_property
    def is_quantity(self) -> bool:
        """Whether these are numbers to predict, or to name rows by."""
        has_fractions = any(map(is_fraction, self.distinct))
        too_many = no_classes(in_order(self.distinct), n_documents=len(self.given))
        return self.is_numeric and (has_fractions or too_many is not None)

    @property
    def is_named(self) -> bool:
        """Whether the name can be none of the values, as one above the first row is not."""
        if self.is_numeric:
            return bool(self.name.strip()) and not is_number(self.name)
        return self.has_classes and len(self.distinct) > 1 and self.name not in self.distinct

    @property
    def is_nested(self) -> bool:
        """Whether these are objects, or lists of them, that may hold the columns that are meant."""
        first = [value[:1] if isinstance(value, list) else [value] for value in self.given]
        return bool(self.given) and all(len(v) == 1 and isinstance(v[0], dict) for v in first)

    def as_text(self) -> str:
        """Describe the column in a message about texts."""
        return f"{quoted(self.name)} (median {self.median_length:,} characters)"

    def as_label(self) -> str:
        """Describe the column in a message about labels."""
        n = len(self.distinct)
        if self.is_quantity:
            return f"{quoted(self.name)} ({n} numbers: ids, or a quantity, which needs a few bins)"
        shown = listed([quoted(value, length=20) for value in sorted(self.distinct)])
        return f"{quoted(self.name)} ({plural(n, 'value')}: {shown})"

    def taken_out(self, where: str) -> str:
        """Say what to do with nested values, so that what they hold are columns."""
        value: Any = self.given[0]
        is_list = isinstance(value, list)
        names = listed([quoted(str(name)) for name in (value[0] if is_list else value)], shown=5)
        told = f"{quoted(self.name)} holds objects ({names}), and these are not looked into"
        if Path(where).suffix.lower() not in JSON_SUFFIXES:
            return f"{told}. Make columns of them"
        if len(self.values) == 1 and not is_list and all(str(name).isdecimal() for name in value):
            return (
                f"{quoted(self.name)} holds all its values by their number, as pandas writes them. "
                "Write it again: to_json('rows.jsonl', orient='records', lines=True)"
            )
        key = f".[{json.dumps(self.name)}]"
        taken = shlex.quote(f"{key}[]" if is_list else f". + {key}")
        return f"{told}. Make columns of them: jq -c {taken} {shlex.quote(where)} > rows.jsonl"
