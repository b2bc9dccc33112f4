"""The code of a fix is Python: every text that a rule can print as code compiles.

Where a rule puts its code together from values, each value stands for a number or a name here.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from auscult.rules.diff.checkpoint.ckp002_prefix import _write_renaming
from auscult.verbs.diagnose.settle import write_arguments

SOURCE = Path(__file__).resolve().parents[2] / "src" / "auscult"
STAND_IN = "1"
"""What a value in an f-string becomes: as an argument, a key or an index it is Python."""


@dataclass(frozen=True)
class FixCode:
    """The code of one call of `Fix` in the source; None where it is another expression than a text."""

    place: str
    text: str | None
    expression: str


def iter_fix_codes() -> Iterator[FixCode]:
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Fix":
                for keyword in node.keywords:
                    if keyword.arg == "code":
                        place = f"{path.relative_to(SOURCE)}:{node.lineno}"
                        yield from read_codes(place, keyword.value, tree)


def read_codes(place: str, value: ast.expr, tree: ast.Module) -> Iterator[FixCode]:
    """The texts that an expression can be: of a name, whatever the file binds to it."""
    if isinstance(value, ast.IfExp):
        yield from read_codes(place, value.body, tree)
        yield from read_codes(place, value.orelse, tree)
    elif isinstance(value, ast.Name):
        for bound in iter_bound(value.id, tree):
            yield from read_codes(place, bound, tree)
    elif not isinstance(value, ast.Constant) or value.value is not None:
        yield FixCode(place, read_text(value), ast.unparse(value))


def iter_bound(name: str, tree: ast.Module) -> Iterator[ast.expr]:
    """What assignments of a file bind to a name, also beside others (`place, code = ...`)."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id == name:
                yield node.value
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                for part, value in zip(target.elts, node.value.elts, strict=True):
                    if isinstance(part, ast.Name) and part.id == name:
                        yield value


def read_text(value: ast.expr) -> str | None:
    """The text of a literal or an f-string, with a stand-in for each value."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    if isinstance(value, ast.JoinedStr):
        parts = (read_text(part) for part in value.values)
        return "".join(part if part is not None else STAND_IN for part in parts)
    return None


CODES = list(iter_fix_codes())


@pytest.mark.parametrize(
    "code", [code for code in CODES if code.text is not None], ids=lambda code: code.place
)
def test_the_code_of_a_fix_is_python(code: FixCode) -> None:
    assert code.text is not None
    ast.parse(code.text)


COMPUTED = {
    "checkpoint.write_load_call()": "tests/checkpoint/test_loading_code.py runs it",
    "side.write_load_call()": "tests/checkpoint/test_loading_code.py runs it",
    "_write_renaming(source_prefix, target_prefix)": "below",
    "write_librosa_code(target)": "tests/sound/test_mel_code.py runs it",
    "write_conversion_code(current, target, needed_changes)": "tests/sound/test_mel_code.py runs it",
    "write_arguments(values)": "below",
    "explanation.fix": "the sentence of the summary, which reports show once",
}
"""Code that functions write, and where it is run."""


def test_other_code_is_known() -> None:
    computed = {code.expression for code in CODES if code.text is None}
    assert computed == set(COMPUTED)


@pytest.mark.parametrize("prefixes", [("module.", ""), ("", "generator."), ("a.b.", "c.")])
def test_renaming_of_a_prefix_runs(prefixes: tuple[str, str]) -> None:
    state = {f"{prefixes[0]}w": 1, f"{prefixes[0]}b": 2}
    expected = {f"{prefixes[1]}w": 1, f"{prefixes[1]}b": 2}
    assert eval(_write_renaming(*prefixes), {"state": state}) == expected


def test_settings_of_a_model_run() -> None:
    values = {"norm": "instance", "dilations": (1, 2, 4), "causal": True}
    assert eval(write_arguments(values)) == values
