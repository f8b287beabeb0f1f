"""Write the packages of `prefprop_cli`, with what each says of itself, into docs/ARCHITECTURE.md.

    python scripts/architecture.py          # writes; --check only says whether it is as it was

From the docstrings of the packages and the names of their modules, between two marks.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "prefprop_cli"
PAGE = ROOT / "docs" / "ARCHITECTURE.md"
BEGIN, END = "<!-- packages:begin -->\n", "<!-- packages:end -->\n"


def duty(file: Path) -> str:
    """The first paragraph of a module's docstring, in one line."""
    text = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def packages(folder: Path, depth: int = 0) -> Iterator[str]:
    """A line for each package, the names of its modules below it."""
    indent = "  " * depth
    modules = sorted(each.stem for each in folder.glob("*.py") if each.stem[0] != "_")
    if folder == PACKAGE:
        for module in modules:
            yield f"{module + '.py':15} {duty(folder / f'{module}.py')}"
    elif modules:
        yield fill(", ".join(modules), 108, initial_indent=indent, subsequent_indent=indent)
    for below in sorted(folder.iterdir()):
        if (below / "__init__.py").exists():
            yield f"{indent}{below.name + '/':15} {duty(below / '__init__.py')}".rstrip()
            yield from packages(below, depth + 1)


def written(page: str) -> str:
    """The page with the packages of today."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    lines = "\n".join(packages(PACKAGE))
    return f"{before}{BEGIN}```\n{lines}\n```\n{END}{after}"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        sys.exit(f"{PAGE} is stale: run {sys.argv[0]}" if written(page) != page else 0)
    PAGE.write_text(written(page), encoding="utf-8")
