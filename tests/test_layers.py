"""One direction of imports, floor by floor, as `docs/ARCHITECTURE.md` draws it; imports by name count too."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.parsed_sources import list_nodes, parse_file

SOURCE = Path(__file__).parent.parent / "src" / "auscult"

NOUNS = frozenset(
    ("errors", "finding", "verdict", "weights", "plugins", "late", "collector", "old_names")
)
GROUND = NOUNS | {"facts"}
CORE = frozenset(
    (
        *("checkpoint", "recipe", "align", "sound", "families"),
        *("traces", "runtime", "explain", "comparison", "preflight_checks", "training"),
        "properties",
    )
)

MAY_IMPORT: dict[str, frozenset[str]] = {
    **dict.fromkeys(NOUNS, NOUNS),
    "facts": NOUNS,
    "data": frozenset(),
    "checkpoint": GROUND,
    "recipe": GROUND | {"checkpoint"},
    "align": GROUND | {"checkpoint", "recipe"},
    "sound": GROUND,
    "families": GROUND | {"sound", "checkpoint"},
    "traces": GROUND | {"checkpoint", "align"},
    "runtime": GROUND | {"checkpoint", "traces"},
    "explain": GROUND,
    "comparison": GROUND | {"align", "traces", "runtime", "explain"},
    "properties": GROUND | {"checkpoint", "traces", "runtime"},
    "preflight_checks": GROUND | {"sound"},
    "training": GROUND | {"sound", "families", "data", "preflight_checks"},
    "rules": GROUND | CORE,
    "report": GROUND | CORE | {"rules"},
    "verbs": GROUND | CORE | {"rules", "report", "data"},
    "agents": GROUND | {"checkpoint", "report", "verbs"},
    "workbench": GROUND | {"checkpoint", "rules", "report", "verbs"},
    "cli": GROUND | CORE | {"rules", "report", "verbs", "agents", "workbench"},
    "testing": GROUND | {"report", "verbs", "properties"},
    "pytest_plugin": GROUND | {"traces", "runtime", "report", "testing", "cli"},
    "pre_commit": GROUND | {"report", "verbs", "cli"},
}
"""What each part may import besides itself."""

BY_NAME_ALONE = frozenset(
    {("verdict", "auscult.report.html"), ("verdict", "auscult.report._formats")}
)
"""The imports against the direction: how a report shows and saves itself, looked up when it does."""

FRAMEWORKS = frozenset(
    (
        *("torch", "mlx", "onnx", "onnxruntime", "ai_edge_litert", "tensorflow"),
        *("jax", "transformers", "coremltools"),
    )
)
ADAPTERS = ("checkpoint/code/", "families/", "training/", "preflight_checks/", "runtime/")
"""Where a framework may be imported when the file is."""
RUNNERS = ("verbs/",)
"""Where one may be imported inside a function: verbs that run a model."""

MODULE_NAME = re.compile(r"auscult(\.(?!exe)\w+)+")


def files() -> Iterator[Path]:
    for path in sorted(SOURCE.rglob("*.py")):
        if path.parent != SOURCE or path.stem not in ("__init__", "__main__"):
            yield path


def imported(path: Path) -> Iterator[tuple[str, int]]:
    """Dotted names that a file imports, with their lines; those for the type checker alone are left out."""
    for node in _list_seen_nodes(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
        elif isinstance(node, ast.Constant) and MODULE_NAME.fullmatch(str(node.value)):
            yield str(node.value), node.lineno  # for importlib, or a folder of plug-ins


@functools.cache
def _list_seen_nodes(path: Path) -> list[ast.AST]:
    """The nodes of a file that are there at run time."""
    blocks = [node for node in list_nodes(path) if _is_type_checking(node)]
    unseen = {id(node) for block in blocks for node in ast.walk(block)}
    return [node for node in list_nodes(path) if id(node) not in unseen]


def _is_type_checking(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )


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
            if words[0] != "auscult" or len(words) == 1 or (part, name) in BY_NAME_ALONE:
                continue
            if words[1] not in MAY_IMPORT[part] | {part}:
                wrong.append(f"{path.relative_to(SOURCE)}:{line} imports {name}")
    assert wrong == []


def test_frameworks_only_in_their_adapters() -> None:
    wrong = []
    for path in files():
        place = path.relative_to(SOURCE).as_posix()
        if place.startswith(ADAPTERS):
            continue
        at_once = {line for node in parse_file(path).body for line in _import_lines(node)}
        for name, line in imported(path):
            if name.partition(".")[0] in FRAMEWORKS and (
                line in at_once or not place.startswith(RUNNERS)
            ):
                wrong.append(f"{place}:{line} imports {name}")
    assert wrong == []


def _import_lines(node: ast.stmt) -> Iterator[int]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield node.lineno


OPEN_CIRCLES = frozenset(
    (
        frozenset(
            ("recipe.codegen", "recipe.compose", "recipe.lazy", "recipe.proof", "recipe.recipe")
        ),
        frozenset(
            (
                "rules.diff.claims",
                *(
                    f"rules.diff.evidence.{name}"
                    for name in (
                        "correspondence",
                        "damage",
                        "operations",
                        "permutations",
                        "repair",
                        "shapes",
                    )
                ),
                "rules.diff.subject",
            )
        ),
        frozenset(("rules", "rules.parity")),
        frozenset(("verbs.diff.diff", "verbs.diff.fix")),
        frozenset(("runtime.onnx.as_modules", "runtime.onnx.runner")),
    )
)
"""Circles that are still closed by an import inside a function. The list may only get shorter."""


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(path: Path, modules: set[str]) -> set[str]:
    """Modules of auscult that a file imports by statement, at its top or inside functions."""
    names: set[str] = set()
    for node in _list_seen_nodes(path):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            full_names = {f"{node.module}.{alias.name}" for alias in node.names}
            submodules = {name for name in full_names if name.removeprefix("auscult.") in modules}
            names |= submodules or {node.module}
    return {
        name.removeprefix("auscult.") for name in names if name.startswith("auscult.")
    } & modules


def find_circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Groups of modules that can all be reached from each other."""
    reached = {module: reach(graph, module) for module in graph}
    return {
        circle
        for module in graph
        if len(circle := frozenset(m for m in reached[module] if module in reached[m])) > 1
    }


def reach(graph: dict[str, set[str]], start: str) -> set[str]:
    """Every module that can be reached from `start`, itself only where a circle leads back."""
    result: set[str] = set()
    waiting = [start]
    while waiting:
        fresh = graph[waiting.pop()] - result
        result |= fresh
        waiting += fresh
    return result


def test_circles_are_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}
    assert find_circles(graph) == {frozenset(("b", "c"))}


def test_no_circle_of_imports() -> None:
    """Imports inside functions count: such an import only hides a circle."""
    modules = {module_of(path): path for path in files()}
    graph = {
        module: imported_modules(path, set(modules)) - {module} for module, path in modules.items()
    }
    assert find_circles(graph) == OPEN_CIRCLES
