"""No number decides anything without a name, and every name says whether it was measured.

What a comparison may hold besides names: 0, 1, -1 and a half, which mean none, all, the opposite and the middle; and the
constants of formulas, which are not chosen: the base and the divisor of `10.0 ** (-LEVEL_DB / 10.0)` and `2.0 ** bits`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from threshold_table import SOURCE, find_modules, find_thresholds, read_thresholds

NAMED = ("sound", "comparison", "rules/sound", "rules/mel", "rules/training", "rules/parity.py")
"""Folders without a number that has no name."""
SAID = ("sound", "comparison", "rules/sound", "rules/mel", "rules/training")
"""Folders in which every threshold says where it comes from."""
PLAIN = frozenset((0.0, 1.0, 0.5))
"""Read without their sign."""


def find_inline_floats(source: str) -> Iterator[tuple[int, float]]:
    """Line and value of every float without a name in a comparison."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                yield from _find_floats(side)


def _find_floats(node: ast.AST) -> Iterator[tuple[int, float]]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, float) and node.value not in PLAIN:
            yield node.lineno, node.value
        return
    children = list(ast.iter_child_nodes(node))
    if (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.Pow)
        and isinstance(node.left, ast.Constant)
    ):
        children = [node.right]
        if isinstance(node.right, ast.BinOp) and isinstance(node.right.op, ast.Div):
            children = [node.right.left]
    for child in children:
        yield from _find_floats(child)


@pytest.mark.parametrize("folder", NAMED)
def test_no_float_stands_unnamed_in_a_comparison(folder: str) -> None:
    modules = find_modules(folder)
    assert modules
    unnamed: list[str] = []
    for path in modules:
        floats = find_inline_floats(path.read_text(encoding="utf-8"))
        unnamed += [f"{path.relative_to(SOURCE)}:{line}: {value}" for line, value in floats]
    assert unnamed == []


@pytest.mark.parametrize("folder", SAID)
def test_every_threshold_says_what_it_means_and_whether_it_was_measured(folder: str) -> None:
    unsaid = [
        f"{threshold.path}: {threshold.name}"
        for threshold in find_thresholds(folder)
        if threshold.origin == "unsaid" or not threshold.meaning
    ]
    assert unsaid == []


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("if share > 0.35: pass", [0.35]),
        ("found = level[level > 1e-3 * level.max()]", [0.001]),
        ("ok = 0.1 < abs(a - 2.5) <= 1.0", [0.1, 2.5]),
        ("ok = level > loud * 10.0 ** (-ACTIVE_DB / 10.0)", []),
        ("ok = level > loud * 10.0 ** (-40.0 / 10.0)", [40.0]),
        ("ok = peak * 2.0 ** -bits > -0.5", []),
        ("share = 0.35 * total", []),
    ],
)
def test_what_counts_as_unnamed(source: str, values: list[float]) -> None:
    assert [value for _, value in find_inline_floats(source)] == values


def test_a_threshold_is_read_with_its_measurement() -> None:
    source = (
        'LEAST_DB = -3.0\n"""Below it is noise.\n\nMeasured on 12 clips: -2.5 at\nmost. Margin: 0.5 dB.\n"""\n'
        'LOW, HIGH = 1, 2 * 3\n"""Between them it is sought. Chosen, not measured."""\n'
        'BREAK_HZ = 1000.0\n"""Where it bends. Defined by a book."""\n'
        "RATES = (1, 2)\nRANK = 3\nOTHER = 4\nlower = 5\n"
    )
    rows = [
        (each.name, each.value, each.meaning, each.origin, each.source, each.margin)
        for each in read_thresholds(source, Path("rules/sound/x.py"))
    ]
    assert rows == [
        ("LEAST_DB", "-3.0", "Below it is noise.", "measured", "12 clips: -2.5 at most", "0.5 dB"),
        ("LOW", "1", "Between them it is sought.", "chosen", "", ""),
        ("HIGH", "2 * 3", "Between them it is sought.", "chosen", "", ""),
        ("BREAK_HZ", "1000.0", "Where it bends.", "defined", "a book", ""),
        ("OTHER", "4", "", "unsaid", "", ""),
    ]
