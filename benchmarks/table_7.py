"""The paper's table 7: inference without PEFT, with prefix-tuning and with propagation.

    python benchmarks/table_7.py [--shape longformer-base] [--repeat 30] > table-7.json
    prefprop report table-7.json --table 7

4,096 text tokens by default; placeholders come on top, and the shape gets as many positions as it
takes. The weights are random. Writes one JSON document to stdout.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from prefprop_cli.cli.process import set_up

set_up()  # before torch is imported

from prefprop_cli.bench.models import Ours
from prefprop_cli.bench.request import Request, Subject, measure
from prefprop_cli.bench.shapes import SHAPES
from prefprop_cli.config.load import load_config
from prefprop_cli.config.schema import MethodTable
from prefprop_cli.errors import UsageError
from prefprop_cli.report.paper import PAPER_OVERHEAD

METHODS = ("head-only", *PAPER_OVERHEAD)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", choices=SHAPES, default="longformer-base")
    parser.add_argument("-p", dest="preset", help="its backbone and prefix, instead of a shape")
    parser.add_argument("--lengths", type=int, nargs="+", default=[4096], help="text tokens")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("-s", dest="overrides", action="append", default=[])
    asked = parser.parse_args()
    config = load_config(preset=asked.preset, overrides=asked.overrides).config
    shape = None if asked.preset else asked.shape
    request, groups = subjects(
        Request(config, shape=shape, device=asked.device),
        asked.lengths,
        batch_size=asked.batch_size,
    )
    rows = measure(request, groups, warmup=asked.warmup, repeat=asked.repeat, memory=False)
    settings = {**vars(asked), "shape": shape}
    backbone, n = shape or config.model.backbone, config.method.prefix_length
    what = f"table 7 of the paper on {backbone}, P = {n}"
    print(json.dumps({"what": what, "settings": settings, "rows": [*map(with_overhead, rows)]}))


def subjects(
    request: Request, lengths: Sequence[int], *, batch_size: int
) -> tuple[Request, list[list[Subject]]]:
    """The three methods on the same texts, in a group for each length of text."""
    prefix = {"prefix_length": request.config.method.prefix_length}
    methods = [MethodTable.model_validate({**prefix, "name": name}) for name in METHODS]
    needed = max(lengths) + max(map(request.n_placeholders, methods))
    if needed > request.encoder.max_length:
        if request.shape is None:
            raise UsageError(
                f"{max(lengths)} tokens of text and the placeholders are {needed} positions, and "
                f"the backbone has {request.encoder.max_length}. Use shorter --lengths, or a "
                "--shape, which gets as many as it takes"
            )
        name, encoder = f"{request.shape} of {needed} positions", request.encoder
        SHAPES[name] = replace(encoder, n_positions=needed + encoder.first_position)
        request = replace(request, shape=name)
    groups = [
        [Subject("prefprop", each, "forward", ((n,) * batch_size,), Ours) for each in methods]
        for n in lengths
    ]
    return request, groups


def with_overhead(row: dict[str, Any]) -> dict[str, Any]:
    """The ratio to no PEFT as an overhead, and the paper's beside it."""
    overheads = {f"overhead{key}": row[f"ratio{key}"] - 1 for key in ("", "_low", "_high")}
    return row | overheads | {"paper_overhead": PAPER_OVERHEAD.get(row["method"])}


if __name__ == "__main__":
    main()
