"""Paddle's own habits in a pickled state dict (`.pdparams`).

`paddle.save(layer.state_dict())` adds a table of the parameters' inner names under `NAME_TABLE_KEY`. A state dict inside
another mapping keeps each tensor as a pair of its inner name and its array. Source: python/paddle/framework/io.py.
"""

from __future__ import annotations

from typing import Any

from auscult.checkpoint.contents import Leaf
from auscult.checkpoint.groups import MAX_DEPTH
from auscult.checkpoint.source import Source
from auscult.weights import Tensor

FORMAT = "paddle"
NAME_TABLE_KEY = "StructuredToParameterName@@"
SUFFIXES = (".pdparams", ".pdopt")


def is_paddle_state(tree: Any, source: Source) -> bool:
    """Whether Paddle saved a pickled tree: by its table of names, or by the suffix that Paddle gives."""
    if not isinstance(tree, dict):
        return False
    return NAME_TABLE_KEY in tree or source.suffix in SUFFIXES


def unwrap_state(tree: Any, depth: int = 0) -> Any:
    """The tree without the table of names, and with each pair of name and array as the array."""
    if not isinstance(tree, dict) or depth > MAX_DEPTH:
        return tree
    return {
        key: _unwrap_value(value, depth + 1) for key, value in tree.items() if key != NAME_TABLE_KEY
    }


def _unwrap_value(value: Any, depth: int) -> Any:
    is_pair = isinstance(value, tuple) and len(value) == 2
    if is_pair and isinstance(value[0], str) and isinstance(value[1], Tensor | Leaf):
        return value[1]
    return unwrap_state(value, depth)
