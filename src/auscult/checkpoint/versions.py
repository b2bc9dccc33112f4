"""Versions of one model, and its critics, among flat names: `gen.conv.weight` beside `ema.conv.weight`.

Trainers keep averaged weights and discriminators in the state dict of one module, so that only the
beginnings of names tell them apart. Names alone decide nothing: a beginning that speaks of an average
is a copy only where the same names and shapes stand under another beginning too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from auscult.checkpoint.contents import Leaf
from auscult.checkpoint.groups import BufferLeaf
from auscult.weights import Shape, Tensor

NamedLeaf = tuple[str, Tensor | Leaf | BufferLeaf]
EMA_KEY = re.compile(
    r"(^|_)(ema|swa|shadow|averaged|avg)(_|$)|ema$|^ema|^teacher$|^best(_|$)", re.IGNORECASE
)
DISCRIMINATOR_KEY = re.compile(
    r"^(mpd|msd|mrd|mbd|mssd|cqtd|mssbcqtd|combd|sbd|disc|model_d|net_d|netd"
    r"|.*discriminators?.*)$",
    re.IGNORECASE,
)
MAX_PREFIX_PARTS = 3
"""Dotted parts of a beginning that is looked at: `diffusion_ema.ema_model` has two."""
MIN_COPY_SHARE = 0.9
"""Share of an average's tensors that must stand under another beginning for it to be its copy: an
average may lack buffers. Chosen, not measured."""


class NameVersion(NamedTuple):
    """Tensors under one beginning that are not the model.

    Attributes:
        prefix: The beginning, without the last dot.
        kind: `ema` for a copy of the model, `other` for its critics.
    """

    prefix: str
    kind: str
    leaves: tuple[NamedLeaf, ...]


def split_versions(
    leaves: Sequence[NamedLeaf],
) -> tuple[tuple[NamedLeaf, ...], tuple[NameVersion, ...]]:
    """The model's own tensors, and the copies and critics beside them."""
    prefixes = [*_find_copies(leaves), *_find_critics([name for name, _ in leaves])]
    versions: list[NameVersion] = []
    remaining = list(leaves)
    for prefix, kind in prefixes:
        inside = tuple(item for item in remaining if item[0].startswith(f"{prefix}."))
        if inside and len(inside) < len(remaining):
            versions.append(NameVersion(prefix, kind, inside))
            remaining = [item for item in remaining if not item[0].startswith(f"{prefix}.")]
    return tuple(remaining), tuple(versions)


def get_leaf_shape(leaf: Tensor | Leaf | BufferLeaf) -> Shape:
    """The shape of a tensor in a tree."""
    return (leaf.leaf if isinstance(leaf, BufferLeaf) else leaf).shape


def _find_copies(leaves: Sequence[NamedLeaf]) -> Iterable[tuple[str, str]]:
    """Beginnings that speak of an average and hold what stands under another one too."""
    prefixes = _list_average_prefixes(name for name, _ in leaves)
    if not prefixes:
        return
    shapes = {name: get_leaf_shape(leaf) for name, leaf in leaves}
    for prefix in prefixes:
        top = prefix.partition(".")[0]
        copied = {
            name[len(prefix) + 1 :]: shape
            for name, shape in shapes.items()
            if name.startswith(f"{prefix}.")
        }
        if _stands_elsewhere(copied, shapes, prefix):
            yield (top if EMA_KEY.search(top) else prefix), "ema"


def _stands_elsewhere(
    copied: Mapping[str, Shape], shapes: Mapping[str, Shape], prefix: str
) -> bool:
    """Whether the model, of which these are the copy, lies under some other beginning."""
    others = {name: shape for name, shape in shapes.items() if not name.startswith(f"{prefix}.")}
    beginnings = {
        name.removesuffix(suffix).removesuffix(".")
        for suffix in list(copied)[:1]
        for name in others
        if name == suffix or name.endswith(f".{suffix}")
    }
    for beginning in beginnings:
        head = f"{beginning}." if beginning else ""
        matched = sum(others.get(f"{head}{name}") == shape for name, shape in copied.items())
        if matched >= MIN_COPY_SHARE * len(copied) and matched > 1:
            return True
    return False


def _find_critics(names: Iterable[str]) -> Iterable[tuple[str, str]]:
    """First parts of names that are a discriminator's, where others are not."""
    tops = dict.fromkeys(name.partition(".")[0] for name in names if "." in name)
    critics = [top for top in tops if DISCRIMINATOR_KEY.match(top)]
    if len(critics) < len(tops):
        yield from ((top, "other") for top in critics)


def _list_average_prefixes(names: Iterable[str]) -> list[str]:
    """Beginnings of one to three parts that end in a word of averages, the shortest first."""
    names = tuple(names)
    average_words = {word for word in set(".".join(names).split(".")) if EMA_KEY.search(word)}
    if not average_words:
        return []
    prefixes: dict[str, None] = {}
    for name in names:
        parts = name.split(".")
        for count, part in enumerate(parts[:-1][:MAX_PREFIX_PARTS], start=1):
            if part in average_words:
                prefixes[".".join(parts[:count])] = None
    return sorted(prefixes, key=lambda prefix: prefix.count("."))
