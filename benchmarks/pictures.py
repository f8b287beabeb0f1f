"""Draw the pictures of the README from a real run: the terminal, and a reliability diagram.

    python benchmarks/pictures.py docs/images

`terminal.svg` shows a training on parts of State of the Union addresses (`first_hour.py` makes the
CSV) in tmux, 88 columns wide. `reliability.svg` is of another one, on more parts of them, tested on
500. The text of no document is in either.
"""

import csv
import shutil
import sys
import tempfile
from pathlib import Path

import first_hour
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text
from runs import prefprop

COLUMNS, ROWS = 88, 60
COMMAND = "prefprop train letters.csv --quick"


def draw(screen: str, target: Path) -> None:
    """A screen with its escape codes, as SVG."""
    with open("/dev/null", "w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True)
        console.print(Text.from_ansi(screen.rstrip()))
    svg = console.export_svg(title="prefprop", theme=MONOKAI, unique_id="prefprop")
    # Fonts of the reader's machine: a picture loads nothing from elsewhere.
    style, rest = svg.split("<style>", 1)
    _, rules = rest.rsplit("@font-face", 1)
    target.write_text(f"{style}<style>{rules.split('}', 1)[1]}", encoding="utf-8")


def reliability(folder: Path) -> None:
    """The diagram of a run that is tested on 500 documents."""
    with open(folder / "parts.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("body", "century"), *first_hour.parts_of_addresses(4)])
    run = str(folder / "runs" / "parts")
    sizes = ("-s", "data.test_fraction=0.53", "-s", "data.validation_fraction=0.15")
    prefprop("train", str(folder / "parts.csv"), "--quick", "--out", run, *sizes)
    prefprop("calibrate", run, "--plot", str(folder / "reliability.svg"))


def main(out: Path) -> None:
    first_hour.COLUMNS, first_hour.ROWS = COLUMNS, ROWS
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        first_hour.write_documents(folder)
        terminal = first_hour.Terminal(folder)
        try:
            terminal.type(COMMAND)
            draw(terminal.screen("-e"), out / "terminal.svg")
        finally:
            terminal.close()
        reliability(folder)
        shutil.copy(folder / "reliability.svg", out)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
