"""A report as one HTML file that needs nothing else: no network, no scripts, no fonts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from prefprop_cli.experiment.adapter import Adapter
from prefprop_cli.report.charts import Picture
from prefprop_cli.report.page import PERCENT, Block, Grid, Page
from prefprop_cli.report.paper import backbone_name, method_label
from prefprop_cli.runs import RunFolder
from prefprop_cli.stats.intervals import Interval


@dataclass(frozen=True)
class Card:
    """A share that stands out, on a scale to 100, with its interval, and a text below it."""

    name: str
    share: float
    interval: Interval | None
    text: str

    @property
    def value(self) -> str:
        return f"{PERCENT.show(self.share)} %"


@dataclass(frozen=True)
class Element:
    """What only HTML has, by what it shows.

    aside      a quiet paragraph
    code       text as it is in a file
    facts      names and what they stand for
    pictures   beside each other
    matrix     `labels` (C) and `counts` (C, C) of each class (rows) that are said to be each
    documents  that were taken for another class: `id`, `label`, `predicted`, `prob`, and
               `n_tokens` and `excerpt`, which may be empty
    folded     a grid or facts for those who open it, under a title
    """

    kind: Literal["aside", "code", "facts", "pictures", "matrix", "documents", "folded"]
    value: str | Grid | Mapping[str, object] | Sequence[Picture] | Sequence[Mapping[str, str]]
    title: str = ""


aside = partial(Element, "aside")


@dataclass(frozen=True)
class Section:
    """A heading and what is below it."""

    title: str
    blocks: Sequence[Block | Element]


def html_page(
    title: str,
    sections: Sequence[Section | Page],
    *,
    lead: Sequence[str] = (),
    cards: Sequence[Card] = (),
    warnings: Sequence[str] = (),
) -> str:
    """Write the text of an HTML file; the same arguments give the same text.

    Lead, cards and warnings come first; the pages of a report or comparison are sections, too.
    Labels, texts and paths are escaped, and characters that cannot be seen left out.
    """
    environment = Environment(
        loader=PackageLoader("prefprop_cli.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_visible,
    )
    environment.tests["grid"] = lambda value: isinstance(value, Grid)
    sections = [each.filled if isinstance(each, Page) else each for each in sections]
    values = {"title": title, "lead": lead, "cards": cards, "warnings": warnings}
    return environment.get_template("page.html.j2").render(sections=sections, **values).lstrip()


def where_from(run: RunFolder, adapter: Adapter, *, documents: str) -> Element:
    """Say where figures of some documents come from: method, data, backbone, seed, versions."""
    config, manifest = adapter.config, run.manifest
    packages = manifest.get("packages")
    versions = packages if isinstance(packages, dict) else {}
    return Element(
        "facts",
        {
            "run": str(run.path),
            "method": method_label(config),
            "data": ", ".join(filter(None, (config.data.set, config.data.source))),
            "documents": documents,
            "backbone": f"{backbone_name(config)}, sha256 {adapter.backbone_sha256[:12]}…",
            "seed": config.train.seed,
            "trained": f"{manifest.get('started')} on {manifest.get('device')}",
            "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        },
    )


def _visible(value: object) -> object:
    """Text without control characters and what turns the direction of reading."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return "".join(c if c.isprintable() or c == "\n" else " " for c in value)
