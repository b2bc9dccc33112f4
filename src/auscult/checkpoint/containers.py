"""Which of the groups in a file is the model.

Training scripts wrap a state dict in dictionaries: `{"generator": ...}` (HiFi-GAN's `g_` files), `{"state_dict": ...}`,
`{"model_state_dict": ..., "optimizer_state_dict": ..., "epoch": 20}`. The choice, level by level from the top:

1. Optimizers, schedulers and random states are listed and never chosen; averaged weights (`ema`) are chosen only where there
   is nothing else; so are discriminators (`mpd`, `msd`, ...) beside something that is none.
2. Groups with the very same names and shapes are versions of one model: the first is taken, the others are listed.
3. One group left, under a name known as a wrapper or with dotted names inside: that is the container; look inside it again.
4. Several left (`mpd` and `msd` of a `do_` file; `encoder` and `decoder`; the sub-modules of a nested tree): they are one
   model, each under its key as a prefix, so that none is dropped. The container is then the level that holds them.

What is not chosen is in `Checkpoint.containers`, and `container=` takes it instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from auscult.checkpoint.contents import Leaf
from auscult.checkpoint.groups import Buffer, Group, leaves_of
from auscult.errors import CheckpointError
from auscult.weights import Container, ContainerPath, Tensor

Kind = Literal["model", "ema", "optimizer", "other"]
Named = tuple[str, Tensor | Leaf | Buffer]

WRAPPERS = frozenset(
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
OPTIMIZER = re.compile(r"optim|(^|_)opt(_|$)|^opts?$|sched|scaler$|^amp$|^opt[gd]$", re.IGNORECASE)
EMA = re.compile(r"(^|_)(ema|swa|shadow|averaged|avg)(_|$)|ema$", re.IGNORECASE)
DISCRIMINATOR = re.compile(
    r"^(mpd|msd|mrd|mbd|mssd|cqtd|mssbcqtd|combd|sbd|disc|.*discriminators?.*)$", re.IGNORECASE
)
OTHER = re.compile(
    r"rng|random_state|^callbacks$|^loops$|history|^losses$|^metrics$", re.IGNORECASE
)
MAX_WRAPPING = 6
MAX_SHOWN = 8


@dataclass(frozen=True)
class Choice:
    """The container that was taken, its tensors by name, and the other containers of the file."""

    path: ContainerPath
    leaves: tuple[Named, ...]
    containers: tuple[Container, ...]
    scalars: dict[str, str]


@dataclass(frozen=True)
class _Level:
    """The level that holds the model: which of its groups and whether its own tensors belong to it."""

    group: Group
    taken: tuple[str | int, ...]
    own: tuple[str | int, ...]


def choose(root: Group, where: str, container: str | None = None) -> Choice:
    """Take the group that is the model, or the one that `container` names.

    Args:
        container: Keys joined by dots (`model_state_dict.generator`), or a label as shown (`["model_state_dict"]["generator"]`);
            the empty string takes everything. A prefix of dotted names counts as a group.

    Raises:
        CheckpointError: If there is no such container; the message lists those that there are.
    """
    level = _resolve(root, 0)
    listed = tuple(_list(root, level))
    scalars = _scalars(root, level.group.path)
    if container is None:
        return Choice(level.group.path, tuple(_leaves(level)), listed, scalars)
    if container in ("", "(top level)"):
        return Choice((), tuple(leaves_of(root)), listed, scalars)
    found = _find(root, _dots(container))
    if found is None:
        labels = [_plain(entry.path) for entry in listed if entry.path][:MAX_SHOWN]
        raise CheckpointError(
            f"has no container {container[:100]}",
            where=where,
            expected=f"one of {', '.join(labels)}"
            if labels
            else "no container: the tensors are at the top level",
            found=container[:100],
            hint="leave --container out to let auscult choose",
        )
    path, leaves = found
    return Choice(path, leaves, listed, _scalars(root, path))


def kind_of(key: str | int, group: Group) -> Kind:
    """What a group under this key is for."""
    name = str(key)
    if group.is_module:
        return "model"
    if group.is_optimizer or OPTIMIZER.search(name):
        return "optimizer"
    if OTHER.search(name):
        return "other"
    return "ema" if EMA.search(name) else "model"


def _resolve(group: Group, depth: int) -> _Level:
    whole = _Level(group, tuple(group.groups), tuple(group.leaves))
    if group.is_module or not group.groups or depth >= MAX_WRAPPING:
        return whole
    models = _models(group)
    own = tuple(key for key in group.leaves if not OTHER.search(str(key)))
    if len(models) == 1:
        key = models[0]
        child = group.groups[key]
        inner = _resolve(child, depth + 1)
        if (
            str(key).lower() in WRAPPERS
            or inner.group is not child
            or child.is_module
            or any("." in str(k) for k in child.leaves)
        ):
            return inner
    if not models and not own:
        return whole
    return _Level(group, models, own)


def _models(group: Group) -> tuple[str | int, ...]:
    """Keys of the groups at this level that are the model."""
    kinds: dict[Kind, list[str | int]] = {"model": [], "ema": [], "optimizer": [], "other": []}
    for key, child in group.groups.items():
        kinds[kind_of(key, child)].append(key)
    candidates = kinds["model"] or ([] if group.leaves else kinds["ema"] or kinds["other"])
    generators = [key for key in candidates if not _is_discriminator(str(key), candidates)]
    return tuple(_without_versions(group, generators or candidates))


def _is_discriminator(name: str, beside: list[str | int]) -> bool:
    """Whether a name is a discriminator's: by itself, or as the `d` to a `g` (`net_d` beside `net_g`)."""
    return bool(DISCRIMINATOR.match(name)) or (
        name[-1:] in ("d", "D") and name[:-1] + chr(ord(name[-1]) + 3) in beside
    )


def _without_versions(group: Group, keys: list[str | int]) -> Iterator[str | int]:
    """The keys, less those whose group has the same names and shapes as one before it, when they look like state dicts."""
    seen: set[frozenset[tuple[str, tuple[int, ...]]]] = set()
    for key in keys:
        child = group.groups[key]
        if isinstance(key, str) and any("." in str(name) for name in child.leaves):
            signature = frozenset((name, _shape(leaf)) for name, leaf in leaves_of(child))
            if signature in seen:
                continue
            seen.add(signature)
        yield key


def _shape(leaf: Tensor | Leaf | Buffer) -> tuple[int, ...]:
    return (leaf.leaf if isinstance(leaf, Buffer) else leaf).shape


def _leaves(level: _Level) -> Iterator[Named]:
    for key in level.own:
        yield str(key), level.group.leaves[key]
    for key in level.taken:
        yield from leaves_of(level.group.groups[key], f"{key}.")


def _list(group: Group, level: _Level) -> Iterator[Container]:
    """Every container from `group` down to the level of the model, each tensor counted once."""
    if group is level.group:
        taken = [group.groups[key] for key in level.taken]
        tensors = len(level.own) + sum(child.tensors for child in taken)
        parameters = sum(_size(group.leaves[key]) for key in level.own) + sum(
            child.parameters for child in taken
        )
        kind: Kind = kind_of(group.path[-1], group) if group.path else "model"
        yield Container(group.path, "model" if kind == "other" else kind, tensors, parameters)
        own = set(level.own)
        rest = [key for key in group.leaves if key not in own]
    else:
        rest = list(group.leaves)
    if rest:
        yield Container(
            group.path, "other", len(rest), sum(_size(group.leaves[key]) for key in rest)
        )
    for key, child in group.groups.items():
        if child.path == level.group.path[: len(child.path)]:
            yield from _list(child, level)
        elif group is not level.group or key not in level.taken:
            yield Container(child.path, kind_of(key, child), child.tensors, child.parameters)


def _size(leaf: Tensor | Leaf | Buffer) -> int:
    size = 1
    for side in _shape(leaf):
        size *= side
    return size


def _scalars(root: Group, path: ContainerPath) -> dict[str, str]:
    """Scalars beside the container, from the top down to its own level."""
    found = dict(root.scalars)
    group = root
    for key in path:
        child = group.groups.get(key)
        if child is None:
            break
        group = child
        found.update(group.scalars)
    return {name: text for name, text in found.items() if not OPTIMIZER.search(name.split(".")[0])}


def _dots(container: str) -> str:
    """A label such as `["a"]["b"]` as `a.b`; anything else as it is."""
    steps = (
        re.findall(r"\[(?:\"((?:[^\"\\]|\\.)*)\"|'([^']*)'|(\d+))\]", container)
        if container.startswith("[")
        else []
    )
    return ".".join("".join(step) for step in steps) or container


def _plain(path: ContainerPath) -> str:
    return ".".join(map(str, path))


def _find(group: Group, rest: str) -> tuple[ContainerPath, tuple[Named, ...]] | None:
    """The group at a dotted path below `group`, or the names that share the path as their prefix."""
    for key, child in group.groups.items():
        if rest == str(key):
            return child.path, tuple(leaves_of(child))
        if rest.startswith(f"{key}."):
            found = _find(child, rest[len(str(key)) + 1 :])
            if found is not None:
                return found
    prefix = rest + "."
    matched = tuple(
        (name[len(prefix) :], leaf) for name, leaf in leaves_of(group) if name.startswith(prefix)
    )
    return ((*group.path, rest), matched) if matched else None
