"""A file's tree reduced to its tensors: nested groups, names joined by dots, scalars on the side.

The walk is bounded: a node may be reached by several paths (a state dict saved under two keys is listed under both), a cycle
is cut, and a tree that unfolds beyond `MAX_VISITS` is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

from auscult.checkpoint.contents import Leaf, Opaque
from auscult.errors import CheckpointError
from auscult.finding import Skip
from auscult.weights import ContainerPath, Tensor

MAX_DEPTH = 64
MAX_VISITS = 2_000_000
MAX_LEAVES = 1_000_000
MAX_NAMES = 1 << 27  # characters in all names together
MAX_SCALARS = 64
MAX_SCALAR_TEXT = 200
MAX_NAME = 2000
MODULE_KEYS = ("_parameters", "_buffers", "_modules")


@dataclass(frozen=True)
class Buffer:
    """A tensor that its module does not train."""

    leaf: Tensor | Leaf


@dataclass(eq=False)
class Group:
    """A mapping or sequence with tensors somewhere inside.

    Attributes:
        is_module: A pickled module: everything below is one model.
        is_optimizer: Has the two keys of an optimizer's state dict.
    """

    path: ContainerPath
    groups: dict[str | int, Group] = field(default_factory=dict)
    leaves: dict[str | int, Tensor | Leaf | Buffer] = field(default_factory=dict)
    scalars: dict[str, str] = field(default_factory=dict)
    is_module: bool = False
    is_optimizer: bool = False
    tensors: int = 0
    parameters: int = 0
    prefix: int = 0  # length of the dotted path


@dataclass
class Walk:
    """What a walk found: the root, and what it left out."""

    root: Group
    skips: list[Skip] = field(default_factory=list)
    leaves: int = 0
    name_length: int = 0


def walk(tree: Any, where: str) -> Walk:
    """The groups of a tree.

    Raises:
        CheckpointError: If the tree unfolds without end.
    """
    found = Walk(Group(()))
    visits = 0
    stack: list[tuple[Group, int, Iterator[tuple[str | int, Any, bool]]]] = [
        _enter(found.root, tree)
    ]
    on_path = {id(tree)}
    barren: set[int] = (
        set()
    )  # values without tensors inside: not walked again, however often they are referred to
    while stack:
        group, identity, items = stack[-1]
        entry = next(items, None)
        if entry is None:
            stack.pop()
            on_path.discard(identity)
            if not group.tensors:
                barren.add(identity)
            if stack:
                _fold(stack[-1][0], group)
            continue
        visits += 1
        if visits > MAX_VISITS or found.leaves > MAX_LEAVES or found.name_length > MAX_NAMES:
            raise CheckpointError(
                "unfolds into too many values",
                where=where,
                expected=f"at most {MAX_LEAVES} tensors",
                hint="this file may be hostile",
            )
        key, value, is_buffer = entry
        if isinstance(value, Tensor | Leaf):
            _add(found, group, key, Buffer(value) if is_buffer else value)
        elif _is_composite(value):
            if id(value) in on_path or id(value) in barren:
                continue
            if len(stack) >= MAX_DEPTH:
                found.skips.append(
                    Skip(
                        dotted((*group.path, key))[:MAX_NAME],
                        f"nested deeper than {MAX_DEPTH} levels",
                    )
                )
                continue
            on_path.add(id(value))
            stack.append(
                _enter(Group((*group.path, key), prefix=group.prefix + len(str(key)) + 1), value)
            )
        elif len(group.scalars) < MAX_SCALARS and isinstance(value, str | int | float | bool):
            group.scalars[str(key)] = str(value)[:MAX_SCALAR_TEXT]
    return found


def dotted(path: ContainerPath) -> str:
    """A path as a name."""
    return ".".join(map(str, path))


def leaves_of(group: Group, prefix: str = "") -> Iterator[tuple[str, Tensor | Leaf | Buffer]]:
    """All tensors below a group, by their dotted names, in file order of each level."""
    for key, leaf in group.leaves.items():
        yield f"{prefix}{key}", leaf
    for key, child in group.groups.items():
        yield from leaves_of(child, f"{prefix}{key}.")


def _enter(group: Group, value: Any) -> tuple[Group, int, Iterator[tuple[str | int, Any, bool]]]:
    if isinstance(value, Opaque):
        state = value.state
        group.is_module = value.what.startswith("__torch__") or (
            isinstance(state, dict) and "_modules" in state
        )
    elif isinstance(value, dict):
        group.is_optimizer = "state" in value and "param_groups" in value
    return group, id(value), _children(value)


def _is_composite(value: Any) -> bool:
    return isinstance(value, dict | list | tuple | Opaque)


def _children(value: Any) -> Iterator[tuple[str | int, Any, bool]]:
    """Key, value and whether it is a module's buffer."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield _key(key), child, False
    elif isinstance(value, list | tuple):
        for index, child in enumerate(value):
            yield index, child, False
    elif isinstance(value, Opaque):
        yield from _of_object(value)


def _of_object(value: Opaque) -> Iterator[tuple[str | int, Any, bool]]:
    state = value.state
    if isinstance(state, dict) and "_modules" in state:
        for part in MODULE_KEYS:
            content = state.get(part)
            if isinstance(content, dict):
                for key, child in content.items():
                    yield _key(key), child, part == "_buffers"
        return
    if _is_composite(state):
        yield from _children(state)
    if value.entries is not None:
        yield from _children(value.entries)


def _key(key: Any) -> str | int:
    if isinstance(key, str):
        return key[:MAX_NAME]
    if isinstance(key, int) and not isinstance(key, bool):
        return key
    return key.what[:MAX_NAME] if isinstance(key, Opaque) else str(key)[:MAX_NAME]


def _add(found: Walk, group: Group, key: str | int, leaf: Tensor | Leaf | Buffer) -> None:
    """Note a tensor; of two with one name the second is skipped."""
    if key in group.leaves or key in group.groups:
        found.skips.append(
            Skip(dotted((*group.path, key))[:MAX_NAME], "a second tensor of this name")
        )
        return
    group.leaves[key] = leaf
    found.leaves += 1
    found.name_length += group.prefix + len(str(key))
    group.tensors += 1
    group.parameters += prod((leaf.leaf if isinstance(leaf, Buffer) else leaf).shape)


def _fold(parent: Group, child: Group) -> None:
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
