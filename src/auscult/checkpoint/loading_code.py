"""The Python that gets a container out of a file that torch saved, for the fix of a wrapped state dict."""

from __future__ import annotations

import json
from typing import Any

from auscult.checkpoint.contents import Opaque
from auscult.weights import ContainerPath

TORCH_FORMATS = frozenset(("torch", "torch-legacy", "torch-dcp"))
ATTRIBUTE_OF_ARGUMENT: dict[tuple[str, str | int], str] = {
    ("torch._dynamo.eval_frame.OptimizedModule", 0): "_orig_mod"
}
"""What an object calls the value that its pickle holds as an argument of its class, by (class, place). torch 2.13's `__reduce__`."""


def write_loading_code(tree: Any, path: ContainerPath, format_name: str) -> str | None:
    """An expression for the state dict at `path` in the tree of a file; None where none is known to give it."""
    if not path or format_name not in TORCH_FORMATS:
        return None
    node, steps, keys, has_object = tree, "", list(path), isinstance(tree, Opaque)
    while keys:
        if isinstance(node, dict) and keys[0] not in node:
            loaded = _write_load(steps, has_object=has_object)
            return _write_prefix_code(loaded, str(keys[0])) if _is_prefix(node, keys) else None
        step = _take_step(node, keys)
        if step is None:
            return None
        text, node, taken = step
        steps += text
        keys = keys[taken:]
        has_object = has_object or isinstance(node, Opaque)
    if isinstance(node, Opaque) and isinstance(node.state, dict) and "_modules" in node.state:
        steps += ".state_dict()"
    return _write_load(steps, has_object=has_object)


def _take_step(node: Any, keys: list[str | int]) -> tuple[str, Any, int] | None:
    """How Python takes the next step, what is there, and how many keys that was."""
    key = keys[0]
    if isinstance(node, dict):
        return f"[{json.dumps(key)}]", node[key], 1
    if isinstance(node, list | tuple):
        return (f"[{key}]", node[key], 1) if isinstance(key, int) and key < len(node) else None
    if not isinstance(node, Opaque):
        return None
    if isinstance(node.entries, dict) and key in node.entries:
        return f"[{json.dumps(key)}]", node.entries[key], 1
    if not isinstance(node.state, dict) or key not in node.state:
        return None
    if key != "arguments":
        return (f".{key}", node.state[key], 1) if str(key).isidentifier() else None
    attribute = ATTRIBUTE_OF_ARGUMENT.get((node.what, keys[1])) if len(keys) > 1 else None
    return (f".{attribute}", node.state[key][keys[1]], 2) if attribute else None


def _is_prefix(node: dict[Any, Any], keys: list[str | int]) -> bool:
    return len(keys) == 1 and any(str(name).startswith(f"{keys[0]}.") for name in node)


def _write_load(steps: str, *, has_object: bool) -> str:
    options = ", weights_only=False" if has_object else ""
    return f"torch.load(path{options}){steps}"


def _write_prefix_code(loaded: str, prefix: str) -> str:
    beginning = json.dumps(f"{prefix}.")
    return (
        f"{{name.removeprefix({beginning}): value for name, value in {loaded}.items()"
        f" if name.startswith({beginning})}}"
    )
