"""Names say what they hold, and functions stay small: figures of the code outside `families/`, against their bounds.

`python -m tests.test_names` prints the table, and what stands over a bound.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "auscult"
NOT_MEASURED = "families"
"""Ports of others' models keep the names of their originals."""

MAX_LINE_CHARACTERS = 100
MAX_COMPLEXITY = 20
MAX_FUNCTION_LINES = 40
MAX_PARAMETERS = 6

VAGUE = frozenset(
    (
        *("one", "two", "three", "ones", "both", "other", "others", "another", "rest", "own"),
        *("found", "right", "left_over", "got", "told", "held", "said", "given", "wanted", "known"),
        *("says", "what", "meant", "kept", "taken", "made", "done", "seen", "asked", "heard"),
        *("called", "named", "used", "put", "gave", "gone", "left_out", "tried", "tells", "holds"),
        *("thing", "things", "stuff", "it", "that", "this", "those", "these", "such", "same"),
        *("tmp", "temp", "foo", "bar", "obj", "dummy", "misc", "ret", "retval", "whatever"),
    )
)
"""Bindings that say nothing of what they hold."""

PARTICIPLES = frozenset(
    (
        *("told", "held", "found", "given", "said", "made", "taken", "kept", "known", "shown"),
        *("got", "seen", "heard", "brought", "built", "drawn", "written", "left", "gone", "done"),
        *("born", "grown", "meant", "sent", "lost", "won", "spent", "fed", "laid", "chosen"),
        *("driven", "hidden", "spoken", "begun", "thrown", "having", "being", "using", "making"),
        *("taking", "giving", "holding", "saying", "looking", "telling", "keeping", "going"),
        *("coming", "showing"),
    )
)
"""Irregular participles; a first word in -ed counts too, unless it is a verb or a noun by itself. Words that
are verbs in the same form are left out: split, cut, put, bound."""

NO_PARTICIPLES = frozenset(("seed", "feed", "need", "embed", "speed", "exceed", "shed", "bed"))

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass
class Measures:
    """What was counted, and where."""

    lines: int = 0
    long_lines: list[str] = field(default_factory=list)
    functions: int = 0
    one_word: list[str] = field(default_factory=list)
    participle_first: list[str] = field(default_factory=list)
    bindings: int = 0
    vague: list[str] = field(default_factory=list)
    conditional_expressions: list[str] = field(default_factory=list)
    nested_comprehensions: list[str] = field(default_factory=list)
    complex_functions: list[str] = field(default_factory=list)
    long_functions: list[str] = field(default_factory=list)
    wide_functions: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Bound:
    """A figure, the most that it may be, and the places that make it up."""

    what: str
    figure: float
    at_most: float
    unit: str
    places: list[str]


def measure(source: Path = SOURCE) -> Measures:
    """Count over every file outside `families/`."""
    measures = Measures()
    for path in sorted(source.rglob("*.py")):
        if NOT_MEASURED not in path.relative_to(source).parts:
            measure_text(
                path.read_text(encoding="utf-8"), path.relative_to(source).as_posix(), measures
            )
    return measures


def measure_text(text: str, file: str, measures: Measures) -> None:
    """Add what one file holds."""
    lines = text.splitlines()
    measures.lines += len(lines)
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE_CHARACTERS:
            measures.long_lines.append(f"{file}:{number}")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, Function):
            _measure_function(node, file, measures)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            _measure_binding(node.id, f"{file}:{node.lineno}", measures)
        elif isinstance(node, ast.IfExp):
            measures.conditional_expressions.append(f"{file}:{node.lineno}")
        elif isinstance(node, Comprehension) and _is_nested(node):
            measures.nested_comprehensions.append(f"{file}:{node.lineno}")


def _measure_function(node: Function, file: str, measures: Measures) -> None:
    place = f"{file}:{node.lineno} {node.name}"
    for name in _parameters(node):
        _measure_binding(name, place, measures)
    if len(_parameters(node)) > MAX_PARAMETERS:
        measures.wide_functions.append(f"{place}: {len(_parameters(node))}")
    if complexity_of(node) > MAX_COMPLEXITY:
        measures.complex_functions.append(f"{place}: {complexity_of(node)}")
    if lines_of(node) > MAX_FUNCTION_LINES:
        measures.long_functions.append(f"{place}: {lines_of(node)}")
    if node.name.startswith("__") and node.name.endswith("__"):
        return
    measures.functions += 1
    name = node.name.strip("_")
    if "_" not in name:
        measures.one_word.append(place)
    if is_participle(name.partition("_")[0]):
        measures.participle_first.append(place)


def _measure_binding(name: str, place: str, measures: Measures) -> None:
    measures.bindings += 1
    if name.strip("_") in VAGUE:
        measures.vague.append(f"{place} {name}")


def _parameters(node: Function) -> list[str]:
    arguments = node.args
    names = [item.arg for item in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def _is_nested(node: Comprehension) -> bool:
    inner = (item for item in ast.walk(node) if item is not node)
    return len(node.generators) > 1 or any(isinstance(item, Comprehension) for item in inner)


def is_participle(word: str) -> bool:
    if word in PARTICIPLES:
        return True
    return word.endswith("ed") and word not in NO_PARTICIPLES


def complexity_of(function: Function) -> int:
    """Paths through a function after McCabe, operators of conditions counted."""
    branches = (ast.If, ast.For, ast.While, ast.IfExp, ast.ExceptHandler, ast.comprehension)
    paths = 1
    for node in ast.walk(function):
        if isinstance(node, branches):
            paths += 1
        elif isinstance(node, ast.BoolOp):
            paths += len(node.values) - 1
    return paths


def lines_of(function: Function) -> int:
    """Lines of a function without its docstring."""
    lines = (function.end_lineno or 0) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or 0) - docstring.lineno + 1
    return lines


def make_bounds(measures: Measures) -> dict[str, Bound]:
    """The figures, in the order of the table."""
    functions, bindings, lines = measures.functions, measures.bindings, measures.lines

    def share(what: str, places: list[str], total: int, at_most: float) -> Bound:
        return Bound(what, 100 * len(places) / total, at_most, "%", places)

    def number(what: str, places: list[str], at_most: float) -> Bound:
        return Bound(what, len(places), at_most, "", places)

    conditional = measures.conditional_expressions
    nested = measures.nested_comprehensions
    bounds = (
        share("function names of one word", measures.one_word, functions, 35),
        share("names that begin with a participle", measures.participle_first, functions, 1),
        share("vague bindings", measures.vague, bindings, 1),
        Bound(
            "conditional expressions per 100 lines",
            100 * len(conditional) / lines,
            1.2,
            "",
            conditional,
        ),
        Bound("nested comprehensions per 1,000 lines", 1000 * len(nested) / lines, 2, "", nested),
        share("lines over 100 characters", measures.long_lines, lines, 5),
        number("functions over complexity 20", measures.complex_functions, 0),
        number("functions over 40 lines", measures.long_functions, 5),
        number("functions over 6 parameters", measures.wide_functions, 40),
    )
    return {bound.what: bound for bound in bounds}


@cache
def measure_source() -> dict[str, Bound]:
    return make_bounds(measure())


@pytest.mark.parametrize("what", make_bounds(Measures(lines=1, functions=1, bindings=1)))
def test_a_figure_of_the_house(what: str) -> None:
    bound = measure_source()[what]
    assert bound.figure <= bound.at_most, "\n".join(bound.places[:40])


SAMPLE = '''
def found(one, two):
    """A docstring
    of two lines."""
    return one if two else [x for row in one for x in row]


class Thing:
    def read_bytes(self, a, b, c, d, e, f, g):
        rest = [[x for x in row] for row in a]
        return rest
'''


def test_what_is_counted() -> None:
    measures = Measures()
    measure_text(SAMPLE, "sample.py", measures)
    measure_text("\n".join(["def seed():", *["    print(1)"] * 41]), "long.py", measures)
    assert measures.functions == 3
    assert measures.one_word == ["sample.py:2 found", "long.py:1 seed"]
    assert measures.participle_first == ["sample.py:2 found"]
    assert measures.vague == ["sample.py:2 found one", "sample.py:2 found two", "sample.py:10 rest"]
    assert measures.bindings == 2 + 7 + 1 + 4
    assert measures.conditional_expressions == ["sample.py:5"]
    assert measures.nested_comprehensions == ["sample.py:5", "sample.py:10"]
    assert measures.wide_functions == ["sample.py:9 read_bytes: 7"]
    assert measures.long_functions == ["long.py:1 seed: 42"]
    assert measures.complex_functions == []


def test_complexity_counts_every_way_through() -> None:
    (function,) = ast.parse("def f(a, b):\n for x in a:\n  if x and b or a: return x\n").body
    assert isinstance(function, ast.FunctionDef)
    assert complexity_of(function) == 5


def format_table(bounds: dict[str, Bound]) -> str:
    rows = ["| figure | bound | now |", "|---|---|---|"]
    rows += [
        f"| {bound.what} | {bound.at_most:g}{bound.unit and ' %'} | {bound.figure:.3g}{bound.unit and ' %'} |"
        for bound in bounds.values()
    ]
    return "\n".join(rows)


def list_places_over(bounds: dict[str, Bound]) -> Iterator[str]:
    for bound in bounds.values():
        if bound.figure > bound.at_most:
            yield f"\n{bound.what}:"
            yield from bound.places


if __name__ == "__main__":
    print(format_table(measure_source()))  # noqa: T201
    print("\n".join(list_places_over(measure_source())))  # noqa: T201
