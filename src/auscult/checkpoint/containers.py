"""Which of the groups in a file is the model.

Training scripts wrap a state dict in dictionaries: `{"generator": ...}` (HiFi-GAN's `g_` files), `{"state_dict": ...}`,
`{"model_state_dict": ..., "optimizer_state_dict": ..., "epoch": 20}`. The choice, level by level from the top:

1. Optimizers, schedulers and random states are listed and never chosen; averaged weights (`ema`) are chosen only where there
   is nothing else; so are discriminators (`mpd`, `msd`, ...) beside something that is none.
2. Groups with the very same names and shapes are versions of one model: the first is taken, the others are listed.
3. One group left, under a name known as a wrapper or with dotted names inside: that is the container; look inside it again.
4. Several left (`mpd` and `msd` of a `do_` file; `encoder` and `decoder`; the sub-modules of a nested tree): they are one
   model, each under its key as a prefix, so that none is dropped. The container is then the level that holds them.

5. Among the names of that level, averaged copies and discriminators that only a beginning tells apart (`ema.`,
   `diffusion_ema.ema_model.`, `discriminator.`) are left out in the same way: see `auscult.checkpoint.versions`.

What is not chosen is in `Checkpoint.containers`, and `container=` takes it instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from auscult.checkpoint.contents import Leaf
from auscult.checkpoint.groups import BufferLeaf, TensorGroup, iter_leaves
from auscult.checkpoint.versions import (
    DISCRIMINATOR_KEY,
    EMA_KEY,
    NameVersion,
    get_leaf_shape,
    split_versions,
)
from auscult.errors import CheckpointError
from auscult.weights import Container, ContainerPath, Tensor

ContainerKind = Literal["model", "ema", "optimizer", "other"]
NamedLeaf = tuple[str, Tensor | Leaf | BufferLeaf]

WRAPPER_KEYS = frozenset(
    (
        *(
            "state_dict",
            "model_state_dict",
            "model",
            "generator",
            "net_g",
            "netg",
            "net",
            "network",
            "module",
            "weights",
            "params",
        ),
        *(
            "g",
            "gen",
            "model_g",
            "generator_state_dict",
            "g_state_dict",
            "state",
            "model_state",
            "ema",
            "best_state",
            "codec",
        ),
        *(
            "teacher",
            "student",
            "xp",
            "best",
            "target",
            "parameters",
            "params_ema",
            "model_ema",
            "ema_state_dict",
            "vocoder",
        ),
        *("optimizer", "checkpoint", "ckpt", "data", "discriminator"),
    )
)
OPTIMIZER_KEY = re.compile(
    r"optim|(^|_)opt(_|$)|^opts?$|sched|scaler$|^amp$|^opt[gd]$", re.IGNORECASE
)
OTHER_KEY = re.compile(
    r"rng|random_state|^callbacks$|^loops$|history|^losses$|^metrics$", re.IGNORECASE
)
MAX_WRAPPER_DEPTH = 6
MAX_SHOWN_LABELS = 8


class ContainerChoice(NamedTuple):
    """The container that was taken, its tensors by name, and the other containers of the file."""

    path: ContainerPath
    leaves: tuple[NamedLeaf, ...]
    containers: tuple[Container, ...]
    scalars: dict[str, str]


class _ModelLevel(NamedTuple):
    """The level that holds the model: which of its groups and whether its own tensors belong to it."""

    group: TensorGroup
    taken: tuple[str | int, ...]
    own: tuple[str | int, ...]


def choose_container(
    root: TensorGroup, where: str, container: str | None = None
) -> ContainerChoice:
    """Take the group that is the model, or the one that `container` names.

    Args:
        container: Keys joined by dots (`model_state_dict.generator`), or a label as shown (`["model_state_dict"]["generator"]`);
            the empty string takes everything. A prefix of dotted names counts as a group.

    Raises:
        CheckpointError: If there is no such container; the message lists those that there are.
    """
    level = _resolve_level(root, 0)
    leaves, versions = split_versions(tuple(_iter_level_leaves(level)))
    containers = _subtract_versions(tuple(_iter_containers(root, level)), level, versions)
    scalars = _collect_scalars(root, level.group.path)
    if container is None:
        return ContainerChoice(level.group.path, leaves, containers, scalars)
    if container in ("", "(top level)"):
        return ContainerChoice((), tuple(iter_leaves(root)), containers, scalars)
    matching_group = _find_group(root, _convert_label_to_dots(container))
    if matching_group is None:
        labels = [_join_path(entry.path) for entry in containers if entry.path][:MAX_SHOWN_LABELS]
        raise CheckpointError(
            f"has no container {container[:100]}",
            where=where,
            expected=f"one of {', '.join(labels)}"
            if labels
            else "no container: the tensors are at the top level",
            found=container[:100],
            hint="leave --container out to let auscult choose",
        )
    path, leaves = matching_group
    return ContainerChoice(path, leaves, containers, _collect_scalars(root, path))


def classify_group(key: str | int, group: TensorGroup) -> ContainerKind:
    """What a group under this key is for."""
    name = str(key)
    if group.is_module:
        return "ema" if EMA_KEY.search(name) else "model"
    if group.is_optimizer or OPTIMIZER_KEY.search(name):
        return "optimizer"
    if OTHER_KEY.search(name):
        return "other"
    if EMA_KEY.search(name):
        return "ema"
    if group.leaves or not group.groups:
        return "model"
    kinds = {classify_group(child_key, child) for child_key, child in group.groups.items()}
    return "model" if "model" in kinds else sorted(kinds)[0]


def _resolve_level(group: TensorGroup, depth: int) -> _ModelLevel:
    whole_level = _ModelLevel(group, tuple(group.groups), tuple(group.leaves))
    if group.is_module or not group.groups or depth >= MAX_WRAPPER_DEPTH:
        return whole_level
    model_keys = _find_model_keys(group)
    own_keys = tuple(key for key in group.leaves if not OTHER_KEY.search(str(key)))
    if len(model_keys) == 1:
        key = model_keys[0]
        child = group.groups[key]
        inner_level = _resolve_level(child, depth + 1)
        if (
            str(key).lower() in WRAPPER_KEYS
            or inner_level.group is not child
            or child.is_module
            or any("." in str(k) for k in child.leaves)
        ):
            return inner_level
    if not model_keys and not own_keys:
        return whole_level
    return _ModelLevel(group, model_keys, own_keys)


def _find_model_keys(group: TensorGroup) -> tuple[str | int, ...]:
    """Keys of the groups at this level that are the model."""
    kinds: dict[ContainerKind, list[str | int]] = {
        "model": [],
        "ema": [],
        "optimizer": [],
        "other": [],
    }
    for key, child in group.groups.items():
        kinds[classify_group(key, child)].append(key)
    candidates = kinds["model"] or ([] if group.leaves else kinds["ema"] or kinds["other"])
    generators = [key for key in candidates if not _is_discriminator(str(key), candidates)]
    return tuple(_iter_distinct_keys(group, generators or candidates))


def _is_discriminator(name: str, sibling_names: list[str | int]) -> bool:
    """Whether a name is a discriminator's: by itself, or as the `d` to a `g` (`net_d` beside `net_g`)."""
    return bool(DISCRIMINATOR_KEY.match(name)) or (
        name[-1:] in ("d", "D") and name[:-1] + chr(ord(name[-1]) + 3) in sibling_names
    )


def _iter_distinct_keys(group: TensorGroup, keys: list[str | int]) -> Iterator[str | int]:
    """The keys, less those whose group has the same names and shapes as one before it, when they look like state dicts."""
    visited_signatures: set[frozenset[tuple[str, tuple[int, ...]]]] = set()
    for key in keys:
        child = group.groups[key]
        if isinstance(key, str) and any("." in str(name) for name in child.leaves):
            signature = frozenset((name, get_leaf_shape(leaf)) for name, leaf in iter_leaves(child))
            if signature in visited_signatures:
                continue
            visited_signatures.add(signature)
        yield key


def _iter_level_leaves(level: _ModelLevel) -> Iterator[NamedLeaf]:
    for key in level.own:
        yield str(key), level.group.leaves[key]
    for key in level.taken:
        yield from iter_leaves(level.group.groups[key], f"{key}.")


def _iter_containers(group: TensorGroup, level: _ModelLevel) -> Iterator[Container]:
    """Every container from `group` down to the level of the model, each tensor counted once."""
    if group is level.group:
        model_groups = [group.groups[key] for key in level.taken]
        tensors = len(level.own) + sum(child.tensors for child in model_groups)
        parameters = _count_own_values(level) + sum(child.parameters for child in model_groups)
        kind: ContainerKind = classify_group(group.path[-1], group) if group.path else "model"
        yield Container(group.path, "model" if kind == "other" else kind, tensors, parameters)
        own_keys = set(level.own)
        remaining_keys = [key for key in group.leaves if key not in own_keys]
    else:
        remaining_keys = list(group.leaves)
    if remaining_keys:
        yield Container(
            group.path,
            "other",
            len(remaining_keys),
            sum(_count_leaf_values(group.leaves[key]) for key in remaining_keys),
        )
    for key, child in group.groups.items():
        if child.path == level.group.path[: len(child.path)]:
            yield from _iter_containers(child, level)
        elif group is not level.group or key not in level.taken:
            yield Container(child.path, classify_group(key, child), child.tensors, child.parameters)


def _subtract_versions(
    containers: tuple[Container, ...], level: _ModelLevel, versions: tuple[NameVersion, ...]
) -> tuple[Container, ...]:
    """The containers with each version as one of its own, taken out of the level that holds it."""
    if not versions:
        return containers
    parts = [
        Container(
            (*level.group.path, version.prefix),
            "ema" if version.kind == "ema" else "other",
            len(version.leaves),
            sum(_count_leaf_values(leaf) for _, leaf in version.leaves),
        )
        for version in versions
    ]
    tensors = sum(part.tensors for part in parts)
    parameters = sum(part.parameters for part in parts)
    result = [
        container._replace(
            tensors=container.tensors - tensors,
            parameters=container.parameters - parameters,
        )
        if container.path == level.group.path
        else container
        for container in containers
    ]
    return (*result, *parts)


def _count_own_values(level: _ModelLevel) -> int:
    """Values of the tensors that lie at the level itself; where all of them belong to the model, the walk has counted them."""
    if len(level.own) == len(level.group.leaves):
        return level.group.parameters - sum(
            child.parameters for child in level.group.groups.values()
        )
    return sum(_count_leaf_values(level.group.leaves[key]) for key in level.own)


def _count_leaf_values(leaf: Tensor | Leaf | BufferLeaf) -> int:
    size = 1
    for side in get_leaf_shape(leaf):
        size *= side
    return size


def _collect_scalars(root: TensorGroup, path: ContainerPath) -> dict[str, str]:
    """Scalars beside the container, from the top down to its own level."""
    scalars = dict(root.scalars)
    group = root
    for key in path:
        child = group.groups.get(key)
        if child is None:
            break
        group = child
        scalars.update(group.scalars)
    return {
        name: text for name, text in scalars.items() if not OPTIMIZER_KEY.search(name.split(".")[0])
    }


def _convert_label_to_dots(container: str) -> str:
    """A label such as `["a"]["b"]` as `a.b`; anything else as it is."""
    if container.startswith("["):
        steps = re.findall(r"\[(?:\"((?:[^\"\\]|\\.)*)\"|'([^']*)'|(\d+))\]", container)
    else:
        steps = []
    return ".".join("".join(step) for step in steps) or container


def _join_path(path: ContainerPath) -> str:
    return ".".join(map(str, path))


def _find_group(
    group: TensorGroup, dotted_path: str
) -> tuple[ContainerPath, tuple[NamedLeaf, ...]] | None:
    """The group at a dotted path below `group`, or the names that share the path as their prefix."""
    for key, child in group.groups.items():
        if dotted_path == str(key):
            return child.path, tuple(iter_leaves(child))
        if dotted_path.startswith(f"{key}."):
            inner_match = _find_group(child, dotted_path[len(str(key)) + 1 :])
            if inner_match is not None:
                return inner_match
    prefix = dotted_path + "."
    matching_leaves = tuple(
        (name[len(prefix) :], leaf) for name, leaf in iter_leaves(group) if name.startswith(prefix)
    )
    if matching_leaves:
        return ((*group.path, dotted_path), matching_leaves)
    return None
