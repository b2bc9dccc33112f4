"""The named thresholds of the measurements and rules, read from the source: value, meaning, and what each was measured on.

A threshold is a number with a name in capitals at the top level of a module. The text below it says what it means, and ends
with one of three sentences: `Measured on MATERIAL: RESULT. Margin: X.`, `Defined by SOURCE.`, or `Chosen, not measured.`
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src" / "auscult"
FOLDERS = ("sound", "comparison", "explain", "rules")
"""Where the measurements and rules are."""

PLACES_IN_ORDER = frozenset(("PRECEDENCE", "RANK"))
"""What puts rules and mistakes in order: numbers with a name that are no thresholds."""

ORIGINS = ("measured", "defined", "chosen", "unsaid")
ENDING = re.compile(
    r"Measured on (?P<measured>.+)\. Margin: (?P<margin>.+?)\.?$"
    r"|Defined by (?P<defined>.+)\.$"
    r"|(?P<chosen>Chosen, not measured\.)$"
)


@dataclass(frozen=True)
class Threshold:
    """One named number.

    Attributes:
        name: In capitals.
        value: As the source writes it.
        path: Its file, from the root of the package.
        meaning: What it decides; empty where nothing is said.
        origin: `measured`, `defined`, `chosen`, or `unsaid`.
        source: What it was measured on, and the result; or what defines it.
        margin: How far it is from what was measured.
    """

    name: str
    value: str
    path: Path
    meaning: str
    origin: str
    source: str = ""
    margin: str = ""

    @property
    def area(self) -> str:
        """The folder whose rules or measurements share a table."""
        parts = self.path.with_suffix("").parts
        if parts[0] == "rules" and len(parts) > 2:
            return "/".join(parts[:2])
        return parts[0]


def find_thresholds(folder: str) -> Iterator[Threshold]:
    """The thresholds of a folder of the package, by file; or of one file."""
    for path in find_modules(folder):
        yield from read_thresholds(path.read_text(encoding="utf-8"), path.relative_to(SOURCE))


def find_modules(folder: str) -> list[Path]:
    """The modules of a folder of the package, or the one file that it names."""
    if folder.endswith(".py"):
        return [SOURCE / folder]
    return sorted((SOURCE / folder).rglob("*.py"))


def read_thresholds(source: str, path: Path) -> Iterator[Threshold]:
    """The thresholds of one module."""
    body = ast.parse(source).body
    for index, node in enumerate(body):
        for name, value in _list_numbers(node):
            yield _describe_threshold(name, value, path, _read_text(body[index + 1 : index + 2]))


def _list_numbers(node: ast.stmt) -> Iterator[tuple[str, ast.expr]]:
    """Names in capitals and their numbers; two of one statement share its text."""
    if isinstance(node, ast.AnnAssign):
        targets: Sequence[ast.expr] = (node.target,)
    elif isinstance(node, ast.Assign):
        targets = node.targets
    else:
        return
    for target in targets:
        names: Sequence[ast.expr] = (target,)
        values: Sequence[ast.expr | None] = (node.value,)
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            names, values = target.elts, node.value.elts
        for name, value in zip(names, values, strict=True):
            if isinstance(name, ast.Name) and _is_threshold(name.id, value):
                assert value is not None
                yield name.id, value


def _is_threshold(name: str, value: ast.expr | None) -> bool:
    return name.isupper() and name not in PLACES_IN_ORDER and _is_number(value)


def _is_number(node: ast.expr | None) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool)
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand)
    return isinstance(node, ast.BinOp) and _is_number(node.left) and _is_number(node.right)


def _read_text(following: Sequence[ast.stmt]) -> str:
    """The text below a constant, in one line."""
    for node in following:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            return " ".join(str(node.value.value).split())
    return ""


def _describe_threshold(name: str, value: ast.expr, path: Path, text: str) -> Threshold:
    ending = ENDING.search(text)
    if ending is None:
        return Threshold(name, ast.unparse(value), path, text, "unsaid")
    meaning = text[: ending.start()].strip()
    origin = str(ending.lastgroup)
    if origin == "margin":
        origin = "measured"
    if origin == "chosen":
        source = ""
    else:
        source = ending[origin]
    return Threshold(
        name, ast.unparse(value), path, meaning, origin, source, ending["margin"] or ""
    )


def write_page() -> str:
    """The page `thresholds.md`."""
    thresholds = [threshold for folder in FOLDERS for threshold in find_thresholds(folder)]
    areas = list(dict.fromkeys(threshold.area for threshold in thresholds))
    parts = [
        "# Thresholds",
        "Generated from the source by `docs/generate.py`. Every number that decides something in the"
        " measurements and rules has a name, and says what it means and where it comes from."
        "\n*Measured*: on the material that is named; the margin is how far the threshold is from"
        " that result, as a factor where it has no unit. *Defined*: by a standard or a formula."
        "\n*Chosen*: nobody has measured it. *Unsaid*: the source does not tell.",
        _write_counts(thresholds, areas),
    ]
    for area in areas:
        parts.append(f"## {area}")
        parts.append(_write_table([each for each in thresholds if each.area == area]))
    return "\n\n".join(parts) + "\n"


def _write_counts(thresholds: Sequence[Threshold], areas: Sequence[str]) -> str:
    rows = [f"| area | {' | '.join(ORIGINS)} |", "|---|---|---|---|---|"]
    for area in (*areas, "all"):
        count = Counter(each.origin for each in thresholds if area in (each.area, "all"))
        rows.append(f"| {area} | {' | '.join(str(count[origin]) for origin in ORIGINS)} |")
    return "\n".join(rows)


def _write_table(thresholds: Sequence[Threshold]) -> str:
    rows = [
        "| name | value | where | meaning | measured on | margin |",
        "|---|---|---|---|---|---|",
    ]
    for each in thresholds:
        where = f"`{each.path.as_posix()}`"
        source = each.source if each.origin in ("measured", "defined") else each.origin
        if each.origin == "defined":
            source = f"defined by {source}"
        cells = (f"`{each.name}`", each.value, where, each.meaning, source, each.margin)
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(rows)
