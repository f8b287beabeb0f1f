"""A report as one HTML file that needs nothing else: no network, no scripts, no fonts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from prefprop_cli.experiment.adapter import Adapter
from prefprop_cli.report.charts import Picture
from prefprop_cli.report.methods import backbone_name, method_label
from prefprop_cli.report.page import Grid
from prefprop_cli.runs import RunFolder


@dataclass(frozen=True)
class Card:
    """A figure that stands out.

    Attributes:
        name: what it is of.
        value: as it is read.
        text: below it.
        at: where it lies on a scale to 100.
        interval: the same of its ends; None for none.
    """

    name: str
    value: str
    text: str
    at: float = 0.0
    interval: tuple[float, float] | None = None


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
class Section:
    """A heading and what is below it, in this order."""

    title: str
    texts: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    matrix: Matrix | None = None
    tables: Sequence[Grid] = ()
    documents: Sequence[ShownDocument] = ()
    notes: Sequence[str] = ()
    folded: tuple[str, Grid] | None = None
    definitions: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, object] = field(default_factory=dict)
    code: str = ""


def html_page(
    title: str,
    sections: Sequence[Section],
    *,
    lead: Sequence[str] = (),
    cards: Sequence[Card] = (),
    warnings: Sequence[str] = (),
) -> str:
    """The text of an HTML file; the same arguments give the same text.

    Labels, texts and paths are escaped, and characters that cannot be seen left out.

    Args:
        title: of the page, and its heading.
        sections: in order.
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
    page = environment.get_template("page.html.j2")
    return page.render(
        title=title, sections=sections, lead=lead, cards=cards, warnings=warnings
    ).lstrip()


def where_from(run: RunFolder, adapter: Adapter, *, documents: str, code: str = "") -> Section:
    """Where the figures come from: method, data, backbone, seed, versions.

    Args:
        run: its folder.
        adapter: of it.
        documents: which ones the figures are of.
        code: the configuration, if it is to be there.
    """
    config, manifest = adapter.config, run.manifest
    packages = manifest.get("packages")
    versions = packages if isinstance(packages, dict) else {}
    facts = {
        "run": str(run.path),
        "method": method_label(config),
        "data": ", ".join(filter(None, (config.data.set, config.data.source))),
        "documents": documents,
        "backbone": f"{backbone_name(config)}, sha256 {adapter.backbone_sha256[:12]}…",
        "seed": config.train.seed,
        "trained": f"{manifest.get('started')} on {manifest.get('device')}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    return Section("Where it comes from", facts=facts, code=code)


def _visible(value: object) -> object:
    """Text without control characters and what turns the direction of reading."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return "".join(c if c.isprintable() or c == "\n" else " " for c in value)
