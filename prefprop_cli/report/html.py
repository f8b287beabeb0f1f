"""A report as one HTML file that needs nothing else: no network, no scripts, no fonts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from prefprop_cli.experiment.adapter import Adapter
from prefprop_cli.report.charts import Picture
from prefprop_cli.report.methods import backbone_name, method_label
from prefprop_cli.report.page import PERCENT, Block, Grid, Page
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
class Aside:
    """A quiet paragraph."""

    text: str


@dataclass(frozen=True)
class Pictures:
    """Beside each other, where there is room."""

    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Matrix:
    """Counts of each class (rows) that are said to be each class (columns); (C, C)."""

    labels: Sequence[str]
    counts: Sequence[Sequence[int]]

    @property
    def rows(self) -> list[tuple[str, list[tuple[int, float]]]]:
        """By class: counts, and their shares of it."""
        return [
            (name, [(count, round(count / (sum(row) or 1), 3)) for count in row])
            for name, row in zip(self.labels, self.counts, strict=True)
        ]


@dataclass(frozen=True)
class ShownDocument:
    """A document that was taken for another class; `excerpt` may be empty."""

    id: str
    label: str
    predicted: str
    prob: str
    n_tokens: str | None
    excerpt: str


@dataclass(frozen=True)
class Documents:
    """A numbered list."""

    documents: Sequence[ShownDocument]


@dataclass(frozen=True)
class Facts:
    """Names and what they stand for."""

    facts: Mapping[str, object]


@dataclass(frozen=True)
class Code:
    """Text as it is in a file."""

    text: str


@dataclass(frozen=True)
class Folded:
    """What is shown to those who open it."""

    title: str
    block: Grid | Facts


HtmlBlock = Block | Aside | Pictures | Matrix | Documents | Facts | Code | Folded


@dataclass(frozen=True)
class Section:
    """A heading and what is below it."""

    title: str
    blocks: Sequence[HtmlBlock]


def html_page(
    title: str,
    sections: Sequence[Section | Page],
    *,
    lead: Sequence[str] = (),
    cards: Sequence[Card] = (),
    warnings: Sequence[str] = (),
) -> str:
    """The text of an HTML file; the same arguments give the same text.

    Labels, texts and paths are escaped, and characters that cannot be seen left out.

    Args:
        title: of the page, and its heading.
        sections: in order; the pages of a report or comparison are sections, too.
        lead: sentences that come first.
        cards: figures that stand out.
        warnings: what to know before one believes them.
    """
    environment = Environment(
        loader=PackageLoader("prefprop_cli.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_visible,
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    values = {"title": title, "lead": lead, "cards": cards, "warnings": warnings}
    return environment.get_template("page.html.j2").render(sections=sections, **values).lstrip()


def where_from(run: RunFolder, adapter: Adapter, *, documents: str) -> Facts:
    """Where figures come from: method, data, backbone, seed, versions.

    `documents` says which ones the figures are of.
    """
    config, manifest = adapter.config, run.manifest
    packages = manifest.get("packages")
    versions = packages if isinstance(packages, dict) else {}
    return Facts(
        {
            "run": str(run.path),
            "method": method_label(config),
            "data": ", ".join(filter(None, (config.data.set, config.data.source))),
            "documents": documents,
            "backbone": f"{backbone_name(config)}, sha256 {adapter.backbone_sha256[:12]}…",
            "seed": config.train.seed,
            "trained": f"{manifest.get('started')} on {manifest.get('device')}",
            "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        }
    )


def _visible(value: object) -> object:
    """Text without control characters and what turns the direction of reading."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return "".join(c if c.isprintable() or c == "\n" else " " for c in value)
