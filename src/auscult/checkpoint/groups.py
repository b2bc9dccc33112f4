"""A file's tree reduced to its tensors: nested groups, names joined by dots, scalars on the side.

The walk is bounded: a node may be reached by several paths (a state dict saved under two keys is listed under both), a cycle
is cut, and a tree that unfolds beyond `MAX_VISITS` is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any, NamedTuple

from auscult.checkpoint.contents import Leaf, Opaque
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import ContainerPath, Tensor

MAX_DEPTH = 64
MAX_VISITS = 2_000_000
MAX_LEAVES = 1_000_000
MAX_NAME_CHARACTERS = 1 << 27  # characters in all names together
MAX_SCALARS = 64
MAX_SCALAR_TEXT = 200
MAX_NAME_LENGTH = 2000
PACKED_OBJECT = "torch.ScriptObject"
"""How a pickle names an object of torch's C++ classes, such as the packed weights of a quantised layer."""
_TENSOR_TYPES = (Tensor, Leaf)
MODULE_KEYS = ("_parameters", "_buffers", "_modules")


class BufferLeaf(NamedTuple):
    """A tensor that its module does not train."""

    leaf: Tensor | Leaf


@dataclass(eq=False)
class TensorGroup:
    """A mapping or sequence with tensors somewhere inside.

    Attributes:
        is_module: A pickled module: everything below is one model.
        is_optimizer: Has the two keys of an optimizer's state dict.
    """

    path: ContainerPath
    groups: dict[str | int, TensorGroup] = field(default_factory=dict)
    leaves: dict[str | int, Tensor | Leaf | BufferLeaf] = field(default_factory=dict)
    scalars: dict[str, str] = field(default_factory=dict)
    is_module: bool = False
    is_optimizer: bool = False
    tensors: int = 0
    parameters: int = 0
    prefix: int = 0  # length of the dotted path


@dataclass
class TreeWalk:
    """What a walk found: the root, and what it left out."""

    root: TensorGroup
    skips: list[Skip] = field(default_factory=list)
    leaves: int = 0
    name_length: int = 0


def walk_tree(tree: Any, where: str) -> TreeWalk:
    """The groups of a tree.

    Raises:
        CheckpointError: If the tree unfolds without end.
    """
    tree_walk = TreeWalk(TensorGroup(()))
    visits = 0
    stack: list[tuple[TensorGroup, int, Iterator[tuple[str | int, Any, bool]]]] = [
        _enter_group(tree_walk.root, tree)
    ]
    path_ids = {id(tree)}
    # values without tensors inside: not walked again, however often they are referred to
    barren_ids: set[int] = set()
    while stack:
        group, identity, items = stack[-1]
        entry = next(items, None)
        if entry is None:
            stack.pop()
            path_ids.discard(identity)
            if not group.tensors:
                barren_ids.add(identity)
            if stack:
                _attach_group(stack[-1][0], group)
            continue
        visits += 1
        _check_walk_size(tree_walk, visits, where)
        key, value, is_buffer = entry
        if isinstance(value, _TENSOR_TYPES):
            _add_leaf(tree_walk, group, key, BufferLeaf(value) if is_buffer else value)
        elif _is_composite(value):
            if id(value) in path_ids or id(value) in barren_ids:
                continue
            if len(stack) >= MAX_DEPTH:
                name = join_path((*group.path, key))[:MAX_NAME_LENGTH]
                tree_walk.skips.append(Skip(name, f"nested deeper than {MAX_DEPTH} levels"))
                continue
            path_ids.add(id(value))
            child = TensorGroup((*group.path, key), prefix=group.prefix + len(str(key)) + 1)
            stack.append(_enter_group(child, value))
        elif len(group.scalars) < MAX_SCALARS and isinstance(value, str | int | float | bool):
            group.scalars[str(key)] = str(value)[:MAX_SCALAR_TEXT]
    return tree_walk


def _check_walk_size(tree_walk: TreeWalk, visits: int, where: str) -> None:
    if (
        visits > MAX_VISITS
        or tree_walk.leaves > MAX_LEAVES
        or tree_walk.name_length > MAX_NAME_CHARACTERS
    ):
        raise CheckpointError(
            "unfolds into too many values",
            where=where,
            expected=f"at most {MAX_LEAVES} tensors",
            hint="this file may be hostile",
        )


def join_path(path: ContainerPath) -> str:
    """A path as a name."""
    return ".".join(map(str, path))


def iter_leaves(
    group: TensorGroup, prefix: str = ""
) -> Iterator[tuple[str, Tensor | Leaf | BufferLeaf]]:
    """All tensors below a group, by their dotted names, in file order of each level."""
    for key, leaf in group.leaves.items():
        yield f"{prefix}{key}", leaf
    for key, child in group.groups.items():
        yield from iter_leaves(child, f"{prefix}{key}.")


def _enter_group(
    group: TensorGroup, value: Any
) -> tuple[TensorGroup, int, Iterator[tuple[str | int, Any, bool]]]:
    if isinstance(value, Opaque):
        state = value.state
        group.is_module = value.what.startswith("__torch__") or (
            isinstance(state, dict) and "_modules" in state
        )
    elif isinstance(value, dict):
        group.is_optimizer = "state" in value and "param_groups" in value
    return group, id(value), _iter_children(value)


def _is_composite(value: Any) -> bool:
    return isinstance(value, dict | list | tuple | Opaque)


def _iter_children(value: Any) -> Iterator[tuple[str | int, Any, bool]]:
    """Key, value and whether it is a module's buffer."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield _normalise_key(key), child, False
    elif isinstance(value, list | tuple):
        for index, child in enumerate(value):
            yield index, child, False
    elif isinstance(value, Opaque):
        yield from _iter_object_children(value)


def _iter_object_children(value: Opaque) -> Iterator[tuple[str | int, Any, bool]]:
    state = value.state
    if isinstance(state, dict) and "_modules" in state:
        for part in MODULE_KEYS:
            content = state.get(part)
            if isinstance(content, dict):
                for key, child in content.items():
                    yield _normalise_key(key), child, part == "_buffers"
        yield from _iter_packed_attributes(state)
        return
    if _is_composite(state):
        yield from _iter_children(state)
    if value.entries is not None:
        yield from _iter_children(value.entries)


def _iter_packed_attributes(state: dict[Any, Any]) -> Iterator[tuple[str | int, Any, bool]]:
    """Weights that a quantised module keeps in an attribute as one packed object.

    Its parts are those of torch's `LinearPackedParamsBase`, (weight, bias), or of recurrent layers.
    """
    for key, child in state.items():
        if isinstance(child, Opaque) and child.what == PACKED_OBJECT:
            parts = child.state[0] if isinstance(child.state, tuple) and child.state else None
            if isinstance(parts, tuple) and len(parts) == 2:
                parts = dict(zip(("weight", "bias"), parts, strict=True))
            yield _normalise_key(key), parts, False


def _normalise_key(key: Any) -> str | int:
    if isinstance(key, str):
        return key[:MAX_NAME_LENGTH]
    if isinstance(key, int) and not isinstance(key, bool):
        return key
    if isinstance(key, Opaque):
        return key.what[:MAX_NAME_LENGTH]
    return str(key)[:MAX_NAME_LENGTH]


def _add_leaf(
    tree_walk: TreeWalk, group: TensorGroup, key: str | int, leaf: Tensor | Leaf | BufferLeaf
) -> None:
    """Note a tensor; of two with one name the second is skipped."""
    if key in group.leaves or key in group.groups:
        tree_walk.skips.append(
            Skip(join_path((*group.path, key))[:MAX_NAME_LENGTH], "a second tensor of this name")
        )
        return
    group.leaves[key] = leaf
    tree_walk.leaves += 1
    tree_walk.name_length += group.prefix + len(str(key))
    group.tensors += 1
    group.parameters += prod((leaf.leaf if isinstance(leaf, BufferLeaf) else leaf).shape)


def _attach_group(parent: TensorGroup, child: TensorGroup) -> None:
    """Keep a finished group with its parent; one without tensors leaves only its scalars."""
    key = child.path[-1]
    if child.tensors:
        if key in parent.groups or key in parent.leaves:
            key = f"{key}#{len(parent.groups)}"
        parent.groups[key] = child
        parent.tensors += child.tensors
        parent.parameters += child.parameters
        return
    for name, text in child.scalars.items():
        if len(parent.scalars) < MAX_SCALARS * 4:
            parent.scalars.setdefault(f"{key}.{name}", text)
