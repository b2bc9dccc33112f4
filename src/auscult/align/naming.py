"""Names of tensors as structure: index patterns, word tokens, weight-norm variants, what two sides call the same thing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from auscult.weights import Shape

Form = Literal["plain", "weight-norm-old", "weight-norm-new"]

_LONE_DIGITS = re.compile(r"(?<![A-Za-z0-9])\d+(?![A-Za-z0-9])")
_ANY_DIGITS = re.compile(r"\d+")
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_NEW_G, _NEW_V = ".original0", ".original1"
_HALVES = ("_g", "_v", _NEW_G, _NEW_V)

# One spelling for each word that ports are known to change (torch, mlx-audio, transformers, Swift ports).
_SYNONYMS = {
    "q": "query", "k": "key", "v": "value", "o": "out", "output": "out", "input": "in",
    "proj": "project", "projection": "project", "projector": "project",
    "attn": "attention", "att": "attention", "mha": "attention",
    "ln": "norm", "layernorm": "norm", "layer_norm": "norm", "bn": "norm", "batchnorm": "norm", "rmsnorm": "norm", "gn": "norm",
    "fc": "linear", "lin": "linear", "dense": "linear",
    "ffn": "ff", "feedforward": "ff", "mlp": "ff",
    "emb": "embed", "embedding": "embed", "embeddings": "embed", "wte": "embed",
    "enc": "encoder", "encoders": "encoder", "dec": "decoder", "decoders": "decoder",
    "blocks": "block", "layers": "layer", "resblocks": "resblock", "upsamples": "ups", "upsamplers": "ups", "upsample": "ups",
    "up": "ups", "downs": "down", "downsample": "down", "convs": "conv", "gamma": "weight", "kernel": "weight", "beta": "bias",
    "transformers": "transformer", "stem": "head",
}  # fmt: skip


@dataclass(frozen=True)
class Slot:
    """One parameter, however it is stored: `names` is (weight,) or, under weight norm, (g, v) as they are labelled.

    Attributes:
        stem: The name that the parameter has when fused, such as `ups.0.weight`.
        shape: Of the weight, which is v's under weight norm.
    """

    names: tuple[str, ...]
    stem: str
    shape: Shape
    form: Form = "plain"

    @property
    def module(self) -> str:
        return self.stem.rpartition(".")[0]

    @property
    def leaf(self) -> str:
        return self.stem.rpartition(".")[2]


def slots(shapes: Mapping[str, Shape]) -> tuple[Slot, ...]:
    """The parameters behind the names, in file order, with each weight-norm pair as one.

    Spectral norm stores a `weight_v` too, without a `weight_g`: that is not a weight-norm pair and stays as it is.
    """
    result: list[Slot] = []
    seen: set[str] = set()
    for name, shape in shapes.items():
        if name in seen:
            continue
        pair = weight_norm_pair(name)
        if pair and all(part in shapes for part in pair.names):
            seen.update(pair.names)
            result.append(Slot(pair.names, pair.stem, shapes[pair.names[1]], pair.form))
        else:
            result.append(Slot((name,), name, shape))
    return tuple(result)


def weight_norm_pair(name: str) -> Slot | None:
    """The pair that a name would belong to by its suffix, without a shape; None if it is no weight-norm name."""
    if not name.endswith(_HALVES):
        return None
    for suffix in ("_g", "_v"):
        if name.endswith(suffix):
            stem = name.removesuffix(suffix)
            return Slot((stem + "_g", stem + "_v"), stem, (), "weight-norm-old")
    for suffix in (_NEW_G, _NEW_V):
        if name.endswith(suffix) and ".parametrizations." in name:
            base = name.removesuffix(suffix)
            return Slot(
                (base + _NEW_G, base + _NEW_V),
                base.replace("parametrizations.", "", 1),
                (),
                "weight-norm-new",
            )
    return None


def stem_of(names: Iterable[str]) -> str:
    """The fused name of the parameter that these names store."""
    first = next(iter(names))
    pair = weight_norm_pair(first)
    return pair.stem if pair else first


@cache
def pattern(name: str, *, every_digit: bool = False) -> tuple[str, tuple[int, ...]]:
    """A name with `*` for each index, and the indices: `encoders_3.ff.0.weight` gives `encoders_*.ff.*.weight`, (3, 0).

    Args:
        every_digit: Also digits that are part of a word, as in `block1.tdnnd2`.
    """
    digits = _ANY_DIGITS if every_digit else _LONE_DIGITS
    return digits.sub("*", name), tuple(int(index) for index in digits.findall(name))


def rows(name: str, *, every_digit: bool = False) -> tuple[tuple[str, int, str], ...]:
    """Each index of a name with what stands before and after it: `layers.3.ff.weight` gives (`layers.`, 3, `.ff.weight`)."""
    digits = _ANY_DIGITS if every_digit else _LONE_DIGITS
    return tuple(
        (name[: found.start()], int(found.group()), name[found.end() :])
        for found in digits.finditer(name)
    )


@cache
def words(name: str) -> tuple[str, ...]:
    """Lower-case words of a name, each in one spelling; indices are left out."""
    found = (word.lower() for word in _WORDS.findall(name))
    return tuple(_SYNONYMS.get(word, word) for word in found if not word.isdigit())


def similarity(a: str, b: str) -> float:
    """0 to 1: how much of the words of two names agree (Dice coefficient of the word multisets, later words count double).

    The end of a name says what a tensor is (`query.weight`), its beginning where it lies. Names that differ only in separators
    (`condnet`, `cond_net`) are the same.
    """
    if re.sub(r"[\W_]", "", a) == re.sub(r"[\W_]", "", b):
        return 1.0
    left, right = _weighted(words(a)), _weighted(words(b))
    shared = sum(min(weight, right.get(word, 0.0)) for word, weight in left.items())
    total = sum(left.values()) + sum(right.values())
    return 2 * shared / total if total else 0.0


def _weighted(tokens: tuple[str, ...]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for place, token in enumerate(reversed(tokens)):
        weights[token] = weights.get(token, 0.0) + (2.0 if place < 2 else 1.0)
    return weights


def split_prefix(a: str, b: str) -> tuple[str, str]:
    """What stands before the longest common dotted suffix of two names, on each side (with the trailing dot)."""
    if a == b:
        return "", ""
    left, right = a.split("."), b.split(".")
    shared = 0
    while shared < min(len(left), len(right)) and left[-1 - shared] == right[-1 - shared]:
        shared += 1
    ends = (left[: len(left) - shared], right[: len(right) - shared])
    head, other = (".".join(part) + "." if part else "" for part in ends)
    return head, other
