"""Names of weight norm: a weight stored as gain g and direction v, in torch's old way, its new way, or fused.

| form            | gain                                  | direction                             |
|-----------------|---------------------------------------|---------------------------------------|
| weight-norm-old | `X.weight_g`                          | `X.weight_v`                          |
| weight-norm-new | `X.parametrizations.weight.original0` | `X.parametrizations.weight.original1` |

A `weight_v` without a `weight_g` beside it is not weight norm: spectral norm has one too, beside a `weight_orig`.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

PairForm = Literal["weight-norm-old", "weight-norm-new"]

_ENDINGS = ("_g", "_v", ".original0", ".original1")
_OLD_NAME = re.compile(r"(?P<weight>.*?weight\w*)_[gv]")
_NEW_NAME = re.compile(r"(?P<layer>.*?)parametrizations\.(?P<leaf>\w+)\.original[01]")


class WeightNormNames(NamedTuple):
    """The two names under which weight norm stores one weight.

    Attributes:
        weight: The name that the weight has when it is fused, such as `ups.0.weight`.
    """

    weight: str
    gain: str
    direction: str
    form: PairForm

    @property
    def names(self) -> tuple[str, str]:
        """Gain and direction."""
        return self.gain, self.direction


def parse_weight_norm_name(name: str) -> WeightNormNames | None:
    """The pair that a name belongs to by its form, whether or not the other one is there; None if it is no such name."""
    if not name.endswith(_ENDINGS):
        return None
    old_match = _OLD_NAME.fullmatch(name)
    if old_match is not None:
        weight = old_match["weight"]
        return WeightNormNames(weight, f"{weight}_g", f"{weight}_v", "weight-norm-old")
    new_match = _NEW_NAME.fullmatch(name)
    if new_match is not None:
        return _make_new_names(new_match["layer"], new_match["leaf"])
    return None


def list_weight_norm_names(weight: str) -> tuple[WeightNormNames, WeightNormNames]:
    """The pairs under which a weight may be stored, the old form first."""
    layer, dot, leaf = weight.rpartition(".")
    old_names = WeightNormNames(weight, f"{weight}_g", f"{weight}_v", "weight-norm-old")
    return old_names, _make_new_names(layer + dot, leaf)


def get_fused_name(name: str) -> str:
    """The weight that a tensor is, or is the gain or direction of."""
    pair = parse_weight_norm_name(name)
    if pair is None:
        return name
    return pair.weight


def is_gain_name(name: str) -> bool:
    """Whether a name is that of a gain."""
    pair = parse_weight_norm_name(name)
    return pair is not None and pair.gain == name


def is_direction_name(name: str) -> bool:
    """Whether a name is that of a direction."""
    pair = parse_weight_norm_name(name)
    return pair is not None and pair.direction == name


def _make_new_names(layer: str, leaf: str) -> WeightNormNames:
    stem = f"{layer}parametrizations.{leaf}.original"
    return WeightNormNames(f"{layer}{leaf}", f"{stem}0", f"{stem}1", "weight-norm-new")
