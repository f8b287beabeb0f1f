"""Small data sets as they lie on the hub."""

import io
from collections.abc import Sequence
from typing import Any

import datasets
import pyarrow as pa
from pyarrow import parquet as arrow_parquet

TRAIN, TEST = "data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet"


def parquet(labels: Sequence[Any], *, label: Any = None, names: Sequence[str] = ("no", "yes"),
            part: str = "train") -> bytes:  # fmt: skip
    """A Parquet file with texts and labels, which says of what kind these are.

    Args:
        labels: of the rows.
        label: their feature; classes by default.
        names: of the classes.
        part: what the texts begin with.
    """
    kind = datasets.ClassLabel(names=list(names)) if label is None else label
    features = datasets.Features({"text": datasets.Value("string"), "label": kind})
    columns = {"text": [f"{part} {i}" for i in range(len(labels))], "label": list(labels)}
    file = io.BytesIO()
    arrow_parquet.write_table(pa.table(columns, schema=features.arrow_schema), file)
    return file.getvalue()
