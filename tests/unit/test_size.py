"""Growth is decided: the lines of each package, against the table in `pyproject.toml`."""

import ast
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "prefprop_cli"
TO_READ_FOR_A_METHOD = ("core", "tasks", "training", "experiment")


def lines_by_package() -> Counter[str]:
    """Lines of Python of each package right below `prefprop_cli`; files beside them are `top`."""
    found: Counter[str] = Counter()
    for file in PACKAGE.rglob("*.py"):
        first, *below = file.relative_to(PACKAGE).parts
        found[first if below else "top"] += len(file.read_text(encoding="utf-8").splitlines())
    return found


def test_no_package_is_larger_than_was_decided() -> None:
    decided = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["prefprop"]["lines"]
    found = lines_by_package()
    assert found.keys() == decided["packages"].keys()
    grown = {name: n for name, n in found.items() if n > decided["packages"][name]}
    assert not grown, f"lines {grown}, decided {decided['packages']}: shorten, or decide anew"
    assert found.total() <= decided["total"]
    assert sum(found[name] for name in TO_READ_FOR_A_METHOD) <= decided["to_read_for_a_method"]


def test_a_function_can_be_seen_at_a_glance() -> None:
    """Sixty lines at most; those of commands are lists of options."""
    long = [
        f"{file.relative_to(ROOT)}: {node.name}"
        for file in PACKAGE.rglob("*.py")
        if file.parent.name != "commands"
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno >= 60
    ]
    assert not long
