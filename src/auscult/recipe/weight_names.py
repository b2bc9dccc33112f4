"""The tensors that make up one layer's weight: plain, weight-normalised in the old or new way, or spectrally normalised."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

OLD = re.compile(r"^(?P<stem>.*?weight\w*)_(?P<part>[gv])$")
NEW = re.compile(r"^(?P<layer>.*?)parametrizations\.(?P<name>\w+)\.original(?P<part>[01])$")


@dataclass(frozen=True)
class Weight:
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
        return f"{self.layer}.bias" if self.layer else "bias"


def weights_of(names: Iterable[str]) -> dict[str, Weight]:
    """Every tensor under its fused name, in file order.

    A `weight_v` without a `weight_g` beside it is not weight norm: spectral norm has one too.
    """
    listed = list(names)
    present = set(listed)
    pairs: dict[str, Weight] = {}
    for name in listed:
        pair = _pair_of(name)
        if pair is not None and set(pair.parts) <= present:
            pairs.update(dict.fromkeys(pair.parts, pair))
    result: dict[str, Weight] = {}
    for name in listed:
        weight = pairs.get(name) or Weight(name, (name,))
        result.setdefault(weight.name, weight)
    return result


def _pair_of(name: str) -> Weight | None:
    old = OLD.match(name)
    if old is not None:
        return Weight(old["stem"], (f"{old['stem']}_g", f"{old['stem']}_v"))
    new = NEW.match(name)
    if new is not None:
        stem = f"{new['layer']}parametrizations.{new['name']}.original"
        return Weight(f"{new['layer']}{new['name']}", (f"{stem}0", f"{stem}1"))
    return None


def recurrent_groups(names: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """For each torch recurrent layer (`X.weight_ih_l0` ...): its path, and the suffixes `_l0`, `_l0_reverse` ... that it has."""
    found: dict[str, list[str]] = {}
    for name in names:
        match = re.match(r"^(.*?)weight_ih(_l\d+(?:_reverse)?)$", name)
        if match is not None:
            found.setdefault(match[1], []).append(match[2])
    return {path: tuple(suffixes) for path, suffixes in found.items()}
