"""What `prefprop doctor` prints."""

from collections.abc import Iterator

from prefprop_cli.cli.console import Console
from prefprop_cli.experiment.installation import Report, examine
from prefprop_cli.words import size


def tell(console: Console) -> None:
    """Print versions, machine, devices, attention, backbones, folders, switches and a verdict."""
    report = examine()
    if console.common.json:
        console.result_json(report)
    else:
        console.table(_rows(report), header=("what", "name", "value"))


def _rows(report: Report) -> Iterator[tuple[str, str, str]]:
    for section, entries in report.items():
        for name, value in entries.items():
            yield section, name.removesuffix("_bytes"), _shown(name, value)


def _shown(name: str, value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case int() if name.endswith("_bytes"):
            return size(value)
        case {"why_not": str(reason)}:
            return f"not available: {reason}"
        case {"summary": summary, "devices": list(devices), **abilities}:
            can = [*devices, *(ability for ability, able in abilities.items() if able)]
            return f"{', '.join(can)}: {summary}"
    return str(value)
