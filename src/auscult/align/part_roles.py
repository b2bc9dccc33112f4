"""What a tensor does in its layer: it multiplies, it is added, it is a mean or a variance, it takes a recurrent layer's input or state.

Told by the end of its name and by the input of its operator; where these do not agree, nothing is told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Literal

from auscult.align.side import CheckpointSide
from auscult.weights import ModuleInfo

PartRole = Literal["weight", "bias", "mean", "variance", "input", "hidden"]

_ROLE_NAME = re.compile(
    r"(?:^|[._/])(?:(weight|kernel|gamma|scale)|(bias|beta|shift|offset)"
    r"|((?:running_|moving_)?_?mean)|((?:running_|moving_)?_?(?:var|variance)))(?:_to_fp16)?(?::\d+)?$"
)
_ROLES: tuple[PartRole, ...] = ("weight", "bias", "mean", "variance")
"""What the groups of `_ROLE_NAME` are."""
_INPUT_NAME = re.compile(
    r"(?:weight|bias|w|b)_ih(?:_l\d+)?(?:_reverse)?$|(?:^|[._/])Wx$"
    r"|_all_weight_values\.\d+\.param\.(?:0\.)?[14]\.0(?:\.0)*$"
)
"""What multiplies a recurrent layer's input; the last form is what torch's dynamic quantisation packs it under."""
_HIDDEN_NAME = re.compile(
    r"(?:weight|bias|w|b)_hh(?:_l\d+)?(?:_reverse)?$|(?:^|[._/])(?:Wh|recurrent_kernel)$"
    r"|_all_weight_values\.\d+\.param\.(?:0\.)?[14]\.1(?:\.0)*$"
)
_RECURRENT_OPERATORS = frozenset(("lstm", "gru", "rnn"))
_RECURRENT_INPUTS: Mapping[object, PartRole] = {
    **{1: "input", 2: "hidden"},
    **{"weight_ih": "input", "weight_hh": "hidden"},
}
"""Inputs of recurrent operators, by place (ONNX) or by name (Core ML)."""
_NORM_OPERATOR = re.compile(r"norm", re.IGNORECASE)
_ROLE_BY_INPUT: Mapping[object, PartRole] = {
    **dict(enumerate(_ROLES, 1)),
    **{"gamma": "weight", "beta": "bias", "mean": "mean", "variance": "variance"},
}
"""Inputs of the operators of norms, by place (ONNX) or by name (Core ML)."""
_ROLE_BY_OPERATOR: Mapping[str, PartRole] = {"mul": "weight", "add": "bias"}


def find_recurrent_role(side: CheckpointSide, name: str) -> PartRole | None:
    """Whether a recurrent layer's matrix multiplies its input or its state."""
    operator = side.checkpoint.modules.get(name)
    if operator is not None and operator.type.lower() in _RECURRENT_OPERATORS:
        return _RECURRENT_INPUTS.get(operator.attributes.get("input"))
    if _INPUT_NAME.search(name):
        return "input"
    if _HIDDEN_NAME.search(name):
        return "hidden"
    return None


def find_role(side: CheckpointSide, name: str) -> PartRole | None:
    """Whether a vector multiplies or is added: by its name, and by its operator; None where these do not agree."""
    roles = {_find_role_by_name(name), _find_role_by_operator(side.checkpoint.modules.get(name))}
    roles.discard(None)
    if len(roles) == 1:
        return roles.pop()
    return None


@cache
def _find_role_by_name(name: str) -> PartRole | None:
    found = _ROLE_NAME.search(name)
    if found is None:
        return None
    return _ROLES[next(index for index, text in enumerate(found.groups()) if text)]


def _find_role_by_operator(operator: ModuleInfo | None) -> PartRole | None:
    if operator is None:
        return None
    if _NORM_OPERATOR.search(operator.type):
        return _ROLE_BY_INPUT.get(operator.attributes.get("input"))
    return _ROLE_BY_OPERATOR.get(operator.type.lower())


def remove_role(name: str) -> str | None:
    """What stands before the role in a name, which is the layer's; None where it ends in no role."""
    found = _ROLE_NAME.search(name)
    if found is None:
        return None
    return name[: found.start()]
