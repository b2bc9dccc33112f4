"""Syntax trees of source files, each parsed once: many tests of the house look at all of them."""

from __future__ import annotations

import ast
import functools
from pathlib import Path


@functools.cache
def parse_file(path: Path) -> ast.Module:
    """The syntax tree of a file; nobody may change it."""
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def list_nodes(path: Path) -> tuple[ast.AST, ...]:
    """Every node of a file's tree, as `ast.walk` gives them."""
    return tuple(ast.walk(parse_file(path)))
