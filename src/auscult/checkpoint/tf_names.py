"""What TensorFlow's variables are called, and which are the optimizer's or averages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from auscult.finding import Skip
from auscult.weights import Tensor

ATTRIBUTE_SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"
OPTIMIZER_KEY = re.compile(r"(^|/)(\.OPTIMIZER_SLOT|_?optimizer\w*)(/(?!_trainable_variables/)|$)")
"""Keys of an optimizer's own variables. `optimizer/_trainable_variables/7` is the model's: Keras 3 saves a variable under the
shortest way to it through the objects, which may lead through the optimizer's list of what it trains."""
SLOT_NAME = re.compile(
    r"(.+)/(Adam(?:_1)?|Momentum|RMSProp(?:_1)?|Adagrad|Adadelta(?:_1)?|Ftrl(?:_1)?)"
)
AVERAGE_NAME = re.compile(r"(.+)/ExponentialMovingAverage")
RANDOM_STATE = "seed_generator_state"


def sort_by_purpose(
    tensors: Mapping[str, Tensor], full_names: Mapping[str, str], skips: list[Skip]
) -> dict[str, object]:
    """The model's variables by name, and those of its optimizer and averages in groups of their own."""
    tree: dict[str, object] = {}
    groups: dict[str, dict[str, Tensor]] = {"optimizer": {}, "ema": {}}
    model: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        slot, average = SLOT_NAME.fullmatch(key), AVERAGE_NAME.fullmatch(key)
        if full_names.get(key, "").rpartition("/")[2] == RANDOM_STATE:
            skips.append(Skip(key, "the state of a random number generator"))
        elif OPTIMIZER_KEY.search(key) or (slot and slot[1] in tensors):
            groups["optimizer"][key] = tensor
        elif average and average[1] in tensors:
            groups["ema"][average[1].replace("/", ".")] = tensor
        else:
            model[key] = tensor
    for name, (_, tensor) in zip(_choose_names(model, full_names), model.items(), strict=True):
        tree[name] = replace(tensor, name=name)
    for group_name, group in groups.items():
        if group:
            tree[group_name if group_name not in tree else f"{group_name}#"] = group
    return tree


def _choose_names(keys: Mapping[str, Tensor], full_names: Mapping[str, str]) -> Iterator[str]:
    """The program's names where they are all there and differ, else the keys."""
    names = [full_names.get(key, "") for key in keys]
    is_clear = all(names) and max(Counter(names).values(), default=0) == 1
    for key, name in zip(keys, names, strict=True):
        chosen = name if is_clear else key.removesuffix(ATTRIBUTE_SUFFIX)
        yield chosen.removesuffix(":0").replace("/", ".")
