"""Tensors of one side without a counterpart that are the model once more, as averaged (EMA) weights are."""

from __future__ import annotations

from collections import Counter

from auscult.rules.diff.subject import DiffSubject, Role
from auscult.weights import Checkpoint, Shape

MIN_COPY_TENSORS = 4
"""Tensors; fewer may share a name and a shape by chance. Chosen, not measured."""


def describe_second_copy(subject: DiffSubject, role: Role, names: tuple[str, ...]) -> str:
    """What to add where most of these tensors are the model once more under another prefix, as EMA weights are."""
    compared_prefixes: dict[tuple[str, Shape], str] = {}
    side = subject.checkpoint(role)
    for match in subject.alignment.matches:
        for name in subject.names_of(match, role):
            prefix, key = _split_copy_name(side, name)
            compared_prefixes.setdefault(key, prefix)
    prefix_pairs: Counter[tuple[str, str]] = Counter()
    for name in names:
        prefix, key = _split_copy_name(side, name)
        compared_prefix = compared_prefixes.get(key, prefix)
        if compared_prefix != prefix:
            prefix_pairs[(prefix, compared_prefix)] += 1
    if not prefix_pairs:
        return ""
    (copy_prefix, compared_prefix), count = prefix_pairs.most_common(1)[0]
    if count < MIN_COPY_TENSORS or count * 2 < len(names):
        return ""
    return (
        f": {count} of them are the model once more, {copy_prefix}.* beside {compared_prefix}.*"
        f" (EMA or an earlier state); {compared_prefix}.* was compared"
    )


def _split_copy_name(side: Checkpoint, name: str) -> tuple[str, tuple[str, Shape]]:
    """The first part of a name, and what two copies of a tensor share: the rest of the name and the shape."""
    prefix, _, tail = name.partition(".")
    return prefix, (tail, side[name].shape)
