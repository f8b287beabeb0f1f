"""A folder of text files and a table of labels, as the one CSV that `prefprop train` takes.

    python examples/own_data.py letters/ labels.tsv letters.csv
    prefprop train letters.csv

`labels.tsv` has a line for each file: its name without `.txt`, a tab, the label.
"""

import csv
import sys
from pathlib import Path


def main(texts: Path, labels: Path, out: Path) -> None:
    with open(labels, encoding="utf-8", newline="") as file:
        label_of = dict(csv.reader(file, delimiter="\t"))
    with open(out, "w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["id", "text", "label"])
        for path in sorted(texts.glob("*.txt")):
            if path.stem in label_of:
                rows.writerow([path.stem, path.read_text(encoding="utf-8"), label_of[path.stem]])


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
