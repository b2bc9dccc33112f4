"""Modules behind tensor names: what kind they are, and from which component on a name leaves what the other side knows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from auscult.align.naming import get_fused_name
from auscult.facts.words import split_indices
from auscult.weights import Checkpoint

ModuleKind = Literal["norm", "LoRA", "attention", "conditioning", "other"]

_KIND_PATTERNS: tuple[tuple[ModuleKind, re.Pattern[str]], ...] = (
    ("LoRA", re.compile(r"lora|adapter|dora|ia3", re.IGNORECASE)),
    (
        "norm",
        re.compile(
            r"(^|[._\d])(\w*norm\w*|bn|ln|gn|running_mean|running_var)(\d*)([._]|$)", re.IGNORECASE
        ),
    ),
    (
        "attention",
        re.compile(r"att(entio)?n|squeeze|(^|[._])se([._]|$)|(^|[._])mha([._]|$)", re.IGNORECASE),
    ),
    (
        "conditioning",
        re.compile(r"film|adaln|(^|[._])cond(ition(ing)?)?\w*([._]|$)", re.IGNORECASE),
    ),
)


def classify_module(checkpoint: Checkpoint, name: str, name_part: str) -> ModuleKind:
    """The kind of the module that owns a tensor, by its class where code tells, else by the part of its name that is `novel`."""
    path = get_fused_name((name,)).rpartition(".")[0]
    info = checkpoint.modules.get(path)
    if info and info.type not in {"Conv1d", "Linear", "Conv2d"}:
        text = f"{name_part}.{info.type}"
    else:
        text = name_part
    return next(
        (kind for kind, kind_pattern in _KIND_PATTERNS if kind_pattern.search(text)), "other"
    )


def collect_path_patterns(names: Iterable[str]) -> frozenset[str]:
    """Every module path, indices generalised, that occurs in these names: for `a.0.b.weight`: `a`, `a.*`, `a.*.b`."""
    result: set[str] = set()
    for name in names:
        steps = split_indices(name)[0].split(".")
        result.update(".".join(steps[: count + 1]) for count in range(len(steps)))
    return frozenset(result)


def find_novel_part(name: str, known_paths: frozenset[str]) -> str:
    """From the first component on at which the name leaves the known paths; empty where it never does."""
    steps, parts = split_indices(name)[0].split("."), name.split(".")
    for count in range(len(steps)):
        if ".".join(steps[: count + 1]) not in known_paths:
            return ".".join(parts[count:])
    return ""
