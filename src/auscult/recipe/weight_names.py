"""The tensors that make up one layer's weight: plain, weight-normalised in the old or new way, or spectrally normalised."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auscult.facts.weight_norm import parse_weight_norm_name


@dataclass(frozen=True)
class LayerWeight:
    """A layer's weight under the name that it has when it is fused.

    Attributes:
        name: Such as `ups.0.weight`.
        parts: The tensors it is made of: itself, or (g, v).
    """

    name: str
    parts: tuple[str, ...]

    @property
    def is_normed(self) -> bool:
        return len(self.parts) == 2

    @property
    def layer(self) -> str:
        """Module path, such as `ups.0`."""
        return self.name.rpartition(".")[0]

    @property
    def bias(self) -> str:
        if self.layer:
            return f"{self.layer}.bias"
        return "bias"


def collect_weights(names: Iterable[str]) -> dict[str, LayerWeight]:
    """Every tensor under its fused name, in file order.

    A `weight_v` without a `weight_g` beside it is not weight norm: spectral norm has one too.
    """
    listed = list(names)
    present = set(listed)
    pairs: dict[str, LayerWeight] = {}
    for name in listed:
        pair = _find_norm_pair(name)
        if pair is not None and set(pair.parts) <= present:
            pairs.update(dict.fromkeys(pair.parts, pair))
    result: dict[str, LayerWeight] = {}
    for name in listed:
        weight = pairs.get(name) or LayerWeight(name, (name,))
        result.setdefault(weight.name, weight)
    return result


def _find_norm_pair(name: str) -> LayerWeight | None:
    pair = parse_weight_norm_name(name)
    if pair is None:
        return None
    return LayerWeight(pair.weight, pair.names)


def group_recurrent_weights(names: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """For each torch recurrent layer (`X.weight_ih_l0` ...): its path, and the suffixes `_l0`, `_l0_reverse` ... that it has."""
    suffixes_by_path: dict[str, list[str]] = {}
    for name in names:
        match = re.match(r"^(.*?)weight_ih(_l\d+(?:_reverse)?)$", name)
        if match is not None:
            suffixes_by_path.setdefault(match[1], []).append(match[2])
    return {path: tuple(suffixes) for path, suffixes in suffixes_by_path.items()}
