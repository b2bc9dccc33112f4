"""Names of tensors as structure: word tokens, weight-norm variants, what two sides call the same thing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from auscult.facts.weight_norm import parse_weight_norm_name
from auscult.weights import Shape

WeightNormForm = Literal["plain", "weight-norm-old", "weight-norm-new"]

_WORD_PATTERN = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")

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
class NameSlot:
    """One parameter, however it is stored: `names` is (weight,) or, under weight norm, (g, v) as they are labelled.

    Attributes:
        stem: The name that the parameter has when fused, such as `ups.0.weight`.
        shape: Of the weight, which is v's under weight norm.
    """

    names: tuple[str, ...]
    stem: str
    shape: Shape
    form: WeightNormForm = "plain"

    @property
    def module(self) -> str:
        return self.stem.rpartition(".")[0]

    @property
    def leaf(self) -> str:
        return self.stem.rpartition(".")[2]


def collect_slots(shapes: Mapping[str, Shape]) -> tuple[NameSlot, ...]:
    """The parameters behind the names, in file order, with each weight-norm pair as one.

    Spectral norm stores a `weight_v` too, without a `weight_g`: that is not a weight-norm pair and stays as it is.
    """
    result: list[NameSlot] = []
    visited_names: set[str] = set()
    for name, shape in shapes.items():
        if name in visited_names:
            continue
        pair = find_weight_norm_pair(name)
        if pair and all(part in shapes for part in pair.names):
            visited_names.update(pair.names)
            result.append(NameSlot(pair.names, pair.stem, shapes[pair.names[1]], pair.form))
        else:
            result.append(NameSlot((name,), name, shape))
    return tuple(result)


def find_weight_norm_pair(name: str) -> NameSlot | None:
    """The pair that a name would belong to by its suffix, without a shape; None if it is no weight-norm name."""
    pair = parse_weight_norm_name(name)
    if pair is None:
        return None
    return NameSlot(pair.names, pair.weight, (), pair.form)


def get_fused_name(names: Iterable[str]) -> str:
    """The fused name of the parameter that these names store."""
    first_name = next(iter(names))
    pair = find_weight_norm_pair(first_name)
    if pair:
        return pair.stem
    return first_name


@cache
def split_words(name: str) -> tuple[str, ...]:
    """Lower-case words of a name, each in one spelling; indices are left out."""
    lower_words = (word.lower() for word in _WORD_PATTERN.findall(name))
    return tuple(_SYNONYMS.get(word, word) for word in lower_words if not word.isdigit())


def measure_similarity(a: str, b: str) -> float:
    """0 to 1: how much of the words of two names agree (Dice coefficient of the word multisets, later words count double).

    The end of a name says what a tensor is (`query.weight`), its beginning where it lies. Names that differ only in separators
    (`condnet`, `cond_net`) are the same.
    """
    if re.sub(r"[\W_]", "", a) == re.sub(r"[\W_]", "", b):
        return 1.0
    weights_a, weights_b = _weigh_words(split_words(a)), _weigh_words(split_words(b))
    shared = sum(min(weight, weights_b.get(word, 0.0)) for word, weight in weights_a.items())
    total = sum(weights_a.values()) + sum(weights_b.values())
    if total:
        return 2 * shared / total
    return 0.0


def _weigh_words(tokens: tuple[str, ...]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for position, token in enumerate(reversed(tokens)):
        weights[token] = weights.get(token, 0.0) + (2.0 if position < 2 else 1.0)
    return weights


def split_prefix(a: str, b: str) -> tuple[str, str]:
    """What stands before the longest common dotted suffix of two names, on each side (with the trailing dot)."""
    if a == b:
        return "", ""
    parts_a, parts_b = a.split("."), b.split(".")
    shared = 0
    while shared < min(len(parts_a), len(parts_b)) and parts_a[-1 - shared] == parts_b[-1 - shared]:
        shared += 1
    unshared_parts = (parts_a[: len(parts_a) - shared], parts_b[: len(parts_b) - shared])
    head_a, head_b = (".".join(part) + "." if part else "" for part in unshared_parts)
    return head_a, head_b
