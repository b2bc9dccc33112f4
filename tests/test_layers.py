"""One direction of imports: cli -> verbs -> report -> rules -> (checkpoint, recipe, align, trace, sound, training) -> nouns."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "auscult"

NOUNS = frozenset(("errors", "finding", "verdict", "weights", "plugins", "words", "late", "collector"))
CORE = frozenset(("checkpoint", "recipe", "align", "trace", "sound", "training"))

MAY_IMPORT: dict[str, frozenset[str]] = {
    **dict.fromkeys(NOUNS, NOUNS),
    "checkpoint": NOUNS,
    "recipe": NOUNS | {"checkpoint"},
    "align": NOUNS | {"checkpoint", "recipe"},
    "sound": NOUNS,
    "trace": NOUNS | {"checkpoint", "align"},
    "families": NOUNS | {"sound"},
    "training": NOUNS | {"sound", "families", "data"},
    "rules": NOUNS | CORE | {"families"},
    "symptoms": NOUNS,
    "report": NOUNS | CORE | {"families", "rules"},
    "verbs": NOUNS | CORE | {"families", "rules", "symptoms", "report", "data"},
    "cli": NOUNS | CORE | {"families", "rules", "symptoms", "report", "verbs"},
    "testing": NOUNS | {"report", "verbs"},
    "pytest_plugin": NOUNS | {"trace", "report", "testing", "cli"},
    "pre_commit": NOUNS | {"report", "verbs", "cli"},
    "docs": NOUNS | CORE | {"families", "rules", "report", "verbs", "cli"},
    "data": frozenset(),
}
"""What each part may import besides itself. `families` is for verbs, rules, cli, report and training; never for checkpoint,
recipe, align or sound."""

FRAMEWORKS = frozenset(
    ("torch", "mlx", "onnx", "onnxruntime", "ai_edge_litert", "tensorflow", "jax", "transformers", "coremltools")
)
ADAPTERS = ("checkpoint/code/", "families/", "training/", "trace/")
"""Where a framework may be imported when the file is."""
RUNNERS = ("verbs/",)
"""Where one may be imported inside a function: verbs that run a model."""


def files() -> Iterator[Path]:
    for path in sorted(SOURCE.rglob("*.py")):
        if path.parent != SOURCE or path.stem not in ("__init__", "__main__"):
            yield path


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Dotted names that a file imports, with their lines; those for the type checker alone are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = {id(node) for block in ast.walk(tree) if _is_type_checking(block) for node in ast.walk(block)}
    for node in ast.walk(tree):
        if id(node) in unseen:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def part_of(path: Path) -> str:
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def test_every_part_has_its_place() -> None:
    assert {part_of(path) for path in files()} <= set(MAY_IMPORT)


@pytest.mark.parametrize("part", sorted(MAY_IMPORT))
def test_direction_of_imports(part: str) -> None:
    wrong = []
    for path in files():
        if part_of(path) != part:
            continue
        for name, line in imported(path):
            words = name.split(".")
            if words[0] == "auscult" and len(words) > 1 and words[1] not in MAY_IMPORT[part] | {part}:
                wrong.append(f"{path.relative_to(SOURCE)}:{line} imports {name}")
    assert wrong == []


def test_frameworks_only_in_their_adapters() -> None:
    wrong = []
    for path in files():
        place = path.relative_to(SOURCE).as_posix()
        if place.startswith(ADAPTERS):
            continue
        at_once = {line for node in ast.parse(path.read_text(encoding="utf-8")).body for line in _import_lines(node)}
        for name, line in imported(path):
            if name.partition(".")[0] in FRAMEWORKS and (line in at_once or not place.startswith(RUNNERS)):
                wrong.append(f"{place}:{line} imports {name}")
    assert wrong == []


def _import_lines(node: ast.stmt) -> Iterator[int]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node.lineno
